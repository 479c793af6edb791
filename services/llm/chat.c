/* Requests and answers of Chat Completions. */
#include "services/llm/chat.h"

#include <string.h>

#include "common/base/error.h"

/* True and false count; anything else, null included, is false as absent. */
static int
read_bool(const struct sp_json_token *t, bool *ret_value)
{
    if (t != NULL && !sp_json_is(t, SP_JSON_TRUE) &&
        !sp_json_is(t, SP_JSON_FALSE) && !sp_json_is(t, SP_JSON_NULL)) {
        return SP_EFORMAT;
    }
    *ret_value = sp_json_is(t, SP_JSON_TRUE);
    return 0;
}

/* attack: an upstream that looks members up in any case would take a second
 * "Model" or "Stream" for the one that was checked. */
static bool
has_disguise(const struct sp_json *json, const struct sp_json_token *root)
{
    static const char *const names[] = {
        "model",
        "messages",
        "stream",
        "stream_options",
        "store",
        "max_tokens",
        "max_completion_tokens",
        "n",
    };
    const struct sp_json_token *key = sp_json_first(json, root);

    for (; key != NULL; key = sp_json_next(json, root, key)) {
        for (size_t i = 0; i < SP_COUNT(names); i++) {
            if (sp_json_resembles(json, key, names[i]) &&
                !sp_json_equals(json, key, names[i])) {
                return true;
            }
        }
    }
    return false;
}

int
chat_read(struct sp_json *json, struct sp_view body, struct sp_buf *scratch,
          struct chat_request *ret_request)
{
    struct chat_request request = { 0 };
    const struct sp_json_token *root = NULL;
    const struct sp_json_token *options = NULL;

    if (sp_json_parse(json, body) != 0) {
        return SP_EFORMAT;
    }
    root = sp_json_root(json);
    options = sp_json_get(json, root, "stream_options");
    if (!sp_json_is(root, SP_JSON_OBJECT) || has_disguise(json, root) ||
        !sp_json_is(sp_json_get(json, root, "messages"), SP_JSON_ARRAY) ||
        sp_json_string(json, sp_json_get(json, root, "model"), scratch,
                       &request.model) != 0 ||
        request.model.len == 0 ||
        read_bool(sp_json_get(json, root, "stream"), &request.stream) != 0 ||
        read_bool(sp_json_get(json, options, "include_usage"),
                  &request.wants_usage) != 0) {
        return SP_EFORMAT;
    }
    *ret_request = request;
    return 0;
}

/* True where the member is written by chat_write() itself. */
static bool
is_ours(const struct sp_json *json, const struct sp_json_token *key,
        enum llm_kind kind)
{
    static const char *const always[] = { "stream", "stream_options", "store" };

    for (size_t i = 0; i < SP_COUNT(always); i++) {
        if (sp_json_equals(json, key, always[i])) {
            return true;
        }
    }
    return kind == LLM_OLLAMA &&
           (sp_json_equals(json, key, "max_completion_tokens") ||
            sp_json_equals(json, key, "max_tokens"));
}

/* Ollama obeys only the older name of the cap; where a client gave both, the
 * newer one counts. */
static void
write_cap(const struct sp_json *json, struct sp_buf *out)
{
    const struct sp_json_token *root = sp_json_root(json);
    const struct sp_json_token *cap =
        sp_json_get(json, root, "max_completion_tokens");

    if (!sp_json_is(cap, SP_JSON_NUMBER)) {
        cap = sp_json_get(json, root, "max_tokens");
    }
    if (cap != NULL) {
        (void)sp_buf_add_str(out, ",\"max_tokens\":");
        (void)sp_buf_add_view(out, sp_json_raw(json, cap));
    }
}

static void
write_member(const struct sp_json *json, const struct sp_json_token *key,
             struct sp_buf *out)
{
    (void)sp_buf_add_str(out, ",");
    (void)sp_buf_add_view(out, sp_json_raw(json, key));
    (void)sp_buf_add_str(out, ":");
    (void)sp_buf_add_view(out, sp_json_raw(json, sp_json_value(json, key)));
}

/* The client's options, but usage is always asked for. */
static void
write_stream_options(const struct sp_json *json, struct sp_buf *out)
{
    const struct sp_json_token *options =
        sp_json_get(json, sp_json_root(json), "stream_options");
    const struct sp_json_token *key = NULL;

    if (sp_json_is(options, SP_JSON_OBJECT)) {
        key = sp_json_first(json, options);
    }
    (void)sp_buf_add_str(out, ",\"stream_options\":{\"include_usage\":true");
    for (; key != NULL; key = sp_json_next(json, options, key)) {
        if (!sp_json_resembles(json, key, "include_usage")) {
            write_member(json, key, out);
        }
    }
    (void)sp_buf_add_str(out, "}");
}

int
chat_write(const struct sp_json *json, const struct chat_request *request,
           enum llm_kind kind, struct sp_buf *out)
{
    const struct sp_json_token *root = sp_json_root(json);
    const struct sp_json_token *key = sp_json_first(json, root);

