/* The messages and tools of a chat request. */
#include "services/validation/llm/llm_messages.h"

#include <stdbool.h>
#include <stddef.h>
#include <strings.h>

#include "common/base/error.h"

/* What the frame of a message costs, in bytes of text. */
#define FRAME_BYTES 16

struct reading {
    const struct sp_json *json;
    const struct chat_config *limits;
    struct llm_content content;
    struct llm_fault fault;
};

static int
find_fault(struct reading *r, const struct sp_json_token *at, const char *child,
           const char *want)
{
    r->fault.at = at;
    r->fault.child = child;
    r->fault.want = want;
    return SP_EFORMAT;
}

static bool
is_any(const struct sp_json *json, const struct sp_json_token *t,
       const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (sp_json_equals(json, t, names[i])) {
            return true;
        }
    }
    return false;
}

static uint64_t
value_bytes(const struct sp_json_token *t)
{
    uint64_t len = t->end - t->start;

    return sp_json_is(t, SP_JSON_STRING) ? len - 2 : len;
}

/* --------------------------------------------------------------- addresses */

/* Whatever the member is called in a dialect. An escaped name may be one. */
static bool
names_address(const struct sp_json *json, const struct sp_json_token *key)
{
    struct sp_view name = sp_json_raw(json, key);

    for (size_t i = 0; i + 3 <= name.len; i++) {
        if (strncasecmp(name.ptr + i, "url", 3) == 0 ||
            strncasecmp(name.ptr + i, "uri", 3) == 0) {
            return true;
        }
    }
    return key->escaped;
}

/* Some clients escape slashes. */
static bool
is_fair_address(struct sp_view raw)
{
    return sp_view_starts(raw, "\"https://") ||
           sp_view_starts(raw, "\"https:\\/\\/") ||
           sp_view_starts(raw, "\"data:");
}

/* attack: a provider that fetches what a picture's URL names looks from inside
 * its own network; only https and data in place may be named. What a model
 * quoted or called with is not fetched. Returns the first that is neither;
 * goes no deeper than SP_JSON_MAX_DEPTH. */
static const struct sp_json_token *
find_foul_address(const struct sp_json *json, const struct sp_json_token *value,
                  bool is_address)
{
    static const char *const quoted[] = { "annotations", "citations", "input",
                                          "arguments" };
    const struct sp_json_token *foul = NULL;
    const struct sp_json_token *child = sp_json_first(json, value);

    if (sp_json_is(value, SP_JSON_STRING)) {
        return is_address && !is_fair_address(sp_json_raw(json, value)) ? value
                                                                        : NULL;
    }
    for (; foul == NULL && child != NULL;
         child = sp_json_next(json, value, child)) {
        if (sp_json_is(value, SP_JSON_ARRAY)) {
            foul = find_foul_address(json, child, is_address);
        } else if (!is_any(json, child, quoted, SP_COUNT(quoted))) {
            foul = find_foul_address(json, sp_json_value(json, child),
                                     names_address(json, child));
        }
    }
    return foul;
}

static int
check_addresses(struct reading *r, const struct sp_json_token *value)
{
    const struct sp_json_token *foul = find_foul_address(r->json, value, false);

    return foul == NULL
               ? 0
               : find_fault(r, foul, NULL, "must begin with https:// or data:");
}

/* ---------------------------------------------------------------- messages */

/* What a part of one of these types holds is no text, whatever its length;
 * the member is called like the type. */
static int
read_part(struct reading *r, const struct sp_json_token *part)
{
    static const char *const media[] = { "image_url", "input_audio",
                                         "video_url", "audio_url" };
    const struct sp_json_token *type = sp_json_get(r->json, part, "type");
    const struct sp_json_token *key = sp_json_first(r->json, part);
    const char *medium = "type";

    if (!sp_json_is(part, SP_JSON_OBJECT)) {
        return find_fault(r, part, NULL, "must be an object, such as a text");
    }
    for (size_t i = 0; i < SP_COUNT(media); i++) {
        if (sp_json_equals(r->json, type, media[i])) {
            medium = media[i];
            r->content.images++;
        }
    }
    for (; key != NULL; key = sp_json_next(r->json, part, key)) {
        if (!sp_json_equals(r->json, key, "type") &&
            !sp_json_equals(r->json, key, medium)) {
            r->content.text_bytes += value_bytes(sp_json_value(r->json, key));
        }
    }
    return check_addresses(r, part);
}

