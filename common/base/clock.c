/* Reading the clocks. */
#include "common/base/clock.h"

#include <stdio.h>
#include <time.h>

static int64_t
read_us(clockid_t clock)
{
    struct timespec now = { 0 };

    (void)clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t
sp_clock_ms(void)
{
    return read_us(CLOCK_MONOTONIC) / 1000;
}

int64_t
sp_clock_us(void)
{
    return read_us(CLOCK_MONOTONIC);
}

int64_t
sp_clock_wall_ms(void)
{
    return read_us(CLOCK_REALTIME) / 1000;
}

const char *
sp_clock_text(int64_t wall_ms, char text[SP_CLOCK_TEXT])
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm tm = { 0 };

    (void)gmtime_r(&seconds, &tm);
    (void)snprintf(text, SP_CLOCK_TEXT, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ",
                   tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour,
                   tm.tm_min, tm.tm_sec, (int)(wall_ms % 1000));
    return text;
}
