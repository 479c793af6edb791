/* A system call costs more than a copy of a few hundred bytes. */
#include "services/edge/mhd/records.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "services/edge/connection.h"
#include "services/edge/edge.h"

/* The head of an answer fits; a record that does not goes out at once. */
#define HOLD_MAX 8192
/* Parts that GnuTLS writes at once, at most; it goes on after a short write. */
#define PARTS_MAX 32

/* ------------------------------------------------------------------ reading */

/* The inbox is wanted by another connection. */
static void
set_aside(struct records_inbox *inbox)
{
    struct records *r = NULL;

    if (inbox->owner == NULL || inbox->at == inbox->len) {
        return;
    }
    r = &inbox->owner->records;
    r->early = sp_buf_new(RECORDS_READ_MAX);
    (void)sp_buf_add(&r->early, inbox->bytes + inbox->at,
                     inbox->len - inbox->at);
    inbox->at = inbox->len;
}

static ssize_t
take_early(struct records *r, void *out, size_t len)
{
    size_t n = len < r->early.len ? len : r->early.len;

    memcpy(out, r->early.data, n);
    sp_buf_consume(&r->early, n);
    if (r->early.len == 0) {
        sp_buf_free(&r->early);
    }
    return (ssize_t)n;
}

/* Only a read that says EAGAIN makes the library wait for its epoll's next
 * edge. That a short read has emptied the socket is no reason to say so
 * unasked: the edge of what has come since may be spent already. */
static ssize_t
fill(struct connection *c, struct records_inbox *inbox)
{
    ssize_t n = 0;

    set_aside(inbox);
    inbox->owner = c;
    inbox->at = 0;
    inbox->len = 0;
    n = recv(c->watch.fd, inbox->bytes, sizeof(inbox->bytes), 0);
    if (n > 0) {
        inbox->len = (size_t)n;
    }
    return n;
}

static ssize_t
on_pull(gnutls_transport_ptr_t arg, void *out, size_t len)
{
    struct connection *c = arg;
    struct records_inbox *inbox = &c->edge->inbox;
    size_t n = 0;

    c->edge->current = c;
    if (c->records.early.len > 0) {
        return take_early(&c->records, out, len);
    }
    if (inbox->owner != c || inbox->at == inbox->len) {
        ssize_t got = fill(c, inbox);

        if (got <= 0) {
            return got;
        }
    }
    n = inbox->len - inbox->at < len ? inbox->len - inbox->at : len;
    memcpy(out, inbox->bytes + inbox->at, n);
    inbox->at += n;
    return (ssize_t)n;
}

static int
on_pull_timeout(gnutls_transport_ptr_t arg, unsigned ms)
{
    const struct connection *c = arg;
    const struct records_inbox *inbox = &c->edge->inbox;
    struct pollfd wanted = { .fd = c->watch.fd, .events = POLLIN };

    if (c->records.early.len > 0 ||
        (inbox->owner == c && inbox->at < inbox->len)) {
        return 1;
    }
    return poll(&wanted, 1, (int)ms);
}

/* ------------------------------------------------------------------ writing */

static size_t
total(const giovec_t *parts, int count)
{
    size_t sum = 0;

    for (int i = 0; i < count; i++) {
        sum += parts[i].iov_len;
    }
    return sum;
}

static bool
keep(struct records *r, const giovec_t *parts, int count)
{
    r->held = sp_buf_new(HOLD_MAX);
    for (int i = 0; i < count; i++) {
        (void)sp_buf_add(&r->held, parts[i].iov_base, parts[i].iov_len);
    }
    if (r->held.error != 0) {
        sp_buf_free(&r->held);
        return false;
    }
    return true;
}

/* Sends what is held and these parts. The result counts the parts alone. */
static ssize_t
send_all(struct connection *c, const giovec_t *parts, int count)
{
    struct sp_buf *held = &c->records.held;
    struct iovec all[1 + PARTS_MAX] = {
        { .iov_base = held->data, .iov_len = held->len },
    };
    struct msghdr message = { .msg_iov = all, .msg_iovlen = 1 };
    ssize_t n = 0;

    for (int i = 0; i < count && i < PARTS_MAX; i++) {
        all[message.msg_iovlen++] =
            (struct iovec){ .iov_base = parts[i].iov_base,
                            .iov_len = parts[i].iov_len };
    }
    n = sendmsg(c->watch.fd, &message, MSG_NOSIGNAL);
    if (n < 0 || held->len == 0) {
        return n;
    }
    if ((size_t)n < held->len) {
        sp_buf_consume(held, (size_t)n);
        errno = EAGAIN;
        return -1;
    }
    n -= (ssize_t)held->len;
    sp_buf_free(held);
    if (n == 0 && total(parts, count) > 0) {
        errno = EAGAIN;
        return -1;
    }
    return n;
}

static ssize_t
on_push(gnutls_transport_ptr_t arg, const giovec_t *parts, int count)
{
    struct connection *c = arg;

    if (c->records.hold) {
        c->records.hold = false;
        if (keep(&c->records, parts, count)) {
            return (ssize_t)total(parts, count);
        }
    }
    return send_all(c, parts, count);
}

/* ---------------------------------------------------------------- interface */

void
records_open(struct connection *c, gnutls_session_t session)
{
    c->session = session;
    gnutls_transport_set_ptr(session, c);
    gnutls_transport_set_pull_function(session, on_pull);
    gnutls_transport_set_pull_timeout_function(session, on_pull_timeout);
    gnutls_transport_set_vec_push_function(session, on_push);
}

void
records_hold(struct connection *c)
{
    c->records.hold = c->records.held.len == 0;
}

bool
records_flush(struct connection *c)
{
    c->records.hold = false;
    return c->records.held.len == 0 || send_all(c, NULL, 0) == 0;
}

void
records_close(struct connection *c)
{
    struct records_inbox *inbox = &c->edge->inbox;

    if (inbox->owner == c) {
        inbox->owner = NULL;
    }
    sp_buf_free(&c->records.early);
    sp_buf_free(&c->records.held);
}
