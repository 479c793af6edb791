/* JSON Schema beyond the official suite: what a fault says, schemas that are
 * refused, and work that ends. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "common/base/error.h"
#include "services/validation/schema/schema_check.h"

static const struct schema_size size = { .max_subschemas = 100,
                                         .max_bytes = 65536 };
static const struct schema_effort effort = { .max_depth = 64,
                                             .max_steps = 20000,
                                             .match_limit = 5000 };

static struct schema *
compile(const char *text)
{
    struct schema *schema = NULL;
    struct sp_buf why = sp_buf_new(1024);
    int error = schema_compile(sp_view_of(text), &size, &schema, &why);

    cr_assert_eq(error, 0, "%s: %.*s", text, SP_VIEW(sp_buf_view(&why)));
    sp_buf_free(&why);
    return schema;
}

static int
check(const char *schema_text, const char *value, struct schema_fault *fault)
{
    struct schema_checker *checker = schema_checker_new(&effort);
    struct schema *schema = compile(schema_text);
    struct sp_json json = { 0 };
    int got = 0;

    *fault = (struct schema_fault){ .rule = NULL };
    cr_assert_eq(sp_json_parse(&json, sp_view_of(value)), 0, "%s", value);
    got = schema_check(checker, schema, &json, sp_json_root(&json), fault);
    sp_json_free(&json);
    schema_free(&schema);
    schema_checker_free(&checker);
    return got;
}

Test(schema_bounds, a_fault_names_rule_and_place_never_the_value)
{
    static const struct {
        const char *schema;
        const char *value;
        const char *rule;
        const char *path;
        const char *text;
    } rows[] = {
        { "{\"type\":\"string\"}", "1", "type", "", "string" },
        { "{\"properties\":{\"a/b\":{\"maximum\":5}}}", "{\"a/b\":6}",
          "maximum", "/a~1b", "5" },
        { "{\"items\":{\"minLength\":2}}", "[\"ok\",\"MARK\",\"M\"]",
          "minLength", "/2", "2" },
        { "{\"additionalProperties\":false}", "{\"MARK\":1}",
          "additionalProperties", "", "" },
        { "{\"additionalProperties\":{\"type\":\"null\"}}", "{\"MARK\":1}",
          "type", "/*", "null" },
        { "{\"required\":[\"a\"]}", "{}", "required", "", "a" },
        { "{\"enum\":[1,2]}", "\"MARK\"", "enum", "", "" },
        { "{\"pattern\":\"^a$\"}", "\"MARK\"", "pattern", "", "" },
    };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct schema_fault fault;

        cr_assert_eq(check(rows[i].schema, rows[i].value, &fault), SP_EDENIED,
                     "%s", rows[i].schema);
        cr_assert_str_eq(fault.rule, rows[i].rule, "%s", rows[i].schema);
        cr_assert_str_eq(fault.path, rows[i].path, "%s", rows[i].schema);
        cr_assert_not_null(strstr(fault.text, rows[i].text), "%s: %s",
                           rows[i].schema, fault.text);
        cr_assert_null(strstr(fault.text, "MARK"), "%s", fault.text);
    }
}

/* Bounds are compared digit by digit: nothing is rounded away. */
Test(schema_bounds, numbers_are_exact)
{
    static const struct {
        const char *schema;
        const char *value;
        bool fits;
    } rows[] = {
        { "{\"maximum\":9007199254740992}", "9007199254740993", false },
        { "{\"maximum\":9007199254740993}", "9007199254740993", true },
        { "{\"maximum\":0.3}", "0.30000000000000000001", false },
        { "{\"multipleOf\":0.01}", "0.07", true },
        { "{\"multipleOf\":0.01}", "4.351", false },
        { "{\"multipleOf\":0.000001}", "1000000", true },
        { "{\"maximum\":1}", "1e400", false },
        { "{\"minimum\":1}", "-1e400", false },
        { "{\"type\":\"integer\"}", "1e2", true },
        { "{\"type\":\"integer\"}", "1e-2", false },
        { "{\"const\":1}", "1.000", true },
        { "{\"exclusiveMinimum\":0}", "1e-400", true },
        { "{\"exclusiveMinimum\":0}", "-0", false },
    };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct schema_fault fault;

        cr_assert_eq(check(rows[i].schema, rows[i].value, &fault) == 0,
                     rows[i].fits, "%s with %s", rows[i].schema, rows[i].value);
    }
}

Test(schema_bounds, what_cannot_be_honoured_does_not_compile)
{
    static const char *const rows[] = {
        "",
        "7",
        "{\"type\":\"sting\"}",
        "{\"typo\":1}",
        "{\"maximum\":\"5\"}",
        "{\"minLength\":-1}",
        "{\"minLength\":1.5}",
        "{\"multipleOf\":0}",
        "{\"pattern\":\"(\"}",
        "{\"pattern\":\"(?<n>a)(?i)\"}",
        "{\"$ref\":\"#/$defs/none\"}",
        "{\"$ref\":\"https://evil.example/schema\"}",
        "{\"$ref\":\"file:///etc/passwd\"}",
        "{\"$schema\":\"http://json-schema.org/draft-07/schema#\"}",
        "{\"items\":[{}]}",
        "{\"required\":\"a\"}",
        "{\"allOf\":[]}",
        "{\"properties\":{\"a\":1}}",
        "{\"type\":\"object\",\"type\":\"string\"}",
    };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct schema *schema = NULL;
        struct sp_buf why = sp_buf_new(1024);

        cr_assert_eq(schema_compile(sp_view_of(rows[i]), &size, &schema, &why),
                     SP_EFORMAT, "%s", rows[i]);
        cr_assert_gt(why.len, 0, "%s: no reason", rows[i]);
        cr_assert_null(schema);
        sp_buf_free(&why);
    }
}

