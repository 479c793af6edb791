/* A check under way: what the keywords of all families share. */
#ifndef SP_SERVICES_VALIDATION_SCHEMA_SCHEMA_RUN_H
#define SP_SERVICES_VALIDATION_SCHEMA_SCHEMA_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/compiler.h"
#include "common/base/view.h"
#include "common/text/buf.h"
#include "common/text/json.h"
#include "services/validation/schema/schema.h"
#include "services/validation/schema/schema_rule.h"

/* A step from a value to one of its children, for the fault's path. */
struct schema_step {
    struct sp_view name; /* of the schema; empty: the value's own, hidden */
    uint32_t index;
    bool element;
};

struct schema_hashed {
    uint64_t hash;
    uint32_t token;
};

struct schema_checker;

/* Holds the value against one rule. `base` is the height of the marks when the
 * node began. 0, SP_EDENIED or SP_ELIMIT. */
typedef int
schema_run_rule(struct schema_checker *c, const struct schema_rule *rule,
                const struct sp_json_token *t, size_t base);

struct schema_checker {
    schema_run_rule *const *rules; /* by kind */
    const struct schema *schema;
    const struct sp_json *json;
    struct schema_fault *fault;
    uint64_t steps; /* left */
    uint32_t depth;
    uint32_t quiet; /* above 0: a failure is only a branch not taken */
    bool limited;   /* SP_ELIMIT has come, and its fault is written */
    size_t path_len;
    struct schema_step path[SP_JSON_MAX_DEPTH + 1];
    /* Token indexes of children that some keyword has evaluated, innermost
     * node last; only kept where the schema has unevaluated* keywords. */
    uint32_t *marks;
    size_t mark_count;
    size_t mark_size;
    uint32_t *scopes; /* resources entered, outermost first */
    size_t scope_count;
    struct schema_hashed *hashes;
    size_t hash_size;
    struct sp_buf names;   /* an unescaped property name */
    struct sp_buf strings; /* an unescaped string */
    struct pattern_matcher *matcher;
    struct schema_effort effort;
};

/* The value breaks `rule`: SP_EDENIED, reported unless a branch may fail. */
int
schema_run_fail(struct schema_checker *c, const char *rule, const char *format,
                ...) SP_PRINTF(3, 4);

/* The check costs too much: SP_ELIMIT, which no branch may swallow. */
int
schema_run_give_up(struct schema_checker *c);

/* Counts work. 0, or SP_ELIMIT when all is used up. */
int
schema_run_take_steps(struct schema_checker *c, uint64_t n);

/* Remembers that a keyword has evaluated this child of the value at hand. */
int
schema_run_mark(struct schema_checker *c, const struct sp_json_token *child);

/* Looks for the mark of a child among those made since `base`. */
int
schema_run_is_marked(struct schema_checker *c, size_t base,
                     const struct sp_json_token *child, bool *ret_marked);

/* Checks the same value against a node. 0, SP_EDENIED or SP_ELIMIT. */
int
schema_run_node(struct schema_checker *c, uint32_t node,
                const struct sp_json_token *t);

/* Checks a child of the value at hand; it counts as evaluated where it
 * passes. */
int
schema_run_child(struct schema_checker *c, uint32_t node,
                 const struct sp_json_token *child, struct schema_step step);

/* Checks the same value against a branch that may fail without harm. 0 with
 * ret_valid, or SP_ELIMIT. */
int
schema_run_branch(struct schema_checker *c, uint32_t node,
                  const struct sp_json_token *t, bool *ret_valid);

/* The name that a key token spells, until the next call. */
int
schema_run_name_of(struct schema_checker *c, const struct sp_json_token *key,
                   struct sp_view *ret_name);

/* The content of a string value, until the next call. */
int
schema_run_string_of(struct schema_checker *c, const struct sp_json_token *t,
                     struct sp_view *ret_text);

/* The value of the member called `name`, NULL where there is none. */
int
schema_run_find_member(struct schema_checker *c, const struct sp_json_token *t,
                       struct sp_view name,
                       const struct sp_json_token **ret_value);

/* Looks for the pattern in a text, which must be valid UTF-8. 0 or
 * SP_ELIMIT. */
int
schema_run_find_pattern(struct schema_checker *c, const struct pattern *pattern,
                        struct sp_view subject, bool *ret_found);

#endif
