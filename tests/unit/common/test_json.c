/* The strict JSON reader: JSONTestSuite, refusals, access, numbers. */
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "common/base/alloc.h"
#include "common/base/error.h"
#include "common/text/json.h"

#define SUITE "tests/data/json/test_parsing"

/* The bytes at the end of a block of their own, so that a sanitizer sees any
 * read beyond them. */
static int
parse_tight(struct sp_json *json, struct sp_view text, char **ret_copy)
{
    char *copy = sp_alloc(text.len);

    if (text.len > 0) {
        memcpy(copy, text.ptr, text.len);
    }
    *ret_copy = copy;
    return sp_json_parse(json, sp_view_make(copy, text.len));
}

static int
parse_result(struct sp_view text)
{
    struct sp_json json = { 0 };
    char *copy = NULL;
    int error = parse_tight(&json, text, &copy);

    sp_free(copy);
    sp_json_free(&json);
    return error;
}

static struct sp_buf
read_file(const char *name)
{
    struct sp_buf content = sp_buf_new(1024 * 1024);
    char path[512];
    char chunk[4096];
    size_t n = 0;
    FILE *f = NULL;

    (void)snprintf(path, sizeof(path), "%s/%s", SUITE, name);
    f = fopen(path, "rb");
    cr_assert_not_null(f, "%s", path);
    while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0) {
        cr_assert_eq(sp_buf_add(&content, chunk, n), 0);
    }
    (void)fclose(f);
    return content;
}

/* JSONTestSuite accepts a key that occurs twice; RFC 8259 section 4 calls the
 * outcome unpredictable, and we refuse it on purpose. */
static bool
is_duplicate_case(const char *name)
{
    return strncmp(name, "y_object_duplicated_key", 23) == 0;
}

Test(json, agrees_with_the_test_suite)
{
    DIR *dir = opendir(SUITE);
    const struct dirent *entry = NULL;
    size_t seen = 0;

    cr_assert_not_null(dir);
    while ((entry = readdir(dir)) != NULL) {
        struct sp_buf content = { 0 };
        int error = 0;

        if (entry->d_name[0] == '.') {
            continue;
        }
        content = read_file(entry->d_name);
        error = parse_result(sp_buf_view(&content));
        if (is_duplicate_case(entry->d_name)) {
            cr_expect_eq(error, SP_EDUPLICATE, "%s", entry->d_name);
        } else if (entry->d_name[0] == 'y') {
            cr_expect_eq(error, 0, "%s: %s", entry->d_name, sp_strerror(error));
        } else if (entry->d_name[0] == 'n') {
            cr_expect_neq(error, 0, "%s accepted", entry->d_name);
        }
        sp_buf_free(&content);
        seen++;
    }
    (void)closedir(dir);
    cr_expect_eq(seen, 318, "%zu files", seen);
}

