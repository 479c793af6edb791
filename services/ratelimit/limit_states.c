/* A table of states. */
#include "services/ratelimit/limit_states.h"

#include <string.h>

#include <sodium.h>

#include "common/base/alloc.h"
#include "common/base/table.h"

/* The longest subject or client of the schema. */
#define MAX_VALUE 256

/* The values of the table: TATs in nanoseconds. */
struct limit_states {
    struct sp_table *states;
    int64_t now_ns; /* of the put under way */
    uint64_t evicted;
    unsigned char seed[LIMIT_STATES_SEED_BYTES];
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
    struct limit_states *l = owner;
    const int64_t *tat_ns = value;

    l->evicted += *tat_ns > l->now_ns;
}

struct limit_states *
limit_states_new(size_t entries,
                 const unsigned char seed[LIMIT_STATES_SEED_BYTES])
{
    struct limit_states *l = sp_alloc(sizeof(*l));
    const struct sp_table_shape shape = {
        .max = entries,
        .key_size = sizeof(struct limit_key),
        .value_size = sizeof(int64_t),
        .random_keys = true,
        .look = LIMIT_STATES_LOOK,
        .worth = worth,
        .end = count_evicted,
        .owner = l,
    };

    l->states = sp_table_new(&shape);
    memcpy(l->seed, seed, sizeof(l->seed));
    return l;
}

void
limit_states_free(struct limit_states **l)
{
    if (*l != NULL) {
        sp_table_free(&(*l)->states);
        sp_free(*l);
        *l = NULL;
    }
}

struct limit_key
limit_states_key(const struct limit_states *l, uint8_t kind, uint8_t tier,
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
limit_states_get(const struct limit_states *l, const struct limit_key *key)
{
    const int64_t *tat_ns = sp_table_find(l->states, key);

    return tat_ns != NULL ? *tat_ns : 0;
}

void
limit_states_put(struct limit_states *l, const struct limit_key *key,
                 int64_t tat_ns, int64_t now_ns)
{
    int64_t *state = NULL;

    l->now_ns = now_ns;
    state = sp_table_put(l->states, key);
    *state = tat_ns;
    sp_table_touch(l->states, state);
}

uint64_t
limit_states_evicted(const struct limit_states *l)
{
    return l->evicted;
}

size_t
limit_states_used(const struct limit_states *l)
{
    return sp_table_count(l->states);
}
