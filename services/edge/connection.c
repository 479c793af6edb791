/* Deadlines, the watch on the client, and the list of idle connections. */
#include "services/edge/connection.h"

#include <errno.h>
#include <linux/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <microhttpd.h>

#include "common/base/alloc.h"
#include "services/edge/edge.h"
#include "services/edge/edge_config.h"

static void
leave_idle(struct connection *c)
{
    struct connection_list *list = &c->edge->idle;

    if (c->phase != CONNECTION_IDLE) {
        return;
    }
    *(c->prev != NULL ? &c->prev->next : &list->first) = c->next;
    *(c->next != NULL ? &c->next->prev : &list->last) = c->prev;
    c->prev = NULL;
    c->next = NULL;
}

static void
join_idle(struct connection *c)
{
    struct connection_list *list = &c->edge->idle;

    c->next = list->first;
    *(list->first != NULL ? &list->first->prev : &list->last) = c;
    list->first = c;
}

/* True where the client has taken something since the last look, or there was
 * nothing to take, then or now: what was sent just before a look is on its way.
 * All of it is in one answer that the jail lets us have: a look that fails
 * would cut every stream after the first period. */
static bool
makes_progress(struct connection *c)
{
    struct tcp_info info;
    socklen_t len = sizeof(info);
    uint64_t acked = c->acked;
    bool owing = c->owing;

    memset(&info, 0, sizeof(info));
    if (getsockopt(c->watch.fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0) {
        sp_runtime_trouble(c->edge->rt, "no_tcp_info", "reason=\"%s\"",
                           strerror(errno));
        return false;
    }
    c->acked = info.tcpi_bytes_acked;
    c->owing = info.tcpi_unacked > 0 || info.tcpi_notsent_bytes > 0;
    return c->acked != acked || !c->owing || !owing;
}

static void
report_slow(struct connection *c)
{
    static const char *const details[] = {
        [CONNECTION_HEADERS] = "phase=headers",
        [CONNECTION_BODY] = "phase=body",
        [CONNECTION_SENDING] = "phase=answer",
    };
    const struct sp_occurrence what = {
        .kind = "client_slow",
        .address = sp_view_of(c->address),
        .detail = details[c->phase],
    };

    c->edge->figures.shed++;
    sp_runtime_event(c->edge->rt, &what);
}

static void
on_timer(void *arg)
{
    struct connection *c = arg;

    if (c->phase == CONNECTION_SENDING && makes_progress(c)) {
        connection_enter(c, CONNECTION_SENDING);
        return;
    }
    if (c->phase != CONNECTION_IDLE) {
        report_slow(c);
    }
    connection_shed(c);
}

static void
on_gone(void *arg, uint32_t events)
{
    struct connection *c = arg;

    (void)events;
    c->gone = true;
    connection_resume(c);
}

struct connection *
connection_new(struct edge *edge, struct MHD_Connection *mhd)
{
    struct connection *c = sp_alloc(sizeof(*c));
    /* Each answer is used before the next question: from libmicrohttpd 1.0 on
     * all of them stand in the same place. */
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);

    c->edge = edge;
    c->mhd = mhd;
    c->timer = (struct sp_timer){ .expired = on_timer, .arg = c };
    c->watch =
        (struct sp_watch){ .ready = on_gone, .arg = c, .fd = info->connect_fd };
    info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    c->key = address_key(info->client_addr);
    (void)address_text(info->client_addr, c->address);
    c->counted = addresses_add(edge->addresses, &c->key) == 0;
    edge->figures.open++;
    edge->figures.connections++;
    connection_enter(c, CONNECTION_HEADERS);
    /* Armed once for the connection's life: a request costs no call. A client
     * whose going nobody would see is not served. */
    if (sp_loop_add(edge->loop, &c->watch, EPOLLRDHUP | EPOLLET) != 0) {
        connection_shed(c);
    }
    return c;
}

void
connection_free(struct connection *c)
{
    struct edge *edge = c->edge;

    records_close(&c->records);
    leave_idle(c);
    sp_loop_stop(edge->loop, &c->timer);
    sp_loop_remove(edge->loop, &c->watch);
    if (c->counted) {
        addresses_remove(edge->addresses, &c->key);
    }
    edge->figures.open--;
    sp_free(c);
}

static int64_t
phase_ms(const struct edge_config *config, enum connection_phase phase)
{
    switch (phase) {
    case CONNECTION_HEADERS:
        return config->times.headers_ms;
    case CONNECTION_BODY:
        return config->times.body_ms;
    case CONNECTION_SENDING:
        return config->times.send_ms;
    case CONNECTION_IDLE:
        return config->times.idle_ms;
    case CONNECTION_WAITING:
        break;
    }
    return 0;
}

void
connection_enter(struct connection *c, enum connection_phase phase)
{
    leave_idle(c);
    c->phase = phase;
    if (phase == CONNECTION_WAITING) {
        sp_loop_stop(c->edge->loop, &c->timer);
        return;
    }
    if (phase == CONNECTION_IDLE) {
        join_idle(c);
    }
    sp_loop_start(c->edge->loop, &c->timer, phase_ms(c->edge->config, phase));
}

void
connection_suspend(struct connection *c)
{
    if (!c->suspended) {
        c->suspended = true;
        MHD_suspend_connection(c->mhd);
    }
}

void
connection_resume(struct connection *c)
{
    if (c->suspended) {
        c->suspended = false;
        records_resume(&c->records);
        MHD_resume_connection(c->mhd);
        c->edge->due = true;
    }
}

void
connection_shed(struct connection *c)
{
    leave_idle(c);
    c->phase = CONNECTION_WAITING;
    c->gone = true;
    (void)shutdown(c->watch.fd, SHUT_RDWR);
    connection_resume(c);
}

bool
connection_shed_idle(struct edge *edge)
{
    struct connection *c = edge->idle.last;

    if (c == NULL) {
        return false;
    }
    edge->figures.shed++;
    connection_shed(c);
    return true;
}
