/* JSON Schema: the official test suite. */
#include "services/validation/schema/schema.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/error.h"
#include "services/validation/schema/schema_check.h"

#define SUITE "tests/data/json-schema/draft2020-12/"
#define MAX_FILE (1024 * 1024)

static const struct schema_size size = { .max_subschemas = 1000,
                                         .max_bytes = 65536 };
static const struct schema_effort effort = { .max_depth = 128,
                                             .max_steps = 100000,
                                             .match_limit = 100000 };

/* Groups that we refuse to compile, on purpose. A NULL group is a file. */
static const struct {
    const char *file;
    const char *group;
    const char *reason;
} left_out[] = {
    { "refRemote.json", NULL, "remote references: nothing is fetched" },
    { "ref.json", "remote ref, containing refs itself",
      "refers to the meta-schema, which is not held" },
    { "defs.json", "validate definition against metaschema",
      "refers to the meta-schema, which is not held" },
    { "dynamicRef.json",
      "strict-tree schema, guards against misspelled properties",
      "remote reference" },
    { "dynamicRef.json",
      "tests for implementation dynamic anchor and reference link",
      "remote reference" },
    { "dynamicRef.json",
      "$ref and $dynamicAnchor are independent of order - $defs first",
      "remote reference" },
    { "dynamicRef.json",
      "$ref and $dynamicAnchor are independent of order - $ref first",
      "remote reference" },
    { "dynamicRef.json", "$ref to $dynamicRef finds detached $dynamicAnchor",
      "remote reference" },
    { "vocabulary.json", NULL, "custom meta-schemas are not supported" },
};

static const char *
left_out_reason(const char *file, const char *group)
{
    for (size_t i = 0; i < SP_COUNT(left_out); i++) {
        if (strcmp(left_out[i].file, file) == 0 &&
            (left_out[i].group == NULL ||
             strcmp(left_out[i].group, group) == 0)) {
            return left_out[i].reason;
        }
    }
    return NULL;
}

/* A file's bytes, owned by the caller. */
static char *
read_file(const char *path, struct sp_view *ret_text)
{
    char *data = sp_alloc(MAX_FILE);
    FILE *file = fopen(path, "rb");
    size_t len = 0;

    cr_assert_not_null(file, "%s: run from the root of the repository", path);
    len = fread(data, 1, MAX_FILE, file);
    cr_assert(len > 0 && len < MAX_FILE, "%s: size", path);
    (void)fclose(file);
    *ret_text = sp_view_make(data, len);
    return data;
}

static char *
text_of(const struct sp_json *json, const struct sp_json_token *t)
{
    struct sp_buf scratch = sp_buf_new(4096);
    struct sp_view text = { 0 };
    char *copy = NULL;

    cr_assert_eq(sp_json_string(json, t, &scratch, &text), 0);
    copy = sp_dup_view(text);
    sp_buf_free(&scratch);
    return copy;
}

struct suite {
    struct schema_checker *checker;
    const char *file;
    size_t passed;
    size_t failed;
    size_t left_out;
};

static void
run_cases(struct suite *s, const struct schema *schema, const char *group,
          const struct sp_json *json, const struct sp_json_token *tests)
{
    const struct sp_json_token *t = sp_json_first(json, tests);

    for (; t != NULL; t = sp_json_next(json, tests, t)) {
        struct sp_json data = { 0 };
        struct schema_fault fault = { .path = "" };
        bool want = sp_json_is(sp_json_get(json, t, "valid"), SP_JSON_TRUE);
        char *label = text_of(json, sp_json_get(json, t, "description"));
        int got = 0;

        cr_assert_eq(
            sp_json_parse(&data,
                          sp_json_raw(json, sp_json_get(json, t, "data"))),
            0);
        got = schema_check(s->checker, schema, &data, sp_json_root(&data),
                           &fault);
        if ((got == 0) == want && (got == 0 || got == SP_EDENIED)) {
            s->passed++;
        } else {
            s->failed++;
            fprintf(stderr, "%s: %s: %s: got %d, want %s (%s %s)\n", s->file,
                    group, label, got, want ? "valid" : "invalid", fault.path,
                    fault.text);
        }
        sp_free(label);
        sp_json_free(&data);
    }
}

static void
run_group(struct suite *s, const struct sp_json *json,
          const struct sp_json_token *group)
{
    char *label = text_of(json, sp_json_get(json, group, "description"));
    struct sp_view text = sp_json_raw(json, sp_json_get(json, group, "schema"));
    const char *reason = left_out_reason(s->file, label);
    struct sp_buf why = sp_buf_new(1024);
    struct schema *schema = NULL;
    int error = schema_compile(text, &size, &schema, &why);

    if (reason != NULL) {
        s->left_out++;
        if (error == 0) {
            s->failed++;
            fprintf(stderr, "%s: %s: left out but compiles (%s)\n", s->file,
                    label, reason);
        }
    } else if (error != 0) {
        s->failed++;
        fprintf(stderr, "%s: %s: %.*s\n", s->file, label, (int)why.len,
                why.data);
    } else {
        run_cases(s, schema, label, json, sp_json_get(json, group, "tests"));
    }
    schema_free(&schema);
    sp_buf_free(&why);
    sp_free(label);
}

static void
run_file(struct suite *s)
{
    char path[512];
    char *data = NULL;
    struct sp_json json = { 0 };
    struct sp_view text = { 0 };
    const struct sp_json_token *root = NULL;
    const struct sp_json_token *group = NULL;

    (void)snprintf(path, sizeof(path), SUITE "%s", s->file);
    data = read_file(path, &text);
    cr_assert_eq(sp_json_parse(&json, text), 0, "%s", path);
    root = sp_json_root(&json);
    group = sp_json_first(&json, root);
    for (; group != NULL; group = sp_json_next(&json, root, group)) {
        run_group(s, &json, group);
    }
    sp_json_free(&json);
    sp_free(data);
}

Test(schema, passes_the_official_suite)
{
    struct suite s = { .checker = schema_checker_new(&effort) };
    DIR *directory = opendir(SUITE);
    struct dirent *entry = NULL;

    cr_assert_not_null(directory, "run from the root of the repository");
    while ((entry = readdir(directory)) != NULL) {
        if (strstr(entry->d_name, ".json") != NULL) {
            s.file = entry->d_name;
            run_file(&s);
        }
    }
    (void)closedir(directory);
    schema_checker_free(&s.checker);
    cr_expect_eq(s.failed, 0, "%zu failures", s.failed);
    /* So that a suite that is not found, or hardly read, is no success. */
    cr_expect_geq(s.passed, 1300, "only %zu cases", s.passed);
    cr_expect_eq(s.left_out, 24, "%zu groups left out", s.left_out);
}
