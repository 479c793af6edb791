/* The requests that wait, by id. */
#include <criterion/criterion.h>
#include <string.h>

#include "common/base/error.h"
#include "services/edge/request_table.h"

/* Entries of one `bucket` share their first eight bytes, which are the hash. */
static struct request_entry
entry_of(unsigned char bucket, unsigned char rest)
{
    struct request_entry entry = { .id = { bucket } };

    entry.id[REQUEST_ID_LEN - 1] = rest;
    return entry;
}

static struct sp_view
id_of(const struct request_entry *entry)
{
    return sp_view_make(entry->id, REQUEST_ID_LEN);
}

Test(edge_request_table, finds_what_was_added)
{
    struct request_table *table = request_table_new(8);
    struct request_entry a = entry_of(1, 1);
    struct request_entry b = entry_of(2, 1);
    struct request_entry other = entry_of(1, 2);

    cr_expect_null(request_table_find(table, id_of(&a)));
    cr_assert_eq(request_table_add(table, &a), 0);
    cr_assert_eq(request_table_add(table, &b), 0);
    cr_expect_eq(request_table_find(table, id_of(&a)), &a);
    cr_expect_eq(request_table_find(table, id_of(&b)), &b);
    cr_expect_null(request_table_find(table, id_of(&other)));
    cr_expect_eq(request_table_count(table), 2);
    request_table_remove(&a);
    cr_expect_null(request_table_find(table, id_of(&a)));
    cr_expect_null(a.table);
    cr_expect_eq(request_table_count(table), 1);
    request_table_remove(&a);
    cr_expect_eq(request_table_count(table), 1);
    request_table_remove(&b);
    request_table_free(&table);
    cr_expect_null(table);
    request_table_free(&table);
}

/* An id comes from the wire: only a whole one is looked up. */
Test(edge_request_table, an_id_of_another_length_is_unknown)
{
    struct request_table *table = request_table_new(8);
    struct request_entry a = entry_of(1, 1);

    cr_assert_eq(request_table_add(table, &a), 0);
    for (size_t len = 0; len < REQUEST_ID_LEN; len++) {
        cr_expect_null(request_table_find(table, sp_view_make(a.id, len)));
    }
    cr_expect_null(request_table_find(table, sp_view_make(NULL, 0)));
    request_table_remove(&a);
    request_table_free(&table);
}

Test(edge_request_table, refuses_a_known_id)
{
    struct request_table *table = request_table_new(8);
    struct request_entry a = entry_of(1, 1);
    struct request_entry again = entry_of(1, 1);

    cr_assert_eq(request_table_add(table, &a), 0);
    cr_expect_eq(request_table_add(table, &again), SP_EDUPLICATE);
    cr_expect_null(again.table);
    request_table_remove(&again);
    cr_expect_eq(request_table_find(table, id_of(&a)), &a);
    request_table_remove(&a);
    request_table_free(&table);
}

Test(edge_request_table, is_bounded)
{
    struct request_table *table = request_table_new(2);
    struct request_entry a = entry_of(1, 1);
    struct request_entry b = entry_of(1, 2);
    struct request_entry c = entry_of(1, 3);

    cr_assert_eq(request_table_add(table, &a), 0);
    cr_assert_eq(request_table_add(table, &b), 0);
    cr_expect_eq(request_table_add(table, &c), SP_EFULL);
    cr_expect_null(request_table_find(table, id_of(&c)));
    request_table_remove(&a);
    cr_expect_eq(request_table_add(table, &c), 0);
    request_table_remove(&b);
    request_table_remove(&c);
    request_table_free(&table);
}

/* All in one bucket, taken out in every order of three. */
Test(edge_request_table, a_chain_survives_removal_anywhere)
{
    static const size_t orders[][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
                                        { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };

    for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
        struct request_table *table = request_table_new(8);
        struct request_entry entries[3];
        size_t left = 3;

        for (size_t k = 0; k < 3; k++) {
            entries[k] = entry_of(7, (unsigned char)k);
            cr_assert_eq(request_table_add(table, &entries[k]), 0);
        }
        for (size_t k = 0; k < 3; k++) {
            size_t seen = 0;

            request_table_remove(&entries[orders[i][k]]);
            left--;
            for (struct request_entry *e = request_table_first(table);
                 e != NULL; e = request_table_next(e)) {
                cr_expect_eq(request_table_find(table, id_of(e)), e);
                seen++;
            }
            cr_expect_eq(seen, left, "order %zu", i);
        }
        cr_expect_null(request_table_first(table));
        request_table_free(&table);
    }
}

Test(edge_request_table, walks_from_the_newest)
{
    struct request_table *table = request_table_new(8);
    struct request_entry a = entry_of(1, 1);
    struct request_entry b = entry_of(2, 1);

    cr_assert_eq(request_table_add(table, &a), 0);
    cr_assert_eq(request_table_add(table, &b), 0);
    cr_expect_eq(request_table_first(table), &b);
    cr_expect_eq(request_table_next(&b), &a);
    cr_expect_null(request_table_next(&a));
    request_table_remove(&b);
    request_table_remove(&a);
    request_table_free(&table);
}
