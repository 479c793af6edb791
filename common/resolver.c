/* The resolver helper: a child that only asks the system's resolver. */
#include "common/resolver.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/alloc.h"
#include "common/error.h"
#include "common/jail.h"
#include "common/log.h"

/* The longest name that DNS knows, 253 characters (RFC 1035 section 2.3.4). */
#define NAME_MAX_BYTES 256

struct question {
    uint32_t tag;
    char name[NAME_MAX_BYTES];
};

struct sp_resolver {
    int fd;
    pid_t helper;
};

static void
look_up(const struct question *question, struct sp_resolved *answer)
{
    struct addrinfo hints = { .ai_family = AF_INET,
                              .ai_socktype = SOCK_STREAM };
    struct addrinfo *found = NULL;

    answer->tag = question->tag;
    answer->count = 0;
    if (getaddrinfo(question->name, NULL, &hints, &found) != 0) {
        return;
    }
    for (const struct addrinfo *at = found;
         at != NULL && answer->count < SP_RESOLVER_MAX; at = at->ai_next) {
        struct sockaddr_in address;

        memcpy(&address, at->ai_addr, sizeof(address));
        memcpy(answer->address[answer->count++], &address.sin_addr, 4);
    }
    freeaddrinfo(found);
}

static void
close_helper_jail(void)
{
    static const struct sp_jail_path paths[] = {
        { "/etc", SP_JAIL_READ, true },
        { "/run/systemd/resolve", SP_JAIL_READ, true },
        { "/usr/lib", SP_JAIL_READ, true },
        { "/lib", SP_JAIL_READ, true },
    };
    static const uint16_t dns_port[] = { 53 };
    const struct sp_jail jail = {
        .paths = paths,
        .path_count = SP_COUNT(paths),
        .inet = true,
        .datagrams = true,
        .connect_ports = dns_port,
        .connect_port_count = SP_COUNT(dns_port),
    };
    const char *why = NULL;

    if (sp_jail_close(&jail, &why) != 0) {
        sp_refuse("resolver: %s", why);
    }
}

SP_NORETURN static void
help(int fd)
{
    struct question question = { .name = "localhost" };
    struct sp_resolved answer;

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    /* Loads the resolver's plug-ins while files can still be opened. */
    look_up(&question, &answer);
    close_helper_jail();
    for (;;) {
        ssize_t len = recv(fd, &question, sizeof(question), 0);

        if (len < 0 && errno == EINTR) {
            continue;
        }
        if (len != (ssize_t)sizeof(question)) {
            _exit(0);
        }
        question.name[sizeof(question.name) - 1] = '\0';
        look_up(&question, &answer);
        if (send(fd, &answer, sizeof(answer), MSG_NOSIGNAL) < 0) {
            _exit(0);
        }
    }
}

int
sp_resolver_start(struct sp_resolver **ret_resolver)
{
    struct sp_resolver *resolver = NULL;
    int ends[2];
    pid_t helper = 0;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
        return SP_ESYSTEM;
    }
    helper = fork();
    if (helper < 0) {
        (void)close(ends[0]);
        (void)close(ends[1]);
        return SP_ESYSTEM;
    }
    if (helper == 0) {
        (void)close(ends[0]);
        help(ends[1]);
    }
    (void)close(ends[1]);
    resolver = sp_alloc(sizeof(*resolver));
    resolver->fd = ends[0];
    resolver->helper = helper;
    *ret_resolver = resolver;
    return 0;
}

int
sp_resolver_fd(const struct sp_resolver *resolver)
{
    return resolver->fd;
}

void
sp_resolver_ask(struct sp_resolver *resolver, uint32_t tag, const char *name)
{
    struct question question = { .tag = tag };
    size_t len = strlen(name);

    if (len >= sizeof(question.name)) {
        return;
    }
    memcpy(question.name, name, len);
    (void)send(resolver->fd, &question, sizeof(question),
               MSG_DONTWAIT | MSG_NOSIGNAL);
}

int
sp_resolver_take(struct sp_resolver *resolver, struct sp_resolved *ret_answer)
{
    ssize_t len =
        recv(resolver->fd, ret_answer, sizeof(*ret_answer), MSG_DONTWAIT);

    if (len < 0) {
        return errno == EAGAIN || errno == EINTR ? SP_ENOPEER : SP_ESYSTEM;
    }
    if (len != (ssize_t)sizeof(*ret_answer) ||
        ret_answer->count > SP_RESOLVER_MAX) {
        return SP_ESYSTEM;
    }
    return 0;
}

void
sp_resolver_free(struct sp_resolver **resolver)
{
    if (*resolver != NULL) {
        /* The helper ends when its end of the pair reads the end. A helper
         * forked later holds a copy of our end, so that close() is not it. */
        (void)shutdown((*resolver)->fd, SHUT_RDWR);
        (void)close((*resolver)->fd);
        (void)waitpid((*resolver)->helper, NULL, 0);
        sp_free(*resolver);
        *resolver = NULL;
    }
}
