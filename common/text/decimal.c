/* Numbers as they stand in text. */
#include "common/text/decimal.h"

#include "common/base/error.h"

#define MAX_DIVISOR_DIGITS 18 /* ten times such a number fits 64 bits */
#define FNV_PRIME 1099511628211u

int
sp_number_read(struct sp_view text, uint64_t max, uint64_t *ret_number)
{
    uint64_t number = 0;

    for (size_t i = 0; i < text.len; i++) {
        uint64_t digit = (uint64_t)((unsigned char)text.ptr[i] - '0');

        if (digit > 9) {
            return SP_EFORMAT;
        }
        if (digit > max || number > (max - digit) / 10) {
            return SP_ELIMIT;
        }
        number = number * 10 + digit;
    }
    if (text.len == 0) {
        return SP_EFORMAT;
    }
    *ret_number = number;
    return 0;
}

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
        if (value > SP_DECIMAL_MAX_EXPONENT) {
            value = SP_DECIMAL_MAX_EXPONENT;
        }
    }
    return negative ? -value : value;
}

struct sp_decimal
sp_decimal_of(struct sp_view number)
{
    struct sp_decimal d = { 0 };
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

unsigned
sp_decimal_digit(const char **at)
{
    if (**at == '.') {
        (*at)++;
    }
    return (unsigned)(*(*at)++ - '0');
}

/* Compares the digits of two numbers of the same order of magnitude. */
static int
compare_digits(const struct sp_decimal *a, const struct sp_decimal *b)
{
    size_t common = a->digits < b->digits ? a->digits : b->digits;
    const char *p = a->first;
    const char *q = b->first;

    for (size_t i = 0; i < common; i++) {
        unsigned x = sp_decimal_digit(&p);
        unsigned y = sp_decimal_digit(&q);

        if (x != y) {
            return x < y ? -1 : 1;
        }
    }
    /* The last digit of each is not 0, so the longer one is larger. */
    return a->digits == b->digits ? 0 : a->digits < b->digits ? -1 : 1;
}

static int
compare_magnitudes(const struct sp_decimal *a, const struct sp_decimal *b)
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
sp_decimal_compare(const struct sp_decimal *a, const struct sp_decimal *b)
{
    int result = 0;

    if (a->negative != b->negative) {
        return a->negative ? -1 : 1;
    }
    result = compare_magnitudes(a, b);
    return a->negative ? -result : result;
}

bool
sp_decimal_is_integer(const struct sp_decimal *d)
{
    return d->digits == 0 || d->exponent >= 0;
}

int
sp_decimal_divisor(const struct sp_decimal *d,
                   struct sp_decimal_divisor *ret_divisor)
{
    const char *p = d->first;
    uint64_t coefficient = 0;

    if (d->negative || d->digits == 0 || d->digits > MAX_DIVISOR_DIGITS) {
        return SP_ELIMIT;
    }
    for (size_t i = 0; i < d->digits; i++) {
        coefficient = coefficient * 10 + sp_decimal_digit(&p);
    }
    *ret_divisor = (struct sp_decimal_divisor){ .coefficient = coefficient,
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
sp_decimal_is_multiple(const struct sp_decimal *d,
                       const struct sp_decimal_divisor *divisor)
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
        rest = (rest * 10 + sp_decimal_digit(&p)) % divisor->coefficient;
    }
    shift = (uint64_t)(d->exponent - divisor->exponent);
    return multiply_modulo(rest,
                           power_of_ten_modulo(shift, divisor->coefficient),
                           divisor->coefficient) == 0;
}

uint64_t
sp_decimal_hash(const struct sp_decimal *d, uint64_t hash)
{
    const char *p = d->first;

    hash = (hash ^ (d->negative ? 1u : 2u)) * FNV_PRIME;
    hash = (hash ^ (uint64_t)d->exponent) * FNV_PRIME;
    for (size_t i = 0; i < d->digits; i++) {
        hash = (hash ^ sp_decimal_digit(&p)) * FNV_PRIME;
    }
    return hash;
}
