/* Dates of HTTP: three forms, and what is none. */
#include "common/text/http_date.h"

#include <inttypes.h>

#include <criterion/criterion.h>

#include "common/base/error.h"

Test(http_date, reads_all_three_forms)
{
    static const struct {
        const char *text;
        int64_t want;
    } rows[] = {
        { "Sun, 06 Nov 1994 08:49:37 GMT", 784111777 },
        { "Sunday, 06-Nov-94 08:49:37 GMT", 784111777 },
        { "Sun Nov  6 08:49:37 1994", 784111777 },
        { "Thu, 01 Jan 1970 00:00:00 GMT", 0 },
        { "Tue, 29 Feb 2000 23:59:59 GMT", 951868799 },
        { "Wed, 01 Mar 2000 00:00:00 GMT", 951868800 },
        { "Sun, 29 Nov 2026 17:00:00 GMT", 1795971600 },
        { "Mon, 31 Dec 2096 23:59:60 GMT", 4007836799 },
        { "Thu, 01 Mar 2100 00:00:00 GMT", 4107542400 },
    };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        int64_t got = -1;

        cr_expect_eq(sp_http_date_read(sp_view_of(rows[i].text), &got), 0, "%s",
                     rows[i].text);
        cr_expect_eq(got, rows[i].want, "%s: %" PRId64, rows[i].text, got);
    }
}

Test(http_date, refuses_what_is_none)
{
    static const char *const rows[] = {
        "",
        "7",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 CET",
        "Sun, 06 Nov 1994 08:49:37 GMT GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 31 Nov 1994 08:49:37 GMT",
        "Tue, 29 Feb 2100 08:49:37 GMT",
        "Sun, 06 nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1969 08:49:37 GMT",
        "Sun, 06 Nov 19940 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:60:00 GMT",
        "Sun, 06 Nov 1994 8:49:37 GMT",
        "Sun, -6 Nov 1994 08:49:3x GMT",
        "Sun, 006 Nov 1994 08:49:37 GMT",
        "1994-11-06T08:49:37Z",
    };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        int64_t got = -1;

        cr_expect_eq(sp_http_date_read(sp_view_of(rows[i]), &got), SP_EFORMAT,
                     "%s", rows[i]);
        cr_expect_eq(got, -1);
    }
}
