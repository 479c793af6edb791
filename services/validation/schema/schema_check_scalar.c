/* The keywords that look at one value: its type, number or text. */
#include "services/validation/schema/schema_check_parts.h"

#include <stdio.h>

#include "common/base/error.h"
#include "services/validation/schema/value.h"

static const struct {
    unsigned bit;
    const char *name;
} type_words[] = {
    { SCHEMA_NULL, "null" },       { SCHEMA_BOOLEAN, "boolean" },
    { SCHEMA_INTEGER, "integer" }, { SCHEMA_NUMBER, "number" },
    { SCHEMA_STRING, "string" },   { SCHEMA_ARRAY, "array" },
    { SCHEMA_OBJECT, "object" },
};

static unsigned
type_of(const struct schema_checker *c, const struct sp_json_token *t)
{
    static const unsigned bits[] = {
        [SP_JSON_NULL] = SCHEMA_NULL,     [SP_JSON_FALSE] = SCHEMA_BOOLEAN,
        [SP_JSON_TRUE] = SCHEMA_BOOLEAN,  [SP_JSON_NUMBER] = SCHEMA_NUMBER,
        [SP_JSON_STRING] = SCHEMA_STRING, [SP_JSON_ARRAY] = SCHEMA_ARRAY,
        [SP_JSON_OBJECT] = SCHEMA_OBJECT,
    };

    if (t->type == SP_JSON_NUMBER) {
        struct sp_decimal number = sp_decimal_of(sp_json_raw(c->json, t));

        return sp_decimal_is_integer(&number) ? SCHEMA_INTEGER : SCHEMA_NUMBER;
    }
    return bits[t->type];
}

int
schema_check_type(struct schema_checker *c, const struct schema_rule *rule,
                  const struct sp_json_token *t, size_t base)
{
    unsigned types = rule->u.types;
    char text[96] = "";
    size_t len = 0;

    (void)base;
    if ((type_of(c, t) & types) != 0) {
        return 0;
    }
    if (c->quiet > 0) {
        return SP_EDENIED;
    }
    if ((types & SCHEMA_NUMBER) != 0) {
        types &= ~(unsigned)SCHEMA_INTEGER;
    }
    for (size_t i = 0; i < SP_COUNT(type_words); i++) {
        if ((types & type_words[i].bit) != 0) {
            len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s",
                                    len == 0 ? "" : " or ", type_words[i].name);
        }
    }
    return schema_run_fail(c, "type", "must be of type %s", text);
}

static int
equal_to(struct schema_checker *c, const struct sp_json_token *wanted,
         const struct sp_json_token *t, bool *ret_equal)
{
    struct value_effort effort = { .scratch = &c->strings, .steps = c->steps };
    struct value a = { .json = &c->schema->json, .token = wanted };
    struct value b = { .json = c->json, .token = t };
    int error = value_equal(a, b, &effort, ret_equal);

    c->steps = effort.steps;
    return error != 0 ? schema_run_give_up(c) : 0;
}

int
schema_check_const(struct schema_checker *c, const struct schema_rule *rule,
                   const struct sp_json_token *t, size_t base)
{
    bool equal = false;
    int error = equal_to(c, rule->u.value, t, &equal);

    (void)base;
    if (error != 0 || equal) {
        return error;
    }
    return schema_run_fail(c, "const",
                           "must be the one value that the schema allows");
}

int
schema_check_enum(struct schema_checker *c, const struct schema_rule *rule,
                  const struct sp_json_token *t, size_t base)
{
    const struct sp_json *json = &c->schema->json;
    const struct sp_json_token *wanted = sp_json_first(json, rule->u.value);

    (void)base;
    for (; wanted != NULL; wanted = sp_json_next(json, rule->u.value, wanted)) {
        bool equal = false;
        int error = equal_to(c, wanted, t, &equal);

        if (error != 0 || equal) {
            return error;
        }
    }
    return schema_run_fail(c, "enum",
                           "must be one of the values that the schema lists");
}

/* Below, equal or above zero as the number is to the rule's; zero too where
 * the value is no number, which no bound concerns. */
static int
compare(const struct schema_checker *c, const struct schema_rule *rule,
        const struct sp_json_token *t, bool *ret_number)
{
    struct sp_decimal number = { 0 };

    *ret_number = t->type == SP_JSON_NUMBER;
    if (!*ret_number) {
        return 0;
    }
    number = sp_decimal_of(sp_json_raw(c->json, t));
    return sp_decimal_compare(&number, &rule->u.number.value);
}

