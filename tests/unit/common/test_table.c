/* The bounded table: what it finds, what makes room, how it is walked. */
#include <string.h>

#include <criterion/criterion.h>

#include "common/base/table.h"

#define KEY_BYTES 16

struct value {
    int64_t worth;
    int number;
};

static int64_t
worth_of(const void *value)
{
    const struct value *v = value;

    return v->worth;
}

static void
count_end(void *owner, void *value)
{
    const struct value *v = value;
    int *sum = owner;

    *sum += v->number;
}

/* Keys of one `bucket` share the bytes that are the hash. */
static const void *
key_of(unsigned char bucket, unsigned rest)
{
    static unsigned char key[KEY_BYTES];

    memset(key, 0, sizeof(key));
    key[0] = bucket;
    memcpy(key + 8, &rest, sizeof(rest));
    return key;
}

static struct sp_table *
table_of(size_t max, size_t look, int *ended)
{
    const struct sp_table_shape shape = {
        .max = max,
        .key_size = KEY_BYTES,
        .value_size = sizeof(struct value),
        .random_keys = true,
        .look = look,
        .worth = look > 1 ? worth_of : NULL,
        .end = ended != NULL ? count_end : NULL,
        .owner = ended,
    };

    return sp_table_new(&shape);
}

static void
put(struct sp_table *t, int number, int64_t worth)
{
    struct value *v = sp_table_put(t, key_of(1, (unsigned)number));

    cr_assert_not_null(v, "%d", number);
    cr_expect_eq(v->number, 0, "a new value is not empty");
    v->number = number;
    v->worth = worth;
}

static void
expect_row(const struct sp_table *t, const int *row, size_t count)
{
    struct value *v = NULL;
    size_t i = 0;

    for (; i < count; i++) {
        v = sp_table_newer(t, v);
        cr_assert_not_null(v, "entry %zu", i);
        cr_expect_eq(v->number, row[i], "entry %zu is %d", i, v->number);
        cr_expect_eq(sp_table_find(t, key_of(1, (unsigned)row[i])), v);
        cr_expect_eq(
            memcmp(sp_table_key(t, v), key_of(1, (unsigned)row[i]), KEY_BYTES),
            0);
    }
    cr_expect_null(sp_table_newer(t, v));
    cr_expect_eq(sp_table_count(t), count);
    for (v = NULL; i > 0; i--) {
        v = sp_table_older(t, v);
        cr_expect_eq(v->number, row[i - 1]);
    }
    cr_expect_null(sp_table_older(t, v));
}

Test(table, gives_the_same_value_for_the_same_key)
{
    struct sp_table *t = table_of(4, 0, NULL);
    struct value *a = sp_table_put(t, key_of(1, 1));

    cr_assert_not_null(a);
    cr_expect_null(sp_table_find(t, key_of(1, 2)));
    cr_expect_null(sp_table_find(t, key_of(2, 1)));
    cr_expect_eq(sp_table_put(t, key_of(1, 1)), a);
    cr_expect_eq(sp_table_count(t), 1);
    sp_table_free(&t);
    cr_expect_null(t);
    sp_table_free(&t);
}

Test(table, refuses_when_full_and_takes_again)
{
    struct sp_table *t = table_of(2, 0, NULL);

    put(t, 1, 0);
    put(t, 2, 0);
    cr_expect_null(sp_table_put(t, key_of(1, 3)));
    cr_expect_null(sp_table_find(t, key_of(1, 3)));
    cr_expect_not_null(sp_table_put(t, key_of(1, 2)));
    sp_table_remove(t, sp_table_find(t, key_of(1, 1)));
    put(t, 3, 0);
    expect_row(t, (const int[]){ 2, 3 }, 2);
    sp_table_free(&t);
}

Test(table, the_one_used_longest_ago_makes_room)
{
    int ended = 0;
    struct sp_table *t = table_of(3, 1, &ended);

    put(t, 1, 0);
    put(t, 2, 0);
    put(t, 3, 0);
    sp_table_touch(t, sp_table_find(t, key_of(1, 1)));
    sp_table_touch(t, sp_table_find(t, key_of(1, 1)));
    put(t, 4, 0);
    cr_expect_eq(ended, 2);
    expect_row(t, (const int[]){ 3, 1, 4 }, 3);
    sp_table_free(&t);
    cr_expect_eq(ended, 2 + 3 + 1 + 4);
}

