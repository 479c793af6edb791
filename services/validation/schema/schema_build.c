/* Second pass over a schema: the keywords of each node become rules. */
#include "services/validation/schema/schema_build.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/error.h"
#include "services/validation/schema/schema_build_value.h"
#include "services/validation/schema/schema_ref.h"
#include "services/validation/schema/uri.h"

/* A keyword: where its subschemas are, and what makes a rule of it. */
struct keyword {
    const char *name;
    enum schema_shape shape;
    enum schema_kind kind;
    int (*build)(struct schema_build *b, enum schema_kind kind,
                 const struct sp_json_token *value); /* NULL: no effect */
};

static bool
has_rule(const struct schema_build *b, enum schema_kind kind)
{
    for (size_t i = 0; i < b->rule_count; i++) {
        if (b->rules[i].kind == kind) {
            return true;
        }
    }
    return false;
}

static int
build_node(struct schema_build *b, enum schema_kind kind,
           const struct sp_json_token *value)
{
    schema_build_add_rule(b, kind)->u.node = schema_build_node_at(b, value);
    return 0;
}

static struct schema_list
read_list(struct schema_build *b, const struct sp_json_token *value)
{
    const struct sp_json *json = &b->schema->json;
    const struct sp_json_token *t = sp_json_first(json, value);
    struct schema_list list = { 0 };

    if (value == NULL) {
        return list;
    }
    list.nodes = schema_keep(b->schema, value->count, sizeof(*list.nodes));
    for (; t != NULL; t = sp_json_next(json, value, t)) {
        list.nodes[list.count++] = schema_build_node_at(b, t);
    }
    return list;
}

static int
build_list(struct schema_build *b, enum schema_kind kind,
           const struct sp_json_token *value)
{
    schema_build_add_rule(b, kind)->u.list = read_list(b, value);
    return 0;
}

static int
build_ref(struct schema_build *b, enum schema_kind kind,
          const struct sp_json_token *value)
{
    uint32_t target = 0;
    int error = schema_ref(b->schema, b->node, value, b->why, &target);

    if (error == 0) {
        schema_build_add_rule(b, kind)->u.node = target;
    }
    return error;
}

/* The name behind '#' where the reference led to a $dynamicAnchor. */
static struct sp_view
dynamic_anchor(struct schema_build *b, uint32_t target,
               const struct sp_json_token *value)
{
    struct sp_view text = schema_keep_string(b->schema, value);
    struct sp_view uri = { 0 };
    struct sp_view name = { 0 };

    uri_split_fragment(text, &uri, &name);
    for (size_t i = 0; i < b->schema->anchor_count; i++) {
        const struct schema_anchor *anchor = &b->schema->anchors[i];

        if (anchor->node == target && anchor->dynamic &&
            sp_view_equal(anchor->name, name)) {
            return name;
        }
    }
    return sp_view_make(NULL, 0);
}

static int
build_dynamic_ref(struct schema_build *b, enum schema_kind kind,
                  const struct sp_json_token *value)
{
    struct schema_dynamic dynamic = { 0 };
    int error = schema_ref(b->schema, b->node, value, b->why, &dynamic.node);

    if (error == 0) {
        dynamic.anchor = dynamic_anchor(b, dynamic.node, value);
        schema_build_add_rule(b, kind)->u.dynamic = dynamic;
    }
    return error;
}

static int
compare_members(const void *a, const void *b)
{
    const struct schema_member *x = a;
    const struct schema_member *y = b;
    size_t len = x->name.len < y->name.len ? x->name.len : y->name.len;
    int order = len == 0 ? 0 : memcmp(x->name.ptr, y->name.ptr, len);

    if (order != 0) {
        return order;
    }
    return x->name.len == y->name.len ? 0 : x->name.len < y->name.len ? -1 : 1;
}

/* The members of an object keyword, sorted by name. With `names` the values
 * are lists of names, otherwise subschemas. */
