/* The HTTP library: options, callbacks, and its place in the loop. */
#include "services/edge/mhd/front.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <microhttpd.h>

#include "common/base/alloc.h"
#include "common/base/log.h"
#include "services/edge/addresses.h"
#include "services/edge/connection.h"
#include "services/edge/edge.h"
#include "services/edge/edge_config.h"
#include "services/edge/intake.h"
#include "services/edge/mhd/layout.h"
#include "services/edge/mhd/records.h"
#include "services/edge/mhd/repairs.h"
#include "services/edge/tls.h"

#define BACKLOG 1024
/* The library stops accepting at its own limit. Ours comes before it, so that
 * an idle connection can make room. */
#define SPARE_CONNECTIONS 64
/* A flood of refused connections is reported once in this time. */
#define CAP_TELL_MS 1000

struct front {
    struct edge *edge;
    struct MHD_Daemon *daemon;
    struct sp_watch watch; /* the library's epoll descriptor */
    int fd;
};

static void
on_ready(void *arg, uint32_t events)
{
    struct front *f = arg;

    (void)events;
    f->edge->due = true;
}

static void
run_library(struct front *f)
{
    (void)MHD_run(f->daemon);
    records_ran(&f->edge->inbox);
}

static bool
on_turn(void *arg)
{
    struct front *f = arg;
    MHD_UNSIGNED_LONG_LONG timeout = 1;

    if (!f->edge->due || f->daemon == NULL) {
        return false;
    }
    run_library(f);
    /* The library's own timeouts are off: it has only 0 to say, for what it
     * could not finish in one go. */
    f->edge->due =
        MHD_get_timeout(f->daemon, &timeout) == MHD_YES && timeout == 0;
    return f->edge->due;
}

static void
report_cap(struct edge *edge, const struct sockaddr *address,
           const char *detail)
{
    char text[INET6_ADDRSTRLEN];
    int64_t now_ms = sp_loop_now_ms(edge->loop);
    const struct sp_occurrence what = {
        .kind = "connection_refused",
        .address = sp_view_of(address_text(address, text)),
        .detail = detail,
    };

    edge->figures.shed++;
    if (now_ms - edge->capped_ms >= CAP_TELL_MS) {
        edge->capped_ms = now_ms;
        sp_runtime_event(edge->rt, &what);
    }
}

static enum MHD_Result
on_accept(void *cls, const struct sockaddr *address, socklen_t len)
{
    struct edge *edge = cls;
    struct address_key key = address_key(address);

    (void)len;
    if (addresses_count(edge->addresses, &key) >=
        edge->config->limits.connections_per_address) {
        report_cap(edge, address, "limit=connections_per_address");
        return MHD_NO;
    }
    if (edge->figures.open >= edge->config->limits.connections &&
        !connection_shed_idle(edge)) {
        report_cap(edge, address, "limit=connections");
        return MHD_NO;
    }
    return MHD_YES;
}

static void
on_connection(void *cls, struct MHD_Connection *mhd, void **context,
              enum MHD_ConnectionNotificationCode what)
{
    struct edge *edge = cls;

    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        struct connection *c = connection_new(edge, mhd);
        /* Asked last: connection_new() asks too, and from libmicrohttpd 1.0
         * on all answers stand in the same place. */
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION);
        gnutls_session_t session = info->tls_session;

        tls_enable_tickets(edge->tls, session);
        c->session = session;
        records_open(&c->records, &edge->inbox, c->watch.fd, session);
        *context = c;
    } else if (*context != NULL) {
        connection_free(*context);
        *context = NULL;
    }
}

static void SP_PRINTF(2, 0)
    on_library_log(void *cls, const char *format, va_list args)
{
    struct edge *edge = cls;
    struct sp_log_text safe;
    char text[256] = { 0 };

    repairs_hear(edge, format, args);
    if (sp_log_wants(SP_LOG_DEBUG)) {
        (void)vsnprintf(text, sizeof(text), format, args);
        sp_log(SP_LOG_DEBUG, "http_library", "text=%s",
               sp_log_safe(&safe, sp_view_of(text)));
    }
}

