/* The ledger: found by id, bounded, the one used longest ago goes first. */
#include "services/validation/ledger.h"

#include <criterion/criterion.h>
#include <string.h>

#include "common/alloc.h"

/* Ids whose first bytes agree in many, so that chains form. */
static struct sp_view
id_of(unsigned n, char id[LEDGER_ID_BYTES])
{
    memset(id, 0, LEDGER_ID_BYTES);
    id[0] = (char)(n % 4);
    memcpy(id + 8, &n, sizeof(n));
    return sp_view_make(id, LEDGER_ID_BYTES);
}

Test(ledger, finds_what_was_put_and_forgets_what_was_removed)
{
    struct ledger *ledger = ledger_new(100);
    char id[LEDGER_ID_BYTES];

    for (unsigned i = 0; i < 100; i++) {
        ledger_put(ledger, id_of(i, id))->next_seq = i;
    }
    for (unsigned i = 0; i < 100; i += 2) {
        ledger_remove(ledger, id_of(i, id));
    }
    cr_assert_eq(ledger_count(ledger), 50);
    for (unsigned i = 0; i < 100; i++) {
        struct ledger_entry *entry = ledger_find(ledger, id_of(i, id));

        cr_assert_eq(entry != NULL, i % 2 == 1, "%u", i);
        if (entry != NULL) {
            cr_assert_eq(entry->next_seq, i);
            cr_assert_eq(ledger_put(ledger, id_of(i, id)), entry);
        }
    }
    ledger_remove(ledger, id_of(0, id));
    cr_assert_eq(ledger_count(ledger), 50);
    cr_assert_null(ledger_find(ledger, sp_view_make(id, 3)));
    ledger_free(&ledger);
    cr_assert_null(ledger);
}

Test(ledger, the_one_used_longest_ago_makes_room_and_leaves_nothing)
{
    struct ledger *ledger = ledger_new(4);
    char id[LEDGER_ID_BYTES];

    for (unsigned i = 0; i < 4; i++) {
        ledger_put(ledger, id_of(i, id))->rpc_id = sp_dup("7");
    }
    cr_assert_not_null(ledger_find(ledger, id_of(0, id)));
    cr_assert_null(ledger_put(ledger, id_of(9, id))->rpc_id,
                   "a new entry is empty");
    cr_assert_eq(ledger_count(ledger), 4);
    cr_assert_eq(ledger_evicted(ledger), 1);
    cr_assert_null(ledger_find(ledger, id_of(1, id)));
    cr_assert_not_null(ledger_find(ledger, id_of(0, id)));
    for (unsigned i = 100; i < 1000; i++) {
        (void)ledger_put(ledger, id_of(i, id));
    }
    cr_assert_eq(ledger_count(ledger), 4);
    cr_assert_eq(ledger_evicted(ledger), 901);
    ledger_free(&ledger);
}
