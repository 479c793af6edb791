/* What the tools reckon with: exact amounts, working days, versions. */
#include <criterion/criterion.h>
#include <inttypes.h>

#include "common/error.h"
#include "services/tools/amount.h"
#include "services/tools/mcp_version.h"
#include "services/tools/workday.h"

Test(amount, reads_json_numbers_exactly)
{
    static const struct {
        const char *text;
        int error;
        int64_t want;
    } rows[] = {
        { "0", 0, 0 },
        { "-0", 0, 0 },
        { "0.1", 0, 100000 },
        { "0.000001", 0, 1 },
        { "1000000", 0, INT64_C(1000000000000) },
        { "1e6", 0, INT64_C(1000000000000) },
        { "1E+6", 0, INT64_C(1000000000000) },
        { "100e-2", 0, 1000000 },
        { "1.50000000000000000000000", 0, 1500000 },
        { "0e999999999999", 0, 0 },
        { "-2.5", 0, -2500000 },
        { "999999999999.999999", 0, INT64_C(999999999999999999) },
        { "0.0000001", SP_EFORMAT, 0 },
        { "1e-7", SP_EFORMAT, 0 },
        { "1e-999999999999", SP_EFORMAT, 0 },
        { "1000000000000", SP_ELIMIT, 0 },
        { "1e999999999999", SP_ELIMIT, 0 },
        { "12345678901234567890", SP_ELIMIT, 0 },
        { "", SP_EFORMAT, 0 },
        { "-", SP_EFORMAT, 0 },
        { "+1", SP_EFORMAT, 0 },
        { "01", SP_EFORMAT, 0 },
        { "1.", SP_EFORMAT, 0 },
        { ".5", SP_EFORMAT, 0 },
        { "1e", SP_EFORMAT, 0 },
        { "1 ", SP_EFORMAT, 0 },
        { "0x10", SP_EFORMAT, 0 },
        { "NaN", SP_EFORMAT, 0 },
        { "Infinity", SP_EFORMAT, 0 },
    };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        int64_t got = 0;
        int error = amount_read(sp_view_of(rows[i].text), &got);

        cr_expect_eq(error, rows[i].error, "%s: %s", rows[i].text,
                     sp_strerror(error));
        cr_expect_eq(got, rows[i].want, "%s: %" PRId64, rows[i].text, got);
    }
}

Test(amount, writes_what_it_read)
{
    static const struct {
        int64_t amount;
        const char *want;
    } rows[] = {
        { 0, "0" },
        { 1, "0.000001" },
        { -1, "-0.000001" },
        { 100000, "0.1" },
        { 1000000, "1" },
        { -1500000, "-1.5" },
        { INT64_C(30000300000), "30000.3" },
        { INT64_MAX, "9223372036854.775807" },
        { INT64_MIN, "-9223372036854.775808" },
    };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct sp_buf out = sp_buf_new(64);

        amount_write(rows[i].amount, &out);
        cr_expect(sp_view_is(sp_buf_view(&out), rows[i].want), "%.*s for %s",
                  SP_VIEW(sp_buf_view(&out)), rows[i].want);
        sp_buf_free(&out);
    }
}

Test(amount, sums_without_floats)
{
    const int64_t tenths[] = { 100000, 200000 };
    const int64_t thirds[] = { 1, 0, 0 };
    const int64_t half_even[] = { 1, 2 };
    const int64_t half_down[] = { 0, 1 };
    const int64_t large[] = { INT64_MAX, 1 };
    struct amount_sums sums;

    cr_assert_eq(amount_sum(tenths, 2, &sums), 0);
    cr_expect_eq(sums.total, 300000);
    cr_expect_eq(sums.average, 150000);
    cr_expect_eq(sums.max, 200000);
    cr_expect_eq(sums.min, 100000);
    cr_assert_eq(amount_sum(thirds, 3, &sums), 0);
    cr_expect_eq(sums.average, 0);
    cr_assert_eq(amount_sum(half_even, 2, &sums), 0);
    cr_expect_eq(sums.average, 2);
    cr_assert_eq(amount_sum(half_down, 2, &sums), 0);
    cr_expect_eq(sums.average, 0);
    cr_expect_eq(amount_sum(large, 2, &sums), SP_ELIMIT);
    cr_expect_eq(amount_sum(large, 0, &sums), SP_ELIMIT);
}

Test(workday, skips_the_weekend_and_keeps_the_hour)
{
    static const struct {
        int64_t from_ms;
        unsigned days;
        const char *want;
    } rows[] = {
        { INT64_C(1795500000000), 0, "2026-11-24T06:00:00Z" },
        { INT64_C(1795500000000), 3, "2026-11-27T06:00:00Z" },
        { INT64_C(1795500000000), 4, "2026-11-30T06:00:00Z" },
        { INT64_C(1795500000000), 5, "2026-12-01T06:00:00Z" },
        /* from a Saturday */
        { INT64_C(1795845600000), 1, "2026-11-30T06:00:00Z" },
    };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        char stamp[WORKDAY_STAMP_BYTES];

        workday_stamp(workday_add(rows[i].from_ms, rows[i].days), stamp);
        cr_expect_str_eq(stamp, rows[i].want);
    }
}

Test(mcp_version, knows_the_served_ones_only)
{
    static const char *const served[] = { "2025-03-26", "2025-06-18",
                                          "2025-11-25", "2026-07-28" };
    static const char *const others[] = { "", "2024-11-05", "2025-11-25 ",
                                          "2026-07-2", "v999.0.0" };

    for (size_t i = 0; i < SP_COUNT(served); i++) {
        enum mcp_version v = mcp_version_find(sp_view_of(served[i]));

        cr_expect_neq(v, MCP_VERSION_NONE);
        cr_expect_str_eq(mcp_version_name(v), served[i]);
        cr_expect_eq(mcp_version_is_legacy(v), v != MCP_VERSION_MODERN);
    }
    for (size_t i = 0; i < SP_COUNT(others); i++) {
        cr_expect_eq(mcp_version_find(sp_view_of(others[i])), MCP_VERSION_NONE,
                     "%s", others[i]);
    }
    cr_expect_null(mcp_version_name((enum mcp_version)99));
    cr_expect_not(mcp_version_is_legacy(MCP_VERSION_NONE));
}
