/* Requests whose answers are to come: found by id, bounded, and none goes
 * before its time. */
#include "services/validation/screen/pending.h"

#include <criterion/criterion.h>
#include <string.h>

#include "common/base/alloc.h"

/* Ids whose first bytes agree in many, so that chains form. */
static struct sp_view
id_of(unsigned n, char id[PENDING_ID_BYTES])
{
    memset(id, 0, PENDING_ID_BYTES);
    id[0] = (char)(n % 4);
    memcpy(id + 8, &n, sizeof(n));
    return sp_view_make(id, PENDING_ID_BYTES);
}

Test(pending, finds_what_was_put_and_forgets_what_was_removed)
{
    struct pending *pending = pending_new(100);
    char id[PENDING_ID_BYTES];

    for (unsigned i = 0; i < 100; i++) {
        pending_put(pending, id_of(i, id), 0)->next_seq = i;
    }
    for (unsigned i = 0; i < 100; i += 2) {
        pending_remove(pending, id_of(i, id));
    }
    cr_assert_eq(pending_count(pending), 50);
    for (unsigned i = 0; i < 100; i++) {
        struct pending_entry *entry = pending_find(pending, id_of(i, id));

        cr_assert_eq(entry != NULL, i % 2 == 1, "%u", i);
        if (entry != NULL) {
            cr_assert_eq(entry->next_seq, i);
            cr_assert_eq(pending_put(pending, id_of(i, id), 0), entry);
        }
    }
    pending_remove(pending, id_of(0, id));
    cr_assert_eq(pending_count(pending), 50);
    cr_assert_null(pending_find(pending, sp_view_make(id, 3)));
    pending_free(&pending);
    cr_assert_null(pending);
}

Test(pending, only_what_is_over_makes_room_and_leaves_nothing)
{
    struct pending *pending = pending_new(4);
    char id[PENDING_ID_BYTES];

    for (unsigned i = 0; i < 4; i++) {
        struct pending_entry *entry = pending_put(pending, id_of(i, id), 0);

        entry->rpc_id = sp_dup("7");
        entry->streaming = i == 2;
        entry->ends_ms = i < 2 ? 1000 : 5000;
    }
    cr_assert_null(pending_put(pending, id_of(9, id), 999));
    cr_assert_eq(pending_count(pending), 4);
    cr_assert_null(pending_put(pending, id_of(9, id), 1000)->rpc_id,
                   "a new entry is empty");
    cr_assert_eq(pending_count(pending), 3);
    cr_assert_eq(pending_expired(pending), 2);
    cr_assert_null(pending_find(pending, id_of(0, id)));
    cr_assert_not_null(pending_find(pending, id_of(2, id)));
    cr_assert_not_null(pending_find(pending, id_of(3, id)));
    pending_free(&pending);
}

Test(pending, sweeps_find_all_that_is_over)
{
    struct pending *pending = pending_new(10000);
    char id[PENDING_ID_BYTES];

    for (unsigned i = 0; i < 10000; i++) {
        pending_put(pending, id_of(i, id), 0)->ends_ms = 1000 + i % 2;
    }
    for (int i = 0; i < 3; i++) {
        pending_sweep(pending, 1000);
    }
    cr_assert_eq(pending_count(pending), 5000);
    for (int i = 0; i < 3; i++) {
        pending_sweep(pending, 1001);
    }
    cr_assert_eq(pending_count(pending), 0);
    pending_free(&pending);
}
