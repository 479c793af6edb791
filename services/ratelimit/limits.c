/* A set-associative table of states. */
#include "services/ratelimit/limits.h"

#include <string.h>

#include <sodium.h>

#include "common/base/alloc.h"

/* The longest subject or client of the schema. */
#define MAX_VALUE 256

struct place {
    struct limit_key key;
    int64_t tat_ns; /* 0: never taken */
};

struct limits {
    struct place *places; /* LIMITS_WAYS to a set */
    size_t set_mask;
    uint64_t evicted;
    size_t used;
    unsigned char seed[LIMITS_SEED_BYTES];
};

struct limits *
limits_new(size_t entries, const unsigned char seed[LIMITS_SEED_BYTES])
{
    struct limits *l = sp_alloc(sizeof(*l));
    size_t sets = 1;

    while (sets * LIMITS_WAYS < entries) {
        sets *= 2;
    }
    l->places = sp_alloc_n(sets * LIMITS_WAYS, sizeof(*l->places));
    l->set_mask = sets - 1;
    memcpy(l->seed, seed, sizeof(l->seed));
    return l;
}

void
limits_free(struct limits **l)
{
    if (*l != NULL) {
        sp_free((*l)->places);
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

static struct place *
set_of(const struct limits *l, const struct limit_key *key)
{
    uint64_t hash = 0;

    memcpy(&hash, key->bytes, sizeof(hash));
    return l->places + ((size_t)hash & l->set_mask) * LIMITS_WAYS;
}

static struct place *
find(const struct limits *l, const struct limit_key *key)
{
    struct place *set = set_of(l, key);

    for (size_t i = 0; i < LIMITS_WAYS; i++) {
        if (set[i].tat_ns != 0 && memcmp(&set[i].key, key, sizeof(*key)) == 0) {
            return &set[i];
        }
    }
    return NULL;
}

int64_t
limits_get(const struct limits *l, const struct limit_key *key)
{
    const struct place *place = find(l, key);

    return place != NULL ? place->tat_ns : 0;
}

/* The place in the key's set that is never taken, or the earliest recovered. */
static struct place *
make_room(struct limits *l, const struct limit_key *key, int64_t now_ns)
{
    struct place *set = set_of(l, key);
    struct place *least = &set[0];

    for (size_t i = 1; i < LIMITS_WAYS && least->tat_ns != 0; i++) {
        if (set[i].tat_ns < least->tat_ns) {
            least = &set[i];
        }
    }
    if (least->tat_ns == 0) {
        l->used++;
    } else if (least->tat_ns > now_ns) {
        l->evicted++;
    }
    return least;
}

void
limits_put(struct limits *l, const struct limit_key *key, int64_t tat_ns,
           int64_t now_ns)
{
    struct place *place = find(l, key);

    if (place == NULL) {
        place = make_room(l, key, now_ns);
        place->key = *key;
    }
    place->tat_ns = tat_ns;
}

uint64_t
limits_evicted(const struct limits *l)
{
    return l->evicted;
}

size_t
limits_used(const struct limits *l)
{
    return l->used;
}
