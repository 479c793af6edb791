/* The way to a value: at each level the child whose tokens hold it. */
#include "services/validation/llm/pointer.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>

#define MAX_NAME 64

static bool
is_plain(struct sp_view name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];

        if (!isalnum((unsigned char)c) && c != '_' && c != '-' && c != '.') {
            return false;
        }
    }
    return name.len > 0 && name.len <= MAX_NAME;
}

static void
write_name(const struct sp_json *json, const struct sp_json_token *key,
           struct sp_buf *out)
{
    struct sp_view raw = sp_json_raw(json, key);
    struct sp_view name = sp_view_make(raw.ptr + 1, raw.len - 2);

    (void)sp_buf_add_str(out, "/");
    (void)sp_buf_add_view(out, is_plain(name) ? name : SP_VIEW_LITERAL("*"));
}

/* The child of `parent` that is `at` or holds it; writes its step. */
static const struct sp_json_token *
step(const struct sp_json *json, const struct sp_json_token *parent,
     const struct sp_json_token *at, struct sp_buf *out)
{
    bool is_object = sp_json_is(parent, SP_JSON_OBJECT);
    uint32_t index = (uint32_t)(at - json->tokens);
    const struct sp_json_token *child = sp_json_first(json, parent);

    for (size_t i = 0; child != NULL; i++) {
        const struct sp_json_token *value =
            is_object ? sp_json_value(json, child) : child;

        if (index < value->next) {
            if (is_object) {
                write_name(json, child, out);
            } else {
                (void)sp_buf_addf(out, "/%zu", i);
            }
            return value;
        }
        child = sp_json_next(json, parent, child);
    }
    return NULL;
}

void
pointer_write(const struct sp_json *json, const struct sp_json_token *at,
              struct sp_buf *out)
{
    const struct sp_json_token *t = sp_json_root(json);

    while (t != NULL && t < at && out->error == 0) {
        t = step(json, t, at, out);
    }
}
