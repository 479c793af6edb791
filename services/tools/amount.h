/* Exact amounts: decimals with at most six places as scaled integers. No
 * number ever passes through a float. */
#ifndef SP_SERVICES_TOOLS_AMOUNT_H
#define SP_SERVICES_TOOLS_AMOUNT_H

#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/compiler.h"
#include "common/view.h"

#define AMOUNT_PLACES 6
#define AMOUNT_ONE 1000000 /* 1, scaled by 10^AMOUNT_PLACES */

/* The value of a JSON number (RFC 8259 section 6, exponents too), scaled by
 * AMOUNT_ONE. 0, SP_EFORMAT where the text is no JSON number or has more than
 * six places, SP_ELIMIT where the scaled value does not fit. */
SP_MUST_CHECK int
amount_read(struct sp_view number, int64_t *ret_amount);

/* Appends the amount as a JSON number: no exponent, no trailing zeros. */
void
amount_write(int64_t amount, struct sp_buf *out);

struct amount_sums {
    int64_t total;
    int64_t average; /* to six places, ties to even */
    int64_t max;
    int64_t min;
};

/* Sums of `count` amounts. 0, or SP_ELIMIT for none, or where the total does
 * not fit. */
SP_MUST_CHECK int
amount_sum(const int64_t *amounts, size_t count, struct amount_sums *ret_sums);

#endif
