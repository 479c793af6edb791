/* Where the limits keep their states: a table of fixed size, so that no flood
 * of keys can make it grow or slow. A state that has recovered is as good as
 * none and gives up its place; only where none of the oldest has, the one
 * nearest to recovery is forgotten early, and counted. */
#ifndef SP_SERVICES_RATELIMIT_LIMIT_STATES_H
#define SP_SERVICES_RATELIMIT_LIMIT_STATES_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/view.h"

#define LIMIT_STATES_SEED_BYTES 16
/* The states used longest ago, of which one makes room. */
#define LIMIT_STATES_LOOK 16

/* Stands for kind, tier and value: a keyed hash, which nobody outside can
 * steer. */
struct limit_key {
    unsigned char bytes[16];
};

struct limit_states;

/* Room for `entries` states. `seed` is random. */
struct limit_states *
limit_states_new(size_t entries,
                 const unsigned char seed[LIMIT_STATES_SEED_BYTES]);

void
limit_states_free(struct limit_states **l);

/* The key of a value, at most 256 bytes; `kind` and `tier` keep equal values
 * apart. */
struct limit_key
limit_states_key(const struct limit_states *l, uint8_t kind, uint8_t tier,
                 struct sp_view value);

/* The TAT kept for the key, 0 for none. */
int64_t
limit_states_get(const struct limit_states *l, const struct limit_key *key);

/* Keeps a TAT for the key. */
void
limit_states_put(struct limit_states *l, const struct limit_key *key,
                 int64_t tat_ns, int64_t now_ns);

/* States that were forgotten before they had recovered. */
uint64_t
limit_states_evicted(const struct limit_states *l);

/* States that are kept. */
size_t
limit_states_used(const struct limit_states *l);

#endif
