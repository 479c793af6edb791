/* The requests whose answers are still to come. */
#include "services/validation/ledger.h"

#include <string.h>

#include "common/alloc.h"

#define NONE UINT32_MAX

struct slot {
    unsigned char id[LEDGER_ID_BYTES];
    struct ledger_entry entry;
    uint32_t chain; /* next of the same hash, or of the free list */
    uint32_t newer;
    uint32_t older;
};

struct ledger {
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

struct ledger *
ledger_new(size_t max)
{
    struct ledger *ledger = sp_alloc(sizeof(*ledger));
    size_t heads = 16;

    while (heads < max) {
        heads *= 2;
    }
    ledger->slots = sp_alloc_n(max, sizeof(*ledger->slots));
    ledger->heads = sp_alloc_n(heads, sizeof(*ledger->heads));
    memset(ledger->heads, 0xff, heads * sizeof(*ledger->heads));
    ledger->max = (uint32_t)max;
    ledger->mask = (uint32_t)heads - 1;
    ledger->newest = NONE;
    ledger->oldest = NONE;
    for (uint32_t i = 0; i < ledger->max; i++) {
        ledger->slots[i].chain = i + 1 < ledger->max ? i + 1 : NONE;
    }
    return ledger;
}

static void
clear_entry(struct ledger_entry *entry)
{
    sp_free(entry->rpc_id);
    sp_free(entry->scopes);
    *entry = (struct ledger_entry){ .next_seq = 0 };
}

void
ledger_free(struct ledger **ledger)
{
    if (*ledger == NULL) {
        return;
    }
    for (uint32_t i = 0; i < (*ledger)->max; i++) {
        clear_entry(&(*ledger)->slots[i].entry);
    }
    sp_free((*ledger)->slots);
    sp_free((*ledger)->heads);
    sp_free(*ledger);
    *ledger = NULL;
}

/* The edge made the id at random: any four bytes of it are a hash. */
static uint32_t *
head_of(struct ledger *ledger, const void *id)
{
    uint32_t hash = 0;

    memcpy(&hash, id, sizeof(hash));
    return &ledger->heads[hash & ledger->mask];
}

static uint32_t
look_up(struct ledger *ledger, struct sp_view id)
{
    uint32_t at = id.len == LEDGER_ID_BYTES ? *head_of(ledger, id.ptr) : NONE;

    while (at != NONE &&
           memcmp(ledger->slots[at].id, id.ptr, LEDGER_ID_BYTES) != 0) {
        at = ledger->slots[at].chain;
    }
    return at;
}

static void
unlink_age(struct ledger *ledger, uint32_t at)
{
    struct slot *slot = &ledger->slots[at];

    if (slot->newer != NONE) {
        ledger->slots[slot->newer].older = slot->older;
    } else {
        ledger->newest = slot->older;
    }
    if (slot->older != NONE) {
        ledger->slots[slot->older].newer = slot->newer;
    } else {
        ledger->oldest = slot->newer;
    }
}

static void
link_newest(struct ledger *ledger, uint32_t at)
{
    struct slot *slot = &ledger->slots[at];

    slot->newer = NONE;
    slot->older = ledger->newest;
    if (ledger->newest != NONE) {
        ledger->slots[ledger->newest].newer = at;
    } else {
        ledger->oldest = at;
    }
    ledger->newest = at;
}

static void
remove_at(struct ledger *ledger, uint32_t at)
{
    struct slot *slot = &ledger->slots[at];
    uint32_t *link = head_of(ledger, slot->id);

    while (*link != at) {
        link = &ledger->slots[*link].chain;
    }
    *link = slot->chain;
    unlink_age(ledger, at);
    clear_entry(&slot->entry);
    slot->chain = ledger->unused;
    ledger->unused = at;
    ledger->count--;
}

struct ledger_entry *
ledger_find(struct ledger *ledger, struct sp_view id)
{
    uint32_t at = look_up(ledger, id);

    if (at == NONE) {
        return NULL;
    }
    unlink_age(ledger, at);
    link_newest(ledger, at);
    return &ledger->slots[at].entry;
}

struct ledger_entry *
ledger_put(struct ledger *ledger, struct sp_view id)
{
    struct ledger_entry *entry = ledger_find(ledger, id);
    uint32_t *head = NULL;
    uint32_t at = NONE;

    if (entry != NULL) {
        return entry;
    }
    if (ledger->unused == NONE) {
        remove_at(ledger, ledger->oldest);
        ledger->evicted++;
    }
    at = ledger->unused;
    ledger->unused = ledger->slots[at].chain;
    memcpy(ledger->slots[at].id, id.ptr, LEDGER_ID_BYTES);
    head = head_of(ledger, id.ptr);
    ledger->slots[at].chain = *head;
    *head = at;
    link_newest(ledger, at);
    ledger->count++;
    return &ledger->slots[at].entry;
}

void
ledger_remove(struct ledger *ledger, struct sp_view id)
{
    uint32_t at = look_up(ledger, id);

    if (at != NONE) {
        remove_at(ledger, at);
    }
}

size_t
ledger_count(const struct ledger *ledger)
{
    return ledger->count;
}

uint64_t
ledger_evicted(const struct ledger *ledger)
{
    return ledger->evicted;
}

size_t
ledger_streams(const struct ledger *ledger, int64_t now_ms)
{
    size_t streams = 0;

    for (uint32_t at = ledger->newest; at != NONE;
         at = ledger->slots[at].older) {
        const struct ledger_entry *entry = &ledger->slots[at].entry;

        streams +=
            entry->streaming && !entry->cancelled && entry->ends_ms > now_ms;
    }
    return streams;
}
