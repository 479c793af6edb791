/* Where a $ref leads. */
#include "services/validation/schema/schema_ref.h"

#include <stdbool.h>

#include "common/base/error.h"
#include "common/text/decimal.h"
#include "services/validation/schema/uri.h"

#define MAX_URI 2048

/* The resource of this URI, or -1. */
static int64_t
find_resource(const struct schema *schema, struct sp_view uri)
{
    for (size_t i = 0; i < schema->resource_count; i++) {
        if (sp_view_equal(schema->resources[i].uri, uri)) {
            return (int64_t)i;
        }
    }
    return -1;
}

/* True where the key's content is `name`. */
static bool
key_is(const struct schema *schema, const struct sp_json_token *key,
       struct sp_view name)
{
    struct sp_buf scratch = sp_buf_new(schema->json.text.len);
    struct sp_view text = { 0 };
    bool same = sp_json_string(&schema->json, key, &scratch, &text) == 0 &&
                sp_view_equal(text, name);

    sp_buf_free(&scratch);
    return same;
}

/* The array index that `name` spells, or SIZE_MAX. */
static size_t
index_of(struct sp_view name)
{
    uint64_t value = 0;

    if ((name.len > 1 && name.ptr[0] == '0') ||
        sp_number_read(name, UINT32_MAX, &value) != 0) {
        return SIZE_MAX;
    }
    return value;
}

/* The child of `t` that one reference token names, or NULL. */
static const struct sp_json_token *
step(const struct schema *schema, const struct sp_json_token *t,
     struct sp_view name)
{
    const struct sp_json *json = &schema->json;
    const struct sp_json_token *child = sp_json_first(json, t);
    bool object = sp_json_is(t, SP_JSON_OBJECT);
    size_t index = index_of(name);

    for (size_t i = 0; child != NULL; i++) {
        if (object ? key_is(schema, child, name) : i == index) {
            return object ? sp_json_value(json, child) : child;
        }
        child = sp_json_next(json, t, child);
    }
    return NULL;
}

/* Undoes ~0 and ~1 in place (RFC 6901 section 4). 0 or SP_EFORMAT. */
static int
unescape(char *text, size_t *len)
{
    size_t to = 0;

    for (size_t i = 0; i < *len; i++) {
        char c = text[i];

        if (c == '~') {
            i++;
            if (i >= *len || (text[i] != '0' && text[i] != '1')) {
                return SP_EFORMAT;
            }
            c = text[i] == '0' ? '~' : '/';
        }
        text[to++] = c;
    }
    *len = to;
    return 0;
}

/* Follows a decoded JSON Pointer, which is "" or starts with '/'. */
static const struct sp_json_token *
follow(const struct schema *schema, const struct sp_json_token *t,
       struct sp_buf *pointer)
{
    size_t at = 0;

    while (t != NULL && at < pointer->len) {
        char *start = pointer->data + at + 1;
        size_t rest = pointer->len - at - 1;
        const char *slash = memchr(start, '/', rest);
        size_t len = slash == NULL ? rest : (size_t)(slash - start);

        at += 1 + len;
        if (unescape(start, &len) != 0) {
            return NULL;
        }
        t = step(schema, t, sp_view_make(start, len));
    }
    return t;
}

static int
resolve_pointer(struct schema *schema, uint32_t resource,
                struct sp_view fragment, uint32_t *ret_node)
{
    struct sp_buf pointer = sp_buf_new(MAX_URI);
    const struct sp_json_token *t =
        &schema->json.tokens[schema->resources[resource].token];
    int error = uri_decode(fragment, &pointer);

    if (error == 0) {
        t = follow(schema, t, &pointer);
    }
    sp_buf_free(&pointer);
    if (error != 0 || t == NULL ||
        schema->node_of[t - schema->json.tokens] == 0) {
        return SP_EUNKNOWN;
    }
    *ret_node = schema->node_of[t - schema->json.tokens] - 1;
    return 0;
}

static int
resolve_anchor(const struct schema *schema, uint32_t resource,
               struct sp_view name, uint32_t *ret_node)
{
    for (size_t i = 0; i < schema->anchor_count; i++) {
        if (schema->anchors[i].resource == resource &&
            sp_view_equal(schema->anchors[i].name, name)) {
            *ret_node = schema->anchors[i].node;
            return 0;
        }
    }
    return SP_EUNKNOWN;
}

int
schema_ref(struct schema *schema, uint32_t node,
           const struct sp_json_token *reference, struct sp_buf *why,
           uint32_t *ret_node)
{
    struct sp_buf uri = sp_buf_new(MAX_URI);
    struct sp_view text = { 0 };
    struct sp_view fragment = { 0 };
    int64_t resource = schema->nodes[node].resource;
    int error = 0;

    if (!sp_json_is(reference, SP_JSON_STRING)) {
        return schema_refuse(schema, reference, why,
                             "a reference must be a string");
    }
    uri_split_fragment(schema_keep_string(schema, reference), &text, &fragment);
    if (text.len > 0) {
        error = uri_resolve(schema->resources[resource].uri, text, &uri);
        resource = find_resource(schema, sp_buf_view(&uri));
    }
    sp_buf_free(&uri);
    if (error != 0 || resource < 0) {
        return schema_refuse(schema, reference, why,
                             "a reference leads out of the document, and "
                             "nothing is ever fetched");
    }
    if (fragment.len == 0 || fragment.ptr[0] == '/') {
        error = resolve_pointer(schema, (uint32_t)resource, fragment, ret_node);
    } else {
        error = resolve_anchor(schema, (uint32_t)resource, fragment, ret_node);
    }
    return error == 0 ? 0
                      : schema_refuse(schema, reference, why,
                                      "a reference leads to no schema");
}
