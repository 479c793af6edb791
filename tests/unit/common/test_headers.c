/* Header text: one line per header, whatever the value holds. */
#include <string.h>

#include <criterion/criterion.h>

#include "common/base/error.h"
#include "common/text/headers.h"

Test(headers, adds_lines_with_lower_names)
{
    struct sp_buf text = sp_buf_new(256);

    cr_expect_eq(sp_headers_add(&text, sp_view_of("Content-Type"),
                                sp_view_of("text/plain; a=\"\tb\"")),
                 0);
    cr_expect_eq(
        sp_headers_add(&text, sp_view_of("X-!#$%&'*+.^_`|~9"), sp_view_of("")),
        0);
    cr_expect_eq(
        sp_headers_add(&text, sp_view_of("x-obs"), sp_view_of("caf\xe9")), 0);
    cr_expect(sp_view_is(sp_buf_view(&text),
                         "content-type: text/plain; a=\"\tb\"\n"
                         "x-!#$%&'*+.^_`|~9: \nx-obs: caf\xe9\n"));
    sp_buf_free(&text);
}

Test(headers, lowers_long_names)
{
    struct sp_buf text = sp_buf_new(512);
    char name[200];
    struct sp_view got = { 0 };

    memset(name, 'X', sizeof(name));
    cr_assert_eq(sp_headers_add(&text, sp_view_make(name, sizeof(name)),
                                sp_view_of("v")),
                 0);
    memset(name, 'x', sizeof(name));
    name[sizeof(name) - 1] = '\0';
    got = sp_headers_get(sp_buf_view(&text), name);
    cr_expect_null(got.ptr);
    cr_expect_eq(text.len, sizeof(name) + 4);
    cr_expect_eq(memcmp(text.data, name, sizeof(name) - 1), 0);
    sp_buf_free(&text);
}

Test(headers, add_refuses_what_could_break_a_line)
{
    static const struct {
        const char *label;
        struct sp_view name;
        struct sp_view value;
    } rows[] = {
        { "empty name", { "", 0 }, { "v", 1 } },
        { "space in name", { "a b", 3 }, { "v", 1 } },
        { "colon in name", { "a:", 2 }, { "v", 1 } },
        { "newline in name", { "a\nb", 3 }, { "v", 1 } },
        { "NUL in name", { "a\0", 2 }, { "v", 1 } },
        { "non-ASCII name", { "\xc3\xa4", 2 }, { "v", 1 } },
        { "LF in value", { "a", 1 }, { "v\nx: y", 6 } },
        { "CR in value", { "a", 1 }, { "v\r", 2 } },
        { "NUL in value", { "a", 1 }, { "v\0w", 3 } },
        { "escape in value", { "a", 1 }, { "\x1b[1m", 4 } },
        { "DEL in value", { "a", 1 }, { "\x7f", 1 } },
    };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct sp_buf text = sp_buf_new(64);

        (void)sp_buf_add_str(&text, "k: v\n");
        cr_expect_eq(sp_headers_add(&text, rows[i].name, rows[i].value),
                     SP_EFORMAT, "%s", rows[i].label);
        cr_expect(sp_view_is(sp_buf_view(&text), "k: v\n"), "%s",
                  rows[i].label);
        cr_expect_eq(text.error, SP_EFORMAT);
        sp_buf_free(&text);
    }
}

Test(headers, add_keeps_the_text_when_full)
{
    for (size_t max = 0; max < 6; max++) {
        struct sp_buf text = sp_buf_new(max);

        cr_expect_eq(sp_headers_add(&text, sp_view_of("ab"), sp_view_of("c")),
                     SP_ELIMIT);
        cr_expect_eq(text.len, 0);
        sp_buf_free(&text);
    }
    struct sp_buf text = sp_buf_new(6);

    cr_expect_eq(sp_headers_add(&text, sp_view_of("ab"), sp_view_of("c")), 0);
    sp_buf_free(&text);
}

