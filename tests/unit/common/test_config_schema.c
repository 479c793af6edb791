/* The strict reading of YAML: each slip is refused with line, key and what is
 * allowed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "common/base/compiler.h"
#include "common/base/error.h"
#include "common/process/config.h"

struct part {
    uint32_t size;
};

struct top {
    char *name;
    uint32_t number;
    uint64_t large;
    uint16_t small;
    bool allow;
    int colour;
    struct part *parts;
    uint32_t parts_count;
};

static const cyaml_strval_t colours[] = { { "red", 1 }, { "blue", 2 } };

static const cyaml_schema_field_t part_fields[] = {
    CYAML_FIELD_UINT("size", CYAML_FLAG_DEFAULT, struct part, size),
    CYAML_FIELD_END,
};

static const cyaml_schema_value_t part_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct part, part_fields),
};

static const cyaml_schema_field_t top_fields[] = {
    CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
                           struct top, name, 1, 8),
    CYAML_FIELD_UINT("number", CYAML_FLAG_DEFAULT, struct top, number),
    CYAML_FIELD_UINT("large", CYAML_FLAG_OPTIONAL, struct top, large),
    CYAML_FIELD_UINT("small", CYAML_FLAG_OPTIONAL, struct top, small),
    CYAML_FIELD_BOOL("allow", CYAML_FLAG_OPTIONAL, struct top, allow),
    CYAML_FIELD_ENUM("colour", CYAML_FLAG_STRICT | CYAML_FLAG_OPTIONAL,
                     struct top, colour, colours, SP_COUNT(colours)),
    CYAML_FIELD_SEQUENCE("parts", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
                         struct top, parts, &part_schema, 0, 2),
    CYAML_FIELD_END,
};

static const cyaml_schema_value_t schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct top, top_fields),
};

/* Loads the text as x.yaml; `why` becomes a string. */
static int
load(const char *text, struct top **ret_top, struct sp_buf *why)
{
    char directory[] = "/tmp/test_config_schema.XXXXXX";
    char path[64];
    void *loaded = NULL;
    FILE *file = NULL;
    int error = 0;

    cr_assert_not_null(mkdtemp(directory));
    (void)snprintf(path, sizeof(path), "%s/x.yaml", directory);
    file = fopen(path, "w");
    cr_assert_not_null(file);
    cr_assert_geq(fputs(text, file), 0);
    cr_assert_eq(fclose(file), 0);
    error = sp_config_load(directory, "x", &schema, &loaded, why);
    cr_assert_eq(unlink(path), 0);
    cr_assert_eq(rmdir(directory), 0);
    (void)sp_buf_add(why, "", 1);
    *ret_top = loaded;
    return error;
}

static void
discard(struct top **top)
{
    void *loaded = *top;

    sp_config_free(&schema, &loaded);
    *top = NULL;
}

Test(config_schema, takes_what_is_right)
{
    static const char text[] = "number: 60\nlarge: 18446744073709551615\n"
                               "small: 0\nallow: true\ncolour: 'blue'\n"
                               "name: \"~\"\nparts: [ { size: 4294967295 } ]\n";
    struct sp_buf why = sp_buf_new(4096);
    struct top *top = NULL;

    cr_assert_eq(load(text, &top, &why), 0, "%s", why.data);
    cr_expect_eq(top->number, 60);
    cr_expect_eq(top->large, UINT64_MAX);
    cr_expect_eq(top->small, 0);
    cr_expect(top->allow);
    cr_expect_eq(top->colour, 2);
    cr_expect_str_eq(top->name, "~");
    cr_expect_eq(top->parts_count, 1);
    cr_expect_eq(top->parts[0].size, UINT32_MAX);
    discard(&top);
    sp_buf_free(&why);
}

struct row {
    const char *text;
    const char *says;
};

static void
refused(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct sp_buf why = sp_buf_new(4096);
        struct top *top = NULL;

        cr_expect_eq(load(rows[i].text, &top, &why), SP_ECONFIG, "%s",
                     rows[i].text);
        cr_expect_not_null(strstr(why.data, rows[i].says),
                           "want: %s\ngot: %s\nof: %s", rows[i].says, why.data,
                           rows[i].text);
        discard(&top);
        sp_buf_free(&why);
    }
}

Test(config_schema, a_truth_value_is_true_or_false)
{
    static const char *const slips[] = {
        "flase", "nope", "~",  "yes",  "no",       "on",      "True", "FALSE",
        "1",     "0",    "''", "null", "\"true\"", "'false'", "",     "[]",
    };

    for (size_t i = 0; i < SP_COUNT(slips); i++) {
        char text[64];
        const struct row row = { text, "x.yaml:2: allow is " };

        (void)snprintf(text, sizeof(text), "number: 1\nallow: %s\n", slips[i]);
        refused(&row, 1);
    }
    refused(&(struct row){ "number: 1\nallow: flase\n",
                           "x.yaml:2: allow is 'flase'; give true or false, "
                           "without quotes" },
            1);
}

