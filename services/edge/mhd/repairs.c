/* The library's own answers, recognised by what it logs. */
#include "services/edge/mhd/repairs.h"

#include <dlfcn.h>
#include <string.h>
#include <sys/socket.h>

#include <microhttpd.h>

#include "common/base/error.h"
#include "common/base/log.h"
#include "services/edge/connection.h"
#include "services/edge/edge.h"
#include "services/edge/http_rules.h"
#include "services/edge/mhd/reply.h"
#include "services/edge/request.h"

#define ANSWER_MAX 4096

/* How the messages of libmicrohttpd 0.9.75 to 1.0 begin. */
static const char refusal_mark[] =
    "Error processing request (HTTP response code is %u";
static const char handshake_mark[] =
    "Error: received handshake message out of context";

static struct connection *
connection_of(gnutls_session_t session)
{
    struct records *records = gnutls_transport_get_ptr(session);

    return SP_CONTAINER_OF(records, struct connection, records);
}

/* GnuTLS's function of this name, for which ours is found. */
static void *
stand_before(const char *name)
{
    void *next = dlsym(RTLD_NEXT, name);
    void *found = dlsym(RTLD_DEFAULT, name);

    if (next == NULL || found == NULL || found == next) {
        sp_fatal("tls_unseen", "function=%s next=%d", name, next != NULL);
    }
    return next;
}

void
repairs_begin(struct edge *edge)
{
    /* attack: where the library's reads do not come by here, what is meant for
     * one client is sent to another; without its writes, answers have no
     * security headers. */
    void *next = stand_before("gnutls_record_recv");

    memcpy(&edge->record_recv, &next, sizeof(next));
    next = stand_before("gnutls_record_send");
    memcpy(&edge->record_send, &next, sizeof(next));
}

/* Stands before GnuTLS's function of this name, by the rules of dynamic
 * linking, so that every read of the HTTP library is seen. The pull function is
 * not enough: a record holds up to 16 KB, the library takes it in pieces, and
 * all but the first come out of GnuTLS's memory without a pull. */
ssize_t
gnutls_record_recv(gnutls_session_t session, void *data, size_t data_size)
{
    struct connection *c = connection_of(session);

    c->edge->inbox.current = &c->records;
    return c->edge->record_recv(session, data, data_size);
}

/* Puts our header lines behind the status line that begins the library's. */
static int
join_head(struct request *r, struct sp_view library)
{
    struct sp_buf joined = sp_buf_new(REQUEST_HEAD_MAX);
    const char *end = memchr(library.ptr, '\n', library.len);
    size_t line = end == NULL ? 0 : (size_t)(end - library.ptr) + 1;

    (void)sp_buf_add(&joined, library.ptr, line);
    (void)sp_buf_add_view(&joined, sp_buf_view(&r->head));
    (void)sp_buf_add_view(&joined, sp_view_skip(library, line));
    if (line == 0 || joined.error != 0) {
        sp_buf_free(&joined);
        return SP_EFORMAT;
    }
    sp_buf_free(&r->head);
    r->head = joined;
    r->head_joined = true;
    return 0;
}

/* The library's head with ours. The library counts its own bytes: until all has
 * left it is asked to try again. */
static ssize_t
send_head(struct connection *c, struct sp_view library)
{
    struct request *r = c->request;

    if (!r->head_joined && join_head(r, library) != 0) {
        return GNUTLS_E_INTERNAL_ERROR;
    }
    while (r->head_sent < r->head.len) {
        ssize_t n =
            c->edge->record_send(c->session, r->head.data + r->head_sent,
                                 r->head.len - r->head_sent);

        if (n < 0) {
            return n;
        }
        r->head_sent += (size_t)n;
    }
    r->head_due = false;
    if (r->streaming) {
        sp_buf_free(&r->head); /* it may last for days */
    }
    return (ssize_t)library.len;
}

/* Stands before GnuTLS's function in the same way. An answer's header lines are
 * added here and not given to the library, whose memory for a connection holds
 * the request's head as well: a long one would leave no room. */
ssize_t
gnutls_record_send(gnutls_session_t session, const void *data, size_t data_size)
{
    struct connection *c = connection_of(session);

    if (c->request != NULL && c->request->head_due) {
        return send_head(c, sp_view_make(data, data_size));
    }
    return c->edge->record_send(session, data, data_size);
}

void
repairs_answer(struct connection *c, unsigned status)
{
    struct sp_buf text = sp_buf_new(ANSWER_MAX);

    reply_library(c->request, status, &text);
    /* Little enough for an empty socket; where it is not empty, the client is
     * not reading either. */
    (void)c->edge->record_send(c->session, text.data, text.len);
    (void)gnutls_bye(c->session, GNUTLS_SHUT_WR);
    (void)shutdown(c->watch.fd, SHUT_WR);
    sp_buf_free(&text);
}

static void
report(struct edge *edge, const struct connection *c, unsigned status)
{
    const struct sp_occurrence what = {
        .kind = "request_refused",
        .address = sp_view_of(c->address),
        .status = status,
        .detail = "code=malformed_request by=http_library",
    };

    edge->figures.malformed++;
    sp_runtime_event(edge->rt, &what);
}

/* Answers in the library's place, and leaves it nothing to send on. */
static void
answer(struct edge *edge, struct connection *c, unsigned status)
{
    report(edge, c, status);
    if (c->request == NULL || c->request->state != REQUEST_ANSWERED) {
        repairs_answer(c, status);
    } else {
        (void)shutdown(c->watch.fd, SHUT_WR);
    }
}

void
repairs_hear(struct edge *edge, const char *format, va_list args)
{
    struct connection *c = NULL;

    if (edge->inbox.current == NULL) {
        return;
    }
    c = SP_CONTAINER_OF(edge->inbox.current, struct connection, records);
    if (strncmp(format, refusal_mark, sizeof(refusal_mark) - 1) == 0) {
        va_list copy;

        va_copy(copy, args);
        answer(edge, c, va_arg(copy, unsigned));
        va_end(copy);
    } else if (strncmp(format, handshake_mark, sizeof(handshake_mark) - 1) ==
               0) {
        (void)gnutls_alert_send(c->session, GNUTLS_AL_FATAL,
                                GNUTLS_A_HANDSHAKE_FAILURE);
    }
}
