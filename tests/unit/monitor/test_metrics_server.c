/* The metrics page over real sockets, in one loop with its client. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "common/process/loop.h"
#include "services/monitor/metrics_server.h"

struct client {
    struct sp_loop *loop;
    struct sp_watch watch;
    struct sp_timer limit;
    char answer[4096];
    size_t len;
    bool late;
};

static int
write_page(void *arg, struct sp_buf *out)
{
    (*(int *)arg)++;
    return sp_buf_add_str(out, "a 1\n");
}

static void
on_answer(void *arg, uint32_t events)
{
    struct client *c = arg;
    ssize_t got = recv(c->watch.fd, c->answer + c->len,
                       sizeof(c->answer) - 1 - c->len, 0);

    (void)events;
    if (got > 0) {
        c->len += (size_t)got;
        return;
    }
    sp_loop_end(c->loop);
}

static void
on_limit(void *arg)
{
    struct client *c = arg;

    c->late = true;
    sp_loop_end(c->loop);
}

static uint16_t
port_of(int fd)
{
    struct sockaddr_in address;
    socklen_t len = sizeof(address);

    cr_assert_eq(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    return ntohs(address.sin_port);
}

static void
client_open(struct client *c, struct sp_loop *loop, uint16_t port,
            const char *request)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons(port) };

    memset(c, 0, sizeof(*c));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    c->loop = loop;
    c->watch = (struct sp_watch){ .ready = on_answer, .arg = c };
    c->watch.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_geq(c->watch.fd, 0);
    cr_assert_eq(
        connect(c->watch.fd, (struct sockaddr *)&address, sizeof(address)), 0);
    cr_assert_eq(send(c->watch.fd, request, strlen(request), 0),
                 (ssize_t)strlen(request));
    cr_assert_eq(sp_loop_add(loop, &c->watch, EPOLLIN), 0);
    c->limit = (struct sp_timer){ .expired = on_limit, .arg = c };
    sp_loop_start(loop, &c->limit, 20000);
}

Test(metrics_server, answers_get_metrics_and_nothing_else)
{
    static const struct {
        const char *request;
        const char *want;
        int pages;
    } rows[] = {
        { "GET /metrics HTTP/1.0\r\n\r\n", "200 OK", 1 },
        { "HEAD /metrics HTTP/1.0\r\n\r\n", "200 OK", 1 },
        { "GET / HTTP/1.0\r\n\r\n", "404 Not Found", 0 },
        { "GET /metrics/../etc HTTP/1.0\r\n\r\n", "404 Not Found", 0 },
        { "POST /metrics HTTP/1.0\r\nContent-Length: 2\r\n\r\nhi",
          "405 Method Not Allowed", 0 },
        { "nonsense\r\n\r\n", "", 0 },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct sp_loop *loop = sp_loop_new();
        int pages = 0;
        int fd = metrics_server_bind("127.0.0.1", 0);
        uint16_t port = 0;
        struct metrics_server *s = NULL;
        struct client c;

        cr_assert_geq(fd, 0);
        port = port_of(fd);
        s = metrics_server_new(loop, fd,
                               (struct metrics_page){ write_page, &pages });
        cr_assert_not_null(s);
        client_open(&c, loop, port, rows[i].request);
        sp_loop_run(loop);
        cr_assert_not(c.late, "%s", rows[i].request);
        cr_assert_not_null(strstr(c.answer, rows[i].want), "%s: %s",
                           rows[i].request, c.answer);
        cr_assert_eq(pages, rows[i].pages, "%s", rows[i].request);
        cr_assert_eq(strstr(c.answer, "a 1\n") != NULL, i == 0);
        sp_loop_stop(loop, &c.limit);
        sp_loop_remove(loop, &c.watch);
        (void)close(c.watch.fd);
        metrics_server_free(&s);
        cr_assert_null(s);
        sp_loop_free(&loop);
    }
}

Test(metrics_server, says_why_it_cannot_bind)
{
    int first = metrics_server_bind("127.0.0.1", 0);
    uint16_t port = port_of(first);

    cr_assert_geq(first, 0);
    cr_assert_eq(metrics_server_bind("127.0.0.1", port), -1);
    cr_assert_eq(errno, EADDRINUSE);
    cr_assert_eq(metrics_server_bind("gate.example", 1), -1);
    cr_assert_eq(errno, EINVAL);
    (void)close(first);
}
