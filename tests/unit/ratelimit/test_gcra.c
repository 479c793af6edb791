/* GCRA: exact bursts, exact waits, never more than the rate allows. */
#include <inttypes.h>

#include <criterion/criterion.h>

#include "common/base/compiler.h"
#include "services/ratelimit/gcra.h"

#define NS_PER_S INT64_C(1000000000)
/* Some moment, far from 0 as a monotonic clock is. */
#define START (INT64_C(123456) * NS_PER_S)

/* Takes as many as conform at one moment. */
static int64_t
take_all(const struct gcra_rate *rate, int64_t *tat_ns, int64_t now_ns)
{
    int64_t taken = 0;

    while (gcra_wait(rate, *tat_ns, now_ns) == 0) {
        *tat_ns = gcra_charge(rate, *tat_ns, now_ns);
        taken++;
        cr_assert_lt(taken, 2000000);
    }
    return taken;
}

Test(gcra, admits_exactly_the_burst_and_tells_the_exact_wait)
{
    static const struct {
        const char *label;
        uint32_t requests;
        uint32_t window_s;
        uint32_t burst;
        int64_t interval_ns;
    } rows[] = {
        { "sixty a minute", 60, 60, 60, NS_PER_S },
        { "no burst", 60, 60, 1, NS_PER_S },
        { "a million a minute", 1000000, 60, 1000000, 60000 },
        { "rounded up", 7, 60, 7, 8571428572 },
        { "one a day", 1, 86400, 1, 86400 * NS_PER_S },
        { "a thousand million a second", 1000000000, 1, 1000000, 1 },
    };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct gcra_rate rate =
            gcra_rate(rows[i].requests, rows[i].window_s, rows[i].burst);
        int64_t tat = 0;
        int64_t wait = 0;

        cr_assert_eq(rate.interval_ns, rows[i].interval_ns, "%s: %" PRId64,
                     rows[i].label, rate.interval_ns);
        cr_assert_eq(gcra_remaining(&rate, tat, START), rows[i].burst, "%s",
                     rows[i].label);
        cr_assert_eq(take_all(&rate, &tat, START), rows[i].burst, "%s",
                     rows[i].label);
        wait = gcra_wait(&rate, tat, START);
        cr_assert_eq(wait, rate.interval_ns, "%s: %" PRId64, rows[i].label,
                     wait);
        cr_assert_eq(gcra_remaining(&rate, tat, START), 0, "%s", rows[i].label);
        cr_assert_eq(gcra_wait(&rate, tat, START + wait - 1), 1, "%s",
                     rows[i].label);
        cr_assert_eq(take_all(&rate, &tat, START + wait), 1, "%s",
                     rows[i].label);
    }
}

Test(gcra, earns_back_evenly_and_not_beyond_the_burst)
{
    struct gcra_rate rate = gcra_rate(60, 60, 10);
    int64_t tat = 0;

    cr_assert_eq(take_all(&rate, &tat, START), 10);
    cr_assert_eq(gcra_remaining(&rate, tat, START + 3 * NS_PER_S), 3);
    cr_assert_eq(take_all(&rate, &tat, START + 3 * NS_PER_S), 3);
    cr_assert_eq(take_all(&rate, &tat, START + 3600 * NS_PER_S), 10);
}

Test(gcra, admits_in_any_window_no_more_than_burst_and_earnings)
{
    struct gcra_rate rate = gcra_rate(100, 10, 20);
    int64_t tat = 0;
    int64_t admitted = 0;
    int64_t now = START;
    uint32_t state = 1;

    for (int i = 0; i < 100000; i++) {
        state = state * 1664525u + 1013904223u;
        now += state % 50000000; /* on average four times the rate */
        if (gcra_wait(&rate, tat, now) == 0) {
            tat = gcra_charge(&rate, tat, now);
            admitted++;
        }
        cr_assert_leq(admitted, 20 + (now - START) / rate.interval_ns);
    }
    /* And it does give what it promises. */
    cr_assert_geq(admitted, (now - START) / rate.interval_ns - 1);
}
