/* Reading the clocks. Logic takes the time as an argument; only wire code and
 * main loops call these. */
#ifndef SP_COMMON_BASE_CLOCK_H
#define SP_COMMON_BASE_CLOCK_H

#include <stdint.h>

/* Milliseconds of CLOCK_MONOTONIC: for deadlines and intervals. */
int64_t
sp_clock_ms(void);

/* Microseconds of CLOCK_MONOTONIC: for measuring a stage. */
int64_t
sp_clock_us(void);

/* Milliseconds since 1970-01-01 UTC: for stamps and token times. */
int64_t
sp_clock_wall_ms(void);

#define SP_CLOCK_TEXT 80

/* A stamp as RFC 3339 text in UTC with milliseconds. Returns `text`. */
const char *
sp_clock_text(int64_t wall_ms, char text[SP_CLOCK_TEXT]);

#endif
