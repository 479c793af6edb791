/* The rules of strict HTTP as tables. */
#include "services/edge/http_rules.h"

#include <strings.h>

#include "common/base/error.h"
#include "common/text/decimal.h"
#include "common/text/headers.h"

#define MAX_NAME 128
/* Digits of 2^63 - 1. */
#define MAX_LENGTH_DIGITS 18
#define TRACEPARENT_LEN 55

static const struct http_fault_info faults[] = {
#define HTTP_FAULT_ROW(symbol, status, close, code, text)                      \
    [symbol] = { status, close, code, text },
    HTTP_FAULTS(HTTP_FAULT_ROW)
#undef HTTP_FAULT_ROW
};

enum header_use {
    FORWARD = 1,    /* travels on in `headers` */
    CREDENTIAL = 2, /* travels to auth in `credentials` */
    ONCE = 4,       /* a second line is refused */
    REFUSE = 8,     /* names that some parsers take for framing */
};

static enum http_fault
note_host(struct http_headers *h, struct sp_view value)
{
    h->host = value;
    return HTTP_OK;
}

static enum http_fault
note_origin(struct http_headers *h, struct sp_view value)
{
    h->origin = value;
    return HTTP_OK;
}

static enum http_fault
note_length(struct http_headers *h, struct sp_view value)
{
    h->has_length = value.len <= MAX_LENGTH_DIGITS &&
                    sp_number_read(value, UINT64_MAX, &h->length) == 0;
    return h->has_length ? HTTP_OK : HTTP_BAD_LENGTH;
}

static enum http_fault
note_coding(struct http_headers *h, struct sp_view value)
{
    h->chunked = sp_view_is_word(value, "chunked");
    return h->chunked ? HTTP_OK : HTTP_BAD_CODING;
}

static enum http_fault
note_expect(struct http_headers *h, struct sp_view value)
{
    h->expects = sp_view_is_word(value, "100-continue");
    return h->expects ? HTTP_OK : HTTP_EXPECTATION;
}

static enum http_fault
note_content_coding(struct http_headers *h, struct sp_view value)
{
    h->codings = !sp_view_is_word(value, "identity");
    return HTTP_OK;
}

/* W3C trace context, version 00: 00-<32 hex>-<16 hex>-<2 hex>. One that is
 * malformed is dropped, not refused. */
static enum http_fault
note_trace(struct http_headers *h, struct sp_view value)
{
    static const char shape[] =
        "00-hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh-hhhhhhhhhhhhhhhh-hh";

    if (value.len != TRACEPARENT_LEN) {
        return HTTP_OK;
    }
    for (size_t i = 0; i < value.len; i++) {
        char c = value.ptr[i];
        bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');

        if (shape[i] == 'h' ? !hex : c != shape[i]) {
            return HTTP_OK;
        }
    }
    h->trace = value;
    return HTTP_OK;
}

/* What is not listed is checked for form and goes no further. */
static const struct header_rule {
    const char *name;
    unsigned use;
    enum http_fault (*note)(struct http_headers *h, struct sp_view value);
} rules[] = {
    { "host", ONCE, note_host },
    { "origin", ONCE, note_origin },
    { "content-length", ONCE, note_length },
    { "transfer-encoding", ONCE, note_coding },
    { "content-type", ONCE | FORWARD, NULL },
    { "content-encoding", ONCE, note_content_coding },
    { "expect", ONCE, note_expect },
    { "authorization", ONCE | CREDENTIAL, NULL },
    { "cookie", ONCE | CREDENTIAL, NULL },
    { "dpop", ONCE | CREDENTIAL, NULL },
    { "x-api-key", ONCE | CREDENTIAL, NULL },
    { "accept", FORWARD, NULL },
    { "last-event-id", ONCE | FORWARD, NULL },
    { "idempotency-key", ONCE | FORWARD, NULL },
    { "traceparent", ONCE, note_trace },
    { "openai-organization", ONCE | FORWARD, NULL },
    { "openai-project", ONCE | FORWARD, NULL },
    { "openai-beta", FORWARD, NULL },
    { "anthropic-version", ONCE | FORWARD, NULL },
    { "anthropic-beta", FORWARD, NULL },
    { "content_length", REFUSE, NULL },
    { "transfer_encoding", REFUSE, NULL },
};

/* Every header of MCP, the Mcp-Param-* of tools included. */
static const char mcp_prefix[] = "mcp-";
static const struct header_rule mcp_rule = { mcp_prefix, FORWARD, NULL };

static const char *const answer_headers[] = {
    "content-type",
    "cache-control",
    "retry-after",
    "www-authenticate",
    "allow",
    "vary",
    "etag",
    "last-modified",
    "pragma",
    "link",
    "dpop-nonce",
    "x-request-id",
    "x-accel-buffering",
    "ratelimit",
    "ratelimit-policy",
    "ratelimit-limit",
    "ratelimit-remaining",
    "ratelimit-reset",
    "mcp-session-id",
    "mcp-protocol-version",
};

/* attack: a captured stage sets a cookie or a policy on the answer of a tool.
 * Only who shows pages may. */
