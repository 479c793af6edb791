/* Binding the gate's port. */
#include "services/edge/listener.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/text/address.h"

/* A process that is being replaced may hold the port a moment longer. */
#define BIND_TRIES 40
#define BIND_WAIT_NS 50000000

static int
open_socket(const union sp_address *address, socklen_t len, int share)
{
    static const int on = 1;
    static const int off = 0;
    int fd = socket(address->any.sa_family,
                    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        return -1;
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &share, sizeof(share));
    /* Accepted sockets inherit it. */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (address->any.sa_family == AF_INET6) {
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    }
    if (bind(fd, &address->any, len) != 0) {
        int error = errno;

        (void)close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

/* True where a replica of this gate holds a lock in run/edge: then the port is
 * ours to share. */
static bool
has_sibling(void)
{
    DIR *directory = opendir("run/edge");
    bool found = false;

    if (directory == NULL) {
        return false;
    }
    for (const struct dirent *entry = readdir(directory);
         entry != NULL && !found; entry = readdir(directory)) {
        size_t len = strlen(entry->d_name);
        int fd = -1;

        if (len < 5 || strcmp(entry->d_name + len - 5, ".lock") != 0) {
            continue;
        }
        fd = openat(dirfd(directory), entry->d_name, O_RDONLY | O_CLOEXEC);
        if (fd >= 0) {
            found = flock(fd, LOCK_SH | LOCK_NB) != 0;
            (void)close(fd);
        }
    }
    (void)closedir(directory);
    return found;
}

/* True where nobody else listens there. Two gates on one port would each get
 * half of the other's clients, without a word. */
static bool
is_free(const union sp_address *address, socklen_t len)
{
    int fd = open_socket(address, len, 0);

    if (fd >= 0) {
        (void)close(fd);
    }
    return fd >= 0 || errno != EADDRINUSE;
}

int
listener_bind(const char *host, uint16_t port)
{
    const struct timespec pause = { .tv_nsec = BIND_WAIT_NS };
    union sp_address address;
    socklen_t len = 0;
    int fd = -1;

    if (sp_address_parse(host, port, &address, &len) != 0) {
        sp_refuse("SP_LISTEN: \"%s\" is no IP address; write 127.0.0.1:8443 or "
                  "0.0.0.0:8443",
                  host);
    }
    for (int i = 0; !is_free(&address, len) && !has_sibling(); i++) {
        if (i == BIND_TRIES) {
            sp_refuse("SP_LISTEN=%s:%u: another program uses this port; stop "
                      "it or choose another one",
                      host, (unsigned)port);
        }
        (void)nanosleep(&pause, NULL);
    }
    fd = open_socket(&address, len, 1);
    if (fd < 0) {
        sp_refuse("SP_LISTEN=%s:%u: %s", host, (unsigned)port, strerror(errno));
    }
    return fd;
}
