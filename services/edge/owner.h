/* Whose request it is, as its executor said: enough to find the streams of a
 * token that ends or is revoked, without keeping the names. */
#ifndef SP_SERVICES_EDGE_OWNER_H
#define SP_SERVICES_EDGE_OWNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/message.h"

#define OWNER_TOKEN_ID 16
#define OWNER_KEY_BYTES 16

struct owner {
    uint64_t subject; /* keyed hashes */
    uint64_t client;
    size_t token_id_len;
    unsigned char token_id[OWNER_TOKEN_ID];
    int64_t token_expires_ms; /* wall clock; 0: never */
};

/* Keeps what STARTED says. */
void
owner_set(struct owner *owner, const unsigned char key[OWNER_KEY_BYTES],
          const struct sp_started *started);

/* True where every field of `revoked` that is not empty fits, and at least one
 * is not empty. */
bool
owner_fits(const struct owner *owner, const unsigned char key[OWNER_KEY_BYTES],
           const struct sp_revoked *revoked);

#endif