static int
read_members(struct schema_build *b, const struct sp_json_token *value,
             bool names, struct schema_members *members)
{
    const struct sp_json *json = &b->schema->json;
    const struct sp_json_token *key = sp_json_first(json, value);
    int error = 0;

    if (value == NULL) {
        return 0;
    }
    if (!sp_json_is(value, SP_JSON_OBJECT)) {
        return schema_build_refuse(b, value, "must be an object");
    }
    members->members =
        schema_keep(b->schema, value->count, sizeof(*members->members));
    for (; error == 0 && key != NULL; key = sp_json_next(json, value, key)) {
        struct schema_member *member = &members->members[members->count++];

        member->name = schema_keep_string(b->schema, key);
        if (names) {
            error = schema_build_read_names(b, sp_json_value(json, key),
                                            &member->names);
        } else {
            member->node = schema_build_node_at(b, sp_json_value(json, key));
        }
    }
    if (members->count > 0) {
        qsort(members->members, members->count, sizeof(*members->members),
              compare_members);
    }
    return error;
}

static int
read_member_patterns(struct schema_build *b, const struct sp_json_token *value,
                     struct schema_members *members)
{
    const struct sp_json *json = &b->schema->json;
    const struct sp_json_token *key = sp_json_first(json, value);

    if (value == NULL) {
        return 0;
    }
    members->patterns =
        schema_keep(b->schema, value->count, sizeof(*members->patterns));
    for (; key != NULL; key = sp_json_next(json, value, key)) {
        struct schema_member_pattern *entry =
            &members->patterns[members->pattern_count++];
        int error = schema_build_compile_pattern(b, key, &entry->pattern);

        if (error != 0) {
            return error;
        }
        entry->node = schema_build_node_at(b, sp_json_value(json, key));
    }
    return 0;
}

/* properties, patternProperties and additionalProperties are one rule: the
 * last needs to know what the others have taken. */
static int
build_members(struct schema_build *b, enum schema_kind kind,
              const struct sp_json_token *value)
{
    struct schema_members members = { 0 };
    int error = 0;

    (void)value;
    if (has_rule(b, kind)) {
        return 0;
    }
    members.additional = schema_build_node_at(
        b, schema_build_sibling(b, "additionalProperties"));
    error =
        read_members(b, schema_build_sibling(b, "properties"), false, &members);
    if (error == 0) {
        error = read_member_patterns(
            b, schema_build_sibling(b, "patternProperties"), &members);
    }
    if (error == 0) {
        schema_build_add_rule(b, kind)->u.members = members;
    }
    return error;
}

static int
build_dependents(struct schema_build *b, enum schema_kind kind,
                 const struct sp_json_token *value)
{
    struct schema_members members = { 0 };
    int error = read_members(b, value, kind == SCHEMA_DEPENDENT_REQUIRED_RULE,
                             &members);

    if (error == 0) {
        schema_build_add_rule(b, kind)->u.members = members;
    }
    return error;
}

static int
build_items(struct schema_build *b, enum schema_kind kind,
            const struct sp_json_token *value)
{
    (void)value;
    if (!has_rule(b, kind)) {
        struct schema_items items = {
            .prefix = read_list(b, schema_build_sibling(b, "prefixItems")),
            .rest = schema_build_node_at(b, schema_build_sibling(b, "items")),
        };

        schema_build_add_rule(b, kind)->u.items = items;
    }
    return 0;
}

/* Without contains its bounds say nothing, but they must be counts. */
static int
build_contains(struct schema_build *b, enum schema_kind kind,
               const struct sp_json_token *value)
{
    const struct sp_json_token *min = schema_build_sibling(b, "minContains");
    const struct sp_json_token *max = schema_build_sibling(b, "maxContains");
    struct schema_contains contains = {
        .node = schema_build_node_at(b, schema_build_sibling(b, "contains")),
        .min = 1,
        .max = UINT64_MAX,
    };
    int error = 0;

    (void)value;
    if (min != NULL) {
        error = schema_build_read_count(b, min, &contains.min);
    }
    if (error == 0 && max != NULL) {
        error = schema_build_read_count(b, max, &contains.max);
    }
    if (error == 0 && contains.node != SCHEMA_NO_NODE && !has_rule(b, kind)) {
        schema_build_add_rule(b, kind)->u.contains = contains;
    }
    return error;
}

