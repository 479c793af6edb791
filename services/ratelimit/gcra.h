/* The generic cell rate algorithm in integers. The state of one limit is one
 * number, the theoretical arrival time (TAT): when the whole burst will be
 * there again. All times are nanoseconds of one monotonic clock, which the
 * caller reads. */
#ifndef SP_SERVICES_RATELIMIT_GCRA_H
#define SP_SERVICES_RATELIMIT_GCRA_H

#include <stdint.h>

/* How often something may happen. */
struct gcra_rate {
    int64_t interval_ns; /* one more is earned in this time */
    int64_t burst;       /* so many at once from a full state */
};

/* `requests` in each `window_s` seconds, at most `burst` at once. All at least
 * 1, `burst` at most `requests`: the sums then stay below window_s seconds. The
 * interval is rounded up, so that never more than `requests` are earned. */
struct gcra_rate
gcra_rate(uint32_t requests, uint32_t window_s, uint32_t burst);

/* How long until one more conforms; 0 where it does now. A `tat_ns` in the
 * past, also 0, is a full state. */
int64_t
gcra_wait(const struct gcra_rate *rate, int64_t tat_ns, int64_t now_ns);

/* The TAT after one more, which must conform. */
int64_t
gcra_charge(const struct gcra_rate *rate, int64_t tat_ns, int64_t now_ns);

/* How many conform at once now: 0 to burst. */
int64_t
gcra_remaining(const struct gcra_rate *rate, int64_t tat_ns, int64_t now_ns);

#endif