struct front *
front_new(struct edge *edge, int fd)
{
    struct front *f = sp_alloc(sizeof(*f));

    f->edge = edge;
    f->fd = fd;
    return f;
}

static struct MHD_Daemon *
start_daemon(struct front *f)
{
    struct edge *edge = f->edge;
    const struct edge_limits *limits = &edge->config->limits;
    struct MHD_OptionItem options[] = {
        { MHD_OPTION_LISTEN_SOCKET, f->fd, NULL },
        { MHD_OPTION_CONNECTION_LIMIT,
          (intptr_t)limits->connections + SPARE_CONNECTIONS, NULL },
        { MHD_OPTION_CONNECTION_MEMORY_LIMIT, limits->connection_bytes, NULL },
        { MHD_OPTION_CONNECTION_TIMEOUT, 0, NULL },
        /* The library's own checks close without an answer or with one that
         * lacks our headers: what it can leave to us, it does. What 1.0 would
         * repair so that nobody notices, it refuses. */
        { MHD_OPTION_STRICT_FOR_CLIENT, LAYOUT_LIBRARY_IS_STRICT, NULL },
        { MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, NULL },
        { MHD_OPTION_END, 0, NULL },
    };

    return MHD_start_daemon(
        MHD_USE_EPOLL | MHD_USE_TLS | MHD_ALLOW_SUSPEND_RESUME |
            MHD_USE_ERROR_LOG,
        0, on_accept, edge, intake_handle, edge, MHD_OPTION_EXTERNAL_LOGGER,
        on_library_log, edge, MHD_OPTION_ARRAY, options,
        MHD_OPTION_HTTPS_MEM_CERT, tls_certificate(edge->tls),
        MHD_OPTION_HTTPS_MEM_KEY, tls_key(edge->tls),
        MHD_OPTION_HTTPS_PRIORITIES, tls_priorities,
        MHD_OPTION_URI_LOG_CALLBACK, intake_begin, edge,
        MHD_OPTION_NOTIFY_COMPLETED, intake_completed, edge,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, edge, MHD_OPTION_END);
}

void
front_start(struct front *f)
{
    const union MHD_DaemonInfo *info = NULL;

    if (listen(f->fd, BACKLOG) != 0) {
        sp_refuse("SP_LISTEN: cannot listen: %s", strerror(errno));
    }
    f->daemon = start_daemon(f);
    if (f->daemon == NULL) {
        sp_refuse("the HTTP library does not start; SP_LOG_LEVEL=debug shows "
                  "why");
    }
    tls_forget_key(f->edge->tls);
    repairs_begin(f->edge);
    info = MHD_get_daemon_info(f->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    f->watch =
        (struct sp_watch){ .ready = on_ready, .arg = f, .fd = info->epoll_fd };
    if (sp_loop_add(f->edge->loop, &f->watch, EPOLLIN) != 0) {
        sp_fatal("epoll_add", "errno=%d", errno);
    }
    sp_loop_each_turn(f->edge->loop,
                      (struct sp_turn){ .turn = on_turn, .arg = f });
    /* The first run puts the listening socket into the library's epoll. */
    f->edge->due = true;
}

void
front_quiesce(struct front *f)
{
    int fd = -1;

    if (f->daemon == NULL) {
        return;
    }
    /* Who has connected already is still served. */
    run_library(f);
    fd = MHD_quiesce_daemon(f->daemon);
    if (fd >= 0) {
        (void)close(fd);
        f->fd = -1;
    }
    f->edge->due = true;
}

void
front_free(struct front **f)
{
    struct front *old = *f;

    if (old == NULL) {
        return;
    }
    if (old->daemon != NULL) {
        sp_loop_remove(old->edge->loop, &old->watch);
        /* Closes what was resumed: the library must hold nothing suspended
         * when it stops. */
        run_library(old);
        MHD_stop_daemon(old->daemon);
    } else if (old->fd >= 0) {
        (void)close(old->fd);
    }
    sp_free(old);
    *f = NULL;
}
