/* Exact decimal numbers as they stand in JSON text: compared digit by digit,
 * never through a double, so that no bound of a schema can be rounded away. */
#ifndef SP_SERVICES_VALIDATION_SCHEMA_DECIMAL_H
#define SP_SERVICES_VALIDATION_SCHEMA_DECIMAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/compiler.h"
#include "common/base/view.h"

/* Exponents beyond this are clipped: no bound of a schema comes near. */
#define DECIMAL_MAX_EXPONENT 1000000000000

/* A number as its significant digits, which stay in the text. Zero has none. */
struct decimal {
    const char *first; /* first significant digit; '.' may stand between */
    size_t digits;     /* up to the last digit that is not 0 */
    int64_t exponent;  /* power of ten of that last digit */
    bool negative;
};

/* What a multipleOf divides by: coefficient * 10^exponent. */
struct decimal_divisor {
    uint64_t coefficient; /* below 10^18, no factor of ten */
    int64_t exponent;
};

/* Reads a number of a parsed JSON document; the text must outlive the
 * result. Never fails, because the scanner has checked the form. */
struct decimal
decimal_of(struct sp_view number);

/* Below, equal or above zero as `a` is less than, equal to or more than `b`. */
int
decimal_compare(const struct decimal *a, const struct decimal *b);

/* True for whole numbers; 1.0 and 1e2 are some. */
bool
decimal_is_integer(const struct decimal *d);

/* Prepares a divisor. 0, or SP_ELIMIT where it is not above zero or has more
 * than 18 significant digits. */
SP_MUST_CHECK int
decimal_divisor(const struct decimal *d, struct decimal_divisor *ret_divisor);

/* True where `d` is a whole multiple of the divisor, exactly. */
bool
decimal_is_multiple(const struct decimal *d,
                    const struct decimal_divisor *divisor);

/* Mixes the value into a hash: equal numbers give equal hashes. */
uint64_t
decimal_hash(const struct decimal *d, uint64_t hash);

#endif
