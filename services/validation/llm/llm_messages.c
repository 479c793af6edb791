/* The messages and tools of a chat request. */
#include "services/validation/llm/llm_messages.h"

#include <stddef.h>

#include "common/base/error.h"

#define MAX_CALLS 128 /* tool calls of one message */
#define MAX_NAME 128
/* What the frame of a message costs, in bytes of text. */
#define FRAME_BYTES 16

struct reading {
    const struct sp_json *json;
    const struct chat_config *limits;
    struct llm_content content;
};

static const char *const roles[] = {
    "system", "developer", "user", "assistant", "tool",
};

/* Members of a message; clients hand an answer's message back as it came. */
static const struct {
    const char *name;
    enum sp_json_type type;
} simple_members[] = {
    { "name", SP_JSON_STRING },
    { "tool_call_id", SP_JSON_STRING },
    { "refusal", SP_JSON_STRING },
    { "reasoning", SP_JSON_STRING },
    { "reasoning_content", SP_JSON_STRING },
    { "annotations", SP_JSON_ARRAY },
};

static size_t
string_bytes(const struct sp_json_token *t)
{
    return sp_json_is(t, SP_JSON_STRING) ? t->end - t->start - 2 : 0;
}

static bool
is_short(const struct sp_json_token *t)
{
    return sp_json_is(t, SP_JSON_STRING) && string_bytes(t) <= MAX_NAME;
}

/* attack: a provider that fetches what a picture's URL names looks from inside
 * its own network; only https and data in place may be named. */
static const char *
read_image(struct reading *r, const struct sp_json_token *part)
{
    const struct sp_json_token *url =
        sp_json_get(r->json, sp_json_get(r->json, part, "image_url"), "url");
    struct sp_view raw = sp_json_raw(r->json, url);

    if (!sp_json_is(url, SP_JSON_STRING) || url->escaped ||
        (!sp_view_starts(raw, "\"https://") &&
         !sp_view_starts(raw, "\"data:image/"))) {
        return "image_url.url must be an https URL or data:image/.";
    }
    r->content.images++;
    return NULL;
}

static const char *
read_part(struct reading *r, const struct sp_json_token *part)
{
    static const char *const texts[] = { "text", "refusal" };
    const struct sp_json_token *type = sp_json_get(r->json, part, "type");

    if (sp_json_equals(r->json, type, "image_url")) {
        return read_image(r, part);
    }
    for (size_t i = 0; i < SP_COUNT(texts); i++) {
        const struct sp_json_token *text = sp_json_get(r->json, part, texts[i]);

        if (sp_json_equals(r->json, type, texts[i]) &&
            sp_json_is(text, SP_JSON_STRING)) {
            r->content.text_bytes += string_bytes(text);
            return NULL;
        }
    }
    return "A part of a content must be of type text or image_url.";
}

static const char *
read_content(struct reading *r, const struct sp_json_token *content)
{
    const struct sp_json_token *part = sp_json_first(r->json, content);
    const char *why = NULL;

    if (sp_json_is(content, SP_JSON_STRING)) {
        r->content.text_bytes += string_bytes(content);
        return NULL;
    }
    if (!sp_json_is(content, SP_JSON_ARRAY) ||
        content->count > r->limits->content_parts) {
        return "A content must be a string or an array of parts, not too many.";
    }
    for (; why == NULL && part != NULL;
         part = sp_json_next(r->json, content, part)) {
        why = read_part(r, part);
    }
    return why;
}

static const char *
read_calls(struct reading *r, const struct sp_json_token *calls)
{
    const struct sp_json_token *call = sp_json_first(r->json, calls);

    if (!sp_json_is(calls, SP_JSON_ARRAY) || calls->count > MAX_CALLS) {
        return "tool_calls must be an array, not too long.";
    }
    for (; call != NULL; call = sp_json_next(r->json, calls, call)) {
        const struct sp_json_token *function =
            sp_json_get(r->json, call, "function");
        const struct sp_json_token *arguments =
            sp_json_get(r->json, function, "arguments");

        if (!is_short(sp_json_get(r->json, call, "id")) ||
            !sp_json_equals(r->json, sp_json_get(r->json, call, "type"),
                            "function") ||
            !is_short(sp_json_get(r->json, function, "name")) ||
            !sp_json_is(arguments, SP_JSON_STRING)) {
            return "A tool call needs id, type function, and a function with "
                   "name and arguments.";
        }
        r->content.text_bytes += string_bytes(arguments);
    }
    return NULL;
}