Test(json, refuses_what_it_must)
{
    static const struct {
        const char *label;
        const char *input;
        int want;
    } rows[] = {
        { "empty", "", SP_EFORMAT },
        { "blank", " \n\t\r", SP_EFORMAT },
        { "byte order mark", "\xef\xbb\xbf{}", SP_EFORMAT },
        { "two values", "1 2", SP_EFORMAT },
        { "trailing comma", "[1,]", SP_EFORMAT },
        { "member comma", "{\"a\":1,}", SP_EFORMAT },
        { "wrong closing", "[1}", SP_EFORMAT },
        { "closing alone", "]", SP_EFORMAT },
        { "key is no string", "{1:2}", SP_EFORMAT },
        { "no colon", "{\"a\" 1}", SP_EFORMAT },
        { "NaN", "NaN", SP_EFORMAT },
        { "infinity", "-Infinity", SP_EFORMAT },
        { "word runs on", "nullx", SP_EFORMAT },
        { "leading zero", "01", SP_EFORMAT },
        { "plus", "+1", SP_EFORMAT },
        { "minus alone", "-", SP_EFORMAT },
        { "point alone", "1.", SP_EFORMAT },
        { "exponent alone", "1e+", SP_EFORMAT },
        { "two signs", "1e+-1", SP_EFORMAT },
        { "hex", "0x10", SP_EFORMAT },
        { "comment", "/* */1", SP_EFORMAT },
        { "single quotes", "'a'", SP_EFORMAT },
        { "raw newline", "\"a\nb\"", SP_EFORMAT },
        { "raw control far on", "\"aaaaaaaaaaaaaaaa\x01\"", SP_EFORMAT },
        { "unknown escape", "\"\\x41\"", SP_EFORMAT },
        { "short escape", "\"\\u12g4\"", SP_EFORMAT },
        { "high surrogate alone", "\"\\ud83d\"", SP_EFORMAT },
        { "high then other", "\"\\ud83d\\u0041\"", SP_EFORMAT },
        { "high then escape", "\"\\ud83d\\n00000\"", SP_EFORMAT },
        { "low surrogate alone", "\"\\ude00\"", SP_EFORMAT },
        { "overlong UTF-8", "\"\xc0\xaf\"", SP_EFORMAT },
        { "overlong, 3 bytes", "\"\xe0\x80\xaf\"", SP_EFORMAT },
        { "overlong, 4 bytes", "\"\xf0\x80\x80\xaf\"", SP_EFORMAT },
        { "surrogate in UTF-8", "\"\xed\xa0\x80\"", SP_EFORMAT },
        { "above U+10FFFF", "\"\xf4\x90\x80\x80\"", SP_EFORMAT },
        { "cut character", "\"\xe2\x82\"", SP_EFORMAT },
        { "stray continuation", "\"\x80\"", SP_EFORMAT },
        { "key twice", "{\"a\":1,\"b\":2,\"a\":3}", SP_EDUPLICATE },
        { "key twice, escaped", "{\"a\":1,\"\\u0061\":2}", SP_EDUPLICATE },
        { "empty key twice", "{\"\":1,\"\":2}", SP_EDUPLICATE },
        { "pair twice", "{\"\\ud83d\\ude00\":1,\"\xf0\x9f\x98\x80\":2}",
          SP_EDUPLICATE },
        { "key twice below", "[{\"x\":{\"a\":1,\"a\":1}}]", SP_EDUPLICATE },
    };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        int got = parse_result(sp_view_of(rows[i].input));

        cr_expect_eq(got, rows[i].want, "%s: got %s, want %s", rows[i].label,
                     sp_strerror(got), sp_strerror(rows[i].want));
    }
}

Test(json, refuses_nul_and_trailing_bytes)
{
    static const char nul_in_string[] = "\"a\0b\"";
    static const char nul_behind[] = "{}\0";

    cr_expect_eq(parse_result(sp_view_make(nul_in_string, 5)), SP_EFORMAT);
    cr_expect_eq(parse_result(sp_view_make(nul_behind, 3)), SP_EFORMAT);
    for (int c = 0; c < 256; c++) {
        char text[] = "{\"a\":[1]}?";
        bool space = c == ' ' || c == '\t' || c == '\n' || c == '\r';

        text[9] = (char)c;
        cr_expect_eq(parse_result(sp_view_make(text, 10)),
                     space ? 0 : SP_EFORMAT, "byte %d", c);
    }
}

Test(json, refuses_every_prefix)
{
    static const char text[] =
        "{\"a\":[1,-2.5e+3,true,false,null,\"\\u00e4\\ud83d\\ude00\"],"
        "\"\xc3\xa4\xe2\x82\xac\":{\"b\":\"\\n\"}}";
    size_t len = sizeof(text) - 1;

    for (size_t n = 0; n < len; n++) {
        cr_expect_eq(parse_result(sp_view_make(text, n)), SP_EFORMAT,
                     "prefix of %zu bytes", n);
    }
    cr_expect_eq(parse_result(sp_view_make(text, len)), 0);
}

Test(json, finds_duplicates_in_large_objects)
{
    struct sp_buf text = sp_buf_new(1024 * 1024);

    for (unsigned twin = 0; twin <= 100; twin++) {
        sp_buf_reset(&text);
        (void)sp_buf_add_str(&text, "{");
        for (unsigned i = 0; i < 100; i++) {
            (void)sp_buf_addf(&text, "\"%skey-%u\":%u,",
                              i % 7 == 0 ? "\\u0070" : "p", i, i);
        }
        (void)sp_buf_addf(&text, "\"pkey-%u\":0}", twin);
        cr_expect_eq(parse_result(sp_buf_view(&text)),
                     twin < 100 ? SP_EDUPLICATE : 0, "twin %u", twin);
    }
    sp_buf_free(&text);
}

