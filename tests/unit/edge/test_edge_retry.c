/* When silence is worth a repetition, and how many there may be. */
#include <criterion/criterion.h>

#include "common/base/compiler.h"
#include "services/edge/retry.h"

static const struct retry_config config = {
    .floor_ms = 250, .factor = 4, .attempts = 3, .percent = 10, .spare = 2
};

static struct retry
fresh(int64_t now_ms)
{
    struct retry r;

    retry_begin(&r, &config, now_ms);
    return r;
}

static unsigned
take_all(struct retry *r, int64_t now_ms)
{
    unsigned taken = 0;

    while (taken < 1000 && retry_take(r, 0, now_ms)) {
        taken++;
    }
    return taken;
}

Test(edge_retry, waits_a_few_times_the_usual_time)
{
    static const struct {
        const char *label;
        int64_t usual_us; /* 0: none seen */
        unsigned attempt;
        int64_t want_ms;
    } rows[] = {
        { "nothing known", 0, 0, 250 },
        { "nothing known, second", 0, 1, 500 },
        { "nothing known, third", 0, 2, 1000 },
        { "fast: the floor", 1000, 0, 250 },
        { "just at the floor", 62500, 0, 250 },
        { "slow", 100000, 0, 400 },
        { "slow, second", 100000, 1, 800 },
        { "a minute: the ceiling", 60000000, 0, 30000 },
        { "many attempts: the ceiling", 1000, 11, 30000 },
        { "far too many attempts", 1000, 100000, 30000 },
    };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct retry r = fresh(0);

        if (rows[i].usual_us > 0) {
            retry_signed(&r, SP_CLASS_MCP, rows[i].usual_us);
        }
        cr_expect_eq(
            retry_wait_ms(&r, SP_CLASS_MCP, rows[i].attempt), rows[i].want_ms,
            "%s: %lld", rows[i].label,
            (long long)retry_wait_ms(&r, SP_CLASS_MCP, rows[i].attempt));
    }
}

Test(edge_retry, the_usual_time_follows_slowly_and_by_class)
{
    struct retry r = fresh(0);

    retry_signed(&r, SP_CLASS_MCP, 100000);
    retry_signed(&r, SP_CLASS_MCP, 260000);
    cr_expect_eq(r.usual_us[SP_CLASS_MCP], 110000);
    for (int i = 0; i < 200; i++) {
        retry_signed(&r, SP_CLASS_MCP, 260000);
    }
    cr_expect_geq(r.usual_us[SP_CLASS_MCP], 259000);
    cr_expect_leq(r.usual_us[SP_CLASS_MCP], 260000);
    for (int i = 0; i < 400; i++) {
        retry_signed(&r, SP_CLASS_MCP, 0);
    }
    cr_expect_geq(r.usual_us[SP_CLASS_MCP], 0);
    cr_expect_leq(r.usual_us[SP_CLASS_MCP], 100);
    cr_expect_eq(r.usual_us[SP_CLASS_MODEL], 0);
    cr_expect_eq(retry_wait_ms(&r, SP_CLASS_MODEL, 0), 250);
}

Test(edge_retry, attempts_are_bounded)
{
    struct retry r = fresh(0);

    cr_expect(retry_take(&r, 0, 0));
    cr_expect(retry_take(&r, 1, 0));
    retry_begin(&r, &config, 0);
    cr_expect_not(retry_take(&r, 2, 0));
    cr_expect_not(retry_take(&r, 200, 0));
    cr_expect_eq(r.repeated, 0);
    cr_expect_eq(r.withheld, 0, "the budget was not asked");
}

Test(edge_retry, one_attempt_means_none_is_repeated)
{
    const struct retry_config once = { .attempts = 1, .spare = 10 };
    struct retry r;

    retry_begin(&r, &once, 0);
    cr_expect_not(retry_take(&r, 0, 0));
}

Test(edge_retry, an_idle_edge_has_its_spare_ones)
{
    struct retry r = fresh(0);

    cr_expect_eq(take_all(&r, 0), 2);
    cr_expect_eq(r.repeated, 2);
    cr_expect_eq(r.withheld, 1);
}

/* Ten per hundred, and the parts of one add up. */
Test(edge_retry, traffic_earns_its_percent)
{
    struct retry r = fresh(0);

    cr_assert_eq(take_all(&r, 0), 2);
    for (int i = 0; i < 9; i++) {
        retry_sent(&r);
    }
    cr_expect_not(retry_take(&r, 0, 0));
    retry_sent(&r);
    cr_expect(retry_take(&r, 0, 0));
    cr_expect_not(retry_take(&r, 0, 0));
    for (int i = 0; i < 100; i++) {
        retry_sent(&r);
    }
    cr_expect_eq(take_all(&r, 0), 10);
}

/* However much went well before, an overload is not multiplied. */
Test(edge_retry, savings_are_bounded)
{
    struct retry r = fresh(0);

    for (int i = 0; i < 1000000; i++) {
        retry_sent(&r);
    }
    cr_expect_eq(take_all(&r, 0), 2 + 10 * 10);
}

Test(edge_retry, in_the_long_run_only_the_percent_is_repeated)
{
    struct retry r = fresh(0);
    unsigned repeated = 0;

    /* Every request of 10 s at 1000 a second is silent. */
    for (int i = 0; i < 10000; i++) {
        retry_sent(&r);
        repeated += retry_take(&r, 0, i) ? 1 : 0;
    }
    cr_expect_leq(repeated, 10000 / 10 + 2 + 10, "%u", repeated);
    cr_expect_geq(repeated, 10000 / 10, "%u", repeated);
}

Test(edge_retry, a_quiet_second_gives_one_back_up_to_the_spare)
{
    struct retry r = fresh(1000);

    cr_assert_eq(take_all(&r, 1000), 2);
    cr_expect_not(retry_take(&r, 0, 1999));
    cr_expect(retry_take(&r, 0, 2000));
    cr_expect_not(retry_take(&r, 0, 2999));
    /* Half seconds are not lost. */
    cr_expect(retry_take(&r, 0, 3500));
    cr_expect(retry_take(&r, 0, 4000));
    cr_expect_not(retry_take(&r, 0, 4100));
    /* A long silence is worth no more than the spare ones. */
    cr_expect_eq(take_all(&r, (int64_t)1 << 50), 2);
}

Test(edge_retry, without_a_budget_nothing_is_repeated)
{
    const struct retry_config none = { .attempts = 3 };
    struct retry r;

    retry_begin(&r, &none, 0);
    for (int i = 0; i < 1000; i++) {
        retry_sent(&r);
    }
    cr_expect_not(retry_take(&r, 0, 0));
    cr_expect_not(retry_take(&r, 0, 1000000));
}
