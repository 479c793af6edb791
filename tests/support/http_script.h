/* A server on the loopback for tests: gives written answers, one for each
 * connection, from a thread of its own. */
#ifndef SP_TESTS_SUPPORT_HTTP_SCRIPT_H
#define SP_TESTS_SUPPORT_HTTP_SCRIPT_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "common/base/alloc.h"
#include "common/base/view.h"

#define HTTP_SCRIPT_REQUEST 65536

/* What one connection gets once its request has come. */
struct http_answer {
    const char *text;
    size_t repeat;    /* `text` this many times more */
    bool hold;        /* then nothing, until the client closes */
    const char *head; /* before all that, or NULL */
    bool reset;       /* ends by a reset */
};

struct http_script {
    const struct http_answer *answers; /* the last serves the rest */
    size_t count;
    int fd;
    uint16_t port;
    pthread_t thread;
    atomic_uint connections;
    atomic_size_t sent;                /* bytes of answers that were taken */
    char request[HTTP_SCRIPT_REQUEST]; /* the last; read after the end */
    size_t request_len;
};

static inline size_t
http_script_length(const char *head, const char *end)
{
    static const char name[] = "content-length:";
    size_t len = sizeof(name) - 1;

    for (const char *at = head; at + len < end; at++) {
        if (strncasecmp(at, name, len) == 0) {
            return strtoul(at + len, NULL, 10);
        }
    }
    return 0;
}

/* Reads head and body. */
static inline void
http_script_read(struct http_script *s, int fd)
{
    s->request_len = 0;
    for (;;) {
        const char *end = NULL;
        size_t room = sizeof(s->request) - 1 - s->request_len;
        ssize_t n = recv(fd, s->request + s->request_len, room, 0);

        if (n <= 0) {
            return;
        }
        s->request_len += (size_t)n;
        s->request[s->request_len] = '\0';
        end = strstr(s->request, "\r\n\r\n");
        if (end != NULL &&
            s->request_len >= (size_t)(end + 4 - s->request) +
                                  http_script_length(s->request, end)) {
            return;
        }
    }
}

static inline void
http_script_write(struct http_script *s, int fd,
                  const struct http_answer *answer)
{
    if (answer->head != NULL) {
        (void)send(fd, answer->head, strlen(answer->head), MSG_NOSIGNAL);
    }
    for (size_t i = 0; i <= answer->repeat; i++) {
        size_t len = strlen(answer->text);

        if (send(fd, answer->text, len, MSG_NOSIGNAL) != (ssize_t)len) {
            return;
        }
        s->sent += len;
    }
}

static inline void *
http_script_serve(void *arg)
{
    struct http_script *s = arg;
    const struct linger now = { .l_onoff = 1 }; /* makes close() reset */
    int fd = -1;

    while ((fd = accept(s->fd, NULL, NULL)) >= 0) {
        size_t turn = s->connections++;
        const struct http_answer *answer =
            &s->answers[turn < s->count ? turn : s->count - 1];
        char rest[256];

        http_script_read(s, fd);
        http_script_write(s, fd, answer);
        while (answer->hold && recv(fd, rest, sizeof(rest), 0) > 0) {
        }
        if (answer->reset) {
            (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
        }
        (void)close(fd);
    }
    return NULL;
}

static inline struct http_script *
http_script_start(const struct http_answer *answers, size_t count)
{
    struct http_script *s = sp_alloc(sizeof(*s));
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(address);

    s->answers = answers;
    s->count = count;
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_geq(s->fd, 0);
    cr_assert_eq(bind(s->fd, (struct sockaddr *)&address, len), 0);
    cr_assert_eq(listen(s->fd, 16), 0);
    cr_assert_eq(getsockname(s->fd, (struct sockaddr *)&address, &len), 0);
    s->port = ntohs(address.sin_port);
    cr_assert_eq(pthread_create(&s->thread, NULL, http_script_serve, s), 0);
    return s;
}

/* Waits for the thread: the client must have closed its connections. What the
 * last request was can be read until http_script_free(). */
static inline void
http_script_stop(struct http_script *s)
{
    (void)shutdown(s->fd, SHUT_RDWR);
    (void)pthread_join(s->thread, NULL);
    (void)close(s->fd);
}

static inline void
http_script_free(struct http_script **s)
{
    sp_free(*s);
    *s = NULL;
}

#endif
