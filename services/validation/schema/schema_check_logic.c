/* The keywords that apply subschemas to the same value. */
#include "services/validation/schema/schema_check_parts.h"

#include "common/base/error.h"

int
schema_check_ref(struct schema_checker *c, const struct schema_rule *rule,
                 const struct sp_json_token *t, size_t base)
{
    (void)base;
    return schema_run_node(c, rule->u.node, t);
}

/* The outermost resource in scope that has the dynamic anchor decides. */
int
schema_check_dynamic_ref(struct schema_checker *c,
                         const struct schema_rule *rule,
                         const struct sp_json_token *t, size_t base)
{
    const struct schema_dynamic *dynamic = &rule->u.dynamic;
    const struct schema *s = c->schema;
    int error = schema_run_take_steps(c, c->scope_count * s->anchor_count);

    (void)base;
    if (error != 0) {
        return error;
    }
    for (size_t i = 0; dynamic->anchor.ptr != NULL && i < c->scope_count; i++) {
        for (size_t k = 0; k < s->anchor_count; k++) {
            const struct schema_anchor *anchor = &s->anchors[k];

            if (anchor->dynamic && anchor->resource == c->scopes[i] &&
                sp_view_equal(anchor->name, dynamic->anchor)) {
                return schema_run_node(c, anchor->node, t);
            }
        }
    }
    return schema_run_node(c, dynamic->node, t);
}

int
schema_check_all_of(struct schema_checker *c, const struct schema_rule *rule,
                    const struct sp_json_token *t, size_t base)
{
    int error = 0;

    (void)base;
    for (size_t i = 0; error == 0 && i < rule->u.list.count; i++) {
        error = schema_run_node(c, rule->u.list.nodes[i], t);
    }
    return error;
}

int
schema_check_any_of(struct schema_checker *c, const struct schema_rule *rule,
                    const struct sp_json_token *t, size_t base)
{
    bool any = false;

    (void)base;
    for (size_t i = 0; i < rule->u.list.count; i++) {
        bool valid = false;
        int error = schema_run_branch(c, rule->u.list.nodes[i], t, &valid);

        if (error != 0) {
            return error;
        }
        any = any || valid;
        if (any && !c->schema->marks) {
            return 0;
        }
    }
    return any ? 0
               : schema_run_fail(c, "anyOf", "fits none of the allowed forms");
}

int
schema_check_one_of(struct schema_checker *c, const struct schema_rule *rule,
                    const struct sp_json_token *t, size_t base)
{
    size_t count = 0;

    (void)base;
    for (size_t i = 0; i < rule->u.list.count && count < 2; i++) {
        bool valid = false;
        int error = schema_run_branch(c, rule->u.list.nodes[i], t, &valid);

        if (error != 0) {
            return error;
        }
        count += valid ? 1 : 0;
    }
    if (count == 0) {
        return schema_run_fail(c, "oneOf", "fits none of the allowed forms");
    }
    return count == 1
               ? 0
               : schema_run_fail(c, "oneOf",
                                 "fits more than one of the allowed forms");
}

int
schema_check_not(struct schema_checker *c, const struct schema_rule *rule,
                 const struct sp_json_token *t, size_t base)
{
    size_t marks = c->mark_count;
    bool valid = false;
    int error = schema_run_branch(c, rule->u.node, t, &valid);

    (void)base;
    c->mark_count = marks;
    if (error != 0 || !valid) {
        return error;
    }
    return schema_run_fail(c, "not", "has a form that is not allowed");
}

int
schema_check_if(struct schema_checker *c, const struct schema_rule *rule,
                const struct sp_json_token *t, size_t base)
{
    const struct schema_condition *condition = &rule->u.condition;
    bool valid = false;
    int error = schema_run_branch(c, condition->condition, t, &valid);
    uint32_t node = valid ? condition->then : condition->otherwise;

    (void)base;
    if (error != 0 || node == SCHEMA_NO_NODE) {
        return error;
    }
    return schema_run_node(c, node, t);
}