    (void)sp_buf_addf(out, "{\"stream\":%s",
                      request->stream ? "true" : "false");
    if (request->stream) {
        write_stream_options(json, out);
    }
    if (kind == LLM_OPENAI) {
        (void)sp_buf_add_str(out, ",\"store\":false");
    } else {
        write_cap(json, out);
    }
    for (; key != NULL; key = sp_json_next(json, root, key)) {
        if (!is_ours(json, key, kind)) {
            write_member(json, key, out);
        }
    }
    (void)sp_buf_add_str(out, "}");
    return out->error;
}

static void
take_usage(const struct sp_json *json, const struct sp_json_token *root,
           struct chat_usage *usage)
{
    const struct sp_json_token *t = sp_json_get(json, root, "usage");
    int64_t in = 0;
    int64_t out = 0;

    if (sp_json_is(t, SP_JSON_OBJECT) &&
        sp_json_int(json, sp_json_get(json, t, "prompt_tokens"), &in) == 0 &&
        sp_json_int(json, sp_json_get(json, t, "completion_tokens"), &out) ==
            0 &&
        in >= 0 && out >= 0) {
        *usage = (struct chat_usage){ true, (uint64_t)in, (uint64_t)out };
    }
}

static bool
is_nothing(const struct sp_json_token *t)
{
    return t == NULL || sp_json_is(t, SP_JSON_NULL);
}

/* attack: an error that passed as a chunk would show what the upstream says of
 * the operator's keys and hosts; so whatever has no choices and speaks is
 * one. */
static bool
is_failure(const struct sp_json *json, const struct sp_json_token *root)
{
    static const char *const words[] = { "message", "msg", "detail", "code" };

    if (!is_nothing(sp_json_get(json, root, "error"))) {
        return true;
    }
    if (!is_nothing(sp_json_get(json, root, "choices"))) {
        return false;
    }
    for (size_t i = 0; i < SP_COUNT(words); i++) {
        if (!is_nothing(sp_json_get(json, root, words[i]))) {
            return true;
        }
    }
    return false;
}

bool
chat_failed(struct sp_json *json, struct sp_view text)
{
    return sp_json_parse(json, text) == 0 &&
           is_failure(json, sp_json_root(json));
}

enum chat_event
chat_answer(struct sp_json *json, struct sp_view body, struct chat_usage *usage)
{
    const struct sp_json_token *root = NULL;

    if (sp_json_parse(json, body) != 0) {
        return CHAT_BROKEN;
    }
    root = sp_json_root(json);
    if (is_failure(json, root)) {
        return CHAT_ERROR;
    }
    if (!sp_json_is(sp_json_get(json, root, "choices"), SP_JSON_ARRAY)) {
        return CHAT_BROKEN;
    }
    take_usage(json, root, usage);
    return CHAT_PIECE;
}

/* Chunks without choices, or with null or none, hold usage; or nothing that we
 * know, and then they only show that the upstream lives. */
static enum chat_event
judge_chunk(const struct sp_json *json, const struct sp_json_token *root,
            bool wants_usage)
{
    const struct sp_json_token *choices = sp_json_get(json, root, "choices");

    if (!sp_json_is(root, SP_JSON_OBJECT) ||
        (!is_nothing(choices) && !sp_json_is(choices, SP_JSON_ARRAY))) {
        return CHAT_BROKEN;
    }
    if (sp_json_is(choices, SP_JSON_ARRAY) &&
        (choices->count > 0 || wants_usage)) {
        return CHAT_PIECE;
    }
    return wants_usage &&
                   sp_json_is(sp_json_get(json, root, "usage"), SP_JSON_OBJECT)
               ? CHAT_PIECE
               : CHAT_HIDDEN;
}

/* Nothing but what may stand around a value (RFC 8259 section 2). */
static bool
is_blank(struct sp_view data)
{
    for (size_t i = 0; i < data.len; i++) {
        if (strchr(" \t\r\n", data.ptr[i]) == NULL) {
            return false;
        }
    }
    return true;
}

enum chat_event
chat_event(struct sp_json *json, struct sp_view data, bool wants_usage,
           struct chat_usage *usage)
{
    const struct sp_json_token *root = NULL;

    if (is_blank(data)) {
        return CHAT_HIDDEN;
    }
    if (sp_view_is(sp_view_trim(data), "[DONE]")) {
        return CHAT_DONE;
    }
    if (sp_json_parse(json, data) != 0) {
        return CHAT_BROKEN;
    }
    root = sp_json_root(json);
    if (is_failure(json, root)) {
        return CHAT_ERROR;
    }
    take_usage(json, root, usage);
    return judge_chunk(json, root, wants_usage);
}

int
chat_add_event(struct sp_buf *out, struct sp_view data)
{
    size_t from = 0;

    (void)sp_buf_add_str(out, "data: ");
    from = out->len;
    (void)sp_buf_add_view(out, data);
    for (size_t i = from; i < out->len; i++) {
        if (out->data[i] == '\n' || out->data[i] == '\r') {
            out->data[i] = ' ';
        }
    }
    return sp_buf_add_str(out, "\n\n") | out->error;
}
