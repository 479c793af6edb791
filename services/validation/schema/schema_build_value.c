/* The making of one rule, and of those that hold no subschemas. */
#include "services/validation/schema/schema_build_value.h"

#include <string.h>

#include "common/base/error.h"
#include "common/text/decimal.h"

#define DIALECT "https://json-schema.org/draft/2020-12/schema"
#define MAX_NUMBER_BYTES 64 /* of a bound in a schema: more is a mistake */
#define MAX_EXPONENT 1000

int
schema_build_refuse(struct schema_build *b, const struct sp_json_token *at,
                    const char *what)
{
    return schema_refuse(b->schema, at, b->why, "%s %s", b->keyword, what);
}

struct schema_rule *
schema_build_add_rule(struct schema_build *b, enum schema_kind kind)
{
    struct schema_rule *rule = &b->rules[b->rule_count++];

    *rule = (struct schema_rule){ .kind = kind };
    return rule;
}

const struct sp_json_token *
schema_build_sibling(const struct schema_build *b, const char *keyword)
{
    return sp_json_get(&b->schema->json, b->object, keyword);
}

uint32_t
schema_build_node_at(const struct schema_build *b,
                     const struct sp_json_token *t)
{
    return t == NULL ? SCHEMA_NO_NODE
                     : b->schema->node_of[t - b->schema->json.tokens] - 1;
}

int
schema_build_dialect(struct schema_build *b, enum schema_kind kind,
                     const struct sp_json_token *value)
{
    (void)kind;
    if (!sp_json_equals(&b->schema->json, value, DIALECT) &&
        !sp_json_equals(&b->schema->json, value, DIALECT "#")) {
        return schema_build_refuse(b, value, "must be " DIALECT);
    }
    return 0;
}

static const struct {
    const char *name;
    unsigned bits;
} type_names[] = {
    { "null", SCHEMA_NULL },       { "boolean", SCHEMA_BOOLEAN },
    { "integer", SCHEMA_INTEGER }, { "number", SCHEMA_NUMBER | SCHEMA_INTEGER },
    { "string", SCHEMA_STRING },   { "array", SCHEMA_ARRAY },
    { "object", SCHEMA_OBJECT },
};

static unsigned
type_bits(const struct schema_build *b, const struct sp_json_token *t)
{
    for (size_t i = 0; i < SP_COUNT(type_names); i++) {
        if (sp_json_equals(&b->schema->json, t, type_names[i].name)) {
            return type_names[i].bits;
        }
    }
    return 0;
}

int
schema_build_type(struct schema_build *b, enum schema_kind kind,
                  const struct sp_json_token *value)
{
    const struct sp_json *json = &b->schema->json;
    const struct sp_json_token *t = sp_json_first(json, value);
    unsigned types = type_bits(b, value);

    for (; t != NULL; t = sp_json_next(json, value, t)) {
        unsigned bits = type_bits(b, t);

        if (bits == 0) {
            types = 0;
            break;
        }
        types |= bits;
    }
    if (types == 0 || sp_json_is(value, SP_JSON_OBJECT)) {
        return schema_build_refuse(b, value, "must name JSON types");
    }
    schema_build_add_rule(b, kind)->u.types = types;
    return 0;
}

int
schema_build_value(struct schema_build *b, enum schema_kind kind,
                   const struct sp_json_token *value)
{
    if (kind == SCHEMA_ENUM_RULE && !sp_json_is(value, SP_JSON_ARRAY)) {
        return schema_build_refuse(b, value, "must be an array");
    }
    schema_build_add_rule(b, kind)->u.value = value;
    return 0;
}

int
schema_build_number(struct schema_build *b, enum schema_kind kind,
                    const struct sp_json_token *value)
{
    struct schema_number number = { .text =
                                        sp_json_raw(&b->schema->json, value) };

    if (!sp_json_is(value, SP_JSON_NUMBER)) {
        return schema_build_refuse(b, value, "must be a number");
    }
    number.value = sp_decimal_of(number.text);
    if (number.text.len > MAX_NUMBER_BYTES ||
        number.value.exponent > MAX_EXPONENT ||
        number.value.exponent < -MAX_EXPONENT) {
        return schema_build_refuse(b, value, "is out of range");
    }
    schema_build_add_rule(b, kind)->u.number = number;
    return 0;
}