int
schema_check_minimum(struct schema_checker *c, const struct schema_rule *rule,
                     const struct sp_json_token *t, size_t base)
{
    bool number = false;

    (void)base;
    if (compare(c, rule, t, &number) >= 0) {
        return 0;
    }
    return schema_run_fail(c, "minimum", "must be >= %.*s",
                           SP_VIEW(rule->u.number.text));
}

int
schema_check_maximum(struct schema_checker *c, const struct schema_rule *rule,
                     const struct sp_json_token *t, size_t base)
{
    bool number = false;

    (void)base;
    if (compare(c, rule, t, &number) <= 0) {
        return 0;
    }
    return schema_run_fail(c, "maximum", "must be <= %.*s",
                           SP_VIEW(rule->u.number.text));
}

int
schema_check_exclusive_minimum(struct schema_checker *c,
                               const struct schema_rule *rule,
                               const struct sp_json_token *t, size_t base)
{
    bool number = false;

    (void)base;
    if (compare(c, rule, t, &number) > 0 || !number) {
        return 0;
    }
    return schema_run_fail(c, "exclusiveMinimum", "must be > %.*s",
                           SP_VIEW(rule->u.number.text));
}

int
schema_check_exclusive_maximum(struct schema_checker *c,
                               const struct schema_rule *rule,
                               const struct sp_json_token *t, size_t base)
{
    bool number = false;

    (void)base;
    if (compare(c, rule, t, &number) < 0 || !number) {
        return 0;
    }
    return schema_run_fail(c, "exclusiveMaximum", "must be < %.*s",
                           SP_VIEW(rule->u.number.text));
}

int
schema_check_multiple_of(struct schema_checker *c,
                         const struct schema_rule *rule,
                         const struct sp_json_token *t, size_t base)
{
    struct sp_decimal number = { 0 };

    (void)base;
    if (t->type != SP_JSON_NUMBER) {
        return 0;
    }
    number = sp_decimal_of(sp_json_raw(c->json, t));
    if (sp_decimal_is_multiple(&number, &rule->u.multiple.divisor)) {
        return 0;
    }
    return schema_run_fail(c, "multipleOf", "must be a multiple of %.*s",
                           SP_VIEW(rule->u.multiple.text));
}

/* Unicode code points of a string: bytes that continue none. */
static int
count_characters(struct schema_checker *c, const struct sp_json_token *t,
                 uint64_t *ret_count)
{
    struct sp_view text = { 0 };
    int error = schema_run_string_of(c, t, &text);

    *ret_count = 0;
    for (size_t i = 0; error == 0 && i < text.len; i++) {
        *ret_count += ((unsigned char)text.ptr[i] & 0xc0u) != 0x80u ? 1 : 0;
    }
    return error != 0 ? error : schema_run_take_steps(c, text.len / 64);
}

int
schema_check_min_length(struct schema_checker *c,
                        const struct schema_rule *rule,
                        const struct sp_json_token *t, size_t base)
{
    uint64_t count = 0;
    int error = 0;

    (void)base;
    if (t->type != SP_JSON_STRING) {
        return 0;
    }
    error = count_characters(c, t, &count);
    if (error != 0 || count >= rule->u.count) {
        return error;
    }
    return schema_run_fail(c, "minLength", "must have at least %ju characters",
                           (uintmax_t)rule->u.count);
}

int
schema_check_max_length(struct schema_checker *c,
                        const struct schema_rule *rule,
                        const struct sp_json_token *t, size_t base)
{
    uint64_t count = 0;
    int error = 0;

    (void)base;
    if (t->type != SP_JSON_STRING) {
        return 0;
    }
    error = count_characters(c, t, &count);
    if (error != 0 || count <= rule->u.count) {
        return error;
    }
    return schema_run_fail(c, "maxLength", "must have at most %ju characters",
                           (uintmax_t)rule->u.count);
}

int
schema_check_pattern(struct schema_checker *c, const struct schema_rule *rule,
                     const struct sp_json_token *t, size_t base)
{
    struct sp_view text = { 0 };
    bool found = false;
    int error = 0;

    (void)base;
    if (t->type != SP_JSON_STRING) {
        return 0;
    }
    error = schema_run_string_of(c, t, &text);
    if (error == 0) {
        error = schema_run_find_pattern(c, rule->u.pattern, text, &found);
    }
    if (error != 0 || found) {
        return error;
    }
    return schema_run_fail(c, "pattern", "must match the schema's pattern");
}
