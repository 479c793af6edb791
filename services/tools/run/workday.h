/* UTC time stamps as text, and days on which people work. */
#ifndef SP_SERVICES_TOOLS_RUN_WORKDAY_H
#define SP_SERVICES_TOOLS_RUN_WORKDAY_H

#include <stdint.h>

#define WORKDAY_STAMP_BYTES sizeof("2026-01-01T00:00:00Z")

/* `ms` since 1970-01-01 UTC, moved on by `days` Mondays to Fridays: Saturdays
 * and Sundays do not count, the time of day stays. */
int64_t
workday_add(int64_t ms, unsigned days);

/* Writes RFC 3339 text in UTC, whole seconds, NUL-terminated. Stamps outside
 * the years 1970 to 9999 are clipped. */
void
workday_stamp(int64_t ms, char ret_stamp[WORKDAY_STAMP_BYTES]);

#endif