static int
build_if(struct schema_build *b, enum schema_kind kind,
         const struct sp_json_token *value)
{
    struct schema_condition condition = {
        .condition = schema_build_node_at(b, value),
        .then = schema_build_node_at(b, schema_build_sibling(b, "then")),
        .otherwise = schema_build_node_at(b, schema_build_sibling(b, "else")),
    };

    schema_build_add_rule(b, kind)->u.condition = condition;
    return 0;
}

static int
build_unevaluated(struct schema_build *b, enum schema_kind kind,
                  const struct sp_json_token *value)
{
    b->schema->marks = true;
    return build_node(b, kind, value);
}

#define NONE SCHEMA_SHAPE_NONE
#define ONE SCHEMA_SHAPE_ONE
#define LIST SCHEMA_SHAPE_LIST
#define MAP SCHEMA_SHAPE_MAP
#define QUIET SCHEMA_KIND_COUNT, NULL

static const struct keyword keywords[] = {
    { "$schema", NONE, SCHEMA_KIND_COUNT, schema_build_dialect },
    { "$id", NONE, QUIET },
    { "$anchor", NONE, QUIET },
    { "$dynamicAnchor", NONE, QUIET },
    { "$comment", NONE, QUIET },
    { "$defs", MAP, QUIET },
    { "definitions", MAP, QUIET },
    { "title", NONE, QUIET },
    { "description", NONE, QUIET },
    { "default", NONE, QUIET },
    { "examples", NONE, QUIET },
    { "format", NONE, QUIET },
    { "deprecated", NONE, QUIET },
    { "readOnly", NONE, QUIET },
    { "writeOnly", NONE, QUIET },
    { "contentEncoding", NONE, QUIET },
    { "contentMediaType", NONE, QUIET },
    { "contentSchema", ONE, QUIET },
    { "type", NONE, SCHEMA_TYPE_RULE, schema_build_type },
    { "const", NONE, SCHEMA_CONST_RULE, schema_build_value },
    { "enum", NONE, SCHEMA_ENUM_RULE, schema_build_value },
    { "minimum", NONE, SCHEMA_MINIMUM_RULE, schema_build_number },
    { "maximum", NONE, SCHEMA_MAXIMUM_RULE, schema_build_number },
    { "exclusiveMinimum", NONE, SCHEMA_EXCLUSIVE_MINIMUM_RULE,
      schema_build_number },
    { "exclusiveMaximum", NONE, SCHEMA_EXCLUSIVE_MAXIMUM_RULE,
      schema_build_number },
    { "multipleOf", NONE, SCHEMA_MULTIPLE_OF_RULE, schema_build_multiple },
    { "minLength", NONE, SCHEMA_MIN_LENGTH_RULE, schema_build_count },
    { "maxLength", NONE, SCHEMA_MAX_LENGTH_RULE, schema_build_count },
    { "pattern", NONE, SCHEMA_PATTERN_RULE, schema_build_pattern },
    { "minItems", NONE, SCHEMA_MIN_ITEMS_RULE, schema_build_count },
    { "maxItems", NONE, SCHEMA_MAX_ITEMS_RULE, schema_build_count },
    { "uniqueItems", NONE, SCHEMA_UNIQUE_ITEMS_RULE, schema_build_unique },
    { "minProperties", NONE, SCHEMA_MIN_PROPERTIES_RULE, schema_build_count },
    { "maxProperties", NONE, SCHEMA_MAX_PROPERTIES_RULE, schema_build_count },
    { "required", NONE, SCHEMA_REQUIRED_RULE, schema_build_names },
    { "dependentRequired", NONE, SCHEMA_DEPENDENT_REQUIRED_RULE,
      build_dependents },
    { "dependentSchemas", MAP, SCHEMA_DEPENDENT_SCHEMAS_RULE,
      build_dependents },
    { "propertyNames", ONE, SCHEMA_PROPERTY_NAMES_RULE, build_node },
    { "properties", MAP, SCHEMA_MEMBERS_RULE, build_members },
    { "patternProperties", MAP, SCHEMA_MEMBERS_RULE, build_members },
    { "additionalProperties", ONE, SCHEMA_MEMBERS_RULE, build_members },
    { "prefixItems", LIST, SCHEMA_ITEMS_RULE, build_items },
    { "items", ONE, SCHEMA_ITEMS_RULE, build_items },
    { "contains", ONE, SCHEMA_CONTAINS_RULE, build_contains },
    { "minContains", NONE, SCHEMA_CONTAINS_RULE, build_contains },
    { "maxContains", NONE, SCHEMA_CONTAINS_RULE, build_contains },
    { "$ref", NONE, SCHEMA_REF_RULE, build_ref },
    { "$dynamicRef", NONE, SCHEMA_DYNAMIC_REF_RULE, build_dynamic_ref },
    { "allOf", LIST, SCHEMA_ALL_OF_RULE, build_list },
    { "anyOf", LIST, SCHEMA_ANY_OF_RULE, build_list },
    { "oneOf", LIST, SCHEMA_ONE_OF_RULE, build_list },
    { "not", ONE, SCHEMA_NOT_RULE, build_node },
    { "if", ONE, SCHEMA_IF_RULE, build_if },
    { "then", ONE, QUIET },
    { "else", ONE, QUIET },
    { "unevaluatedItems", ONE, SCHEMA_UNEVALUATED_ITEMS_RULE,
      build_unevaluated },
    { "unevaluatedProperties", ONE, SCHEMA_UNEVALUATED_PROPERTIES_RULE,
      build_unevaluated },
};

