/* The compiled form of a schema: nodes (subschemas) of rules, which schema.c,
 * schema_walk.c, schema_ref.c and schema_build*.c make and schema_check*.c
 * reads. */
#ifndef SP_SERVICES_VALIDATION_SCHEMA_SCHEMA_RULE_H
#define SP_SERVICES_VALIDATION_SCHEMA_SCHEMA_RULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/compiler.h"
#include "common/base/view.h"
#include "common/text/buf.h"
#include "common/text/decimal.h"
#include "common/text/json.h"
#include "services/validation/schema/pattern.h"

/* Bits of a type rule. */
enum schema_type {
    SCHEMA_NULL = 1,
    SCHEMA_BOOLEAN = 2,
    SCHEMA_INTEGER = 4,
    SCHEMA_NUMBER = 8,
    SCHEMA_STRING = 16,
    SCHEMA_ARRAY = 32,
    SCHEMA_OBJECT = 64,
};

/* K(SYMBOL, check): the kinds in the order in which a node runs them: cheap
 * assertions first, and what looks at the marks of all others last. */
#define SCHEMA_KINDS(K)                                                        \
    K(TYPE, check_type)                                                        \
    K(CONST, check_const)                                                      \
    K(ENUM, check_enum)                                                        \
    K(MINIMUM, check_minimum)                                                  \
    K(MAXIMUM, check_maximum)                                                  \
    K(EXCLUSIVE_MINIMUM, check_exclusive_minimum)                              \
    K(EXCLUSIVE_MAXIMUM, check_exclusive_maximum)                              \
    K(MULTIPLE_OF, check_multiple_of)                                          \
    K(MIN_LENGTH, check_min_length)                                            \
    K(MAX_LENGTH, check_max_length)                                            \
    K(PATTERN, check_pattern)                                                  \
    K(MIN_ITEMS, check_min_items)                                              \
    K(MAX_ITEMS, check_max_items)                                              \
    K(MIN_PROPERTIES, check_min_properties)                                    \
    K(MAX_PROPERTIES, check_max_properties)                                    \
    K(REQUIRED, check_required)                                                \
    K(DEPENDENT_REQUIRED, check_dependent_required)                            \
    K(PROPERTY_NAMES, check_property_names)                                    \
    K(MEMBERS, check_members)                                                  \
    K(ITEMS, check_items)                                                      \
    K(UNIQUE_ITEMS, check_unique_items)                                        \
    K(CONTAINS, check_contains)                                                \
    K(DEPENDENT_SCHEMAS, check_dependent_schemas)                              \
    K(REF, check_ref)                                                          \
    K(DYNAMIC_REF, check_dynamic_ref)                                          \
    K(ALL_OF, check_all_of)                                                    \
    K(ANY_OF, check_any_of)                                                    \
    K(ONE_OF, check_one_of)                                                    \
    K(NOT, check_not)                                                          \
    K(IF, check_if)                                                            \
    K(UNEVALUATED_ITEMS, check_unevaluated_items)                              \
    K(UNEVALUATED_PROPERTIES, check_unevaluated_properties)

enum schema_kind {
#define SCHEMA_KIND_ENUM(symbol, check) SCHEMA_##symbol##_RULE,
    SCHEMA_KINDS(SCHEMA_KIND_ENUM)
#undef SCHEMA_KIND_ENUM
    SCHEMA_KIND_COUNT
};

#define SCHEMA_NO_NODE UINT32_MAX

/* A number that the schema names: its value, and its text for messages. */
struct schema_number {
    struct sp_decimal value;
    struct sp_view text;
};

struct schema_multiple {
    struct sp_decimal_divisor divisor;
    struct sp_view text;
};

struct schema_names {
    struct sp_view *names;
    size_t count;
};

struct schema_list {
    uint32_t *nodes;
    size_t count;
};

/* A property with its subschema or, for dependentRequired, its names. */
struct schema_member {
    struct sp_view name;
    uint32_t node;
    struct schema_names names;
};

struct schema_member_pattern {
    const struct pattern *pattern;
    uint32_t node;
};

/* properties (sorted by name), patternProperties, additionalProperties. */
struct schema_members {
    struct schema_member *members;
    size_t count;
    struct schema_member_pattern *patterns;
    size_t pattern_count;
    uint32_t additional; /* SCHEMA_NO_NODE where absent */
};

struct schema_items {
    struct schema_list prefix;
    uint32_t rest; /* "items", SCHEMA_NO_NODE where absent */
};

struct schema_contains {
    uint32_t node;
    uint64_t min;
    uint64_t max;
};

struct schema_condition {
    uint32_t condition;
    uint32_t then; /* SCHEMA_NO_NODE where absent */
    uint32_t otherwise;
};

/* $dynamicRef: where it leads at first and, where that is a $dynamicAnchor,
 * the name that outer resources may redefine (core section 8.2.3.2). */
struct schema_dynamic {
    uint32_t node;
    struct sp_view anchor; /* ptr NULL: behaves as $ref */
};

struct schema_rule {
    enum schema_kind kind;
    union {
        unsigned types; /* enum schema_type, or'ed */
        struct schema_number number;
        struct schema_multiple multiple;
        uint64_t count;
        const struct pattern *pattern;
        const struct sp_json_token *value; /* const, enum */
        uint32_t node;
        struct schema_dynamic dynamic;
        struct schema_list list;
        struct schema_names names;
        struct schema_members members; /* also the dependent* rules */
        struct schema_items items;
        struct schema_contains contains;
        struct schema_condition condition;
    } u;
};

/* One subschema. */
struct schema_node {
    struct schema_rule *rules;
    size_t rule_count;
    uint32_t token;    /* where it stands in the document */
    uint32_t resource; /* whose URI is its base */
    bool never;        /* the schema `false` */
};

/* A part of the document with a URI of its own ($id). */
struct schema_resource {
    struct sp_view uri;
    uint32_t token;
};

struct schema_anchor {
    struct sp_view name;
    uint32_t resource;
    uint32_t node;
    bool dynamic;
};

struct schema_block; /* memory that lives as long as the schema */

struct schema {
    struct schema_node *nodes; /* nodes[0] is the root */
    size_t node_count;
    size_t node_size;
    bool marks; /* some unevaluated* keyword is used */
    char *text;
    struct sp_json json;
    uint32_t *node_of; /* by token: node index + 1, 0 for none */
    struct schema_resource *resources;
    size_t resource_count;
    struct schema_anchor *anchors;
    size_t anchor_count;
    struct pattern **patterns;
    size_t pattern_count;
    struct schema_block *blocks;
    uint32_t max_subschemas;
};

/* Frees it with all that was kept. */
void
schema_end(struct schema *schema);

/* Zeroed memory that is freed with the schema. */
void *
schema_keep(struct schema *schema, size_t count, size_t size);

/* The unescaped content of a string of the schema, kept with it. */
struct sp_view
schema_keep_string(struct schema *schema, const struct sp_json_token *t);

/* A compiled pattern, freed with the schema. */
void
schema_keep_pattern(struct schema *schema, struct pattern *pattern);

/* Appends "... (byte N of the schema)" to `why`; returns SP_EFORMAT. */
int
schema_refuse(const struct schema *schema, const struct sp_json_token *at,
              struct sp_buf *why, const char *format, ...) SP_PRINTF(4, 5);

#endif
