/* The requests whose answers are still to come. */
#include "services/validation/screen/pending.h"

#include <string.h>

#include "common/base/alloc.h"

#define NONE UINT32_MAX

struct slot {
    unsigned char id[PENDING_ID_BYTES];
    struct pending_entry entry;
    uint32_t chain; /* next of the same hash, or of the free list */
    uint32_t newer;
    uint32_t older;
};

struct pending {
    struct slot *slots;
    uint32_t *heads; /* by hash */
    uint32_t max;
    uint32_t mask;
    uint32_t count;
    uint32_t unused; /* free list */
    uint32_t newest;
    uint32_t oldest;
    uint64_t evicted;
};

struct pending *
pending_new(size_t max)
{
    struct pending *pending = sp_alloc(sizeof(*pending));
    size_t heads = 16;

    while (heads < max) {
        heads *= 2;
    }
    pending->slots = sp_alloc_n(max, sizeof(*pending->slots));
    pending->heads = sp_alloc_n(heads, sizeof(*pending->heads));
    memset(pending->heads, 0xff, heads * sizeof(*pending->heads));
    pending->max = (uint32_t)max;
    pending->mask = (uint32_t)heads - 1;
    pending->newest = NONE;
    pending->oldest = NONE;
    for (uint32_t i = 0; i < pending->max; i++) {
        pending->slots[i].chain = i + 1 < pending->max ? i + 1 : NONE;
    }
    return pending;
}

static void
clear_entry(struct pending_entry *entry)
{
    sp_free(entry->rpc_id);
    sp_free(entry->scopes);
    *entry = (struct pending_entry){ .next_seq = 0 };
}

void
pending_free(struct pending **pending)
{
    if (*pending == NULL) {
        return;
    }
    for (uint32_t i = 0; i < (*pending)->max; i++) {
        clear_entry(&(*pending)->slots[i].entry);
    }
    sp_free((*pending)->slots);
    sp_free((*pending)->heads);
    sp_free(*pending);
    *pending = NULL;
}

/* The edge made the id at random: any four bytes of it are a hash. */
static uint32_t *
head_of(struct pending *pending, const void *id)
{
    uint32_t hash = 0;

    memcpy(&hash, id, sizeof(hash));
    return &pending->heads[hash & pending->mask];
}

static uint32_t
look_up(struct pending *pending, struct sp_view id)
{
    uint32_t at = id.len == PENDING_ID_BYTES ? *head_of(pending, id.ptr) : NONE;

    while (at != NONE &&
           memcmp(pending->slots[at].id, id.ptr, PENDING_ID_BYTES) != 0) {
        at = pending->slots[at].chain;
    }
    return at;
}

static void
unlink_age(struct pending *pending, uint32_t at)
{
    struct slot *slot = &pending->slots[at];

    if (slot->newer != NONE) {
        pending->slots[slot->newer].older = slot->older;
    } else {
        pending->newest = slot->older;
    }
    if (slot->older != NONE) {
        pending->slots[slot->older].newer = slot->newer;
    } else {
        pending->oldest = slot->newer;
    }
}

static void
link_newest(struct pending *pending, uint32_t at)
{
    struct slot *slot = &pending->slots[at];

    slot->newer = NONE;
    slot->older = pending->newest;
    if (pending->newest != NONE) {
        pending->slots[pending->newest].newer = at;
    } else {
        pending->oldest = at;
    }
    pending->newest = at;
}

static void
remove_at(struct pending *pending, uint32_t at)
{
    struct slot *slot = &pending->slots[at];
    uint32_t *link = head_of(pending, slot->id);

    while (*link != at) {
        link = &pending->slots[*link].chain;
    }
    *link = slot->chain;
    unlink_age(pending, at);
    clear_entry(&slot->entry);
    slot->chain = pending->unused;
    pending->unused = at;
    pending->count--;
}

struct pending_entry *
pending_find(struct pending *pending, struct sp_view id)
{
    uint32_t at = look_up(pending, id);

    if (at == NONE) {
        return NULL;
    }
    unlink_age(pending, at);
    link_newest(pending, at);
    return &pending->slots[at].entry;
}

struct pending_entry *
pending_put(struct pending *pending, struct sp_view id)
{
    struct pending_entry *entry = pending_find(pending, id);
    uint32_t *head = NULL;
    uint32_t at = NONE;

    if (entry != NULL) {
        return entry;
    }
    if (pending->unused == NONE) {
        remove_at(pending, pending->oldest);
        pending->evicted++;
    }
    at = pending->unused;
    pending->unused = pending->slots[at].chain;
    memcpy(pending->slots[at].id, id.ptr, PENDING_ID_BYTES);
    head = head_of(pending, id.ptr);
    pending->slots[at].chain = *head;
    *head = at;
    link_newest(pending, at);
    pending->count++;
    return &pending->slots[at].entry;
}

void
pending_remove(struct pending *pending, struct sp_view id)
{
    uint32_t at = look_up(pending, id);

    if (at != NONE) {
        remove_at(pending, at);
    }
}

size_t
pending_count(const struct pending *pending)
{
    return pending->count;
}

uint64_t
pending_evicted(const struct pending *pending)
{
    return pending->evicted;
}

size_t
pending_streams(const struct pending *pending, int64_t now_ms)
{
    size_t streams = 0;

    for (uint32_t at = pending->newest; at != NONE;
         at = pending->slots[at].older) {
        const struct pending_entry *entry = &pending->slots[at].entry;

        streams +=
            entry->streaming && !entry->cancelled && entry->ends_ms > now_ms;
    }
    return streams;
}
