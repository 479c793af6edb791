/* Growable buffers: the maximum holds, errors stick, JSON is escaped. */
#include <stdint.h>
#include <string.h>

#include <criterion/criterion.h>

#include "common/base/error.h"
#include "common/text/buf.h"

Test(buf, grows_to_its_maximum_and_no_further)
{
    struct sp_buf b = sp_buf_new(1000);

    for (unsigned i = 0; i < 1000; i++) {
        cr_assert_eq(sp_buf_add(&b, "x", 1), 0);
        cr_assert_leq(b.size, 1000);
    }
    cr_expect_eq(sp_buf_add(&b, "y", 1), SP_ELIMIT);
    cr_expect_eq(b.len, 1000);
    cr_expect_eq(b.data[999], 'x');
    sp_buf_free(&b);
    cr_expect_null(b.data);
    cr_expect_eq(b.max, 1000);
}

Test(buf, refuses_whole_what_does_not_fit)
{
    struct sp_buf b = sp_buf_new(4);

    cr_assert_eq(sp_buf_add_str(&b, "abc"), 0);
    cr_expect_eq(sp_buf_add_str(&b, "de"), SP_ELIMIT);
    cr_expect(sp_view_is(sp_buf_view(&b), "abc"));
    cr_expect_eq(sp_buf_add_str(&b, "d"), 0);
    sp_buf_free(&b);
}

Test(buf, refuses_sizes_that_would_wrap)
{
    struct sp_buf b = sp_buf_new(16);

    cr_assert_eq(sp_buf_add_str(&b, "abc"), 0);
    cr_expect_eq(sp_buf_add(&b, "x", SIZE_MAX - 1), SP_ELIMIT);
    cr_expect_eq(b.len, 3);
    sp_buf_free(&b);
}

Test(buf, error_sticks_until_reset)
{
    struct sp_buf b = sp_buf_new(2);

    (void)sp_buf_add_str(&b, "abc");
    (void)sp_buf_add_str(&b, "a");
    cr_expect_eq(b.error, SP_ELIMIT);
    sp_buf_reset(&b);
    cr_expect_eq(b.error, 0);
    cr_expect_eq(b.len, 0);
    sp_buf_free(&b);
}

Test(buf, formats_short_and_long_text)
{
    struct sp_buf b = sp_buf_new(4096);
    char text[2001];

    memset(text, 'z', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    cr_assert_eq(sp_buf_addf(&b, "%d-%s", 42, "a"), 0);
    cr_expect(sp_view_is(sp_buf_view(&b), "42-a"));
    cr_assert_eq(sp_buf_addf(&b, "%s", text), 0);
    cr_expect_eq(b.len, 2004);
    cr_expect_eq(b.data[2003], 'z');
    cr_expect_eq(sp_buf_addf(&b, "%s%s", text, text), SP_ELIMIT);
    cr_expect_eq(b.len, 2004);
    sp_buf_free(&b);
}

Test(buf, escapes_json)
{
    static const struct {
        struct sp_view input;
        const char *want;
    } rows[] = {
        { { "plain", 5 }, "plain" },
        { { "", 0 }, "" },
        { { "a\"b\\c", 5 }, "a\\\"b\\\\c" },
        { { "\n\r\t", 3 }, "\\n\\r\\t" },
        { { "\0\x01\x1f\x7f", 4 }, "\\u0000\\u0001\\u001f\\u007f" },
        { { "\xc3\xa4/", 3 }, "\xc3\xa4/" },
    };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct sp_buf b = sp_buf_new(64);

        cr_expect_eq(sp_buf_add_json(&b, rows[i].input), 0);
        cr_expect(sp_view_is(sp_buf_view(&b), rows[i].want), "%s",
                  rows[i].want);
        sp_buf_free(&b);
    }
}

Test(buf, consumes_from_the_front)
{
    struct sp_buf b = sp_buf_new(16);

    (void)sp_buf_add_str(&b, "abcdef");
    sp_buf_consume(&b, 2);
    cr_expect(sp_view_is(sp_buf_view(&b), "cdef"));
    sp_buf_consume(&b, 0);
    cr_expect(sp_view_is(sp_buf_view(&b), "cdef"));
    sp_buf_consume(&b, 4);
    cr_expect_eq(b.len, 0);
    sp_buf_free(&b);
}
