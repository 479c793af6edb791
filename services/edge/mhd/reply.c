/* Building answers. */
#include "services/edge/mhd/reply.h"

#include <stdio.h>
#include <string.h>

#include <microhttpd.h>

#include "common/base/log.h"
#include "common/stage/refusal.h"
#include "common/text/headers.h"
#include "proto/paths.h"
#include "services/edge/connection.h"
#include "services/edge/edge.h"
#include "services/edge/http_rules.h"
#include "services/edge/request.h"

/* What the library asks a stream for at once, without chunked coding; its own
 * buffer otherwise. */
#define STREAM_BLOCK 1024
#define REFUSAL_MAX 4096
/* Longest name that an event shows. */
#define NAME_SHOWN 64

struct header {
    const char *name;
    const char *value;
};

static const struct header always[] = {
    { "Strict-Transport-Security", "max-age=31536000" },
    { "X-Content-Type-Options", "nosniff" },
    { "X-Frame-Options", "DENY" },
};

/* Where the answer itself says nothing. */
static const struct header otherwise[] = {
    { "cache-control", "no-store" },
    { "content-security-policy", "default-src 'none'; frame-ancestors 'none'" },
    { "referrer-policy", "no-referrer" },
};

static void
add_line(struct sp_buf *head, struct sp_view name, struct sp_view value)
{
    (void)sp_buf_add_view(head, name);
    (void)sp_buf_add_str(head, ": ");
    (void)sp_buf_add_view(head, value);
    (void)sp_buf_add_str(head, "\r\n");
}

static void
add(struct sp_buf *head, const struct header *header)
{
    add_line(head, sp_view_of(header->name), sp_view_of(header->value));
}

static void
report_withheld(const struct request *r, struct sp_view name,
                struct sp_view value)
{
    char detail[REPLY_DETAIL_MAX];

    (void)snprintf(detail, sizeof(detail), "header=%.*s bytes=%zu",
                   (int)(name.len < NAME_SHOWN ? name.len : NAME_SHOWN),
                   name.ptr, value.len);
    request_report(r, "header_withheld", 0, detail);
}

/* The lines of header text that an answer of this request may have; NULL: one
 * of our own. */
static void
add_text(struct sp_buf *head, const struct request *r, struct sp_view text,
         unsigned *seen)
{
    bool pages = r != NULL && r->rule != NULL && sp_path_has_pages(r->rule);
    struct sp_view name = { 0 };
    struct sp_view value = { 0 };

    while (sp_headers_next(&text, &name, &value) > 0) {
        if (!http_answer_header_allowed(name, value, pages)) {
            report_withheld(r, name, value);
            continue;
        }
        for (size_t i = 0; i < SP_COUNT(otherwise); i++) {
            *seen |= sp_view_is(name, otherwise[i].name) ? 1u << i : 0;
        }
        add_line(head, name, value);
    }
}

/* All header lines of an answer but the library's own. */
static void
add_lines(struct sp_buf *head, const struct request *r, struct sp_view text)
{
    unsigned seen = 0;

    for (size_t i = 0; i < SP_COUNT(always); i++) {
        add(head, &always[i]);
    }
    add_text(head, r, text, &seen);
    for (size_t i = 0; i < SP_COUNT(otherwise); i++) {
        if ((seen >> i & 1) == 0) {
            add(head, &otherwise[i]);
        }
    }
}

static void
add_request_id(struct sp_buf *head, const struct request *r)
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
    add_line(head, SP_VIEW_LITERAL("X-Request-Id"), sp_view_of(text));
}

bool
reply_takes(struct sp_view headers, char detail[REPLY_DETAIL_MAX])
{
    struct sp_view name = { 0 };
    struct sp_view value = { 0 };
    const char *end = NULL;
    struct sp_log_text safe;
    int more = 0;

    while ((more = sp_headers_next(&headers, &name, &value)) > 0) {
    }
    if (more == 0) {
        return true;
    }
    end = memchr(headers.ptr, '\n', headers.len);
    headers.len = end == NULL ? headers.len : (size_t)(end - headers.ptr);
    end = memchr(headers.ptr, ':', headers.len);
    name = sp_view_make(headers.ptr,
                        end == NULL ? 0 : (size_t)(end - headers.ptr));
    name.len = name.len < NAME_SHOWN ? name.len : NAME_SHOWN;
    (void)snprintf(detail, REPLY_DETAIL_MAX,
                   "reason=header header=\"%s\" "
                   "bytes=%zu",
                   sp_log_safe(&safe, name), headers.len);
    return false;
}

/* Takes the response over. */
static void
finish(struct request *r, struct MHD_Response *response, unsigned status,
       struct sp_view headers, bool close)
{
    r->body_follows = false;
    if (response == NULL) {
        sp_fatal("response", "status=%u", status);
    }
    sp_buf_reset(&r->head);
    add_lines(&r->head, r, headers);
    add_request_id(&r->head, r);
    if (r->head.error != 0) {
        sp_fatal("head_too_long", "status=%u", status);
    }
    /* The library must know; the other lines would only take its room. */
    if ((close || r->edge->draining) &&
        MHD_add_response_header(response, "Connection", "close") != MHD_YES) {
        sp_fatal("response", "status=%u", status);
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
        r->taken(r);
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
reply_stream(struct request *r, unsigned status, struct sp_view headers,
             void (*taken)(struct request *r))
{
    r->taken = taken;
    finish(r,
           MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK,
                                             read_stream, r, NULL),
           status, headers, false);
}

void
reply_refuse(struct request *r, const struct sp_refusal *refusal, bool close)
{
    struct sp_buf headers = sp_buf_new(REFUSAL_MAX);
    struct sp_buf body = sp_buf_new(REFUSAL_MAX);

    if (sp_refusal_write(refusal, sp_path_form(sp_buf_view(&r->path)), &headers,
                         &body) != 0) {
        sp_fatal("refusal_too_long", "code=%s", refusal->code);
    }
    finish_whole(r, refusal->status, sp_buf_view(&headers), sp_buf_view(&body),
                 close);
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

    if (sp_refusal_write(&words, sp_path_form(path), &headers, &body) != 0) {
        sp_fatal("refusal_too_long", "code=%s", words.code);
    }
    (void)sp_buf_addf(out, "HTTP/1.1 %u %s\r\n", status,
                      MHD_get_reason_phrase_for(status));
    add_lines(out, NULL, sp_buf_view(&headers));
    (void)sp_buf_addf(out, "Connection: close\r\nContent-Length: %zu\r\n\r\n",
                      body.len);
    (void)sp_buf_add_view(out, sp_buf_view(&body));
    sp_buf_free(&headers);
    sp_buf_free(&body);
}
