/* Strict HTTP/1.1 (RFC 9110, RFC 9112): which requests are refused, and which
 * headers travel on. Pure logic over the header lines. */
#ifndef SP_SERVICES_EDGE_HTTP_RULES_H
#define SP_SERVICES_EDGE_HTTP_RULES_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/compiler.h"
#include "common/base/view.h"
#include "common/text/buf.h"

/* More lines than this are an attack or a broken client. */
#define HTTP_MAX_LINES 64

/* F(SYMBOL, status, close, code, text): why a request is refused. `close`:
 * where the next request starts is in doubt, so the connection ends. */
#define HTTP_FAULTS(F)                                                         \
    F(HTTP_OK, 200, false, "ok", "")                                           \
    F(HTTP_BAD_LAYOUT, 400, true, "malformed_request",                         \
      "The request is not well-formed HTTP/1.1.")                              \
    F(HTTP_BAD_VERSION, 505, true, "http_version", "Use HTTP/1.1.")            \
    F(HTTP_BAD_TARGET, 400, true, "bad_target",                                \
      "The request target is not a plain absolute path.")                      \
    F(HTTP_LONG_TARGET, 414, true, "target_too_long",                          \
      "The request target is too long.")                                       \
    F(HTTP_BAD_HEADER, 400, true, "bad_header", "A header line is malformed.") \
    F(HTTP_MANY_HEADERS, 431, true, "headers_too_large",                       \
      "There are too many header lines, or they are too long.")                \
    F(HTTP_DUPLICATE, 400, true, "duplicate_header",                           \
      "A header that may come once came twice.")                               \
    F(HTTP_LENGTH_TWICE, 400, true, "ambiguous_length",                        \
      "Content-Length and Transfer-Encoding exclude each other.")              \
    F(HTTP_BAD_LENGTH, 400, true, "bad_length",                                \
      "Content-Length must be a plain decimal number.")                        \
    F(HTTP_BAD_CODING, 501, true, "transfer_coding",                           \
      "The only transfer coding is chunked.")                                  \
    F(HTTP_BODY_UNWANTED, 400, true, "unexpected_body",                        \
      "This method takes no body.")                                            \
    F(HTTP_BODY_LARGE, 413, true, "body_too_large",                            \
      "The body is larger than this gate takes.")                              \
    F(HTTP_EXPECTATION, 417, true, "expectation",                              \
      "The only expectation is 100-continue.")                                 \
    F(HTTP_CONTENT_CODING, 415, true, "content_coding",                        \
      "Send the body without a content coding.")                               \
    F(HTTP_TRAILERS, 400, true, "trailers", "Trailer fields are not taken.")   \
    F(HTTP_BUSY, 503, true, "busy",                                            \
      "The gate holds as many bodies as it can; try again.")                   \
    F(HTTP_NO_HOST, 400, true, "host_missing", "The Host header is missing.")  \
    F(HTTP_HOST, 403, true, "host_refused",                                    \
      "The Host header does not name this gate.")                              \
    F(HTTP_ORIGIN, 403, true, "origin_refused", "The Origin is not allowed.")  \
    F(HTTP_NOT_FOUND, 404, false, "not_found",                                 \
      "There is nothing at this path.")                                        \
    F(HTTP_METHOD, 405, false, "method_not_allowed",                           \
      "The path does not take this method.")

enum http_fault {
#define HTTP_FAULT_ENUM(symbol, status, close, code, text) symbol,
    HTTP_FAULTS(HTTP_FAULT_ENUM)
#undef HTTP_FAULT_ENUM
    HTTP_FAULT_COUNT
};

struct http_fault_info {
    unsigned status;
    bool close;
    const char *code;
    const char *text;
};

/* How a fault is answered; static. */
const struct http_fault_info *
http_fault_info(enum http_fault fault);

/* What the header lines said; views into the lines given. */
struct http_headers {
    struct sp_buf *headers;     /* header text that travels on */
    struct sp_buf *credentials; /* header text for auth alone */
    uint64_t seen;              /* one bit per row of the table */
    unsigned lines;
    struct sp_view host;
    struct sp_view origin;
    struct sp_view trace; /* a well-formed traceparent */
    uint64_t length;
    bool has_length;
    bool chunked;
    bool codings; /* Content-Encoding other than identity */
    bool expects; /* 100-continue */
};

/* Starts a request. The buffers are emptied and filled by http_headers_add();
 * both outlive `h`. */
void
http_headers_begin(struct http_headers *h, struct sp_buf *headers,
                   struct sp_buf *credentials);

/* Takes one line; spaces and tabs around the value are cut. */
SP_MUST_CHECK enum http_fault
http_headers_add(struct http_headers *h, struct sp_view name,
                 struct sp_view value);

/* Checks the lines against each other. takes_body: the method has one.
 * minor: of the version, 1 for HTTP/1.1. */
SP_MUST_CHECK enum http_fault
http_headers_end(const struct http_headers *h, bool takes_body, int minor,
                 uint64_t max_body);

/* "HTTP/1.1" or "HTTP/1.0": 0 with the minor version, else
 * HTTP_BAD_VERSION. */
SP_MUST_CHECK enum http_fault
http_version(struct sp_view version, int *ret_minor);

/* True where an answer may bring this header. pages: so may be one for a
 * browser, with cookies, a place to go on to, and its own policies; of those
 * for the referrer only same-origin, which is what HTML forms need. */
bool
http_answer_header_allowed(struct sp_view name, struct sp_view value,
                           bool pages);

#endif