static const char *
read_other(struct reading *r, const struct sp_json_token *key,
           const struct sp_json_token *value)
{
    if (sp_json_is(value, SP_JSON_NULL)) {
        return NULL;
    }
    for (size_t i = 0; i < SP_COUNT(simple_members); i++) {
        if (sp_json_equals(r->json, key, simple_members[i].name)) {
            r->content.text_bytes += string_bytes(value);
            return sp_json_is(value, simple_members[i].type)
                       ? NULL
                       : "A member of a message has the wrong type.";
        }
    }
    return "A message has a member that this gate does not pass on.";
}

static const char *
read_member(struct reading *r, const struct sp_json_token *key)
{
    const struct sp_json_token *value = sp_json_value(r->json, key);

    if (sp_json_equals(r->json, key, "role")) {
        for (size_t i = 0; i < SP_COUNT(roles); i++) {
            if (sp_json_equals(r->json, value, roles[i])) {
                return NULL;
            }
        }
        return "A role must be system, developer, user, assistant or tool.";
    }
    if (sp_json_is(value, SP_JSON_NULL)) {
        return NULL;
    }
    if (sp_json_equals(r->json, key, "content")) {
        return read_content(r, value);
    }
    if (sp_json_equals(r->json, key, "tool_calls")) {
        return read_calls(r, value);
    }
    return read_other(r, key, value);
}

static bool
has_content(const struct reading *r, const struct sp_json_token *message)
{
    const struct sp_json_token *content =
        sp_json_get(r->json, message, "content");

    return (content != NULL && !sp_json_is(content, SP_JSON_NULL)) ||
           sp_json_equals(r->json, sp_json_get(r->json, message, "role"),
                          "assistant");
}

static const char *
read_message(struct reading *r, const struct sp_json_token *message)
{
    const struct sp_json_token *key = sp_json_first(r->json, message);
    const char *why = NULL;

    if (sp_json_get(r->json, message, "role") == NULL ||
        !has_content(r, message)) {
        return "A message must be an object with role and content.";
    }
    r->content.text_bytes += FRAME_BYTES;
    for (; why == NULL && key != NULL;
         key = sp_json_next(r->json, message, key)) {
        why = read_member(r, key);
    }
    return why;
}

static const char *
read_tools(const struct reading *r, const struct sp_json_token *tools)
{
    const struct sp_json_token *tool = sp_json_first(r->json, tools);

    for (; tool != NULL; tool = sp_json_next(r->json, tools, tool)) {
        const struct sp_json_token *function =
            sp_json_get(r->json, tool, "function");
        const struct sp_json_token *parameters =
            sp_json_get(r->json, function, "parameters");

        if (!sp_json_equals(r->json, sp_json_get(r->json, tool, "type"),
                            "function") ||
            !is_short(sp_json_get(r->json, function, "name")) ||
            (parameters != NULL && !sp_json_is(parameters, SP_JSON_OBJECT))) {
            return "A tool must be of type function, with a name and, where "
                   "it has parameters, an object for them.";
        }
    }
    return NULL;
}

int
llm_messages_read(const struct sp_json *json, const struct chat_config *limits,
                  struct llm_content *ret_content, const char **ret_why)
{
    struct reading r = { .json = json, .limits = limits };
    const struct sp_json_token *root = sp_json_root(json);
    const struct sp_json_token *messages = sp_json_get(json, root, "messages");
    const struct sp_json_token *message = sp_json_first(json, messages);
    const char *why = read_tools(&r, sp_json_get(json, root, "tools"));

    if (message == NULL || !sp_json_is(messages, SP_JSON_ARRAY)) {
        why = "messages must be an array of at least one message.";
    }
    for (; why == NULL && message != NULL;
         message = sp_json_next(json, messages, message)) {
        why = read_message(&r, message);
    }
    if (why != NULL) {
        *ret_why = why;
        return SP_EFORMAT;
    }
    *ret_content = r.content;
    return 0;
}