Test(table, the_one_worth_least_among_the_oldest_makes_room)
{
    int ended = 0;
    struct sp_table *t = table_of(4, 3, &ended);

    put(t, 1, 30);
    put(t, 2, 20);
    put(t, 3, 40);
    put(t, 4, 10); /* not looked at */
    put(t, 5, 50);
    cr_expect_eq(ended, 2);
    expect_row(t, (const int[]){ 1, 3, 4, 5 }, 4);
    sp_table_free(&t);
}

Test(table, a_busy_entry_never_makes_room)
{
    int ended = 0;
    struct sp_table *t = table_of(4, 2, &ended);

    put(t, 1, SP_TABLE_BUSY);
    put(t, 2, SP_TABLE_BUSY);
    put(t, 3, 7);
    put(t, 4, SP_TABLE_BUSY);
    cr_expect_null(sp_table_put(t, key_of(1, 5)), "it looks at two only");
    put(t, 5, SP_TABLE_BUSY); /* and at two others next time */
    cr_expect_eq(ended, 3);
    for (int i = 0; i < 16; i++) {
        cr_expect_null(sp_table_put(t, key_of(1, 6)));
    }
    cr_expect_eq(sp_table_count(t), 4);
    sp_table_free(&t);
}

/* All in one bucket, taken out in every order of three. */
Test(table, a_chain_survives_removal_anywhere)
{
    static const int orders[][3] = { { 1, 2, 3 }, { 1, 3, 2 }, { 2, 1, 3 },
                                     { 2, 3, 1 }, { 3, 1, 2 }, { 3, 2, 1 } };

    for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
        struct sp_table *t = table_of(3, 0, NULL);
        const int *o = orders[i];

        for (int k = 1; k <= 3; k++) {
            put(t, k, 0);
        }
        sp_table_remove(t, sp_table_find(t, key_of(1, (unsigned)o[0])));
        expect_row(t,
                   o[1] < o[2] ? (const int[]){ o[1], o[2] }
                               : (const int[]){ o[2], o[1] },
                   2);
        sp_table_remove(t, sp_table_find(t, key_of(1, (unsigned)o[1])));
        expect_row(t, &o[2], 1);
        sp_table_clear(t);
        expect_row(t, NULL, 0);
        put(t, 9, 0);
        expect_row(t, (const int[]){ 9 }, 1);
        sp_table_free(&t);
    }
}

/* A walk may remove what it has reached. */
Test(table, a_walk_survives_removal)
{
    struct sp_table *t = table_of(100, 0, NULL);
    struct value *next = NULL;

    for (int i = 1; i <= 100; i++) {
        put(t, i, 0);
    }
    for (struct value *v = sp_table_newer(t, NULL); v != NULL; v = next) {
        next = sp_table_newer(t, v);
        if (v->number % 2 == 0) {
            sp_table_remove(t, v);
        }
    }
    cr_expect_eq(sp_table_count(t), 50);
    for (unsigned i = 1; i <= 100; i++) {
        cr_expect_eq(sp_table_find(t, key_of(1, i)) != NULL, i % 2 == 1);
    }
    sp_table_free(&t);
}

/* Against a plain array, by a fixed row of numbers; keys of one byte go
 * through the hash. */
Test(table, agrees_with_a_model)
{
    enum {
        KEYS = 40,
        ROOM = 24
    };
    const struct sp_table_shape shape = { .max = ROOM,
                                          .key_size = 1,
                                          .value_size = sizeof(int) };
    struct sp_table *t = sp_table_new(&shape);
    bool model[KEYS] = { false };
    uint32_t state = 1;
    size_t count = 0;

    for (int step = 0; step < 20000; step++) {
        unsigned char key = 0;
        void *value = NULL;

        state = state * 1664525 + 1013904223;
        key = (unsigned char)((state >> 16) % KEYS);
        value = sp_table_find(t, &key);
        cr_assert_eq(value != NULL, model[key], "step %d", step);
        if (value != NULL && state >> 31 == 0) {
            sp_table_remove(t, value);
            model[key] = false;
            count--;
        } else if (value == NULL) {
            model[key] = sp_table_put(t, &key) != NULL;
            cr_assert_eq(model[key], count < ROOM, "step %d", step);
            count += model[key];
        }
        cr_assert_eq(sp_table_count(t), count);
    }
    sp_table_free(&t);
}