/* A model's own content may have any number of parts. */
static int
read_content(struct reading *r, const struct sp_json_token *message,
             const struct sp_json_token *content)
{
    const struct sp_json_token *role = sp_json_get(r->json, message, "role");
    const struct sp_json_token *part = sp_json_first(r->json, content);
    int error = 0;

    if (sp_json_is(content, SP_JSON_STRING)) {
        r->content.text_bytes += value_bytes(content);
        return 0;
    }
    if (sp_json_is(content, SP_JSON_NULL)) {
        return 0;
    }
    if (!sp_json_is(content, SP_JSON_ARRAY)) {
        return find_fault(r, content, NULL,
                          "must be a string, an array of parts or null");
    }
    if (content->count > r->limits->content_parts &&
        !sp_json_equals(r->json, role, "assistant")) {
        r->fault.most = r->limits->content_parts;
        return find_fault(r, content, NULL, "must have no more parts than");
    }
    for (; error == 0 && part != NULL;
         part = sp_json_next(r->json, content, part)) {
        error = read_part(r, part);
    }
    return error;
}

/* attack: some servers know a member by its name in any case, so that what is
 * checked here would not be what counts there. */
static int
read_member(struct reading *r, const struct sp_json_token *message,
            const struct sp_json_token *key)
{
    const struct sp_json_token *value = sp_json_value(r->json, key);

    if (sp_json_equals(r->json, key, "content")) {
        return read_content(r, message, value);
    }
    if (sp_json_equals(r->json, key, "role")) {
        return 0;
    }
    if (sp_json_resembles(r->json, key, "content") ||
        sp_json_resembles(r->json, key, "role")) {
        return find_fault(r, value, NULL, "must have its name in lower case");
    }
    r->content.text_bytes += value_bytes(value);
    return sp_json_resembles(r->json, key, "images") ? check_addresses(r, value)
                                                     : 0;
}

static int
read_message(struct reading *r, const struct sp_json_token *message)
{
    const struct sp_json_token *key = sp_json_first(r->json, message);
    int error = 0;

    if (!sp_json_is(message, SP_JSON_OBJECT)) {
        return find_fault(r, message, NULL, "must be an object");
    }
    if (!sp_json_is(sp_json_get(r->json, message, "role"), SP_JSON_STRING)) {
        return find_fault(r, message, "role", "must be a string, such as user");
    }
    r->content.text_bytes += FRAME_BYTES;
    for (; error == 0 && key != NULL;
         key = sp_json_next(r->json, message, key)) {
        error = read_member(r, message, key);
    }
    return error;
}

/* attack: other types are tools that the upstream runs itself, with its own
 * reach, past every rule of this gate. */
static int
read_tool(struct reading *r, const struct sp_json_token *tool)
{
    static const char *const types[] = { "function", "custom" };
    const struct sp_json_token *key = sp_json_first(r->json, tool);

    if (!is_any(r->json, sp_json_get(r->json, tool, "type"), types,
                SP_COUNT(types))) {
        return find_fault(r, tool, "type", "must be function or custom");
    }
    for (; key != NULL; key = sp_json_next(r->json, tool, key)) {
        if (sp_json_resembles(r->json, key, "type") &&
            !sp_json_equals(r->json, key, "type")) {
            return find_fault(r, sp_json_value(r->json, key), NULL,
                              "must have its name in lower case");
        }
    }
    return 0;
}

static int
read_tools(struct reading *r, const struct sp_json_token *tools)
{
    const struct sp_json_token *tool = sp_json_first(r->json, tools);
    int error = 0;

    for (; error == 0 && tool != NULL;
         tool = sp_json_next(r->json, tools, tool)) {
        error = read_tool(r, tool);
    }
    return error;
}

int
llm_messages_read(const struct sp_json *json, const struct chat_config *limits,
                  struct llm_content *ret_content, struct llm_fault *ret_fault)
{
    struct reading r = { .json = json, .limits = limits };
    const struct sp_json_token *root = sp_json_root(json);
    const struct sp_json_token *messages = sp_json_get(json, root, "messages");
    const struct sp_json_token *message = sp_json_first(json, messages);
    int error = read_tools(&r, sp_json_get(json, root, "tools"));

    if (error == 0 && !sp_json_is(messages, SP_JSON_ARRAY)) {
        error = find_fault(&r, root, "messages",
                           "must be an array of at least one message");
    }
    for (; error == 0 && message != NULL;
         message = sp_json_next(json, messages, message)) {
        error = read_message(&r, message);
    }
    *ret_fault = r.fault;
    *ret_content = r.content;
    return error;
}
