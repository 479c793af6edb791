/* Dates of HTTP: words first, then their order by form. */
#include "common/text/http_date.h"

#include <stdbool.h>

#include "common/base/error.h"
#include "common/text/decimal.h"

#define MAX_WORDS 6
#define DAY_S INT64_C(86400)

/* The three forms differ in the order of their words, once '-' counts as a
 * space: Sun 06 Nov 1994 08:49:37 GMT, Sunday 06 Nov 94 08:49:37 GMT, and
 * Sun Nov 6 08:49:37 1994. */
static const struct form {
    size_t words;
    size_t day;
    size_t month;
    size_t year;
    size_t time;
} forms[] = {
    { 6, 1, 2, 3, 4 },
    { 5, 2, 1, 4, 3 },
};

static bool
is_gap(char c)
{
    return c == ' ' || c == ',' || c == '-';
}

/* Returns how many there are; more than MAX_WORDS where there are too many. */
static size_t
split(struct sp_view text, struct sp_view words[MAX_WORDS])
{
    size_t count = 0;

    while (text.len > 0) {
        size_t len = 0;

        if (is_gap(text.ptr[0])) {
            text = sp_view_skip(text, 1);
            continue;
        }
        while (len < text.len && !is_gap(text.ptr[len])) {
            len++;
        }
        if (count == MAX_WORDS) {
            return MAX_WORDS + 1;
        }
        words[count++] = sp_view_make(text.ptr, len);
        text = sp_view_skip(text, len);
    }
    return count;
}

static int
read_month(struct sp_view word, uint64_t *ret_month)
{
    static const char *const months[] = {
        "Jan", "Feb", "Mar", "Apr", "May", "Jun",
        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    };

    for (size_t i = 0; i < SP_COUNT(months); i++) {
        if (sp_view_is(word, months[i])) {
            *ret_month = i + 1;
            return 0;
        }
    }
    return SP_EFORMAT;
}

/* 08:49:37; a leap second is taken for the one before. */
static int
read_time(struct sp_view word, uint64_t *ret_s)
{
    uint64_t hour = 0;
    uint64_t minute = 0;
    uint64_t second = 0;

    if (word.len != 8 || word.ptr[2] != ':' || word.ptr[5] != ':' ||
        sp_number_read(sp_view_make(word.ptr, 2), 23, &hour) != 0 ||
        sp_number_read(sp_view_make(word.ptr + 3, 2), 59, &minute) != 0 ||
        sp_number_read(sp_view_make(word.ptr + 6, 2), 60, &second) != 0) {
        return SP_EFORMAT;
    }
    *ret_s = hour * 3600 + minute * 60 + (second == 60 ? 59 : second);
    return 0;
}

static int
read_year(struct sp_view word, uint64_t *ret_year)
{
    if ((word.len != 2 && word.len != 4) ||
        sp_number_read(word, 9999, ret_year) != 0) {
        return SP_EFORMAT;
    }
    if (word.len == 2) {
        *ret_year += *ret_year < 70 ? 2000 : 1900;
    }
    return *ret_year < 1970 ? SP_EFORMAT : 0;
}

static bool
is_leap(uint64_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* Days from 1970-01-01 to this day, or -1 where the month does not have it. */
static int64_t
days_until(uint64_t year, uint64_t month, uint64_t day)
{
    static const unsigned lengths[] = { 31, 28, 31, 30, 31, 30,
                                        31, 31, 30, 31, 30, 31 };
    uint64_t before = year - 1;
    uint64_t days = year * 365 + before / 4 - before / 100 + before / 400;

    for (size_t i = 0; i + 1 < month; i++) {
        days += lengths[i];
    }
    days += is_leap(year) && month > 2 ? 1 : 0;
    if (day > lengths[month - 1] + (is_leap(year) && month == 2 ? 1 : 0)) {
        return -1;
    }
    /* 719527 is the same sum for 1970-01-01, less its own day. */
    return (int64_t)(days + day - 1) - 719527;
}

static int
read_form(const struct form *form, const struct sp_view *words, int64_t *ret_s)
{
    uint64_t day = 0;
    uint64_t month = 0;
    uint64_t year = 0;
    uint64_t time_s = 0;
    int64_t days = 0;

    if (words[form->day].len > 2 ||
        sp_number_read(words[form->day], 31, &day) != 0 || day == 0 ||
        read_month(words[form->month], &month) != 0 ||
        read_year(words[form->year], &year) != 0 ||
        read_time(words[form->time], &time_s) != 0) {
        return SP_EFORMAT;
    }
    days = days_until(year, month, day);
    if (days < 0) {
        return SP_EFORMAT;
    }
    *ret_s = days * DAY_S + (int64_t)time_s;
    return 0;
}

int
sp_http_date_read(struct sp_view text, int64_t *ret_s)
{
    struct sp_view words[MAX_WORDS] = { { 0 } };
    size_t count = split(text, words);

    if (count == MAX_WORDS && !sp_view_is(words[MAX_WORDS - 1], "GMT")) {
        return SP_EFORMAT;
    }
    for (size_t i = 0; i < SP_COUNT(forms); i++) {
        if (forms[i].words == count) {
            return read_form(&forms[i], words, ret_s);
        }
    }
    return SP_EFORMAT;
}