Test(config_schema, a_number_is_plain_decimal)
{
    static const char *const slips[] = {
        "60m",   "01000",
        "00",    "0x10",
        "0o7",   "+5",
        "-5",    "1e3",
        "1_0",   "1.0",
        "' 1'",  "'1'",
        "\"1\"", "4294967296",
        "~",     "",
        "ten",   "1 0",
        "{}",    "0b1",
        "1,0",   "18446744073709551616",
        "1:30",  "null",
    };

    for (size_t i = 0; i < SP_COUNT(slips); i++) {
        char text[64];
        const struct row row = { text, "x.yaml:2: number is " };

        (void)snprintf(text, sizeof(text), "allow: true\nnumber: %s\n",
                       slips[i]);
        refused(&row, 1);
    }
    refused(&(struct row){ "number: 01000\n",
                           "x.yaml:1: number is '01000'; give a whole number: "
                           "decimal digits alone" },
            1);
}

Test(config_schema, keys_and_other_types_are_held_to_the_schema)
{
    static const struct row rows[] = {
        { "number: 1\nsmall: 65536\n", "x.yaml:2: small is '65536'; give" },
        { "number: 1\ncolour: green\n",
          "x.yaml:2: colour is 'green'; give one of red, blue" },
        { "number: 1\ncolour: 1\n", "x.yaml:2: colour is '1'" },
        { "number: 1\nname: ~\n", "x.yaml:2: name is '~'; give a text of 1" },
        { "number: 1\nname:\n", "x.yaml:2: name is empty" },
        { "number: 1\nname: 123456789\n", "a text of 1 to 8 bytes" },
        { "number: 1\nname: [a]\n", "x.yaml:2: name is a list" },
        { "number: 1\nparts:\n - size: 1\n - size: 2k\n",
          "x.yaml:4: parts[1].size is '2k'" },
        { "number: 1\nparts:\n - {size: 1}\n - {size: 1}\n - {size: 1}\n",
          "x.yaml:2: parts has 3 entries; give a list of 0 to 2 entries" },
        { "number: 1\nparts: {size: 1}\n", "x.yaml:2: parts is a group of" },
        { "number: 1\nparts:\n - size: 1\n   colour: red\n",
          "x.yaml:4: parts[0].colour is no known key; use the keys size" },
        { "allow: true\nparts:\n - {}\n",
          "x.yaml:3: parts[0].size is missing; add it" },
        { "\nallow: true\n", "x.yaml:2: number is missing; add it" },
        { "allow: false\nnumber: 1\nallow: true\n",
          "x.yaml:3: allow is there twice" },
        { "number: 1\n? [a]\n: 1\n", "a key is no word" },
        { "number: 1\n---\nnumber: 2\n", "a second document begins" },
        { "", "x.yaml:1: the file is empty" },
        { "# nothing\n", "the file is empty" },
        { "- 1\n", "x.yaml:1: the file is a list; give the keys name, number" },
        { "number: 1\nparts: &a [ *a ]\n", "parts[0] is a list" },
    };

    refused(rows, SP_COUNT(rows));
}

Test(config_schema, a_syntax_fault_is_told_with_its_line)
{
    static const struct row rows[] = {
        { "number: 1\nparts:\n  - size: 1\n  - size: 2\n\n\tallow: true\n",
          "x.yaml:6: a tab indents this line; use spaces" },
        { "number: 1\n\n\nname: a\n  b\n\tallow: true\n", "x.yaml:6: a tab" },
        { "number: 1\nname: a\n# c\n\n\n\t# comment\nallow: true\n",
          "x.yaml:6: a tab" },
        { "number: 1\nparts:\n  - size: 1\n  \tsize: 2\n", "x.yaml:4: a tab" },
        { "number: 1\nname: 'a\n", "x.yaml:3: found unexpected end" },
        { "number: 1\nname: \x01\n", "x.yaml:2: control characters" },
        { "number: 1\nname: \xff\n", "x.yaml:2: " },
        { "number: 1\nallow: true }\nsmall: 1\n", "x.yaml:2: " },
    };

    refused(rows, SP_COUNT(rows));
}

Test(config_schema, a_file_that_cannot_be_read_is_told_with_the_reason)
{
    char directory[] = "/tmp/test_config_schema.XXXXXX";
    char path[64];
    struct sp_buf why = sp_buf_new(4096);
    void *loaded = NULL;

    cr_assert_not_null(mkdtemp(directory));
    (void)snprintf(path, sizeof(path), "%s/x.yaml", directory);
    cr_assert_eq(mkdir(path, 0700), 0);
    cr_assert_eq(sp_config_load(directory, "x", &schema, &loaded, &why),
                 SP_ECONFIG);
    (void)sp_buf_add(&why, "", 1);
    cr_expect_not_null(strstr(why.data, "x.yaml: Is a directory"), "%s",
                       why.data);
    cr_assert_eq(rmdir(path), 0);
    cr_assert_eq(rmdir(directory), 0);
    sp_buf_free(&why);
}
