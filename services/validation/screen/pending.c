/* The requests whose answers are still to come. */
#include "services/validation/screen/pending.h"

#include <string.h>

#include "common/base/alloc.h"

#define NONE UINT32_MAX

/* Places that one sweep looks at. */
#define SWEEP 4096

struct slot {
    unsigned char id[PENDING_ID_BYTES];
    struct pending_entry entry;
    uint32_t chain; /* next of the same hash, or of the free list */
    bool taken;
};

struct pending {
    struct slot *slots;
    uint32_t *heads; /* by hash */
    uint32_t max;
    uint32_t mask;
    uint32_t count;
    uint32_t unused; /* free list */
    uint32_t swept;  /* where the next sweep begins */
    uint64_t expired;
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
remove_at(struct pending *pending, uint32_t at)
{
    struct slot *slot = &pending->slots[at];
    uint32_t *link = head_of(pending, slot->id);

    while (*link != at) {
        link = &pending->slots[*link].chain;
    }
    *link = slot->chain;
    clear_entry(&slot->entry);
    slot->taken = false;
    slot->chain = pending->unused;
    pending->unused = at;
    pending->count--;
}

struct pending_entry *
pending_find(struct pending *pending, struct sp_view id)
{
    uint32_t at = look_up(pending, id);

    return at == NONE ? NULL : &pending->slots[at].entry;
}

static void
sweep(struct pending *pending, uint32_t places, int64_t now_ms)
{
    for (uint32_t i = 0; i < places; i++) {
        uint32_t at = pending->swept;
        const struct slot *slot = &pending->slots[at];

        pending->swept = at + 1 < pending->max ? at + 1 : 0;
        if (slot->taken && slot->entry.ends_ms <= now_ms) {
            remove_at(pending, at);
            pending->expired++;
        }
    }
}

void
pending_sweep(struct pending *pending, int64_t now_ms)
{
    sweep(pending, pending->max < SWEEP ? pending->max : SWEEP, now_ms);
}

struct pending_entry *
pending_put(struct pending *pending, struct sp_view id, int64_t now_ms)
{
    struct pending_entry *entry = pending_find(pending, id);
    uint32_t *head = NULL;
    uint32_t at = NONE;

    if (entry != NULL) {
        return entry;
    }
    if (pending->unused == NONE) {
        pending_sweep(pending, now_ms);
    }
    if (pending->unused == NONE) {
        return NULL;
    }
    at = pending->unused;
    pending->unused = pending->slots[at].chain;
    memcpy(pending->slots[at].id, id.ptr, PENDING_ID_BYTES);
    pending->slots[at].taken = true;
    head = head_of(pending, id.ptr);
    pending->slots[at].chain = *head;
    *head = at;
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
pending_expired(const struct pending *pending)
{
    return pending->expired;
}
