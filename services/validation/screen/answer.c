/* The examination of what executors send back. */
#include "services/validation/screen/answer.h"

#include "common/base/error.h"
#include "common/text/headers.h"
#include "services/validation/llm/media.h"
#include "services/validation/screen/answer_mcp.h"

#define MAX_HEADERS SP_MAX_HEADERS
#define MAX_SCRATCH 16384

/* An executor may set these; what else it sends is left out: cookies, origins
 * and security headers are the edge's own business. The console has pages with
 * policies of their own. */
static const struct {
    const char *name;
    bool page;
} passed[] = {
    { "content-type", false },
    { "cache-control", false },
    { "mcp-session-id", false },
    { "retry-after", false },
    { "allow", false },
    { "www-authenticate", false },
    { "x-request-id", false },
    { "ratelimit", false },
    { "x-accel-buffering", false },
    { "mcp-protocol-version", false },
    { "ratelimit-policy", false },
    { "content-security-policy", true },
    { "referrer-policy", true },
};

void
answer_init(struct answer_check *check)
{
    check->json = (struct sp_json){ 0 };
    check->scratch = sp_buf_new(MAX_SCRATCH);
    check->headers = sp_buf_new(MAX_HEADERS);
}

void
answer_free(struct answer_check *check)
{
    sp_json_free(&check->json);
    sp_buf_free(&check->scratch);
    sp_buf_free(&check->headers);
}

static bool
is_passed(struct sp_view name, bool page)
{
    for (size_t i = 0; i < SP_COUNT(passed); i++) {
        if (sp_view_is(name, passed[i].name)) {
            return page || !passed[i].page;
        }
    }
    return false;
}

static const char *
read_headers(struct answer_check *check, struct sp_view text, bool page)
{
    struct sp_view name = { 0 };
    struct sp_view value = { 0 };
    int more = 0;

    sp_buf_reset(&check->headers);
    while ((more = sp_headers_next(&text, &name, &value)) > 0) {
        if (is_passed(name, page) &&
            sp_headers_add(&check->headers, name, value) != 0) {
            return "bad_headers";
        }
    }
    return more < 0 ? "bad_headers" : NULL;
}

static const char *
check_json(struct answer_check *check, enum sp_service_id from,
           const struct sp_result *part, const struct pending_entry *entry)
{
    if (!part->last) {
        return "json_in_parts";
    }
    if (part->body.len > check->limits->json_bytes) {
        return "too_long";
    }
    if (sp_json_parse(&check->json, part->body) != 0) {
        return "not_json";
    }
    if (from == SP_SERVICE_TOOLS) {
        return answer_mcp_check(check, entry);
    }
    return sp_json_is(sp_json_root(&check->json), SP_JSON_OBJECT)
               ? NULL
               : "not_an_object";
}

/* Only what was asked of a model or a tool may stream. */
static const char *
check_stream(struct answer_check *check, enum sp_service_id from,
             const struct sp_result *part, const struct pending_entry *entry)
{
    (void)from;
    if (part->body.len > check->limits->stream_bytes) {
        return "too_long";
    }
    if (part->status != 200) {
        return "stream_with_error";
    }
    if (entry->expect.kind == EXPECT_NOTHING) {
        return "stream_unasked";
    }
    return NULL;
}

/* A page of the console, whole. All paths whose executor is the monitor are the
 * console's; attack: HTML in the answer of a tool or a model would run in the
 * gate's own origin. */
static const char *
check_page(struct answer_check *check, enum sp_service_id from,
           const struct sp_result *part, const struct pending_entry *entry)
{
    if (from != SP_SERVICE_MONITOR) {
        return "bad_content_type";
    }
    (void)entry;
    if (!part->last) {
        return "page_in_parts";
    }
    return part->body.len > check->limits->json_bytes ? "too_long" : NULL;
}

/* What an answer may hold. */
static const struct {
    const char *media;
    const char *(*check)(struct answer_check *check, enum sp_service_id from,
                         const struct sp_result *part,
                         const struct pending_entry *entry);
} media_checks[] = {
    { "application/json", check_json },
    { "text/event-stream", check_stream },
    { "text/html", check_page },
    { "text/css", check_page },
};

static const char *
check_empty(const struct sp_result *part, const struct pending_entry *entry)
{
    if (!part->last || part->body.len > 0) {
        return "no_content_type";
    }
    return entry->expect.kind != EXPECT_NOTHING && part->status < 400
               ? "no_answer"
               : NULL;
}

