/* The table of limits: keys apart, size fixed, the busiest kept longest. */
#include <string.h>

#include <criterion/criterion.h>

#include "services/ratelimit/limits.h"

static const unsigned char seed[LIMITS_SEED_BYTES] = { 7 };

static struct limit_key
number_key(const struct limits *l, uint32_t i)
{
    return limits_key(l, 0, 0, sp_view_make(&i, sizeof(i)));
}

Test(limits, keeps_a_state_for_each_kind_tier_and_value)
{
    struct limits *l = limits_new(1024, seed);
    const struct limit_key keys[] = {
        limits_key(l, 0, 0, SP_VIEW_LITERAL("a")),
        limits_key(l, 1, 0, SP_VIEW_LITERAL("a")),
        limits_key(l, 0, 1, SP_VIEW_LITERAL("a")),
        limits_key(l, 0, 0, SP_VIEW_LITERAL("b")),
        limits_key(l, 0, 0, SP_VIEW_LITERAL("")),
    };

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        cr_assert_eq(limits_get(l, &keys[i]), 0);
        limits_put(l, &keys[i], 1000 + (int64_t)i, 1);
    }
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        cr_assert_eq(limits_get(l, &keys[i]), 1000 + (int64_t)i);
    }
    limits_put(l, &keys[0], 5000, 1);
    cr_assert_eq(limits_get(l, &keys[0]), 5000);
    cr_assert_eq(limits_used(l), 5);
    limits_free(&l);
    cr_assert_null(l);
}

Test(limits, two_processes_hash_differently)
{
    static const unsigned char other[LIMITS_SEED_BYTES] = { 8 };
    struct limits *a = limits_new(16, seed);
    struct limits *b = limits_new(16, other);
    struct limit_key ka = limits_key(a, 0, 0, SP_VIEW_LITERAL("x"));
    struct limit_key kb = limits_key(b, 0, 0, SP_VIEW_LITERAL("x"));

    cr_assert_neq(memcmp(&ka, &kb, sizeof(ka)), 0);
    limits_free(&a);
    limits_free(&b);
}

Test(limits, a_recovered_state_makes_room_before_a_busy_one)
{
    struct limits *l = limits_new(LIMITS_LOOK, seed);
    struct limit_key newcomer = number_key(l, 999);

    for (uint32_t i = 0; i < LIMITS_LOOK; i++) {
        struct limit_key key = number_key(l, i);

        limits_put(l, &key, i == 5 ? 90 : 200 + (int64_t)i, 50);
    }
    limits_put(l, &newcomer, 300, 100);
    cr_assert_eq(limits_evicted(l), 0);
    for (uint32_t i = 0; i < LIMITS_LOOK; i++) {
        struct limit_key key = number_key(l, i);

        cr_assert_eq(limits_get(l, &key), i == 5 ? 0 : 200 + (int64_t)i);
    }
    limits_free(&l);
}

Test(limits, where_all_are_busy_the_nearest_to_recovery_goes_and_is_counted)
{
    struct limits *l = limits_new(LIMITS_LOOK, seed);
    struct limit_key busiest = number_key(l, LIMITS_LOOK - 1);

    for (uint32_t i = 0; i < LIMITS_LOOK; i++) {
        struct limit_key key = number_key(l, i);

        limits_put(l, &key, 1000 + (int64_t)i, 1);
    }
    for (uint32_t i = 100; i < 200; i++) {
        struct limit_key key = number_key(l, i);

        limits_put(l, &key, 500, 1);
    }
    cr_assert_eq(limits_evicted(l), 100);
    cr_assert_eq(limits_used(l), LIMITS_LOOK);
    cr_assert_eq(limits_get(l, &busiest), 1000 + LIMITS_LOOK - 1);
    limits_free(&l);
}