static const struct keyword *
find_keyword(struct sp_view name)
{
    for (size_t i = 0; i < SP_COUNT(keywords); i++) {
        if (sp_view_is(name, keywords[i].name)) {
            return &keywords[i];
        }
    }
    return NULL;
}

int
schema_shape(struct sp_view keyword, enum schema_shape *ret_shape)
{
    const struct keyword *row = find_keyword(keyword);

    /* x-* is for annotations of others, such as x-mcp-header. */
    if (row == NULL && !sp_view_starts(keyword, "x-")) {
        return SP_EUNKNOWN;
    }
    *ret_shape = row == NULL ? SCHEMA_SHAPE_NONE : row->shape;
    return 0;
}

static int
compare_kinds(const void *a, const void *b)
{
    const struct schema_rule *x = a;
    const struct schema_rule *y = b;

    return (int)x->kind - (int)y->kind;
}

static int
build_one(struct schema_build *b)
{
    const struct sp_json *json = &b->schema->json;
    const struct sp_json_token *key = sp_json_first(json, b->object);
    struct schema_node *node = &b->schema->nodes[b->node];

    for (; key != NULL; key = sp_json_next(json, b->object, key)) {
        const struct keyword *row =
            find_keyword(schema_keep_string(b->schema, key));
        int error = 0;

        if (row == NULL || row->build == NULL) {
            continue;
        }
        b->keyword = row->name;
        error = row->build(b, row->kind, sp_json_value(json, key));
        if (error != 0) {
            return error;
        }
    }
    qsort(b->rules, b->rule_count, sizeof(b->rules[0]), compare_kinds);
    node->rules = schema_keep(b->schema, b->rule_count, sizeof(b->rules[0]));
    memcpy(node->rules, b->rules, b->rule_count * sizeof(b->rules[0]));
    node->rule_count = b->rule_count;
    return 0;
}

int
schema_build(struct schema *schema, struct sp_buf *why)
{
    struct schema_build *b = sp_alloc(sizeof(*b));
    int error = 0;

    for (uint32_t i = 0; error == 0 && i < schema->node_count; i++) {
        const struct sp_json_token *t =
            &schema->json.tokens[schema->nodes[i].token];

        if (!sp_json_is(t, SP_JSON_OBJECT)) {
            continue;
        }
        b->schema = schema;
        b->why = why;
        b->node = i;
        b->object = t;
        b->rule_count = 0;
        error = build_one(b);
    }
    sp_free(b);
    return error;
}
