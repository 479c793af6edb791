/* Building answers. */
#include "services/edge/mhd/reply.h"

#include <microhttpd.h>

#include "common/base/log.h"
#include "common/stage/refusal.h"
#include "common/text/headers.h"
#include "proto/paths.h"
#include "services/edge/connection.h"
#include "services/edge/edge.h"
#include "services/edge/http_rules.h"
#include "services/edge/pipeline.h"
#include "services/edge/request.h"

/* What the library asks a stream for at once, without chunked coding; its own
 * buffer otherwise. */
#define STREAM_BLOCK 1024
#define NAME_MAX_LEN 64
#define VALUE_MAX_LEN 4096
#define REFUSAL_MAX 4096

static const struct {
    const char *name;
    const char *value;
} always[] = {
    { "Strict-Transport-Security", "max-age=31536000" },
    { "X-Content-Type-Options", "nosniff" },
    { "X-Frame-Options", "DENY" },
    { "Referrer-Policy", "no-referrer" },
};

/* Where the answer itself says nothing. */
static const struct {
    const char *name;
    const char *value;
} otherwise[] = {
    { "cache-control", "no-store" },
    { "content-security-policy", "default-src 'none'; frame-ancestors 'none'" },
};

static void
add(struct MHD_Response *response, const char *name, const char *value)
{
    if (MHD_add_response_header(response, name, value) != MHD_YES) {
        sp_log(SP_LOG_WARN, "header_dropped", "name=%s", name);
    }
}

/* The library wants strings that end in NUL. */
static bool
terminate(struct sp_view v, char *out, size_t size)
{
    if (v.len >= size) {
        return false;
    }
    memcpy(out, v.ptr, v.len);
    out[v.len] = '\0';
    return true;
}

static void
add_text(struct MHD_Response *response, struct sp_view text, unsigned *seen)
{
    struct sp_view name = { 0 };
    struct sp_view value = { 0 };
    char name_text[NAME_MAX_LEN];
    char value_text[VALUE_MAX_LEN];

    while (sp_headers_next(&text, &name, &value) > 0) {
        if (!http_answer_header_allowed(name) ||
            !terminate(name, name_text, sizeof(name_text)) ||
            !terminate(value, value_text, sizeof(value_text))) {
            continue;
        }
        for (size_t i = 0; i < SP_COUNT(otherwise); i++) {
            *seen |= sp_view_is(name, otherwise[i].name) ? 1u << i : 0;
        }
        add(response, name_text, value_text);
    }
}

static void
add_request_id(struct MHD_Response *response, const struct request *r)
{
    static const char digits[] = "0123456789abcdef";
    char text[2 * REQUEST_ID_LEN + 1] = { 0 };

    if (r->sent_us == 0) {
        return;
    }
    for (size_t i = 0; i < REQUEST_ID_LEN; i++) {
        text[2 * i] = digits[r->entry.id[i] >> 4];
        text[2 * i + 1] = digits[r->entry.id[i] & 0xf];
    }
    add(response, "X-Request-Id", text);
}

/* Takes the response over. */
static void
finish(struct request *r, struct MHD_Response *response, unsigned status,
       struct sp_view headers, bool close)
{
    unsigned seen = 0;

    r->body_follows = false;

    if (response == NULL) {
        sp_fatal("response", "status=%u", status);
    }
    for (size_t i = 0; i < SP_COUNT(always); i++) {
        add(response, always[i].name, always[i].value);
    }
    add_text(response, headers, &seen);
    for (size_t i = 0; i < SP_COUNT(otherwise); i++) {
        if ((seen >> i & 1) == 0) {
            add(response, otherwise[i].name, otherwise[i].value);
        }
    }
    add_request_id(response, r);
    if (close || r->edge->draining) {
        add(response, "Connection", "close");
    }
    if (r->response != NULL) {
        MHD_destroy_response(r->response);
    }
    r->response = response;
    r->status = status;
    r->state = REQUEST_ANSWERED;
}

/* The library takes the bytes as void *, but only reads them to copy them. */
static struct MHD_Response *
copy_body(struct sp_view body)
{
    union {
        const char *read;
        void *given;
    } bytes = { .read = body.len > 0 ? body.ptr : "" };

    return MHD_create_response_from_buffer(body.len, bytes.given,
                                           MHD_RESPMEM_MUST_COPY);
}

/* As finish(), with the whole body. */
static void
finish_whole(struct request *r, unsigned status, struct sp_view headers,
             struct sp_view body, bool close)
{
    finish(r, copy_body(body), status, headers, close);
    r->body_follows = body.len > 0 && r->method != SP_METHOD_HEAD;
}

