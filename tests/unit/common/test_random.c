/* The pool of random bytes. */
#include <string.h>

#include <criterion/criterion.h>
#include <sodium.h>

#include "common/base/random.h"

Test(random, gives_no_bytes_twice)
{
    struct sp_random random = { 0 };
    unsigned char last[16] = { 0 };
    unsigned char next[16];

    cr_assert_geq(sodium_init(), 0);
    for (size_t i = 0; i < 3 * SP_RANDOM_BYTES / sizeof(next); i++) {
        sp_random_take(&random, next, sizeof(next));
        cr_assert_arr_neq(next, last, sizeof(next));
        memcpy(last, next, sizeof(next));
    }
}

Test(random, keeps_nothing_that_it_gave)
{
    struct sp_random random = { 0 };
    unsigned char bytes[SP_RANDOM_BYTES];

    cr_assert_geq(sodium_init(), 0);
    sp_random_take(&random, bytes, 100);
    sp_random_take(&random, bytes, sizeof(bytes));
    cr_assert_eq(random.left, 0);
    cr_assert(sodium_is_zero(random.bytes, sizeof(random.bytes)) == 1);
    cr_assert(sodium_is_zero(bytes, sizeof(bytes)) == 0);
}
