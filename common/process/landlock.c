/* Landlock by its system calls: glibc has no wrappers, and the kernel headers
 * of Debian 12 are older than the kernels that we meet. */
#include "common/process/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/base/error.h"

#define CREATE_RULESET 444
#define ADD_RULE 445
#define RESTRICT_SELF 446
#define VERSION_FLAG 1u
#define RULE_PATH 1
#define RULE_PORT 2

enum {
    FS_EXECUTE = 1 << 0,
    FS_WRITE_FILE = 1 << 1,
    FS_READ_FILE = 1 << 2,
    FS_READ_DIR = 1 << 3,
    FS_REMOVE_DIR = 1 << 4,
    FS_REMOVE_FILE = 1 << 5,
    FS_MAKE_DIR = 1 << 7,
    FS_MAKE_REG = 1 << 8,
    FS_MAKE_SOCK = 1 << 9,
    FS_REFER = 1 << 13,
    FS_TRUNCATE = 1 << 14,
    FS_ALL_V1 = (1 << 13) - 1,
    FS_FILE_ONLY = FS_EXECUTE | FS_WRITE_FILE | FS_READ_FILE | FS_TRUNCATE,
    NET_BIND = 1 << 0,
    NET_CONNECT = 1 << 1,
    SCOPE_ALL = 3, /* abstract unix sockets, signals */
};

/* Rights that came with each version. */
static const struct {
    int version;
    uint64_t fs;
    uint64_t net;
    uint64_t scoped;
} versions[] = {
    { 1, FS_ALL_V1, 0, 0 },   { 2, FS_REFER, 0, 0 },
    { 3, FS_TRUNCATE, 0, 0 }, { 4, 0, NET_BIND | NET_CONNECT, 0 },
    { 5, 1 << 15, 0, 0 },     { 6, 0, 0, SCOPE_ALL },
};

struct ruleset {
    uint64_t fs;
    uint64_t net;
    uint64_t scoped;
};

struct path_rule {
    uint64_t access;
    int32_t fd;
} __attribute__((packed));

struct port_rule {
    uint64_t access;
    uint64_t port;
};

static const struct {
    unsigned access;
    uint64_t fs;
} access_rights[] = {
    { SP_JAIL_READ, FS_READ_FILE | FS_READ_DIR },
    { SP_JAIL_WRITE, FS_READ_FILE | FS_READ_DIR | FS_WRITE_FILE | FS_TRUNCATE |
                         FS_MAKE_REG | FS_REMOVE_FILE | FS_REFER },
    { SP_JAIL_SOCKETS, FS_READ_DIR | FS_READ_FILE | FS_WRITE_FILE |
                           FS_MAKE_REG | FS_MAKE_SOCK | FS_REMOVE_FILE },
    { SP_JAIL_LIST, FS_READ_DIR },
};

int
sp_landlock_version(void)
{
    long version = syscall(CREATE_RULESET, NULL, 0, VERSION_FLAG);

    return version > 0 ? (int)version : 0;
}

static struct ruleset
rights_of(int version)
{
    struct ruleset set = { 0 };

    for (size_t i = 0; i < SP_COUNT(versions); i++) {
        if (version >= versions[i].version) {
            set.fs |= versions[i].fs;
            set.net |= versions[i].net;
            set.scoped |= versions[i].scoped;
        }
    }
    return set;
}

static int
allow_path(int ruleset_fd, const struct ruleset *set,
           const struct sp_jail_path *path)
{
    struct path_rule rule = { .fd = open(path->path, O_PATH | O_CLOEXEC) };
    struct stat st;
    int result = 0;

    if (rule.fd < 0) {
        return path->optional && errno == ENOENT ? 0 : SP_ESYSTEM;
    }
    for (size_t i = 0; i < SP_COUNT(access_rights); i++) {
        if ((path->access & access_rights[i].access) != 0) {
            rule.access |= access_rights[i].fs;
        }
    }
    rule.access &= set->fs;
    if (fstat(rule.fd, &st) == 0 && !S_ISDIR(st.st_mode)) {
        rule.access &= FS_FILE_ONLY;
    }
    result = syscall(ADD_RULE, ruleset_fd, RULE_PATH, &rule, 0) == 0
                 ? 0
                 : SP_ESYSTEM;
    (void)close(rule.fd);
    return result;
}

static int
allow_ports(int ruleset_fd, uint64_t access, const uint16_t *ports,
            size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct port_rule rule = { .access = access, .port = ports[i] };

        if (syscall(ADD_RULE, ruleset_fd, RULE_PORT, &rule, 0) != 0) {
            return SP_ESYSTEM;
        }
    }
    return 0;
}

static int
add_rules(int ruleset_fd, const struct ruleset *set, const struct sp_jail *jail,
          const char **ret_error)
{
    for (size_t i = 0; i < jail->path_count; i++) {
        if (allow_path(ruleset_fd, set, &jail->paths[i]) != 0) {
            *ret_error = jail->paths[i].path;
            return SP_ESYSTEM;
        }
    }
    *ret_error = "Landlock refuses a port rule";
    if ((set->net & NET_CONNECT) != 0 &&
        allow_ports(ruleset_fd, NET_CONNECT, jail->connect_ports,
                    jail->connect_port_count) != 0) {
        return SP_ESYSTEM;
    }
    if ((set->net & NET_BIND) != 0) {
        return allow_ports(ruleset_fd, NET_BIND, jail->bind_ports,
                           jail->bind_port_count);
    }
    return 0;
}

int
sp_landlock_close(const struct sp_jail *jail, const char **ret_error)
{
    struct ruleset set = rights_of(sp_landlock_version());
    long fd = -1;
    int error = 0;

    if (set.fs == 0) {
        return 0;
    }
    if (jail->any_connect_port) {
        set.net &= ~(uint64_t)NET_CONNECT;
    }
    fd = syscall(CREATE_RULESET, &set, sizeof(set), 0);
    if (fd < 0) {
        *ret_error = "Landlock refuses a ruleset";
        return SP_ESYSTEM;
    }
    error = add_rules((int)fd, &set, jail, ret_error);
    if (error == 0 && syscall(RESTRICT_SELF, (int)fd, 0) != 0) {
        *ret_error = "Landlock refuses to restrict the process";
        error = SP_ESYSTEM;
    }
    (void)close((int)fd);
    return error;
}
