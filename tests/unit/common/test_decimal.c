/* Numbers in text: whole ones within bounds, decimals digit by digit. */
#include <criterion/criterion.h>

#include "common/base/compiler.h"
#include "common/base/error.h"
#include "common/text/decimal.h"
#include "common/text/hex.h"

Test(decimal, reads_whole_numbers_within_bounds)
{
    static const struct {
        const char *in;
        uint64_t max;
        int error;
        uint64_t want;
    } rows[] = {
        { "0", 0, 0, 0 },
        { "007", 7, 0, 7 },
        { "65535", 65535, 0, 65535 },
        { "65536", 65535, SP_ELIMIT, 0 },
        { "18446744073709551615", UINT64_MAX, 0, UINT64_MAX },
        { "18446744073709551616", UINT64_MAX, SP_ELIMIT, 0 },
        { "99999999999999999999999", UINT64_MAX, SP_ELIMIT, 0 },
        { "5", 4, SP_ELIMIT, 0 },
        { "", 9, SP_EFORMAT, 0 },
        { "+1", 9, SP_EFORMAT, 0 },
        { "-1", 9, SP_EFORMAT, 0 },
        { " 1", 9, SP_EFORMAT, 0 },
        { "1 ", 9, SP_EFORMAT, 0 },
        { "1e0", 9, SP_EFORMAT, 0 },
        { "0x1", 9, SP_EFORMAT, 0 },
        { "\xb2", 9, SP_EFORMAT, 0 },
    };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        uint64_t got = 0;

        cr_expect_eq(sp_number_read(sp_view_of(rows[i].in), rows[i].max, &got),
                     rows[i].error, "%s", rows[i].in);
        cr_expect_eq(got, rows[i].want, "%s", rows[i].in);
    }
}

Test(decimal, compares_by_value_and_not_by_spelling)
{
    static const char *const ascending[] = {
        "-1e999999999999",
        "-10.5",
        "-10.4999999999999999999999999",
        "-1e-400",
        "0",
        "1e-400",
        "0.1",
        "1",
        "1.00000000000000000000000000001",
        "10",
        "1e400",
    };
    static const char *const same[][2] = {
        { "0", "-0.0e5" },  { "1", "1.000" },     { "100", "1e2" },
        { "0.01", "1E-2" }, { "1200", "12.0e2" },
    };

    for (size_t i = 0; i < SP_COUNT(ascending); i++) {
        struct sp_decimal a = sp_decimal_of(sp_view_of(ascending[i]));

        for (size_t k = 0; k < SP_COUNT(ascending); k++) {
            struct sp_decimal b = sp_decimal_of(sp_view_of(ascending[k]));
            int order = sp_decimal_compare(&a, &b);

            cr_expect_eq((order > 0) - (order < 0), (i > k) - (i < k),
                         "%s and %s", ascending[i], ascending[k]);
        }
    }
    for (size_t i = 0; i < SP_COUNT(same); i++) {
        struct sp_decimal a = sp_decimal_of(sp_view_of(same[i][0]));
        struct sp_decimal b = sp_decimal_of(sp_view_of(same[i][1]));

        cr_expect_eq(sp_decimal_compare(&a, &b), 0, "%s", same[i][0]);
        cr_expect_eq(sp_decimal_hash(&a, 1), sp_decimal_hash(&b, 1), "%s",
                     same[i][0]);
    }
}

Test(decimal, gives_its_digits_over_the_point)
{
    struct sp_decimal d = sp_decimal_of(SP_VIEW_LITERAL("-0012.3400e-1"));
    const char *at = d.first;

    cr_assert_eq(d.digits, 4);
    cr_expect_eq(d.exponent, -3);
    cr_expect(d.negative);
    cr_expect_not(sp_decimal_is_integer(&d));
    for (unsigned want = 1; want <= 4; want++) {
        cr_expect_eq(sp_decimal_digit(&at), want);
    }
}

Test(hex, reads_whole_escapes_only)
{
    static const struct {
        const char *in;
        int want;
    } rows[] = {
        { "%41", 0x41 }, { "%fF", 0xff }, { "%00z", 0 },
        { "%4", -1 },    { "%", -1 },     { "%4g", -1 },
        { "%-1", -1 },   { "041", -1 },   { "", -1 },
    };
    struct sp_buf out = sp_buf_new(6);

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        cr_expect_eq(sp_hex_escaped(sp_view_of(rows[i].in)), rows[i].want, "%s",
                     rows[i].in);
    }
    cr_expect_eq(sp_hex_add(&out, sp_view_make("\x00\xfe", 2)), 0);
    cr_expect(sp_view_is(sp_buf_view(&out), "00fe"));
    cr_expect_eq(sp_hex_add(&out, sp_view_make("\x01\x02", 2)), SP_ELIMIT);
    sp_buf_free(&out);
}
