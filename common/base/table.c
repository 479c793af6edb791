/* Chained buckets over one array of slots, which a list orders by age. */
#include "common/base/table.h"

#include <string.h>

#include <sodium.h>

#include "common/base/alloc.h"

struct slot {
    struct slot *chain; /* next of the same bucket, or of the free ones */
    struct slot *newer;
    struct slot *older;
    unsigned char key[]; /* and the value behind it, aligned */
};

struct sp_table {
    struct sp_table_shape shape;
    struct slot **buckets;
    unsigned char *slots;
    size_t mask;
    size_t slot_size;
    size_t value_at; /* from the beginning of a slot */
    size_t used;     /* slots that were ever taken */
    size_t count;
    struct slot *unused;
    struct slot *newest;
    struct slot *oldest;
    unsigned char seed[crypto_shorthash_KEYBYTES];
};

static size_t
align(size_t size)
{
    return (size + sizeof(void *) - 1) & ~(sizeof(void *) - 1);
}

struct sp_table *
sp_table_new(const struct sp_table_shape *shape)
{
    struct sp_table *t = sp_alloc(sizeof(*t));
    size_t buckets = 16;

    while (buckets < shape->max) {
        buckets *= 2;
    }
    t->shape = *shape;
    t->value_at = align(sizeof(struct slot) + shape->key_size);
    t->slot_size = t->value_at + align(shape->value_size);
    t->buckets = sp_alloc_n(buckets, sizeof(*t->buckets));
    t->slots = sp_alloc_n(shape->max, t->slot_size);
    t->mask = buckets - 1;
    randombytes_buf(t->seed, sizeof(t->seed));
    return t;
}

void
sp_table_free(struct sp_table **table)
{
    if (*table != NULL) {
        sp_table_clear(*table);
        sp_free((*table)->slots);
        sp_free((*table)->buckets);
        sp_free(*table);
        *table = NULL;
    }
}

static void *
value_of(const struct sp_table *t, struct slot *slot)
{
    return slot == NULL ? NULL : (unsigned char *)slot + t->value_at;
}

static struct slot *
slot_of(const struct sp_table *t, const void *value)
{
    size_t at = (size_t)((const unsigned char *)value - t->slots);

    return (struct slot *)(void *)(t->slots + (at - t->value_at));
}

static struct slot **
bucket_of(const struct sp_table *t, const void *key)
{
    uint64_t hash = 0;

    if (t->shape.random_keys) {
        memcpy(&hash, key, sizeof(hash));
    } else {
        (void)crypto_shorthash((unsigned char *)&hash, key, t->shape.key_size,
                               t->seed);
    }
    return &t->buckets[hash & t->mask];
}

/* memcmp() is a call, and most keys are two or four words. */
static bool
is_same(const unsigned char *a, const unsigned char *b, size_t len)
{
    for (; len >= sizeof(uint64_t); len -= sizeof(uint64_t)) {
        uint64_t x = 0;
        uint64_t y = 0;

        memcpy(&x, a, sizeof(x));
        memcpy(&y, b, sizeof(y));
        if (x != y) {
            return false;
        }
        a += sizeof(x);
        b += sizeof(y);
    }
    return len == 0 || memcmp(a, b, len) == 0;
}

static struct slot *
find_in(const struct sp_table *t, struct slot *slot, const void *key)
{
    while (slot != NULL && !is_same(slot->key, key, t->shape.key_size)) {
        slot = slot->chain;
    }
    return slot;
}

void *
sp_table_find(const struct sp_table *table, const void *key)
{
    return value_of(table, find_in(table, *bucket_of(table, key), key));
}

static void
link_newest(struct sp_table *t, struct slot *slot)
{
    slot->newer = NULL;
    slot->older = t->newest;
    *(t->newest != NULL ? &t->newest->newer : &t->oldest) = slot;
    t->newest = slot;
}

static void
unlink_age(struct sp_table *t, struct slot *slot)
{
    *(slot->newer != NULL ? &slot->newer->older : &t->newest) = slot->older;
    *(slot->older != NULL ? &slot->older->newer : &t->oldest) = slot->newer;
}

void
sp_table_touch(struct sp_table *table, void *value)
{
    struct slot *slot = slot_of(table, value);

    if (table->newest != slot) {
        unlink_age(table, slot);
        link_newest(table, slot);
    }
}

void
sp_table_remove(struct sp_table *table, void *value)
{
    struct slot *slot = slot_of(table, value);
    struct slot **at = bucket_of(table, slot->key);

    if (table->shape.end != NULL) {
        table->shape.end(table->shape.owner, value);
    }
    while (*at != slot) {
        at = &(*at)->chain;
    }
    *at = slot->chain;
    unlink_age(table, slot);
    slot->chain = table->unused;
    table->unused = slot;
    table->count--;
}

void
sp_table_clear(struct sp_table *table)
{
    while (table->oldest != NULL) {
        sp_table_remove(table, value_of(table, table->oldest));
    }
}

static void
make_room(struct sp_table *t)
{
    int64_t lowest = SP_TABLE_BUSY;
    void *least = NULL;
    void *next = NULL;
    void *value = value_of(t, t->oldest);

    for (size_t i = 0; i < t->shape.look && value != NULL; i++) {
        int64_t worth = t->shape.worth != NULL ? t->shape.worth(value) : 0;

        next = sp_table_newer(t, value);
        if (worth == SP_TABLE_BUSY) {
            sp_table_touch(t, value);
        } else if (worth < lowest) {
            lowest = worth;
            least = value;
        }
        value = next;
    }
    if (least != NULL) {
        sp_table_remove(t, least);
    }
}

/* A slot that holds nothing, or NULL. */
static struct slot *
take_slot(struct sp_table *t)
{
    struct slot *slot = t->unused;

    if (slot == NULL && t->used < t->shape.max) {
        /* Memory that was never touched takes no room. */
        return (struct slot *)(void *)(t->slots + t->slot_size * t->used++);
    }
    if (slot == NULL) {
        make_room(t);
        slot = t->unused;
    }
    if (slot != NULL) {
        t->unused = slot->chain;
        memset(value_of(t, slot), 0, t->shape.value_size);
    }
    return slot;
}

void *
sp_table_put(struct sp_table *table, const void *key)
{
    struct slot **bucket = bucket_of(table, key);
    struct slot *slot = find_in(table, *bucket, key);

    if (slot != NULL) {
        return value_of(table, slot);
    }
    slot = take_slot(table);
    if (slot != NULL) {
        memcpy(slot->key, key, table->shape.key_size);
        slot->chain = *bucket;
        *bucket = slot;
        link_newest(table, slot);
        table->count++;
    }
    return value_of(table, slot);
}

void *
sp_table_newer(const struct sp_table *table, const void *value)
{
    return value_of(table, value == NULL ? table->oldest
                                         : slot_of(table, value)->newer);
}

void *
sp_table_older(const struct sp_table *table, const void *value)
{
    return value_of(table, value == NULL ? table->newest
                                         : slot_of(table, value)->older);
}

const void *
sp_table_key(const struct sp_table *table, const void *value)
{
    return slot_of(table, value)->key;
}

size_t
sp_table_count(const struct sp_table *table)
{
    return table->count;
}
