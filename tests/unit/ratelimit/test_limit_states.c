/* The table of limits: keys apart, size fixed, the busiest kept longest. */
#include <string.h>

#include <criterion/criterion.h>

#include "services/ratelimit/limit_states.h"

static const unsigned char seed[LIMIT_STATES_SEED_BYTES] = { 7 };

static struct limit_key
number_key(const struct limit_states *l, uint32_t i)
{
    return limit_states_key(l, 0, 0, sp_view_make(&i, sizeof(i)));
}

Test(limit_states, keeps_a_state_for_each_kind_tier_and_value)
{
    struct limit_states *l = limit_states_new(1024, seed);
    const struct limit_key keys[] = {
        limit_states_key(l, 0, 0, SP_VIEW_LITERAL("a")),
        limit_states_key(l, 1, 0, SP_VIEW_LITERAL("a")),
        limit_states_key(l, 0, 1, SP_VIEW_LITERAL("a")),
        limit_states_key(l, 0, 0, SP_VIEW_LITERAL("b")),
        limit_states_key(l, 0, 0, SP_VIEW_LITERAL("")),
    };

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        cr_assert_eq(limit_states_get(l, &keys[i]), 0);
        limit_states_put(l, &keys[i], 1000 + (int64_t)i, 1);
    }
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        cr_assert_eq(limit_states_get(l, &keys[i]), 1000 + (int64_t)i);
    }
    limit_states_put(l, &keys[0], 5000, 1);
    cr_assert_eq(limit_states_get(l, &keys[0]), 5000);
    cr_assert_eq(limit_states_used(l), 5);
    limit_states_free(&l);
    cr_assert_null(l);
}

Test(limit_states, two_processes_hash_differently)
{
    static const unsigned char other[LIMIT_STATES_SEED_BYTES] = { 8 };
    struct limit_states *a = limit_states_new(16, seed);
    struct limit_states *b = limit_states_new(16, other);
    struct limit_key ka = limit_states_key(a, 0, 0, SP_VIEW_LITERAL("x"));
    struct limit_key kb = limit_states_key(b, 0, 0, SP_VIEW_LITERAL("x"));

    cr_assert_neq(memcmp(&ka, &kb, sizeof(ka)), 0);
    limit_states_free(&a);
    limit_states_free(&b);
}

Test(limit_states, a_recovered_state_makes_room_before_a_busy_one)
{
    struct limit_states *l = limit_states_new(LIMIT_STATES_LOOK, seed);
    struct limit_key newcomer = number_key(l, 999);

    for (uint32_t i = 0; i < LIMIT_STATES_LOOK; i++) {
        struct limit_key key = number_key(l, i);

        limit_states_put(l, &key, i == 5 ? 90 : 200 + (int64_t)i, 50);
    }
    limit_states_put(l, &newcomer, 300, 100);
    cr_assert_eq(limit_states_evicted(l), 0);
    for (uint32_t i = 0; i < LIMIT_STATES_LOOK; i++) {
        struct limit_key key = number_key(l, i);

        cr_assert_eq(limit_states_get(l, &key), i == 5 ? 0 : 200 + (int64_t)i);
    }
    limit_states_free(&l);
}

Test(limit_states,
     where_all_are_busy_the_nearest_to_recovery_goes_and_is_counted)
{
    struct limit_states *l = limit_states_new(LIMIT_STATES_LOOK, seed);
    struct limit_key busiest = number_key(l, LIMIT_STATES_LOOK - 1);

    for (uint32_t i = 0; i < LIMIT_STATES_LOOK; i++) {
        struct limit_key key = number_key(l, i);

        limit_states_put(l, &key, 1000 + (int64_t)i, 1);
    }
    for (uint32_t i = 100; i < 200; i++) {
        struct limit_key key = number_key(l, i);

        limit_states_put(l, &key, 500, 1);
    }
    cr_assert_eq(limit_states_evicted(l), 100);
    cr_assert_eq(limit_states_used(l), LIMIT_STATES_LOOK);
    cr_assert_eq(limit_states_get(l, &busiest), 1000 + LIMIT_STATES_LOOK - 1);
    limit_states_free(&l);
}
