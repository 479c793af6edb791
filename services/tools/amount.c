/* Exact amounts as scaled integers. */
#include "services/tools/amount.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>

#include "common/error.h"

/* 10^18 fits into int64_t, and so does any number of this many digits. */
#define MAX_DIGITS 18

/* Beyond this no count of digits in a body brings a value back into range. */
#define EXPONENT_CLIP 100000000

/* A number while it is read: digits * 10^exponent. */
struct reading {
    const char *at;
    const char *end;
    int64_t digits;
    size_t digit_count; /* significant ones */
    size_t zeros;       /* read, but not known to matter yet */
    int64_t exponent;
    bool negative;
};

static bool
take(struct reading *r, char c)
{
    if (r->at < r->end && *r->at == c) {
        r->at++;
        return true;
    }
    return false;
}

static bool
at_digit(const struct reading *r)
{
    return r->at < r->end && *r->at >= '0' && *r->at <= '9';
}

/* Zeros wait until another digit follows: trailing ones only move the
 * exponent, leading ones do not count at all. */
static int
add_digit(struct reading *r, char c)
{
    if (c == '0') {
        r->zeros += r->digit_count > 0;
        return 0;
    }
    if (r->digit_count + r->zeros + 1 > MAX_DIGITS) {
        return SP_ELIMIT;
    }
    for (; r->zeros > 0; r->zeros--) {
        r->digits *= 10;
        r->digit_count++;
    }
    r->digits = r->digits * 10 + (c - '0');
    r->digit_count++;
    return 0;
}

/* A run of digits; at least one. `places` is how many stand behind the point
 * for each: 0 or 1. */
static int
read_digits(struct reading *r, int places)
{
    if (!at_digit(r)) {
        return SP_EFORMAT;
    }
    while (at_digit(r)) {
        int error = add_digit(r, *r->at++);

        if (error != 0) {
            return error;
        }
        r->exponent -= places;
    }
    return 0;
}

static int
read_exponent(struct reading *r)
{
    int64_t exponent = 0;
    bool negative = take(r, '-');

    if (!negative) {
        (void)take(r, '+');
    }
    if (!at_digit(r)) {
        return SP_EFORMAT;
    }
    for (; at_digit(r); r->at++) {
        if (exponent < EXPONENT_CLIP) {
            exponent = exponent * 10 + (*r->at - '0');
        }
    }
    r->exponent += negative ? -exponent : exponent;
    return 0;
}

static int
read_number(struct reading *r)
{
    int error = 0;

    r->negative = take(r, '-');
    if (take(r, '0')) {
        error = at_digit(r) ? SP_EFORMAT : 0;
    } else {
        error = read_digits(r, 0);
    }
    if (error == 0 && take(r, '.')) {
        error = read_digits(r, 1);
    }
    if (error == 0 && (take(r, 'e') || take(r, 'E'))) {
        error = read_exponent(r);
    }
    if (error == 0 && r->at != r->end) {
        error = SP_EFORMAT;
    }
    return error;
}

int
amount_read(struct sp_view number, int64_t *ret_amount)
{
    struct reading r = { .at = number.ptr, .end = number.ptr + number.len };
    int64_t shift = 0;
    int error = read_number(&r);

    if (error != 0) {
        return error;
    }
    shift = r.exponent + (int64_t)r.zeros + AMOUNT_PLACES;
    if (r.digits == 0) {
        shift = 0;
    }
    if (shift < 0) {
        return SP_EFORMAT;
    }
    if (shift + (int64_t)r.digit_count > MAX_DIGITS) {
        return SP_ELIMIT;
    }
    for (; shift > 0; shift--) {
        r.digits *= 10;
    }
    *ret_amount = r.negative ? -r.digits : r.digits;
    return 0;
}

void
amount_write(int64_t amount, struct sp_buf *out)
{
    /* The most negative value has no positive twin: divide first. */
    int64_t whole = amount / AMOUNT_ONE;
    int64_t rest = llabs(amount % AMOUNT_ONE);
    int places = AMOUNT_PLACES;

    (void)sp_buf_addf(out, "%s%" PRId64, amount < 0 && whole == 0 ? "-" : "",
                      whole);
    if (rest == 0) {
        return;
    }
    for (; rest % 10 == 0; rest /= 10) {
        places--;
    }
    (void)sp_buf_addf(out, ".%0*" PRId64, places, rest);
}

/* Half to even, for a positive divisor. */
static int64_t
divide(int64_t total, int64_t count)
{
    int64_t quotient = total / count;
    int64_t rest = llabs(total % count);
    int64_t step = total < 0 ? -1 : 1;

    if (rest > count - rest || (rest == count - rest && quotient % 2 != 0)) {
        quotient += step;
    }
    return quotient;
}

int
amount_sum(const int64_t *amounts, size_t count, struct amount_sums *ret_sums)
{
    struct amount_sums sums = { .max = INT64_MIN, .min = INT64_MAX };

    if (count == 0 || count > INT32_MAX) {
        return SP_ELIMIT;
    }
    for (size_t i = 0; i < count; i++) {
        int64_t a = amounts[i];

        if (a > 0 ? sums.total > INT64_MAX - a : sums.total < INT64_MIN - a) {
            return SP_ELIMIT;
        }
        sums.total += a;
        sums.max = a > sums.max ? a : sums.max;
        sums.min = a < sums.min ? a : sums.min;
    }
    sums.average = divide(sums.total, (int64_t)count);
    *ret_sums = sums;
    return 0;
}
