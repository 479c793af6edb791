/* The keywords of arrays. */
#include "services/validation/schema/schema_check_parts.h"

#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/base/error.h"
#include "services/validation/schema/value.h"

int
schema_check_min_items(struct schema_checker *c, const struct schema_rule *rule,
                       const struct sp_json_token *t, size_t base)
{
    (void)base;
    if (t->type != SP_JSON_ARRAY || t->count >= rule->u.count) {
        return 0;
    }
    return schema_run_fail(c, "minItems", "must have at least %ju items",
                           (uintmax_t)rule->u.count);
}

int
schema_check_max_items(struct schema_checker *c, const struct schema_rule *rule,
                       const struct sp_json_token *t, size_t base)
{
    (void)base;
    if (t->type != SP_JSON_ARRAY || t->count <= rule->u.count) {
        return 0;
    }
    return schema_run_fail(c, "maxItems", "must have at most %ju items",
                           (uintmax_t)rule->u.count);
}

int
schema_check_items(struct schema_checker *c, const struct schema_rule *rule,
                   const struct sp_json_token *t, size_t base)
{
    const struct schema_items *items = &rule->u.items;
    const struct sp_json_token *child = sp_json_first(c->json, t);
    int error = 0;

    (void)base;
    if (t->type != SP_JSON_ARRAY) {
        return 0;
    }
    for (uint32_t i = 0; error == 0 && child != NULL; i++) {
        uint32_t node =
            i < items->prefix.count ? items->prefix.nodes[i] : items->rest;

        if (node == SCHEMA_NO_NODE) {
            break;
        }
        error = schema_run_child(
            c, node, child,
            (struct schema_step){ .index = i, .element = true });
        child = sp_json_next(c->json, t, child);
    }
    return error;
}

static int
compare_hashes(const void *a, const void *b)
{
    const struct schema_hashed *x = a;
    const struct schema_hashed *y = b;

    return x->hash == y->hash ? 0 : x->hash < y->hash ? -1 : 1;
}

/* Hashes of all elements, sorted. */
static int
hash_elements(struct schema_checker *c, const struct sp_json_token *t)
{
    struct value_effort effort = { .scratch = &c->strings, .steps = c->steps };
    struct value v = { .json = c->json };
    size_t n = 0;

    if (c->hash_size < t->count) {
        c->hashes = sp_realloc_n(c->hashes, t->count, sizeof(*c->hashes));
        c->hash_size = t->count;
    }
    v.token = sp_json_first(c->json, t);
    for (; v.token != NULL; v.token = sp_json_next(c->json, t, v.token)) {
        if (value_hash(v, &effort, &c->hashes[n].hash) != 0) {
            return schema_run_give_up(c);
        }
        c->hashes[n++].token = (uint32_t)(v.token - c->json->tokens);
    }
    c->steps = effort.steps;
    if (n > 0) {
        qsort(c->hashes, n, sizeof(*c->hashes), compare_hashes);
    }
    return 0;
}

/* Equal values have equal hashes: only such neighbours are compared. */
int
schema_check_unique_items(struct schema_checker *c,
                          const struct schema_rule *rule,
                          const struct sp_json_token *t, size_t base)
{
    int error = 0;

    (void)rule;
    (void)base;
    if (t->type != SP_JSON_ARRAY || t->count < 2) {
        return 0;
    }
    error = hash_elements(c, t);
    for (size_t i = 0; error == 0 && i < t->count; i++) {
        for (size_t k = i + 1; k < t->count; k++) {
            struct value_effort effort = { .scratch = &c->strings,
                                           .steps = c->steps };
            struct value a = { .json = c->json };
            struct value b = { .json = c->json };
            bool equal = false;

            if (c->hashes[k].hash != c->hashes[i].hash) {
                break;
            }
            a.token = &c->json->tokens[c->hashes[i].token];
            b.token = &c->json->tokens[c->hashes[k].token];
            if (value_equal(a, b, &effort, &equal) != 0) {
                return schema_run_give_up(c);
            }
            c->steps = effort.steps;
            if (equal) {
                return schema_run_fail(c, "uniqueItems",
                                       "must not have equal items");
            }
        }
    }
    return error;
}

int
schema_check_contains(struct schema_checker *c, const struct schema_rule *rule,
                      const struct sp_json_token *t, size_t base)
{
    const struct schema_contains *contains = &rule->u.contains;
    const struct sp_json_token *child = sp_json_first(c->json, t);
    uint64_t count = 0;

    (void)base;
    if (t->type != SP_JSON_ARRAY) {
        return 0;
    }
    for (; child != NULL; child = sp_json_next(c->json, t, child)) {
        size_t marks = c->mark_count;
        bool valid = false;
        int error = schema_run_branch(c, contains->node, child, &valid);

        c->mark_count = marks;
        if (error == 0 && valid) {
            count++;
            error = schema_run_mark(c, child);
        }
        if (error != 0) {
            return error;
        }
    }
    if (count < contains->min) {
        return schema_run_fail(
            c, "contains", "must have at least %ju items of the wanted kind",
            (uintmax_t)contains->min);
    }
    if (count > contains->max) {
        return schema_run_fail(c, "maxContains",
                               "must have at most %ju items of the wanted kind",
                               (uintmax_t)contains->max);
    }
    return 0;
}

int
schema_check_unevaluated_items(struct schema_checker *c,
                               const struct schema_rule *rule,
                               const struct sp_json_token *t, size_t base)
{
    const struct sp_json_token *child = sp_json_first(c->json, t);
    int error = 0;

    if (t->type != SP_JSON_ARRAY) {
        return 0;
    }
    for (uint32_t i = 0; error == 0 && child != NULL; i++) {
        bool marked = false;

        error = schema_run_is_marked(c, base, child, &marked);
        if (error == 0 && !marked) {
            error = schema_run_child(
                c, rule->u.node, child,
                (struct schema_step){ .index = i, .element = true });
        }
        child = sp_json_next(c->json, t, child);
    }
    return error;
}
