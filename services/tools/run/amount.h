/* Exact amounts: decimals as digits, with room for every number that a client
 * may hold in a double. No amount ever passes through a float. */
#ifndef SP_SERVICES_TOOLS_RUN_AMOUNT_H
#define SP_SERVICES_TOOLS_RUN_AMOUNT_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/compiler.h"
#include "common/text/buf.h"
#include "common/text/json.h"

/* Decimal places that are read: the smallest double has 340 at 17 digits. */
#define AMOUNT_PLACES 350

/* Nine digits each: the first holds what stands before the point, the others
 * what stands behind it, with room for the six places more of an average. */
#define AMOUNT_LIMBS 41

/* Below 10^9, never negative. */
struct amount {
    uint32_t limbs[AMOUNT_LIMBS];
};

/* The value of a JSON number. 0, SP_EFORMAT where `t` is no number or is below
 * 0, SP_ELIMIT where it is 10^9 or more or has more than AMOUNT_PLACES. */
SP_MUST_CHECK int
amount_read(const struct sp_json *json, const struct sp_json_token *t,
            struct amount *ret_amount);

/* Below, equal or above zero as `a` is to a whole number. */
int
amount_compare(const struct amount *a, uint32_t whole);

/* Appends the amount as a JSON number: no exponent, no trailing zeros. */
void
amount_write(const struct amount *amount, struct sp_buf *out);

/* What is known of the amounts so far. Zero it first. */
struct amount_sums {
    struct amount total;
    struct amount max;
    struct amount min;
    uint32_t count;
};

/* Adds one. 0, or SP_ELIMIT where the total would reach 10^9. */
SP_MUST_CHECK int
amount_sums_add(struct amount_sums *sums, const struct amount *amount);

/* The average of at most 100 amounts: exact where it is a finite decimal,
 * otherwise to six places more than the total has, ties to even. Zero of
 * none. */
struct amount
amount_average(const struct amount_sums *sums);

#endif
