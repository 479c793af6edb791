/* Exact amounts as digits. */
#include "services/tools/run/amount.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "common/base/error.h"
#include "common/text/decimal.h"

#define LIMB_DIGITS 9
#define LIMB 1000000000u /* 10^LIMB_DIGITS */

/* A divisor of at most 100 that leaves a finite decimal has at most six twos
 * or fives, each of which takes one more place. */
#define MORE_PLACES 6

_Static_assert(AMOUNT_PLACES + MORE_PLACES <= (AMOUNT_LIMBS - 1) * LIMB_DIGITS,
               "an average has room");

/* The weight of place `place` (0: the first behind the point) in its limb. */
static uint32_t
weight_of(size_t place)
{
    static const uint32_t powers[LIMB_DIGITS] = {
        100000000, 10000000, 1000000, 100000, 10000, 1000, 100, 10, 1,
    };

    return powers[place % LIMB_DIGITS];
}

static uint32_t *
limb_of(struct amount *a, size_t place)
{
    return &a->limbs[1 + place / LIMB_DIGITS];
}

static uint32_t
digit_at(const struct amount *a, size_t place)
{
    return a->limbs[1 + place / LIMB_DIGITS] / weight_of(place) % 10;
}

int
amount_read(const struct sp_json *json, const struct sp_json_token *t,
            struct amount *ret_amount)
{
    struct amount amount = { { 0 } };
    struct sp_decimal number = { 0 };
    int64_t whole = 0; /* digits before the point, below 0 the zeros after it */
    int64_t place = 0;

    if (!sp_json_is(t, SP_JSON_NUMBER)) {
        return SP_EFORMAT;
    }
    number = sp_decimal_of(sp_json_raw(json, t));
    if (number.negative) {
        return SP_EFORMAT;
    }
    whole = (int64_t)number.digits + number.exponent;
    if (number.digits > 0 &&
        (whole > LIMB_DIGITS || number.exponent < -AMOUNT_PLACES)) {
        return SP_ELIMIT;
    }
    place = -whole;
    for (size_t i = 0; i < number.digits; i++, place++) {
        uint32_t digit = sp_decimal_digit(&number.first);

        if (place < 0) {
            amount.limbs[0] = amount.limbs[0] * 10 + digit;
        } else {
            *limb_of(&amount, (size_t)place) +=
                digit * weight_of((size_t)place);
        }
    }
    for (; place < 0; place++) {
        amount.limbs[0] *= 10;
    }
    *ret_amount = amount;
    return 0;
}

static int
compare(const struct amount *a, const struct amount *b)
{
    for (size_t i = 0; i < AMOUNT_LIMBS; i++) {
        if (a->limbs[i] != b->limbs[i]) {
            return a->limbs[i] < b->limbs[i] ? -1 : 1;
        }
    }
    return 0;
}

int
amount_compare(const struct amount *a, uint32_t whole)
{
    const struct amount b = { { whole } };

    return compare(a, &b);
}

/* How many places are not only trailing zeros. Most limbs are zero. */
static size_t
places_of(const struct amount *a)
{
    size_t limbs = AMOUNT_LIMBS;
    size_t places = 0;

    while (limbs > 1 && a->limbs[limbs - 1] == 0) {
        limbs--;
    }
    places = (limbs - 1) * LIMB_DIGITS;
    while (places > 0 && digit_at(a, places - 1) == 0) {
        places--;
    }
    return places;
}

void
amount_write(const struct amount *amount, struct sp_buf *out)
{
    char digits[(AMOUNT_LIMBS - 1) * LIMB_DIGITS];
    size_t places = places_of(amount);

    for (size_t i = 0; i < places; i++) {
        digits[i] = (char)('0' + digit_at(amount, i));
    }
    (void)sp_buf_addf(out, "%" PRIu32 "%s", amount->limbs[0],
                      places > 0 ? "." : "");
    (void)sp_buf_add(out, digits, places);
}

/* Adds to the limb and carries. 0 or SP_ELIMIT. */
static int
add_to_limb(struct amount *a, size_t limb, uint32_t value)
{
    uint32_t carry = value;

    for (size_t i = limb + 1; i > 0 && carry > 0; i--) {
        uint32_t sum = a->limbs[i - 1] + carry; /* both below 10^9 */

        a->limbs[i - 1] = sum % LIMB;
        carry = sum / LIMB;
    }
    return carry == 0 ? 0 : SP_ELIMIT;
}

int
amount_sums_add(struct amount_sums *sums, const struct amount *amount)
{
    struct amount total = sums->total;

    for (size_t i = AMOUNT_LIMBS; i > 0; i--) {
        if (add_to_limb(&total, i - 1, amount->limbs[i - 1]) != 0) {
            return SP_ELIMIT;
        }
    }
    sums->total = total;
    if (sums->count == 0 || compare(amount, &sums->max) > 0) {
        sums->max = *amount;
    }
    if (sums->count == 0 || compare(amount, &sums->min) < 0) {
        sums->min = *amount;
    }
    sums->count++;
    return 0;
}

/* Long division, digit by digit. All digits of the total are used up before
 * the last place, so that the rest alone decides how to round. */
struct amount
amount_average(const struct amount_sums *sums)
{
    struct amount average = { { 0 } };
    size_t places = places_of(&sums->total) + MORE_PLACES;
    uint32_t count = sums->count;
    uint32_t rest = 0;
    bool odd = false;

    if (count == 0) {
        return average;
    }
    average.limbs[0] = sums->total.limbs[0] / count;
    rest = sums->total.limbs[0] % count;
    for (size_t place = 0; place < places; place++) {
        uint32_t part = rest * 10 + digit_at(&sums->total, place);

        *limb_of(&average, place) += part / count * weight_of(place);
        odd = part / count % 2 != 0;
        rest = part % count;
    }
    if (rest > count - rest || (rest == count - rest && odd)) {
        /* No average is above the largest amount: nothing overflows. */
        (void)add_to_limb(&average, 1 + (places - 1) / LIMB_DIGITS,
                          weight_of(places - 1));
    }
    return average;
}
