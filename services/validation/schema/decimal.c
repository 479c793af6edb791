/* Exact decimal numbers as they stand in JSON text. */
#include "services/validation/schema/decimal.h"

#include "common/base/error.h"

#define MAX_DIVISOR_DIGITS 18 /* ten times such a number fits 64 bits */
#define FNV_PRIME 1099511628211u

/* The exponent part behind 'e', clipped. */
static int64_t
exponent_of(const char *p, const char *end)
{
    int64_t value = 0;
    bool negative = false;

    if (p < end && (*p == '+' || *p == '-')) {
        negative = *p == '-';
        p++;
    }
    for (; p < end; p++) {
        value = value * 10 + (*p - '0');
        if (value > DECIMAL_MAX_EXPONENT) {
            value = DECIMAL_MAX_EXPONENT;
        }
    }
    return negative ? -value : value;
}

struct decimal
decimal_of(struct sp_view number)
{
    struct decimal d = { 0 };
    const char *p = number.ptr;
    const char *end = number.ptr + number.len;
    bool fraction = false;
    int64_t scale = 0; /* digits behind the point so far */
    size_t seen = 0;   /* digits since the first significant one */

    if (p < end && *p == '-') {
        d.negative = true;
        p++;
    }
    for (; p < end && *p != 'e' && *p != 'E'; p++) {
        if (*p == '.') {
            fraction = true;
            continue;
        }
        scale += fraction ? 1 : 0;
        if (d.first == NULL && *p != '0') {
            d.first = p;
        }
        seen += d.first != NULL ? 1 : 0;
        if (*p != '0') {
            d.digits = seen;
            d.exponent = -scale;
        }
    }
    if (d.first == NULL) {
        d.negative = false;
        return d;
    }
    if (!fraction) {
        d.exponent = (int64_t)(seen - d.digits);
    } else if (d.exponent == 0) {
        /* The last significant digit stands before the point. */
        d.exponent = (int64_t)(seen - d.digits) - scale;
    }
    if (p < end) {
        d.exponent += exponent_of(p + 1, end);
    }
    return d;
}

/* The digit at *p, and the next place to look at. */
static unsigned
next_digit(const char **p)
{
    if (**p == '.') {
        (*p)++;
    }
    return (unsigned)(*(*p)++ - '0');
}

/* Compares the digits of two numbers of the same order of magnitude. */
static int
compare_digits(const struct decimal *a, const struct decimal *b)
{
    size_t common = a->digits < b->digits ? a->digits : b->digits;
    const char *p = a->first;
    const char *q = b->first;

    for (size_t i = 0; i < common; i++) {
        unsigned x = next_digit(&p);
        unsigned y = next_digit(&q);

        if (x != y) {
            return x < y ? -1 : 1;
        }
    }
    /* The last digit of each is not 0, so the longer one is larger. */
    return a->digits == b->digits ? 0 : a->digits < b->digits ? -1 : 1;
}

static int
compare_magnitudes(const struct decimal *a, const struct decimal *b)
{
    int64_t order_a = (int64_t)a->digits + a->exponent;
    int64_t order_b = (int64_t)b->digits + b->exponent;

    if (a->digits == 0 || b->digits == 0) {
        return (a->digits != 0) - (b->digits != 0);
    }
    if (order_a != order_b) {
        return order_a < order_b ? -1 : 1;
    }
    return compare_digits(a, b);
}

int
decimal_compare(const struct decimal *a, const struct decimal *b)
{
    int result = 0;

    if (a->negative != b->negative) {
        return a->negative ? -1 : 1;
    }
    result = compare_magnitudes(a, b);
    return a->negative ? -result : result;
}

bool
decimal_is_integer(const struct decimal *d)
{
    return d->digits == 0 || d->exponent >= 0;
}

int
decimal_divisor(const struct decimal *d, struct decimal_divisor *ret_divisor)
{
    const char *p = d->first;
    uint64_t coefficient = 0;

    if (d->negative || d->digits == 0 || d->digits > MAX_DIVISOR_DIGITS) {
        return SP_ELIMIT;
    }
    for (size_t i = 0; i < d->digits; i++) {
        coefficient = coefficient * 10 + next_digit(&p);
    }
    *ret_divisor = (struct decimal_divisor){ .coefficient = coefficient,
                                             .exponent = d->exponent };
    return 0;
}

/* a * b modulo m by doubling: no 128-bit type in C11. m < 10^18. */
static uint64_t
multiply_modulo(uint64_t a, uint64_t b, uint64_t m)
{
    uint64_t result = 0;

    for (; b != 0; b >>= 1) {
        if ((b & 1) != 0) {
            result = (result + a) % m;
        }
        a = (a + a) % m;
    }
    return result;
}

static uint64_t
power_of_ten_modulo(uint64_t exponent, uint64_t m)
{
    uint64_t result = 1 % m;
    uint64_t base = 10 % m;

    for (; exponent != 0; exponent >>= 1) {
        if ((exponent & 1) != 0) {
            result = multiply_modulo(result, base, m);
        }
        base = multiply_modulo(base, base, m);
    }
    return result;
}

bool
decimal_is_multiple(const struct decimal *d,
                    const struct decimal_divisor *divisor)
{
    const char *p = d->first;
    uint64_t rest = 0;
    uint64_t shift = 0;

    if (d->digits == 0) {
        return true;
    }
    if (d->exponent < divisor->exponent) {
        /* The digits end in no 0, so no power of ten divides them. */
        return false;
    }
    for (size_t i = 0; i < d->digits; i++) {
        rest = (rest * 10 + next_digit(&p)) % divisor->coefficient;
    }
    shift = (uint64_t)(d->exponent - divisor->exponent);
    return multiply_modulo(rest,
                           power_of_ten_modulo(shift, divisor->coefficient),
                           divisor->coefficient) == 0;
}

uint64_t
decimal_hash(const struct decimal *d, uint64_t hash)
{
    const char *p = d->first;

    hash = (hash ^ (d->negative ? 1u : 2u)) * FNV_PRIME;
    hash = (hash ^ (uint64_t)d->exponent) * FNV_PRIME;
    for (size_t i = 0; i < d->digits; i++) {
        hash = (hash ^ next_digit(&p)) * FNV_PRIME;
    }
    return hash;
}
