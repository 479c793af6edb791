/* ASCII JSON strings: nothing gets through that could forge a line. */
#include <string.h>

#include <criterion/criterion.h>

#include "common/base/error.h"
#include "common/text/ascii.h"

Test(ascii, writes_every_text_in_printable_ascii)
{
    static const struct {
        const char *label;
        const char *in;
        size_t len;
        const char *want;
    } rows[] = {
        { "empty", "", 0, "" },
        { "plain", "Anna, 7", 7, "Anna, 7" },
        { "quotes", "a\"b\\c", 5, "a\\\"b\\\\c" },
        { "controls", "a\nb\x01\x7f", 5, "a\\nb\\u0001\\u007f" },
        { "nul", "a\0b", 3, "a\\u0000b" },
        { "two bytes", "\xc3\xa4", 2, "\\u00e4" },
        { "three bytes", "\xe2\x82\xac!", 4, "\\u20ac!" },
        { "a pair", "\xf0\x9f\x98\x80", 4, "\\ud83d\\ude00" },
        { "the last", "\xf4\x8f\xbf\xbf", 4, "\\udbff\\udfff" },
        { "bidi mark", "\xe2\x80\xae", 3, "\\u202e" },
        { "line separator", "\xe2\x80\xa8", 3, "\\u2028" },
        { "lone byte", "a\x80", 2, "a\\ufffd" },
        { "overlong", "\xc0\xaf", 2, "\\ufffd\\ufffd" },
        { "overlong of three", "\xe0\x80\xaf", 3, "\\ufffd\\ufffd\\ufffd" },
        { "surrogate", "\xed\xa0\x80", 3, "\\ufffd\\ufffd\\ufffd" },
        { "beyond the last", "\xf4\x90\x80\x80", 4,
          "\\ufffd\\ufffd\\ufffd\\ufffd" },
        { "cut off", "\xe2\x82", 2, "\\ufffd\\ufffd" },
        { "cut off before text", "\xe2\x82z", 3, "\\ufffd\\ufffdz" },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct sp_buf out = sp_buf_new(256);

        cr_assert_eq(sp_ascii_json(&out, sp_view_make(rows[i].in, rows[i].len)),
                     0);
        cr_assert(sp_view_is(sp_buf_view(&out), rows[i].want), "%s: %.*s",
                  rows[i].label, SP_VIEW(sp_buf_view(&out)));
        sp_buf_free(&out);
    }
}

Test(ascii, takes_at_most_six_bytes_for_one)
{
    struct sp_buf out = sp_buf_new(6 * 256);
    unsigned char all[256];

    for (size_t i = 0; i < sizeof(all); i++) {
        all[i] = (unsigned char)i;
    }
    cr_assert_eq(sp_ascii_json(&out, sp_view_make(all, sizeof(all))), 0);
    for (size_t i = 0; i < out.len; i++) {
        cr_assert(out.data[i] >= 0x20 && out.data[i] < 0x7f);
    }
    sp_buf_free(&out);
    out = sp_buf_new(5);
    cr_assert_eq(sp_ascii_json(&out, SP_VIEW_LITERAL("\x80")), SP_ELIMIT);
    sp_buf_free(&out);
}
