/* The keywords of objects. */
#include "services/validation/schema/schema_check_parts.h"

#include "common/base/error.h"

int
schema_check_min_properties(struct schema_checker *c,
                            const struct schema_rule *rule,
                            const struct sp_json_token *t, size_t base)
{
    (void)base;
    if (t->type != SP_JSON_OBJECT || t->count >= rule->u.count) {
        return 0;
    }
    return schema_run_fail(c, "minProperties",
                           "must have at least %ju properties",
                           (uintmax_t)rule->u.count);
}

int
schema_check_max_properties(struct schema_checker *c,
                            const struct schema_rule *rule,
                            const struct sp_json_token *t, size_t base)
{
    (void)base;
    if (t->type != SP_JSON_OBJECT || t->count <= rule->u.count) {
        return 0;
    }
    return schema_run_fail(c, "maxProperties",
                           "must have at most %ju properties",
                           (uintmax_t)rule->u.count);
}

static int
check_names(struct schema_checker *c, const char *rule,
            const struct schema_names *names, const struct sp_json_token *t)
{
    for (size_t i = 0; i < names->count; i++) {
        const struct sp_json_token *value = NULL;
        int error = schema_run_find_member(c, t, names->names[i], &value);

        if (error != 0) {
            return error;
        }
        if (value == NULL) {
            return schema_run_fail(c, rule, "must have the property \"%.*s\"",
                                   SP_VIEW(names->names[i]));
        }
    }
    return 0;
}

int
schema_check_required(struct schema_checker *c, const struct schema_rule *rule,
                      const struct sp_json_token *t, size_t base)
{
    (void)base;
    return t->type == SP_JSON_OBJECT
               ? check_names(c, "required", &rule->u.names, t)
               : 0;
}

int
schema_check_dependent_required(struct schema_checker *c,
                                const struct schema_rule *rule,
                                const struct sp_json_token *t, size_t base)
{
    const struct schema_members *members = &rule->u.members;
    int error = 0;

    (void)base;
    if (t->type != SP_JSON_OBJECT) {
        return 0;
    }
    for (size_t i = 0; error == 0 && i < members->count; i++) {
        const struct sp_json_token *value = NULL;

        error = schema_run_find_member(c, t, members->members[i].name, &value);
        if (error == 0 && value != NULL) {
            error = check_names(c, "dependentRequired",
                                &members->members[i].names, t);
        }
    }
    return error;
}

int
schema_check_property_names(struct schema_checker *c,
                            const struct schema_rule *rule,
                            const struct sp_json_token *t, size_t base)
{
    const struct sp_json_token *key = sp_json_first(c->json, t);

    (void)base;
    if (t->type != SP_JSON_OBJECT) {
        return 0;
    }
    for (; key != NULL; key = sp_json_next(c->json, t, key)) {
        size_t marks = c->mark_count;
        bool valid = false;
        int error = schema_run_branch(c, rule->u.node, key, &valid);

        c->mark_count = marks;
        if (error != 0) {
            return error;
        }
        if (!valid) {
            return schema_run_fail(c, "propertyNames",
                                   "has a property whose name is not allowed");
        }
    }
    return 0;
}

static int
compare_views(struct sp_view a, struct sp_view b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len == 0 ? 0 : memcmp(a.ptr, b.ptr, len);

    if (order != 0) {
        return order;
    }
    return a.len == b.len ? 0 : a.len < b.len ? -1 : 1;
}

static const struct schema_member *
find_property(const struct schema_members *members, struct sp_view name)
{
    size_t low = 0;
    size_t high = members->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare_views(members->members[middle].name, name);

        if (order == 0) {
            return &members->members[middle];
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

/* The subschemas of patternProperties whose pattern fits the key. */
static int
check_member_patterns(struct schema_checker *c,
                      const struct schema_members *members,
                      const struct sp_json_token *key, bool *matched)
{
    for (size_t i = 0; i < members->pattern_count; i++) {
        struct sp_view name = { 0 };
        bool found = false;
        /* Read anew: a check of the value may have used the room. */
        int error = schema_run_name_of(c, key, &name);

        if (error == 0) {
            error = schema_run_find_pattern(c, members->patterns[i].pattern,
                                            name, &found);
        }
        if (error == 0 && found) {
            *matched = true;
            error = schema_run_child(c, members->patterns[i].node,
                                     sp_json_value(c->json, key),
                                     (struct schema_step){ .index = 0 });
        }
        if (error != 0) {
            return error;
        }
    }
    return 0;
}

static int
check_member(struct schema_checker *c, const struct schema_members *members,
             const struct sp_json_token *key)
{
    const struct sp_json_token *value = sp_json_value(c->json, key);
    const struct schema_member *property = NULL;
    struct sp_view name = { 0 };
    bool matched = false;
    int error = schema_run_name_of(c, key, &name);

    if (error == 0) {
        property = find_property(members, name);
    }
    if (property != NULL) {
        matched = true;
        error =
            schema_run_child(c, property->node, value,
                             (struct schema_step){ .name = property->name });
    }
    if (error == 0) {
        error = check_member_patterns(c, members, key, &matched);
    }
    if (error != 0 || matched || members->additional == SCHEMA_NO_NODE) {
        return error;
    }
    if (c->schema->nodes[members->additional].never) {
        return schema_run_fail(c, "additionalProperties",
                               "has a property that the schema does not name");
    }
    return schema_run_child(c, members->additional, value,
                            (struct schema_step){ .index = 0 });
}

int
schema_check_members(struct schema_checker *c, const struct schema_rule *rule,
                     const struct sp_json_token *t, size_t base)
{
    const struct sp_json_token *key = sp_json_first(c->json, t);
    int error = 0;

    (void)base;
    if (t->type != SP_JSON_OBJECT) {
        return 0;
    }
    for (; error == 0 && key != NULL; key = sp_json_next(c->json, t, key)) {
        error = check_member(c, &rule->u.members, key);
    }
    return error;
}

int
schema_check_dependent_schemas(struct schema_checker *c,
                               const struct schema_rule *rule,
                               const struct sp_json_token *t, size_t base)
{
    const struct schema_members *members = &rule->u.members;
    int error = 0;

    (void)base;
    if (t->type != SP_JSON_OBJECT) {
        return 0;
    }
    for (size_t i = 0; error == 0 && i < members->count; i++) {
        const struct sp_json_token *value = NULL;

        error = schema_run_find_member(c, t, members->members[i].name, &value);
        if (error == 0 && value != NULL) {
            error = schema_run_node(c, members->members[i].node, t);
        }
    }
    return error;
}

int
schema_check_unevaluated_properties(struct schema_checker *c,
                                    const struct schema_rule *rule,
                                    const struct sp_json_token *t, size_t base)
{
    const struct sp_json_token *key = sp_json_first(c->json, t);
    int error = 0;

    if (t->type != SP_JSON_OBJECT) {
        return 0;
    }
    for (; error == 0 && key != NULL; key = sp_json_next(c->json, t, key)) {
        const struct sp_json_token *value = sp_json_value(c->json, key);
        bool marked = false;

        error = schema_run_is_marked(c, base, value, &marked);
        if (error == 0 && !marked && c->schema->nodes[rule->u.node].never) {
            return schema_run_fail(
                c, "unevaluatedProperties",
                "has a property that the schema does not name");
        }
        if (error == 0 && !marked) {
            error = schema_run_child(c, rule->u.node, value,
                                     (struct schema_step){ .index = 0 });
        }
    }
    return error;
}
