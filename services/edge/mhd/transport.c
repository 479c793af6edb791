/* The library's own answers, recognised by what it logs. */
#include "services/edge/mhd/transport.h"

#include <dlfcn.h>
#include <string.h>
#include <sys/socket.h>

#include <microhttpd.h>

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

void
transport_begin(struct edge *edge)
{
    void *next = dlsym(RTLD_NEXT, "gnutls_record_recv");
    void *found = dlsym(RTLD_DEFAULT, "gnutls_record_recv");

    /* attack: where the library's reads do not come by here, what is meant for
     * one client is sent to another. */
    if (next == NULL || found == NULL || found == next) {
        sp_fatal("tls_reads_unseen", "next=%d", next != NULL);
    }
    memcpy(&edge->record_recv, &next, sizeof(next));
}

/* Stands before GnuTLS's function of this name, by the rules of dynamic
 * linking, so that every read of the HTTP library is seen. The pull function is
 * not enough: a record holds up to 16 KB, the library takes it in pieces, and
 * all but the first come out of GnuTLS's memory without a pull. */
ssize_t
gnutls_record_recv(gnutls_session_t session, void *data, size_t data_size)
{
    struct connection *c = gnutls_transport_get_ptr(session);

    c->edge->current = c;
    return c->edge->record_recv(session, data, data_size);
}

static void
tell(struct edge *edge, const struct connection *c, unsigned status)
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
    struct sp_buf text = sp_buf_new(ANSWER_MAX);

    tell(edge, c, status);
    if (c->request == NULL || c->request->state != REQUEST_ANSWERED) {
        reply_library(c->request, status, &text);
        /* Little enough for an empty socket; where it is not empty, the client
         * is not reading either. */
        (void)gnutls_record_send(c->session, text.data, text.len);
        (void)gnutls_bye(c->session, GNUTLS_SHUT_WR);
    }
    sp_buf_free(&text);
    (void)shutdown(c->watch.fd, SHUT_WR);
}

void
transport_hear(struct edge *edge, const char *format, va_list args)
{
    struct connection *c = edge->current;

    if (c == NULL) {
        return;
    }
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