Test(json, bounds_the_depth)
{
    char text[2 * SP_JSON_MAX_DEPTH + 2];

    memset(text, '[', SP_JSON_MAX_DEPTH + 1);
    memset(text + SP_JSON_MAX_DEPTH + 1, ']', SP_JSON_MAX_DEPTH + 1);
    cr_expect_eq(parse_result(sp_view_make(text, sizeof(text))), SP_ELIMIT);
    cr_expect_eq(
        parse_result(sp_view_make(text + 1, (size_t)2 * SP_JSON_MAX_DEPTH)), 0);
}

Test(json, bounds_the_tokens)
{
    size_t len = (size_t)2 * SP_JSON_MAX_TOKENS + 1;
    char *text = sp_alloc(len);

    for (size_t i = 1; i < len; i += 2) {
        text[i] = '1';
        text[i + 1] = ',';
    }
    text[0] = '[';
    text[len - 1] = ']';
    cr_expect_eq(parse_result(sp_view_make(text, len)), SP_ELIMIT);
    text[len - 3] = ']';
    cr_expect_eq(parse_result(sp_view_make(text, len - 2)), 0);
    sp_free(text);
}

Test(json, tells_where_it_failed)
{
    struct sp_json json = { 0 };

    cr_assert_eq(sp_json_parse(&json, sp_view_of("[1, x]")), SP_EFORMAT);
    cr_expect_eq(json.error_at, 4);
    cr_assert_eq(sp_json_parse(&json, sp_view_of("[1]")), 0);
    sp_json_free(&json);
}

Test(json, walks_objects_and_arrays)
{
    struct sp_json json = { 0 };
    const struct sp_json_token *root = NULL;
    const struct sp_json_token *t = NULL;

    cr_assert_eq(sp_json_parse(&json, sp_view_of(" {\"a\": [10, {}, [2]], "
                                                 "\"b\": {\"c\": null}} ")),
                 0);
    root = sp_json_root(&json);
    cr_expect(sp_json_is(root, SP_JSON_OBJECT));
    cr_expect_eq(root->count, 2);
    t = sp_json_first(&json, root);
    cr_expect(sp_json_equals(&json, t, "a"));
    cr_expect(sp_json_is(sp_json_value(&json, t), SP_JSON_ARRAY));
    t = sp_json_next(&json, root, t);
    cr_expect(sp_json_equals(&json, t, "b"));
    cr_expect_null(sp_json_next(&json, root, t));

    root = sp_json_get(&json, root, "a");
    cr_expect_eq(root->count, 3);
    cr_expect(sp_view_is(sp_json_raw(&json, root), "[10, {}, [2]]"));
    t = sp_json_first(&json, root);
    cr_expect(sp_view_is(sp_json_raw(&json, t), "10"));
    t = sp_json_next(&json, root, t);
    cr_expect(sp_json_is(t, SP_JSON_OBJECT));
    cr_expect_null(sp_json_first(&json, t));
    t = sp_json_next(&json, root, t);
    cr_expect(sp_view_is(sp_json_raw(&json, t), "[2]"));
    cr_expect_null(sp_json_next(&json, root, t));
    sp_json_free(&json);
}

Test(json, look_ups_chain_over_what_is_missing)
{
    struct sp_json json = { 0 };
    const struct sp_json_token *root = NULL;

    cr_assert_eq(sp_json_parse(&json, sp_view_of("{\"a\":{\"\\u0062\":7}}")),
                 0);
    root = sp_json_root(&json);
    cr_expect_not_null(sp_json_get(&json, sp_json_get(&json, root, "a"), "b"));
    cr_expect_null(sp_json_get(&json, sp_json_get(&json, root, "x"), "b"));
    cr_expect_null(sp_json_get(&json, sp_json_first(&json, root), "b"));
    cr_expect_null(sp_json_value(&json, NULL));
    cr_expect_null(sp_json_next(&json, NULL, NULL));
    cr_expect_null(sp_json_first(&json, NULL));
    cr_expect(!sp_json_is(NULL, SP_JSON_NULL));
    cr_expect(!sp_json_equals(&json, NULL, ""));
    cr_expect_eq(sp_json_raw(&json, NULL).len, 0);
    sp_json_free(&json);
}

