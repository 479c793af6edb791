/* The generic cell rate algorithm, ITU-T I.371 annex A, virtual scheduling. */
#include "services/ratelimit/gcra.h"

#define NS_PER_S INT64_C(1000000000)

struct gcra_rate
gcra_rate(uint32_t requests, uint32_t window_s, uint32_t burst)
{
    int64_t window_ns = (int64_t)window_s * NS_PER_S;

    return (struct gcra_rate){
        .interval_ns = (window_ns + (int64_t)requests - 1) / requests,
        .burst = burst,
    };
}

int64_t
gcra_wait(const struct gcra_rate *rate, int64_t tat_ns, int64_t now_ns)
{
    int64_t earliest_ns = tat_ns - (rate->burst - 1) * rate->interval_ns;

    return earliest_ns > now_ns ? earliest_ns - now_ns : 0;
}

int64_t
gcra_charge(const struct gcra_rate *rate, int64_t tat_ns, int64_t now_ns)
{
    return (tat_ns > now_ns ? tat_ns : now_ns) + rate->interval_ns;
}

int64_t
gcra_remaining(const struct gcra_rate *rate, int64_t tat_ns, int64_t now_ns)
{
    int64_t owed_ns = tat_ns > now_ns ? tat_ns - now_ns : 0;
    int64_t room_ns = rate->burst * rate->interval_ns - owed_ns;

    return room_ns > 0 ? room_ns / rate->interval_ns : 0;
}
