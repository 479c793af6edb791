/* UTC time stamps and working days. */
#include "services/tools/run/workday.h"

#include <stdbool.h>
#include <time.h>

#define DAY_MS 86400000
#define LAST_SECOND 253402300799 /* 9999-12-31T23:59:59Z */

/* 1970-01-01 was a Thursday. */
static bool
is_weekend(int64_t ms)
{
    int64_t weekday = (ms / DAY_MS + 4) % 7; /* 0: Sunday */

    return weekday == 0 || weekday == 6;
}

int64_t
workday_add(int64_t ms, unsigned days)
{
    while (days > 0) {
        ms += DAY_MS;
        days -= !is_weekend(ms);
    }
    return ms;
}

void
workday_stamp(int64_t ms, char ret_stamp[WORKDAY_STAMP_BYTES])
{
    struct tm utc = { 0 };
    time_t seconds = ms < 0 ? 0 : ms / 1000;

    if (seconds > LAST_SECOND) {
        seconds = LAST_SECOND;
    }
    (void)gmtime_r(&seconds, &utc);
    (void)strftime(ret_stamp, WORKDAY_STAMP_BYTES, "%Y-%m-%dT%H:%M:%SZ", &utc);
}
