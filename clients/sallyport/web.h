/* One HTTPS request to the gate, verified with its CA or its own
 * key. */
#ifndef SP_CLIENTS_SALLYPORT_WEB_H
#define SP_CLIENTS_SALLYPORT_WEB_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/compiler.h"
#include "common/text/buf.h"

#define WEB_ANSWER_MAX 65536

struct web_request {
    const char *url;
    const char *ca;   /* PEM file */
    const char *pin;  /* know the server by its key instead; or NULL */
    const char *host; /* connect here instead of where the URL says; */
    uint16_t port;    /* NULL and 0: as the URL says */
    const char *user; /* HTTP Basic credentials, or NULL */
    const char *password;
    const char *body; /* of a POST, a form without further headers; NULL: GET */
    const char *const *headers; /* "Name: value", `header_count` of them */
    size_t header_count;
    long timeout_ms;
};

/* Sends it. The body is appended to `out`. 0 with the status; SP_ENOPEER with a
 * sentence in `why` where no answer came. */
SP_MUST_CHECK int
web_call(const struct web_request *request, struct sp_buf *out,
         long *ret_status, struct sp_buf *why);

/* Appends `text` percent-encoded for a form (RFC 3986 unreserved characters
 * stay). */
void
web_encode(struct sp_buf *out, const char *text);

#endif
