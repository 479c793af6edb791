/* Where the limits keep their states: a table of fixed size, so that no flood
 * of keys can make it grow or slow. A state that has recovered is as good as
 * none and gives up its place; only where none of the oldest has, the one
 * nearest to recovery is forgotten early, and counted. */
#ifndef SP_SERVICES_RATELIMIT_LIMITS_H
#define SP_SERVICES_RATELIMIT_LIMITS_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/view.h"

#define LIMITS_SEED_BYTES 16
/* The states used longest ago, of which one makes room. */
#define LIMITS_LOOK 16

/* Stands for kind, tier and value: a keyed hash, which nobody outside can
 * steer. */
struct limit_key {
    unsigned char bytes[16];
};

struct limits;

/* Room for `entries` states. `seed` is random. */
struct limits *
limits_new(size_t entries, const unsigned char seed[LIMITS_SEED_BYTES]);

void
limits_free(struct limits **l);

/* The key of a value, at most 256 bytes; `kind` and `tier` keep equal values
 * apart. */
struct limit_key
limits_key(const struct limits *l, uint8_t kind, uint8_t tier,
           struct sp_view value);

/* The TAT kept for the key, 0 for none. */
int64_t
limits_get(const struct limits *l, const struct limit_key *key);

/* Keeps a TAT for the key. */
void
limits_put(struct limits *l, const struct limit_key *key, int64_t tat_ns,
           int64_t now_ns);

/* States that were forgotten before they had recovered. */
uint64_t
limits_evicted(const struct limits *l);

/* States that are kept. */
size_t
limits_used(const struct limits *l);

#endif