Test(headers, next_walks_all_lines)
{
    struct sp_view text = sp_view_of("a: 1\nb: \na: x: y\n");
    struct sp_view name = { 0 };
    struct sp_view value = { 0 };

    cr_assert_eq(sp_headers_next(&text, &name, &value), 1);
    cr_expect(sp_view_is(name, "a") && sp_view_is(value, "1"));
    cr_assert_eq(sp_headers_next(&text, &name, &value), 1);
    cr_expect(sp_view_is(name, "b") && sp_view_is(value, ""));
    cr_assert_eq(sp_headers_next(&text, &name, &value), 1);
    cr_expect(sp_view_is(name, "a") && sp_view_is(value, "x: y"));
    cr_expect_eq(sp_headers_next(&text, &name, &value), 0);
}

Test(headers, next_refuses_malformed_lines)
{
    static const struct {
        const char *label;
        struct sp_view text;
    } rows[] = {
        { "no newline", { "a: 1", 4 } },
        { "no colon", { "a 1\n", 4 } },
        { "no space", { "a:1\n", 4 } },
        { "colon at the end", { "a:\n", 3 } },
        { "no name", { ": 1\n", 4 } },
        { "upper case", { "A: 1\n", 5 } },
        { "space before colon", { "a : 1\n", 6 } },
        { "folded", { " a: 1\n", 6 } },
        { "empty line", { "\n", 1 } },
        { "CR", { "a: 1\r\n", 6 } },
        { "NUL", { "a: \0\n", 5 } },
    };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct sp_view text = rows[i].text;
        struct sp_view name = { 0 };
        struct sp_view value = { 0 };

        cr_expect_eq(sp_headers_next(&text, &name, &value), SP_EFORMAT, "%s",
                     rows[i].label);
    }
}

Test(headers, next_refuses_every_cut_line)
{
    static const char whole[] = "host: a\nvary: b\n";

    for (size_t n = 0; n < sizeof(whole); n++) {
        struct sp_view text = sp_view_make(whole, n);
        struct sp_view name = { 0 };
        struct sp_view value = { 0 };
        bool complete = n == 0 || whole[n - 1] == '\n';
        int got = 1;

        while (got > 0) {
            got = sp_headers_next(&text, &name, &value);
        }
        cr_expect_eq(got, complete ? 0 : SP_EFORMAT, "%zu bytes", n);
    }
}

Test(headers, get_finds_the_first)
{
    struct sp_view text = sp_view_of("a: 1\nab: 2\nempty: \na: 3\n");

    cr_expect(sp_view_is(sp_headers_get(text, "a"), "1"));
    cr_expect(sp_view_is(sp_headers_get(text, "ab"), "2"));
    cr_expect_not_null(sp_headers_get(text, "empty").ptr);
    cr_expect_eq(sp_headers_get(text, "empty").len, 0);
    cr_expect_null(sp_headers_get(text, "b").ptr);
    cr_expect_null(sp_headers_get(sp_view_of("bad\na: 1\n"), "a").ptr);
    cr_expect_null(sp_headers_get(sp_view_make(NULL, 0), "a").ptr);
}

/* Each byte against RFC 9110 sections 5.5 and 5.6.2, wherever it stands. */
Test(headers, knows_every_byte)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    static const char others[] = "0123456789!#$%&'*+-.^_`|~";

    for (int byte = 0; byte < 256; byte++) {
        bool letter = byte != 0 && strchr(letters, byte) != NULL;
        bool token = letter || (byte != 0 && strchr(others, byte) != NULL);
        bool plain = (byte >= 0x20 && byte != 0x7f) || byte == '\t';

        for (size_t at = 0; at < 19; at++) {
            struct sp_buf text = sp_buf_new(256);
            char name[] = "a-name-of-this-size";
            char value[] = "a value of its size";

            name[at] = (char)byte;
            cr_expect_eq(sp_headers_add(&text, sp_view_make(name, 19),
                                        SP_VIEW_LITERAL("x")) == 0,
                         token, "byte %d at %zu", byte, at);
            sp_buf_reset(&text);
            value[at] = (char)byte;
            cr_expect_eq(sp_headers_add(&text, SP_VIEW_LITERAL("a"),
                                        sp_view_make(value, 19)) == 0,
                         plain, "byte %d at %zu", byte, at);
            sp_buf_free(&text);
        }
    }
}