/* attack: schemas and values that multiply each other's work. */
Test(schema_bounds, every_check_ends)
{
    static const struct {
        const char *label;
        const char *schema;
        const char *value;
    } rows[] = {
        { "a schema that refers to itself", "{\"$ref\":\"#\"}", "1" },
        { "two that refer to each other",
          "{\"$ref\":\"#/$defs/a\",\"$defs\":{\"a\":{\"$ref\":\"#/$defs/b\"},"
          "\"b\":{\"$ref\":\"#/$defs/a\"}}}",
          "1" },
        { "branches that double at each level",
          "{\"$ref\":\"#/$defs/a\",\"$defs\":{"
          "\"a\":{\"anyOf\":[{\"$ref\":\"#/$defs/b\"},"
          "{\"$ref\":\"#/$defs/b\"}]},"
          "\"b\":{\"anyOf\":[{\"$ref\":\"#/$defs/c\"},"
          "{\"$ref\":\"#/$defs/c\"}]},"
          "\"c\":{\"items\":{\"$ref\":\"#/$defs/a\"},\"minItems\":1,"
          "\"type\":\"array\"}}}",
          "[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]" },
        { "a pattern that backtracks", "{\"pattern\":\"^(a+)+$\"}",
          "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!\"" },
    };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct schema_fault fault;

        cr_assert_eq(check(rows[i].schema, rows[i].value, &fault), SP_ELIMIT,
                     "%s", rows[i].label);
        cr_assert_str_eq(fault.rule, "limit", "%s", rows[i].label);
    }
}

/* `count` times `part`, between `before` and `after`. */
static struct sp_buf
repeat(const char *before, const char *part, size_t count, const char *after)
{
    struct sp_buf text = sp_buf_new(4 * 1024 * 1024);

    (void)sp_buf_add_str(&text, before);
    for (size_t i = 0; i < count; i++) {
        (void)sp_buf_add_str(&text, part);
    }
    (void)sp_buf_add_str(&text, after);
    cr_assert_eq(sp_buf_add(&text, "", 1), 0);
    return text;
}

/* attack: one long value that many rules read. Each of these took a good part
 * of a second. */
Test(schema_bounds, long_values_are_paid_for_each_time)
{
    static const struct {
        const char *label;
        const char *before; /* of the schema */
        const char *part;
        const char *after;
        const char *open; /* of the value */
        const char *unit;
        const char *close;
    } rows[] = {
        { "escapes in each entry of an enum", "{\"enum\":[\"x\"", ",\"x\"",
          "]}", "\"", "\\u0061", "\"" },
        { "digits in each entry of an enum", "{\"enum\":[1", ",1", "]}", "1.",
          "111111", "" },
        { "digits for each bound", "{\"allOf\":[true", ",{\"minimum\":0}", "]}",
          "1.", "111111", "" },
        { "a long key for each required one", "{\"required\":[\"x\"", ",\"x\"",
          "]}", "{\"", "\\u0061", "\":1,\"x\":1}" },
    };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct sp_buf schema =
            repeat(rows[i].before, rows[i].part, 90, rows[i].after);
        struct sp_buf value =
            repeat(rows[i].open, rows[i].unit, 150000, rows[i].close);
        struct schema_fault fault;
        int error = check(schema.data, value.data, &fault);

        cr_expect_eq(error, SP_ELIMIT, "%s", rows[i].label);
        sp_buf_free(&schema);
        sp_buf_free(&value);
    }
}

Test(schema_bounds, a_bomb_does_not_escape_through_a_branch)
{
    struct schema_fault fault;

    cr_assert_eq(check("{\"not\":{\"pattern\":\"^(a+)+$\"}}",
                       "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!\"",
                       &fault),
                 SP_ELIMIT);
    cr_assert_eq(check("{\"anyOf\":[{\"pattern\":\"^(a+)+$\"},true]}",
                       "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!\"",
                       &fault),
                 SP_ELIMIT);
}

Test(schema_bounds, subschemas_and_bytes_are_counted)
{
    struct schema *schema = NULL;
    struct sp_buf text = sp_buf_new(100000);
    struct sp_buf why = sp_buf_new(1024);

    (void)sp_buf_add_str(&text, "{\"allOf\":[true");
    for (int i = 0; i < 200; i++) {
        (void)sp_buf_add_str(&text, ",true");
    }
    (void)sp_buf_add_str(&text, "]}");
    cr_assert_eq(schema_compile(sp_buf_view(&text), &size, &schema, &why),
                 SP_EFORMAT);
    sp_buf_reset(&text);
    (void)sp_buf_addf(&text, "{\"title\":\"%070000d\"}", 0);
    cr_assert_eq(schema_compile(sp_buf_view(&text), &size, &schema, &why),
                 SP_EFORMAT);
    sp_buf_free(&text);
    sp_buf_free(&why);
}
