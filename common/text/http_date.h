/* Dates of HTTP (RFC 9110 section 5.6.7). */
#ifndef SP_COMMON_TEXT_HTTP_DATE_H
#define SP_COMMON_TEXT_HTTP_DATE_H

#include <stdint.h>

#include "common/base/compiler.h"
#include "common/base/view.h"

/* Reads a date in any of the three forms that a recipient must accept, "Sun,
 * 06 Nov 1994 08:49:37 GMT" and the two obsolete ones: seconds since
 * 1970-01-01 UTC. The day of the week is not held against the date. 0 or
 * SP_EFORMAT. */
SP_MUST_CHECK int
sp_http_date_read(struct sp_view text, int64_t *ret_s);

#endif
