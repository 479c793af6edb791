/* A system call costs more than a copy of a few hundred bytes. */
#include "services/edge/mhd/records.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

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
    r = inbox->owner;
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
fill(struct records *r)
{
    struct records_inbox *inbox = r->inbox;
    ssize_t n = 0;

    set_aside(inbox);
    inbox->owner = r;
    inbox->at = 0;
    inbox->len = 0;
    n = recv(r->fd, inbox->bytes, sizeof(inbox->bytes), 0);
    if (n > 0) {
        inbox->len = (size_t)n;
    }
    return n;
}

static ssize_t
on_pull(gnutls_transport_ptr_t arg, void *out, size_t len)
{
    struct records *r = arg;
    struct records_inbox *inbox = r->inbox;
    size_t n = 0;

    inbox->current = r;
    if (r->early.len > 0) {
        return take_early(r, out, len);
    }
    if (inbox->owner != r || inbox->at == inbox->len) {
        ssize_t got = 0;

        if (r->resumed_in == inbox->runs + 1) {
            errno = EAGAIN; /* as the socket would say, nearly always */
            return -1;
        }
        got = fill(r);

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
    const struct records *r = arg;
    const struct records_inbox *inbox = r->inbox;
    struct pollfd wanted = { .fd = r->fd, .events = POLLIN };

    if (r->early.len > 0 || (inbox->owner == r && inbox->at < inbox->len)) {
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
send_all(struct records *r, const giovec_t *parts, int count)
{
    struct sp_buf *held = &r->held;
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
    n = sendmsg(r->fd, &message, MSG_NOSIGNAL);
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
    struct records *r = arg;

    if (r->hold) {
        r->hold = false;
        if (keep(r, parts, count)) {
            return (ssize_t)total(parts, count);
        }
    }
    return send_all(r, parts, count);
}

/* ---------------------------------------------------------------- interface */

void
records_open(struct records *r, struct records_inbox *inbox, int fd,
             gnutls_session_t session)
{
    *r = (struct records){ .inbox = inbox, .fd = fd };
    gnutls_transport_set_ptr(session, r);
    gnutls_transport_set_pull_function(session, on_pull);
    gnutls_transport_set_pull_timeout_function(session, on_pull_timeout);
    gnutls_transport_set_vec_push_function(session, on_push);
}

void
records_resume(struct records *r)
{
    r->resumed_in = r->inbox->runs + 1;
}

void
records_ran(struct records_inbox *inbox)
{
    inbox->runs++;
}

void
records_hold(struct records *r)
{
    r->hold = r->held.len == 0;
}

bool
records_flush(struct records *r)
{
    r->hold = false;
    return r->held.len == 0 || send_all(r, NULL, 0) == 0;
}

void
records_close(struct records *r)
{
    struct records_inbox *inbox = r->inbox;

    if (inbox != NULL && inbox->owner == r) {
        inbox->owner = NULL;
    }
    if (inbox != NULL && inbox->current == r) {
        inbox->current = NULL;
    }
    sp_buf_free(&r->early);
    sp_buf_free(&r->held);
}