int
schema_build_multiple(struct schema_build *b, enum schema_kind kind,
                      const struct sp_json_token *value)
{
    struct schema_multiple multiple = { .text = sp_json_raw(&b->schema->json,
                                                            value) };
    struct sp_decimal number = { 0 };

    if (!sp_json_is(value, SP_JSON_NUMBER)) {
        return schema_build_refuse(b, value, "must be a number");
    }
    number = sp_decimal_of(multiple.text);
    if (multiple.text.len > MAX_NUMBER_BYTES ||
        number.exponent > MAX_EXPONENT || number.exponent < -MAX_EXPONENT ||
        sp_decimal_divisor(&number, &multiple.divisor) != 0) {
        return schema_build_refuse(b, value,
                                   "must be above 0, with at most 18 digits");
    }
    schema_build_add_rule(b, kind)->u.multiple = multiple;
    return 0;
}

/* A count: a whole number, not negative. */
int
schema_build_read_count(struct schema_build *b,
                        const struct sp_json_token *value, uint64_t *ret_count)
{
    int64_t count = 0;

    if (sp_json_int(&b->schema->json, value, &count) != 0 || count < 0) {
        return schema_build_refuse(b, value,
                                   "must be a whole number, 0 or more");
    }
    *ret_count = (uint64_t)count;
    return 0;
}

int
schema_build_count(struct schema_build *b, enum schema_kind kind,
                   const struct sp_json_token *value)
{
    uint64_t count = 0;
    int error = schema_build_read_count(b, value, &count);

    if (error == 0) {
        schema_build_add_rule(b, kind)->u.count = count;
    }
    return error;
}

int
schema_build_compile_pattern(struct schema_build *b,
                             const struct sp_json_token *t,
                             const struct pattern **ret_pattern)
{
    struct pattern *pattern = NULL;
    struct sp_buf reason = sp_buf_new(256);
    struct sp_view source = schema_keep_string(b->schema, t);
    int error = pattern_compile(source, &pattern, &reason);

    if (error != 0) {
        struct sp_view text = sp_buf_view(&reason);

        (void)schema_refuse(b->schema, t, b->why, "the pattern of %s %.*s",
                            b->keyword, SP_VIEW(text));
        sp_buf_free(&reason);
        return SP_EFORMAT;
    }
    sp_buf_free(&reason);
    schema_keep_pattern(b->schema, pattern);
    *ret_pattern = pattern;
    return 0;
}

int
schema_build_pattern(struct schema_build *b, enum schema_kind kind,
                     const struct sp_json_token *value)
{
    const struct pattern *pattern = NULL;
    int error = 0;

    if (!sp_json_is(value, SP_JSON_STRING)) {
        return schema_build_refuse(b, value, "must be a string");
    }
    error = schema_build_compile_pattern(b, value, &pattern);
    if (error == 0) {
        schema_build_add_rule(b, kind)->u.pattern = pattern;
    }
    return error;
}

int
schema_build_unique(struct schema_build *b, enum schema_kind kind,
                    const struct sp_json_token *value)
{
    if (sp_json_is(value, SP_JSON_TRUE)) {
        (void)schema_build_add_rule(b, kind);
        return 0;
    }
    return sp_json_is(value, SP_JSON_FALSE)
               ? 0
               : schema_build_refuse(b, value, "must be a boolean");
}

int
schema_build_read_names(struct schema_build *b,
                        const struct sp_json_token *value,
                        struct schema_names *ret_names)
{
    const struct sp_json *json = &b->schema->json;
    const struct sp_json_token *t = sp_json_first(json, value);
    struct schema_names names = { 0 };

    if (!sp_json_is(value, SP_JSON_ARRAY)) {
        return schema_build_refuse(b, value, "must be an array of strings");
    }
    names.names = schema_keep(b->schema, value->count, sizeof(*names.names));
    for (; t != NULL; t = sp_json_next(json, value, t)) {
        if (!sp_json_is(t, SP_JSON_STRING)) {
            return schema_build_refuse(b, t, "must be an array of strings");
        }
        names.names[names.count++] = schema_keep_string(b->schema, t);
    }
    *ret_names = names;
    return 0;
}

int
schema_build_names(struct schema_build *b, enum schema_kind kind,
                   const struct sp_json_token *value)
{
    struct schema_names names = { 0 };
    int error = schema_build_read_names(b, value, &names);

    if (error == 0) {
        schema_build_add_rule(b, kind)->u.names = names;
    }
    return error;
}
