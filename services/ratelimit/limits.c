/* A table of states. */
#include "services/ratelimit/limits.h"

#include <string.h>

#include <sodium.h>

#include "common/base/alloc.h"
#include "common/base/table.h"

/* The longest subject or client of the schema. */
#define MAX_VALUE 256

/* The values of the table: TATs in nanoseconds. */
struct limits {
    struct sp_table *states;
    int64_t now_ns; /* of the put under way */
    uint64_t evicted;
    unsigned char seed[LIMITS_SEED_BYTES];
};

static int64_t
worth(const void *value)
{
    const int64_t *tat_ns = value;

    return *tat_ns;
}

static void
count_evicted(void *owner, void *value)
{
    struct limits *l = owner;
    const int64_t *tat_ns = value;

    l->evicted += *tat_ns > l->now_ns;
}

struct limits *
limits_new(size_t entries, const unsigned char seed[LIMITS_SEED_BYTES])
{
    struct limits *l = sp_alloc(sizeof(*l));
    const struct sp_table_shape shape = {
        .max = entries,
        .key_size = sizeof(struct limit_key),
        .value_size = sizeof(int64_t),
        .random_keys = true,
        .look = LIMITS_LOOK,
        .worth = worth,
        .end = count_evicted,
        .owner = l,
    };

    l->states = sp_table_new(&shape);
    memcpy(l->seed, seed, sizeof(l->seed));
    return l;
}

void
limits_free(struct limits **l)
{
    if (*l != NULL) {
        sp_table_free(&(*l)->states);
        sp_free(*l);
        *l = NULL;
    }
}

struct limit_key
limits_key(const struct limits *l, uint8_t kind, uint8_t tier,
           struct sp_view value)
{
    unsigned char text[2 + MAX_VALUE] = { kind, tier };
    size_t len = value.len < MAX_VALUE ? value.len : MAX_VALUE;
    struct limit_key key;

    if (len > 0) {
        memcpy(text + 2, value.ptr, len);
    }
    (void)crypto_shorthash_siphashx24(key.bytes, text, 2 + len, l->seed);
    return key;
}

int64_t
limits_get(const struct limits *l, const struct limit_key *key)
{
    const int64_t *tat_ns = sp_table_find(l->states, key);

    return tat_ns != NULL ? *tat_ns : 0;
}

void
limits_put(struct limits *l, const struct limit_key *key, int64_t tat_ns,
           int64_t now_ns)
{
    int64_t *state = NULL;

    l->now_ns = now_ns;
    state = sp_table_put(l->states, key);
    *state = tat_ns;
    sp_table_touch(l->states, state);
}

uint64_t
limits_evicted(const struct limits *l)
{
    return l->evicted;
}

size_t
limits_used(const struct limits *l)
{
    return sp_table_count(l->states);
}
