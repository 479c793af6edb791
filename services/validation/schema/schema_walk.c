/* First pass over a schema: finds every subschema, $id and $anchor. */
#include "services/validation/schema/schema_walk.h"

#include "common/base/alloc.h"
#include "common/base/error.h"
#include "services/validation/schema/schema_build.h"
#include "services/validation/schema/uri.h"

#define FIRST_NODES 16
#define MAX_URI 2048

/* The base of schemas without $id: no reference from outside can name it. */
static const struct sp_view default_base = { .ptr = "sallyport:/schema",
                                             .len = 17 };

struct walk {
    struct schema *schema;
    struct sp_buf *why;
};

/* Recursion is bounded by the depth that the JSON scanner allows. */
static int
walk_schema(struct walk *w, const struct sp_json_token *t, uint32_t resource);

static uint32_t
token_index(const struct walk *w, const struct sp_json_token *t)
{
    return (uint32_t)(t - w->schema->json.tokens);
}

static int
add_node(struct walk *w, const struct sp_json_token *t, uint32_t *ret_node)
{
    struct schema *s = w->schema;

    if (s->node_count >= s->max_subschemas) {
        return schema_refuse(s, t, w->why, "more than %u subschemas",
                             s->max_subschemas);
    }
    if (s->node_count == s->node_size) {
        s->node_size = s->node_size == 0 ? FIRST_NODES : s->node_size * 2;
        s->nodes = sp_realloc_n(s->nodes, s->node_size, sizeof(*s->nodes));
    }
    s->nodes[s->node_count] = (struct schema_node){
        .token = token_index(w, t),
        .never = sp_json_is(t, SP_JSON_FALSE),
    };
    *ret_node = (uint32_t)s->node_count++;
    s->node_of[token_index(w, t)] = *ret_node + 1;
    return 0;
}

static void
add_resource(struct walk *w, struct sp_view uri, const struct sp_json_token *t)
{
    struct schema *s = w->schema;

    s->resources = sp_realloc_n(s->resources, s->resource_count + 1,
                                sizeof(*s->resources));
    s->resources[s->resource_count++] = (struct schema_resource){
        .uri = uri,
        .token = token_index(w, t),
    };
}

/* $id opens a resource, named relative to the one around it. */
static int
take_id(struct walk *w, const struct sp_json_token *t, uint32_t *resource)
{
    struct schema *s = w->schema;
    const struct sp_json_token *id = sp_json_get(&s->json, t, "$id");
    struct sp_buf uri = sp_buf_new(MAX_URI);
    struct sp_view text = { 0 };
    struct sp_view fragment = { 0 };
    char *kept = NULL;

    if (id == NULL) {
        return 0;
    }
    if (!sp_json_is(id, SP_JSON_STRING)) {
        return schema_refuse(s, id, w->why, "$id must be a string");
    }
    uri_split_fragment(schema_keep_string(s, id), &text, &fragment);
    if (fragment.len > 0 ||
        uri_resolve(s->resources[*resource].uri, text, &uri) != 0) {
        sp_buf_free(&uri);
        return schema_refuse(s, id, w->why,
                             "$id must be a URI without a fragment");
    }
    kept = schema_keep(s, uri.len, 1);
    memcpy(kept, uri.len > 0 ? uri.data : "", uri.len);
    text = sp_view_make(kept, uri.len);
    sp_buf_free(&uri);
    for (size_t i = 0; i < s->resource_count; i++) {
        if (sp_view_equal(s->resources[i].uri, text)) {
            return schema_refuse(s, id, w->why, "the same $id twice");
        }
    }
    add_resource(w, text, t);
    *resource = (uint32_t)(s->resource_count - 1);
    return 0;
}

/* [A-Za-z_][-A-Za-z0-9._]* (core section 8.2.2) */
static bool
is_anchor(struct sp_view name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        bool later = (c >= '0' && c <= '9') || c == '-' || c == '.';

        if (!letter && c != '_' && (i == 0 || !later)) {
            return false;
        }
    }
    return name.len > 0;
}

