/* The metrics page over HTTP. */
#include "services/monitor/metrics_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <microhttpd.h>

#include "common/base/alloc.h"
#include "common/text/address.h"
#include "services/monitor/scrape.h"

#define BACKLOG 16
#define MAX_CONNECTIONS 16
#define CONNECTION_BYTES 8192
#define TIMEOUT_S 10

struct metrics_server {
    struct sp_loop *loop;
    struct metrics_page page;
    struct MHD_Daemon *daemon;
    struct sp_watch watch; /* the library's own epoll descriptor */
    struct sp_timer timer; /* its next timeout */
};

int
metrics_server_bind(const char *host, uint16_t port)
{
    static const int on = 1;
    union sp_address address;
    socklen_t len = 0;
    int fd = -1;

    if (sp_address_parse(host, port, &address, &len) != 0) {
        errno = EINVAL;
        return -1;
    }
    fd = socket(address.any.sa_family,
                SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -1;
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, &address.any, len) != 0 || listen(fd, BACKLOG) != 0) {
        int error = errno;

        (void)close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

static enum MHD_Result
reply(struct MHD_Connection *connection, unsigned status, struct sp_view body,
      const char *type)
{
    struct MHD_Response *response = NULL;
    enum MHD_Result result = MHD_NO;
    char *copy = sp_dup_view(body);

    response = MHD_create_response_from_buffer_with_free_callback(
        body.len, copy, sp_free);
    if (response == NULL) {
        sp_free(copy);
        return MHD_NO;
    }
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    (void)MHD_add_response_header(response, "X-Content-Type-Options",
                                  "nosniff");
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL,
                                  "no-store");
    result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result
reply_page(struct metrics_server *s, struct MHD_Connection *connection)
{
    struct sp_buf page = sp_buf_new(SCRAPE_MAX);
    enum MHD_Result result = MHD_NO;

    if (s->page.write(s->page.arg, &page) == 0) {
        result = reply(connection, MHD_HTTP_OK, sp_buf_view(&page),
                       "text/plain; version=0.0.4; charset=utf-8");
    }
    sp_buf_free(&page);
    return result;
}

static enum MHD_Result
on_request(void *arg, struct MHD_Connection *connection, const char *url,
           const char *method, const char *version, const char *upload_data,
           size_t *upload_data_size, void **request)
{
    static const char text[] = "text/plain; charset=utf-8";
    static int begun;

    (void)version;
    (void)upload_data;
    /* The library asks first with the headers only. */
    if (*request == NULL) {
        *request = &begun;
        return MHD_YES;
    }
    if (*upload_data_size > 0) {
        *upload_data_size = 0;
        return MHD_YES;
    }
    if (strcmp(url, "/metrics") != 0) {
        return reply(connection, MHD_HTTP_NOT_FOUND,
                     SP_VIEW_LITERAL("GET /metrics\n"), text);
    }
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 &&
        strcmp(method, MHD_HTTP_METHOD_HEAD) != 0) {
        return reply(connection, MHD_HTTP_METHOD_NOT_ALLOWED,
                     SP_VIEW_LITERAL("GET /metrics\n"), text);
    }
    return reply_page(arg, connection);
}

static void
run(struct metrics_server *s)
{
    MHD_UNSIGNED_LONG_LONG timeout_ms = 0;

    (void)MHD_run(s->daemon);
    if (MHD_get_timeout(s->daemon, &timeout_ms) == MHD_YES) {
        sp_loop_start(s->loop, &s->timer,
                      timeout_ms < TIMEOUT_S * 1000 ? (int64_t)timeout_ms
                                                    : TIMEOUT_S * 1000);
    } else {
        sp_loop_stop(s->loop, &s->timer);
    }
}

static void
on_ready(void *arg, uint32_t events)
{
    (void)events;
    run(arg);
}

static void
on_timer(void *arg)
{
    run(arg);
}

struct metrics_server *
metrics_server_new(struct sp_loop *loop, int fd, struct metrics_page page)
{
    struct metrics_server *s = sp_alloc(sizeof(*s));
    const union MHD_DaemonInfo *info = NULL;

    s->loop = loop;
    s->page = page;
    s->timer = (struct sp_timer){ .expired = on_timer, .arg = s };
    s->watch = (struct sp_watch){ .ready = on_ready, .arg = s, .fd = -1 };
    s->daemon = MHD_start_daemon(
        MHD_USE_EPOLL, 0, NULL, NULL, on_request, s, MHD_OPTION_LISTEN_SOCKET,
        fd, MHD_OPTION_CONNECTION_LIMIT, (unsigned)MAX_CONNECTIONS,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)TIMEOUT_S,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES,
        MHD_OPTION_END);
    if (s->daemon == NULL) {
        (void)close(fd);
        metrics_server_free(&s);
        return NULL;
    }
    info = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    s->watch.fd = info != NULL ? info->epoll_fd : -1;
    if (s->watch.fd < 0 || sp_loop_add(loop, &s->watch, EPOLLIN) != 0) {
        s->watch.fd = -1;
        metrics_server_free(&s);
    }
    return s;
}

void
metrics_server_free(struct metrics_server **server)
{
    struct metrics_server *s = *server;

    if (s == NULL) {
        return;
    }
    sp_loop_stop(s->loop, &s->timer);
    if (s->watch.fd >= 0) {
        sp_loop_remove(s->loop, &s->watch);
    }
    if (s->daemon != NULL) {
        MHD_stop_daemon(s->daemon);
    }
    sp_free(s);
    *server = NULL;
}