Test(json, unescapes_strings)
{
    static const struct {
        const char *input;
        const char *want;
    } rows[] = {
        { "\"\"", "" },
        { "\"plain\"", "plain" },
        { "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t" },
        { "\"\\u0041\\u00e4\\u20ac\\ud83d\\uDE00\"",
          "A\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80" },
        { "\"\xc3\xa4\\u007f\x7f\"", "\xc3\xa4\x7f\x7f" },
    };
    struct sp_json json = { 0 };
    struct sp_buf scratch = sp_buf_new(64);

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        const struct sp_json_token *t = NULL;
        struct sp_view got = { 0 };

        cr_assert_eq(sp_json_parse(&json, sp_view_of(rows[i].input)), 0);
        t = sp_json_root(&json);
        cr_assert_eq(sp_json_string(&json, t, &scratch, &got), 0);
        cr_expect(sp_view_is(got, rows[i].want), "%s", rows[i].input);
        cr_expect(sp_json_equals(&json, t, rows[i].want), "%s", rows[i].input);
        cr_expect(!sp_json_equals(&json, t, "other"));
    }
    sp_buf_free(&scratch);
    sp_json_free(&json);
}

Test(json, keeps_escaped_nul_apart)
{
    struct sp_json json = { 0 };
    struct sp_buf scratch = sp_buf_new(64);
    struct sp_view got = { 0 };

    cr_assert_eq(sp_json_parse(&json, sp_view_of("\"a\\u0000b\"")), 0);
    cr_assert_eq(sp_json_string(&json, sp_json_root(&json), &scratch, &got), 0);
    cr_expect_eq(got.len, 3);
    cr_expect(!sp_json_equals(&json, sp_json_root(&json), "a"));
    sp_buf_free(&scratch);
    sp_json_free(&json);
}

Test(json, string_refuses_other_types_and_small_scratch)
{
    struct sp_json json = { 0 };
    struct sp_buf scratch = sp_buf_new(3);
    struct sp_view got = { 0 };

    cr_assert_eq(sp_json_parse(&json, sp_view_of("7")), 0);
    cr_expect_eq(sp_json_string(&json, sp_json_root(&json), &scratch, &got),
                 SP_EFORMAT);
    cr_expect_eq(sp_json_string(&json, NULL, &scratch, &got), SP_EFORMAT);
    cr_assert_eq(sp_json_parse(&json, sp_view_of("\"\\nabc\"")), 0);
    cr_expect_eq(sp_json_string(&json, sp_json_root(&json), &scratch, &got),
                 SP_ELIMIT);
    cr_expect_eq(scratch.len, 0);
    sp_buf_free(&scratch);
    sp_json_free(&json);
}

Test(json, reads_integers_without_loss)
{
    static const struct {
        const char *input;
        int error;
        int64_t want;
    } rows[] = {
        { "0", 0, 0 },
        { "-0", 0, 0 },
        { "-0.0e5", 0, 0 },
        { "0e999999999999999999999", 0, 0 },
        { "7", 0, 7 },
        { "1.0", 0, 1 },
        { "1e2", 0, 100 },
        { "1E+2", 0, 100 },
        { "-12.50e1", 0, -125 },
        { "0.001e3", 0, 1 },
        { "0.1200e4", 0, 1200 },
        { "100e-2", 0, 1 },
        { "1000000000000000000000000e-20", 0, 10000 },
        { "9007199254740993", 0, 9007199254740993 },
        { "9223372036854775807", 0, INT64_MAX },
        { "-9223372036854775808", 0, INT64_MIN },
        { "9.223372036854775807e18", 0, INT64_MAX },
        { "9223372036854775808", SP_ELIMIT, 0 },
        { "-9223372036854775809", SP_ELIMIT, 0 },
        { "1e19", SP_ELIMIT, 0 },
        { "18446744073709551616", SP_ELIMIT, 0 },
        { "1e99999999999999999999", SP_ELIMIT, 0 },
        { "1.5", SP_EFORMAT, 0 },
        { "1e-1", SP_EFORMAT, 0 },
        { "0.99999999999999999999", SP_EFORMAT, 0 },
        { "1e-99999999999999999999", SP_EFORMAT, 0 },
        { "12345678901234567890123.5", SP_EFORMAT, 0 },
        { "1.0000000000000000000000001", SP_EFORMAT, 0 },
        { "\"1\"", SP_EFORMAT, 0 },
        { "true", SP_EFORMAT, 0 },
        { "null", SP_EFORMAT, 0 },
    };
    struct sp_json json = { 0 };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        int64_t got = 0;
        int error = 0;

        cr_assert_eq(sp_json_parse(&json, sp_view_of(rows[i].input)), 0);
        error = sp_json_int(&json, sp_json_root(&json), &got);
        cr_expect_eq(error, rows[i].error, "%s: %s", rows[i].input,
                     sp_strerror(error));
        cr_expect_eq(got, rows[i].want, "%s: got %" PRId64, rows[i].input, got);
    }
    sp_json_free(&json);
}