static const struct {
    const char *name;
    const char *value; /* the only one allowed, or NULL */
} page_headers[] = {
    { "location", NULL },
    { "set-cookie", NULL },
    { "content-security-policy", NULL },
    { "referrer-policy", "same-origin" },
};

const struct http_fault_info *
http_fault_info(enum http_fault fault)
{
    return &faults[fault];
}

void
http_headers_begin(struct http_headers *h, struct sp_buf *headers,
                   struct sp_buf *credentials)
{
    *h =
        (struct http_headers){ .headers = headers, .credentials = credentials };
    sp_buf_reset(headers);
    sp_buf_reset(credentials);
}

static bool
is_ascii(struct sp_view value)
{
    unsigned char all = 0;

    for (size_t i = 0; i < value.len; i++) {
        all |= (unsigned char)value.ptr[i];
    }
    return all < 0x80;
}

static const struct header_rule *
find_rule(struct sp_view name, size_t *ret_index)
{
    for (size_t i = 0; i < SP_COUNT(rules); i++) {
        if (sp_view_is_word(name, rules[i].name)) {
            *ret_index = i;
            return &rules[i];
        }
    }
    *ret_index = SP_COUNT(rules);
    return name.len > sizeof(mcp_prefix) - 1 &&
                   strncasecmp(name.ptr, mcp_prefix, sizeof(mcp_prefix) - 1) ==
                       0
               ? &mcp_rule
               : NULL;
}

/* Mcp-* names are not enumerated, so a repetition shows in the text itself. */
static bool
is_repeated(const struct http_headers *h, const struct header_rule *rule,
            size_t index, struct sp_view name)
{
    char lower[MAX_NAME + 1] = { 0 };

    if (rule != &mcp_rule) {
        return (rule->use & ONCE) != 0 && (h->seen >> index & 1) != 0;
    }
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];

        lower[i] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
    }
    return sp_headers_get(sp_buf_view(h->headers), lower).ptr != NULL;
}

static enum http_fault
keep(struct http_headers *h, const struct header_rule *rule,
     struct sp_view name, struct sp_view value)
{
    int error = 0;

    if ((rule->use & (FORWARD | CREDENTIAL)) == 0) {
        return HTTP_OK;
    }
    error = sp_headers_add((rule->use & CREDENTIAL) != 0 ? h->credentials
                                                         : h->headers,
                           name, value);
    if (error == SP_ELIMIT) {
        return HTTP_MANY_HEADERS;
    }
    return error == 0 ? HTTP_OK : HTTP_BAD_HEADER;
}

enum http_fault
http_headers_add(struct http_headers *h, struct sp_view name,
                 struct sp_view value)
{
    size_t index = 0;
    const struct header_rule *rule = NULL;
    enum http_fault fault = HTTP_OK;

    if (++h->lines > HTTP_MAX_LINES) {
        return HTTP_MANY_HEADERS;
    }
    value = sp_view_trim(value);
    if (name.len > MAX_NAME || !sp_headers_is_name(name) ||
        !sp_headers_is_value(value)) {
        return HTTP_BAD_HEADER;
    }
    rule = find_rule(name, &index);
    /* Bytes above ASCII pass where nobody reads them. */
    if (rule != NULL && ((rule->use & REFUSE) != 0 || !is_ascii(value))) {
        return HTTP_BAD_HEADER;
    }
    if (rule == NULL) {
        return HTTP_OK;
    }
    if (is_repeated(h, rule, index, name)) {
        return HTTP_DUPLICATE;
    }
    h->seen |= index < SP_COUNT(rules) ? (uint64_t)1 << index : 0;
    if (rule->note != NULL) {
        fault = rule->note(h, value);
    }
    return fault != HTTP_OK ? fault : keep(h, rule, name, value);
}

enum http_fault
http_headers_end(const struct http_headers *h, bool takes_body, int minor,
                 uint64_t max_body)
{
    if (h->chunked && (h->has_length || minor == 0)) {
        return HTTP_LENGTH_TWICE;
    }
    if (!takes_body && (h->chunked || h->length > 0)) {
        return HTTP_BODY_UNWANTED;
    }
    if (h->length > max_body) {
        return HTTP_BODY_LARGE;
    }
    if (h->codings) {
        return HTTP_CONTENT_CODING;
    }
    return h->host.len == 0 ? HTTP_NO_HOST : HTTP_OK;
}

enum http_fault
http_version(struct sp_view version, int *ret_minor)
{
    if (!sp_view_is(version, "HTTP/1.1") && !sp_view_is(version, "HTTP/1.0")) {
        return HTTP_BAD_VERSION;
    }
    *ret_minor = version.ptr[7] - '0';
    return HTTP_OK;
}

bool
http_answer_header_allowed(struct sp_view name, struct sp_view value,
                           bool pages)
{
    for (size_t i = 0; i < SP_COUNT(answer_headers); i++) {
        if (sp_view_is_word(name, answer_headers[i])) {
            return true;
        }
    }
    for (size_t i = 0; i < SP_COUNT(page_headers); i++) {
        const char *only = page_headers[i].value;

        if (sp_view_is_word(name, page_headers[i].name)) {
            return pages && (only == NULL || sp_view_is(value, only));
        }
    }
    return false;
}
