/* The making of one rule, and of those whose keywords hold no subschemas. */
#ifndef SP_SERVICES_VALIDATION_SCHEMA_SCHEMA_BUILD_VALUE_H
#define SP_SERVICES_VALIDATION_SCHEMA_SCHEMA_BUILD_VALUE_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/compiler.h"
#include "common/text/buf.h"
#include "common/text/json.h"
#include "services/validation/schema/schema_rule.h"

struct schema_build {
    struct schema *schema;
    struct sp_buf *why;
    uint32_t node;
    const struct sp_json_token *object;          /* the node's own */
    const char *keyword;                         /* at hand */
    struct schema_rule rules[SCHEMA_KIND_COUNT]; /* one of a kind at most */
    size_t rule_count;
};

/* "KEYWORD what (byte N of the schema)". Returns SP_EFORMAT. */
int
schema_build_refuse(struct schema_build *b, const struct sp_json_token *at,
                    const char *what);

/* A new rule of this kind, for the caller to fill in. */
struct schema_rule *
schema_build_add_rule(struct schema_build *b, enum schema_kind kind);

/* The value of another keyword of the same node, or NULL. */
const struct sp_json_token *
schema_build_sibling(const struct schema_build *b, const char *keyword);

/* The node of a subschema that the walk has found; NULL gives no node. */
uint32_t
schema_build_node_at(const struct schema_build *b,
                     const struct sp_json_token *t);

/* Reads a whole number that is not below 0. 0 or SP_EFORMAT. */
SP_MUST_CHECK int
schema_build_read_count(struct schema_build *b,
                        const struct sp_json_token *value, uint64_t *ret_count);

/* Compiles a string of the schema. 0 or SP_EFORMAT. */
SP_MUST_CHECK int
schema_build_compile_pattern(struct schema_build *b,
                             const struct sp_json_token *t,
                             const struct pattern **ret_pattern);

/* Reads an array of strings. 0 or SP_EFORMAT. */
SP_MUST_CHECK int
schema_build_read_names(struct schema_build *b,
                        const struct sp_json_token *value,
                        struct schema_names *ret_names);

/* One builder per family of keywords: each adds the rule of `value`. 0 or
 * SP_EFORMAT with a sentence in b->why. */
int
schema_build_dialect(struct schema_build *b, enum schema_kind kind,
                     const struct sp_json_token *value);

int
schema_build_type(struct schema_build *b, enum schema_kind kind,
                  const struct sp_json_token *value);

int
schema_build_value(struct schema_build *b, enum schema_kind kind,
                   const struct sp_json_token *value);

int
schema_build_number(struct schema_build *b, enum schema_kind kind,
                    const struct sp_json_token *value);

int
schema_build_multiple(struct schema_build *b, enum schema_kind kind,
                      const struct sp_json_token *value);

int
schema_build_count(struct schema_build *b, enum schema_kind kind,
                   const struct sp_json_token *value);

int
schema_build_pattern(struct schema_build *b, enum schema_kind kind,
                     const struct sp_json_token *value);

int
schema_build_unique(struct schema_build *b, enum schema_kind kind,
                    const struct sp_json_token *value);

int
schema_build_names(struct schema_build *b, enum schema_kind kind,
                   const struct sp_json_token *value);

#endif