/* The part that opens an answer. */
static const char *
check_first(struct answer_check *check, enum sp_service_id from,
            const struct sp_result *part, const struct pending_entry *entry)
{
    struct sp_view type = { 0 };
    const char *why = NULL;

    if (part->status < 200) {
        return "bad_status";
    }
    why = read_headers(check, part->headers, from == SP_SERVICE_MONITOR);
    if (why != NULL) {
        return why;
    }
    type = sp_headers_get(sp_buf_view(&check->headers), "content-type");
    if (type.ptr == NULL) {
        return check_empty(part, entry);
    }
    for (size_t i = 0; i < SP_COUNT(media_checks); i++) {
        if (media_is(type, media_checks[i].media)) {
            return media_checks[i].check(check, from, part, entry);
        }
    }
    return "bad_content_type";
}

static void
begin(struct answer_check *check, enum sp_service_id from,
      const struct sp_result *part, int64_t now_ms, struct pending_entry *entry,
      struct answer_verdict *ret)
{
    ret->rpc_id = sp_view_of(entry->rpc_id);
    if (entry->expect.tool != NULL) {
        ret->object = sp_view_of(entry->expect.tool->tool->name);
    }
    ret->why = check_first(check, from, part, entry);
    if (ret->why != NULL) {
        ret->fate = ANSWER_REPLACE;
        return;
    }
    ret->fate = ANSWER_PASS;
    ret->ended = part->last;
    if (part->last) {
        return;
    }
    entry->streaming = true;
    entry->attempt = part->attempt;
    entry->ends_ms = now_ms + SP_LEASE_MS;
    entry->next_seq = 1;
    entry->bytes = part->body.len;
}

static const char *
check_later(const struct answer_check *check, const struct sp_result *part,
            const struct pending_entry *entry)
{
    if (part->seq > entry->next_seq) {
        return "part_missing";
    }
    if (part->headers.len > 0) {
        return "late_headers";
    }
    if (entry->bytes > check->limits->stream_bytes ||
        part->body.len > check->limits->stream_bytes - entry->bytes) {
        return "too_long";
    }
    return NULL;
}

/* A part of a stream whose beginning has passed here. */
static void
go_on(struct answer_check *check, const struct sp_result *part,
      struct pending_entry *entry, struct answer_verdict *ret)
{
    sp_buf_reset(&check->headers);
    /* One that was sent twice ends nothing, even where it is the last. */
    if (part->seq < entry->next_seq) {
        ret->fate = ANSWER_DROP;
        ret->ended = false;
        return;
    }
    ret->why = check_later(check, part, entry);
    if (ret->why != NULL) {
        ret->fate = ANSWER_BREAK;
        return;
    }
    entry->next_seq++;
    entry->bytes += part->body.len;
    ret->fate = ANSWER_PASS;
    ret->ended = part->last;
}

/* Two replicas may run one request, where the first one was only thought to be
 * lost. Their streams have the same numbers and other bytes: the later sending
 * counts, from its beginning. */
static bool
is_of_another(const struct sp_result *part, const struct pending_entry *entry)
{
    return part->attempt != entry->attempt &&
           (part->seq > 0 ||
            (entry->streaming && part->attempt < entry->attempt));
}

void
answer_part(struct answer_check *check, enum sp_service_id from,
            const struct sp_result *part, int64_t now_ms,
            struct answer_verdict *ret_verdict)
{
    struct pending_entry *entry =
        pending_find(check->pending, part->request_id);

    *ret_verdict =
        (struct answer_verdict){ .fate = ANSWER_REPLACE, .ended = true };
    if (entry == NULL) {
        /* Nothing is known of the question, so that nothing of the answer may
         * pass: it was cancelled, or asked of a replica that is gone. Then the
         * edge asks again. */
        ret_verdict->fate = ANSWER_DROP;
    } else if (entry->target != from) {
        /* attack: a captured executor that has learned an id of another. It
         * must not be able to end what is not its own. */
        ret_verdict->fate = ANSWER_DROP;
        ret_verdict->ended = false;
        ret_verdict->why = "wrong_sender";
    } else if (is_of_another(part, entry)) {
        ret_verdict->fate = ANSWER_DROP;
        ret_verdict->ended = false;
    } else if (entry->streaming && part->attempt == entry->attempt) {
        go_on(check, part, entry, ret_verdict);
    } else if (part->seq == 0) {
        begin(check, from, part, now_ms, entry, ret_verdict);
    } else {
        ret_verdict->fate = ANSWER_BREAK;
        ret_verdict->why = "part_without_beginning";
    }
}