Test(json, reads_doubles)
{
    static const struct {
        const char *input;
        int error;
        double want;
    } rows[] = {
        { "0", 0, 0 },
        { "-0.5", 0, -0.5 },
        { "1e3", 0, 1000 },
        { "1.7976931348623157e308", 0, 1.7976931348623157e308 },
        { "1e-400", 0, 0 },
        { "1e309", SP_ELIMIT, 0 },
        { "-1e309", SP_ELIMIT, 0 },
        { "0.1000000000000000000000000000000000000000000000000000000000000000"
          "00000000000000000000000000000000000000000000000000000",
          0, 0.1 },
        { "\"1\"", SP_EFORMAT, 0 },
    };
    struct sp_json json = { 0 };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        double got = 0;
        int error = 0;

        cr_assert_eq(sp_json_parse(&json, sp_view_of(rows[i].input)), 0);
        error = sp_json_double(&json, sp_json_root(&json), &got);
        cr_expect_eq(error, rows[i].error, "%s: %s", rows[i].input,
                     sp_strerror(error));
        cr_expect_float_eq(got, rows[i].want, 0, "%s: got %g", rows[i].input,
                           got);
    }
    sp_json_free(&json);
}

Test(json, is_reused_without_leftovers)
{
    struct sp_json json = { 0 };
    size_t size = 0;

    cr_assert_eq(sp_json_parse(&json, sp_view_of("[1,2,3]")), 0);
    size = json.size;
    cr_assert_eq(sp_json_parse(&json, sp_view_of("[1,2")), SP_EFORMAT);
    cr_assert_eq(sp_json_parse(&json, sp_view_of("{}")), 0);
    cr_expect_eq(json.count, 1);
    cr_expect_eq(json.size, size);
    cr_expect_eq(sp_json_root(&json)->count, 0);
    sp_json_free(&json);
    cr_expect_null(json.tokens);
}

/* As Go's decoder looks members up. */
Test(json, tells_names_that_differ_in_case_alone)
{
    static const struct {
        const char *input;
        bool want;
    } rows[] = {
        { "\"tasks\"", true },
        { "\"TaSKS\"", true },
        { "\"\\u0054asks\"", true },
        { "\"ta\xc5\xbfks\"", true },
        { "\"ta\\u017f\\u212as\"", true },
        { "\"tas\xe2\x84\xaas\"", true },
        { "\"\"", false },
        { "\"task\"", false },
        { "\"taskss\"", false },
        { "\"tasks\\u0000\"", false },
        { "\"t\xc3\xa4sks\"", false },
        { "\"\xf0\x9f\x98\x80\"", false },
        { "7", false },
    };
    struct sp_json json = { 0 };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        cr_assert_eq(sp_json_parse(&json, sp_view_of(rows[i].input)), 0);
        cr_expect_eq(sp_json_resembles(&json, sp_json_root(&json), "tasks"),
                     rows[i].want, "%s", rows[i].input);
    }
    cr_expect(!sp_json_resembles(&json, NULL, "tasks"));
    sp_json_free(&json);
}