void
reply_whole(struct request *r, unsigned status, struct sp_view headers,
            struct sp_view body)
{
    finish_whole(r, status, headers, body, false);
}

/* Gives the library what has come; suspends the connection where nothing
 * has. */
static ssize_t
read_stream(void *cls, uint64_t position, char *out, size_t max)
{
    struct request *r = cls;
    struct connection *c = r->connection;
    size_t n = 0;

    (void)position;
    if (c->gone) {
        return MHD_CONTENT_READER_END_WITH_ERROR;
    }
    n = stream_take(&r->stream, out, max);
    if (n > 0) {
        pipeline_grant(r);
        return (ssize_t)n;
    }
    if (r->stream.broken) {
        return MHD_CONTENT_READER_END_WITH_ERROR;
    }
    if (r->stream.last) {
        return MHD_CONTENT_READER_END_OF_STREAM;
    }
    connection_suspend(c);
    return 0;
}

void
reply_stream(struct request *r, unsigned status, struct sp_view headers)
{
    finish(r,
           MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK,
                                             read_stream, r, NULL),
           status, headers, false);
}

void
reply_refuse(struct request *r, const struct reply_refusal *refusal)
{
    const struct sp_refusal words = {
        .status = refusal->status,
        .code = refusal->code,
        .text = refusal->text,
        .rpc_id = refusal->rpc_id,
        .retry_after_s = refusal->retry_after_s,
    };
    struct sp_buf headers = sp_buf_new(REFUSAL_MAX);
    struct sp_buf body = sp_buf_new(REFUSAL_MAX);

    if (sp_refusal_write(&words, sp_path_form(sp_buf_view(&r->path)), &headers,
                         &body) != 0) {
        sp_fatal("refusal_too_long", "code=%s", refusal->code);
    }
    if (refusal->allow != NULL) {
        (void)sp_headers_add(&headers, SP_VIEW_LITERAL("allow"),
                             sp_view_of(refusal->allow));
    }
    finish_whole(r, refusal->status, sp_buf_view(&headers), sp_buf_view(&body),
                 refusal->close);
    sp_buf_free(&headers);
    sp_buf_free(&body);
}

/* The words for a status that the library chose. */
static struct sp_refusal
words_for(unsigned status)
{
    struct sp_refusal words = {
        .status = status,
        .code = http_fault_info(HTTP_BAD_LAYOUT)->code,
        .text = http_fault_info(HTTP_BAD_LAYOUT)->text,
    };

    for (int fault = HTTP_OK + 1; fault < HTTP_FAULT_COUNT; fault++) {
        const struct http_fault_info *info =
            http_fault_info((enum http_fault)fault);

        if (info->status == status) {
            words.code = info->code;
            words.text = info->text;
            break;
        }
    }
    return words;
}

void
reply_library(const struct request *r, unsigned status, struct sp_buf *out)
{
    struct sp_view path =
        r != NULL ? sp_buf_view(&r->path) : sp_view_make("", 0);
    const struct sp_refusal words = words_for(status);
    struct sp_buf headers = sp_buf_new(REFUSAL_MAX);
    struct sp_buf body = sp_buf_new(REFUSAL_MAX);
    struct sp_view text = { 0 };
    struct sp_view name = { 0 };
    struct sp_view value = { 0 };

    if (sp_refusal_write(&words, sp_path_form(path), &headers, &body) != 0) {
        sp_fatal("refusal_too_long", "code=%s", words.code);
    }
    (void)sp_buf_addf(out, "HTTP/1.1 %u %s\r\n", status,
                      MHD_get_reason_phrase_for(status));
    for (size_t i = 0; i < SP_COUNT(always); i++) {
        (void)sp_buf_addf(out, "%s: %s\r\n", always[i].name, always[i].value);
    }
    (void)sp_buf_addf(out, "%s: %s\r\n", otherwise[1].name, otherwise[1].value);
    text = sp_buf_view(&headers);
    while (sp_headers_next(&text, &name, &value) > 0) {
        (void)sp_buf_addf(out, "%.*s: %.*s\r\n", SP_VIEW(name), SP_VIEW(value));
    }
    (void)sp_buf_addf(out, "Connection: close\r\nContent-Length: %zu\r\n\r\n",
                      body.len);
    (void)sp_buf_add_view(out, sp_buf_view(&body));
    sp_buf_free(&headers);
    sp_buf_free(&body);
}
