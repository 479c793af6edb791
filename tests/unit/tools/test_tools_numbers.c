/* What the tools reckon with: exact amounts, working days, versions. */
#include <criterion/criterion.h>

#include "common/base/error.h"
#include "services/tools/mcp/mcp_version.h"
#include "services/tools/run/amount.h"
#include "services/tools/run/workday.h"

/* The amounts of a JSON array, added up. The error of the last one. */
static int
add_up(const char *text, struct amount_sums *sums)
{
    struct sp_json json = { 0 };
    const struct sp_json_token *list = NULL;
    const struct sp_json_token *t = NULL;
    int error = 0;

    *sums = (struct amount_sums){ .count = 0 };
    cr_assert_eq(sp_json_parse(&json, sp_view_of(text)), 0, "%s", text);
    list = sp_json_root(&json);
    for (t = sp_json_first(&json, list); error == 0 && t != NULL;
         t = sp_json_next(&json, list, t)) {
        struct amount amount;

        error = amount_read(&json, t, &amount);
        if (error == 0) {
            error = amount_sums_add(sums, &amount);
        }
    }
    sp_json_free(&json);
    return error;
}

static void
expect_written(const struct amount *amount, const char *want, const char *of)
{
    struct sp_buf out = sp_buf_new(1024);

    amount_write(amount, &out);
    cr_expect(sp_view_is(sp_buf_view(&out), want), "%s: %.*s, not %s", of,
              SP_VIEW(sp_buf_view(&out)), want);
    sp_buf_free(&out);
}

Test(amount, reads_json_numbers_exactly)
{
    static const struct {
        const char *text;
        int error;
        const char *want;
    } rows[] = {
        { "[0]", 0, "0" },
        { "[-0]", 0, "0" },
        { "[-0.00e5]", 0, "0" },
        { "[0e999999999999]", 0, "0" },
        { "[0e-999999999999]", 0, "0" },
        { "[0.1]", 0, "0.1" },
        { "[0.000001]", 0, "0.000001" },
        { "[1e-7]", 0, "0.0000001" },
        { "[0.30000000000000004]", 0, "0.30000000000000004" },
        { "[0.1234567890123456789]", 0, "0.1234567890123456789" },
        { "[1000000]", 0, "1000000" },
        { "[1e6]", 0, "1000000" },
        { "[1E+6]", 0, "1000000" },
        { "[0.00001e11]", 0, "1000000" },
        { "[100e-2]", 0, "1" },
        { "[120.050e-1]", 0, "12.005" },
        { "[1.50000000000000000000000]", 0, "1.5" },
        { "[999999999.999999999999]", 0, "999999999.999999999999" },
        { "[1000000000]", SP_ELIMIT, "0" },
        { "[1e999999999999]", SP_ELIMIT, "0" },
        { "[1e-351]", SP_ELIMIT, "0" },
        { "[1e-999999999999]", SP_ELIMIT, "0" },
        { "[-1e-9]", SP_EFORMAT, "0" },
        { "[-2.5]", SP_EFORMAT, "0" },
        { "[\"1\"]", SP_EFORMAT, "0" },
        { "[true]", SP_EFORMAT, "0" },
        { "[null]", SP_EFORMAT, "0" },
    };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct amount_sums sums;

        cr_expect_eq(add_up(rows[i].text, &sums), rows[i].error, "%s",
                     rows[i].text);
        expect_written(&sums.total, rows[i].want, rows[i].text);
    }
}

/* Whatever JSON library a client uses, its doubles fit: the smallest one, with
 * all 17 digits. */
Test(amount, reads_every_double)
{
    struct amount_sums sums;
    struct sp_buf want = sp_buf_new(1024);

    cr_assert_eq(add_up("[4.9406564584124654e-324]", &sums), 0);
    (void)sp_buf_addf(&want, "0.%0323d49406564584124654", 0);
    cr_assert_eq(sp_buf_add(&want, "", 1), 0);
    expect_written(&sums.total, want.data, "the smallest double");
    cr_assert_eq(add_up("[1e-350,1]", &sums), 0);
    cr_expect_gt(amount_compare(&sums.total, 1), 0);
    cr_expect_lt(amount_compare(&sums.min, 1), 0);
    cr_expect_eq(amount_compare(&sums.max, 1), 0);
    sp_buf_free(&want);
}

Test(amount, sums_without_floats)
{
    static const struct {
        const char *text;
        const char *total;
        const char *average;
        const char *max;
        const char *min;
    } rows[] = {
        { "[0.1,0.2]", "0.3", "0.15", "0.2", "0.1" },
        { "[0.1,0.1,0.1]", "0.3", "0.1", "0.1", "0.1" },
        { "[0.999999999,0.000000001]", "1", "0.5", "0.999999999",
          "0.000000001" },
        /* Finite averages are exact, others end six places later. */
        { "[10000,0.000001]", "10000.000001", "5000.0000005", "10000",
          "0.000001" },
        { "[1,0,0]", "1", "0.333333", "1", "0" },
        { "[2,0,0]", "2", "0.666667", "2", "0" },
        { "[0.01,0,0]", "0.01", "0.00333333", "0.01", "0" },
        { "[1,0,0,0,0,0,0,0]", "1", "0.125", "1", "0" },
        /* The carry goes over the edge of a limb, and over the point. */
        { "[0.9,0.9,1.2]", "3", "1", "1.2", "0.9" },
        { "[0.000000001,0.999999999,999999]", "1000000", "333333.333333",
          "999999", "0.000000001" },
        { "[0.9999995,0.9999995,0.9999998,1,1,1]", "5.9999988", "0.9999998",
          "1", "0.9999995" },
    };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct amount_sums sums;
        struct amount average;

        cr_assert_eq(add_up(rows[i].text, &sums), 0, "%s", rows[i].text);
        average = amount_average(&sums);
        expect_written(&sums.total, rows[i].total, rows[i].text);
        expect_written(&average, rows[i].average, rows[i].text);
        expect_written(&sums.max, rows[i].max, rows[i].text);
        expect_written(&sums.min, rows[i].min, rows[i].text);
    }
}

Test(amount, of_nothing_is_zero_and_too_much_is_refused)
{
    struct amount_sums sums;
    struct amount average;

    cr_assert_eq(add_up("[]", &sums), 0);
    average = amount_average(&sums);
    expect_written(&average, "0", "nothing");
    cr_expect_eq(add_up("[999999999,0.5,0.5]", &sums), SP_ELIMIT);
    expect_written(&sums.total, "999999999.5", "what went before");
    cr_expect_eq(sums.count, 2);
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