static int
take_anchor(struct walk *w, const struct sp_json_token *t, bool dynamic,
            uint32_t node)
{
    const char *keyword = dynamic ? "$dynamicAnchor" : "$anchor";
    struct schema *s = w->schema;
    const struct sp_json_token *anchor = sp_json_get(&s->json, t, keyword);
    uint32_t resource = s->nodes[node].resource;
    struct sp_view name = { 0 };

    if (anchor == NULL) {
        return 0;
    }
    if (sp_json_is(anchor, SP_JSON_STRING)) {
        name = schema_keep_string(s, anchor);
    }
    if (!is_anchor(name)) {
        return schema_refuse(s, anchor, w->why, "%s is malformed", keyword);
    }
    for (size_t i = 0; i < s->anchor_count; i++) {
        if (s->anchors[i].resource == resource &&
            sp_view_equal(s->anchors[i].name, name)) {
            return schema_refuse(s, anchor, w->why, "the same anchor twice");
        }
    }
    s->anchors =
        sp_realloc_n(s->anchors, s->anchor_count + 1, sizeof(*s->anchors));
    s->anchors[s->anchor_count++] = (struct schema_anchor){
        .name = name,
        .resource = resource,
        .node = node,
        .dynamic = dynamic,
    };
    return 0;
}

/* The subschemas below one keyword. */
static int
walk_keyword(struct walk *w, const struct sp_json_token *key,
             const struct sp_json_token *value, uint32_t resource)
{
    const struct sp_json *json = &w->schema->json;
    enum schema_shape shape = SCHEMA_SHAPE_NONE;
    const struct sp_json_token *child = NULL;
    int error = schema_shape(schema_keep_string(w->schema, key), &shape);

    if (error != 0) {
        struct sp_view raw = sp_json_raw(json, key);

        return schema_refuse(w->schema, key, w->why,
                             "the keyword %.*s is not supported", SP_VIEW(raw));
    }
    if (shape == SCHEMA_SHAPE_NONE) {
        return 0;
    }
    if (shape == SCHEMA_SHAPE_ONE) {
        return walk_schema(w, value, resource);
    }
    if (!sp_json_is(value, shape == SCHEMA_SHAPE_MAP ? SP_JSON_OBJECT
                                                     : SP_JSON_ARRAY) ||
        (shape == SCHEMA_SHAPE_LIST && value->count == 0)) {
        return schema_refuse(w->schema, value, w->why,
                             "a keyword's list of schemas is malformed");
    }
    child = sp_json_first(json, value);
    for (; child != NULL; child = sp_json_next(json, value, child)) {
        error = walk_schema(
            w, shape == SCHEMA_SHAPE_MAP ? sp_json_value(json, child) : child,
            resource);
        if (error != 0) {
            return error;
        }
    }
    return 0;
}

static int
walk_schema(struct walk *w, const struct sp_json_token *t, uint32_t resource)
{
    const struct sp_json *json = &w->schema->json;
    const struct sp_json_token *key = sp_json_first(json, t);
    uint32_t node = 0;
    int error = 0;

    if (!sp_json_is(t, SP_JSON_OBJECT) && !sp_json_is(t, SP_JSON_TRUE) &&
        !sp_json_is(t, SP_JSON_FALSE)) {
        return schema_refuse(w->schema, t, w->why,
                             "a schema must be an object or a boolean");
    }
    error = add_node(w, t, &node);
    if (error != 0) {
        return error;
    }
    w->schema->nodes[node].resource = resource;
    if (!sp_json_is(t, SP_JSON_OBJECT)) {
        return 0;
    }
    error = take_id(w, t, &resource);
    w->schema->nodes[node].resource = resource;
    if (error == 0) {
        error = take_anchor(w, t, false, node);
    }
    if (error == 0) {
        error = take_anchor(w, t, true, node);
    }
    for (; error == 0 && key != NULL; key = sp_json_next(json, t, key)) {
        error = walk_keyword(w, key, sp_json_value(json, key), resource);
    }
    return error;
}

int
schema_walk(struct schema *schema, struct sp_buf *why)
{
    struct walk w = { .schema = schema, .why = why };
    const struct sp_json_token *root = sp_json_root(&schema->json);

    add_resource(&w, default_base, root);
    return walk_schema(&w, root, 0);
}
