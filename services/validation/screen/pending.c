/* The requests whose answers are still to come. */
#include "services/validation/screen/pending.h"

#include "common/base/alloc.h"
#include "common/base/table.h"

/* Entries that one sweep looks at. */
#define SWEEP 4096

struct pending {
    struct sp_table *entries;
    uint64_t expired;
};

static void
end_entry(void *owner, void *value)
{
    struct pending_entry *entry = value;

    (void)owner;
    sp_free(entry->rpc_id);
    sp_free(entry->scopes);
    sp_snapshot_release(entry->rules);
}

struct pending *
pending_new(size_t max)
{
    struct pending *pending = sp_alloc(sizeof(*pending));
    const struct sp_table_shape shape = {
        .max = max,
        .key_size = PENDING_ID_BYTES,
        .value_size = sizeof(struct pending_entry),
        .random_keys = true, /* the edge made them */
        .end = end_entry,
    };

    pending->entries = sp_table_new(&shape);
    return pending;
}

void
pending_free(struct pending **pending)
{
    if (*pending != NULL) {
        sp_table_free(&(*pending)->entries);
        sp_free(*pending);
        *pending = NULL;
    }
}

struct pending_entry *
pending_find(struct pending *pending, struct sp_view id)
{
    return id.len == PENDING_ID_BYTES ? sp_table_find(pending->entries, id.ptr)
                                      : NULL;
}

/* Those that were looked at become the newest, so that the next sweep finds
 * others. */
void
pending_sweep(struct pending *pending, int64_t now_ms)
{
    size_t left = sp_table_count(pending->entries);
    struct pending_entry *entry = sp_table_newer(pending->entries, NULL);

    for (size_t i = 0; i < SWEEP && left > 0; i++, left--) {
        struct pending_entry *next = sp_table_newer(pending->entries, entry);

        if (entry->ends_ms <= now_ms) {
            sp_table_remove(pending->entries, entry);
            pending->expired++;
        } else {
            sp_table_touch(pending->entries, entry);
        }
        entry = next;
    }
}

struct pending_entry *
pending_put(struct pending *pending, struct sp_view id, int64_t now_ms)
{
    struct pending_entry *entry = sp_table_put(pending->entries, id.ptr);

    if (entry == NULL) {
        pending_sweep(pending, now_ms);
        entry = sp_table_put(pending->entries, id.ptr);
    }
    return entry;
}

void
pending_remove(struct pending *pending, struct sp_view id)
{
    struct pending_entry *entry = pending_find(pending, id);

    if (entry != NULL) {
        sp_table_remove(pending->entries, entry);
    }
}

size_t
pending_count(const struct pending *pending)
{
    return sp_table_count(pending->entries);
}

uint64_t
pending_expired(const struct pending *pending)
{
    return pending->expired;
}
