/* Numbers as they stand in text: whole ones, and the exact decimals of JSON,
 * which are compared digit by digit and never pass through a double, so that no
 * bound and no amount can be rounded away. */
#ifndef SP_COMMON_TEXT_DECIMAL_H
#define SP_COMMON_TEXT_DECIMAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/compiler.h"
#include "common/base/view.h"

/* Reads digits and nothing else, at least one. 0, SP_EFORMAT, or SP_ELIMIT
 * above `max`. */
SP_MUST_CHECK int
sp_number_read(struct sp_view text, uint64_t max, uint64_t *ret_number);

/* Exponents beyond this are clipped: no text of 4 GiB has digits enough to
 * bring one of this size back into range. */
#define SP_DECIMAL_MAX_EXPONENT 1000000000000

/* A number as its significant digits, which stay in the text. Zero has none. */
struct sp_decimal {
    const char *first; /* first significant digit; '.' may stand between */
    size_t digits;     /* up to the last digit that is not 0 */
    int64_t exponent;  /* power of ten of that last digit */
    bool negative;
};

/* What a multipleOf divides by: coefficient * 10^exponent. */
struct sp_decimal_divisor {
    uint64_t coefficient; /* below 10^18, no factor of ten */
    int64_t exponent;
};

/* Reads a number of a parsed JSON document; the text must outlive the
 * result. Never fails, because the scanner has checked the form. */
struct sp_decimal
sp_decimal_of(struct sp_view number);

/* For reading the digits one after the other, *at being `first` at the
 * beginning: the digit there. Moves *at to the next. */
unsigned
sp_decimal_digit(const char **at);

/* Below, equal or above zero as `a` is less than, equal to or more than `b`. */
int
sp_decimal_compare(const struct sp_decimal *a, const struct sp_decimal *b);

/* True for whole numbers; 1.0 and 1e2 are some. */
bool
sp_decimal_is_integer(const struct sp_decimal *d);

/* Prepares a divisor. 0, or SP_ELIMIT where it is not above zero or has more
 * than 18 significant digits. */
SP_MUST_CHECK int
sp_decimal_divisor(const struct sp_decimal *d,
                   struct sp_decimal_divisor *ret_divisor);

/* True where `d` is a whole multiple of the divisor, exactly. */
bool
sp_decimal_is_multiple(const struct sp_decimal *d,
                       const struct sp_decimal_divisor *divisor);

/* Mixes the value into a hash: equal numbers give equal hashes. */
uint64_t
sp_decimal_hash(const struct sp_decimal *d, uint64_t hash);

#endif
