/* A server that gives written answers. */
#include "tests/support/http_script.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/view.h"

static size_t
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
static void
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

static void
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

static void *
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

struct http_script *
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

void
http_script_stop(struct http_script *s)
{
    (void)shutdown(s->fd, SHUT_RDWR);
    (void)pthread_join(s->thread, NULL);
    (void)close(s->fd);
}

void
http_script_free(struct http_script **s)
{
    sp_free(*s);
    *s = NULL;
}
