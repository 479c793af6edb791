/* What a jail leaves to a process: the paths, ports and calls that it needs. */
#ifndef SP_COMMON_PROCESS_JAIL_NEEDS_H
#define SP_COMMON_PROCESS_JAIL_NEEDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum sp_jail_access {
    SP_JAIL_READ = 1,    /* read files, list directories */
    SP_JAIL_WRITE = 2,   /* create, write, truncate, remove, rename files */
    SP_JAIL_SOCKETS = 4, /* make and remove unix sockets and lock files */
    SP_JAIL_LIST = 8,    /* list directories, open nothing in them */
};

/* A path below which something is allowed. Paths that do not exist are left
 * out silently only where `optional`. */
struct sp_jail_path {
    const char *path;
    unsigned access; /* enum sp_jail_access, or'ed */
    bool optional;
};

/* What one process needs beyond what all need. */
struct sp_jail {
    const struct sp_jail_path *paths;
    size_t path_count;
    bool inet;       /* may make IPv4 and IPv6 stream sockets */
    bool accept;     /* may accept connections on inherited sockets */
    bool datagrams;  /* may make IPv4 and IPv6 datagram sockets */
    bool file_locks; /* SQLite: fcntl locks, fsync, shared maps */
    const uint16_t *connect_ports; /* TCP ports to connect to; with inet */
    size_t connect_port_count;
    bool any_connect_port; /* upstream URLs may name any port */
    const uint16_t *bind_ports;
    size_t bind_port_count;
    uint64_t address_space_bytes; /* 0: the default of 1 GiB */
    uint64_t open_files;          /* 0: the default of 4096 */
};

#endif
