/* Tokens that have been verified, so that the next request of the same caller
 * costs a hash instead of a signature. Keyed by the SHA-256 of the whole
 * token; bounded; the least recently used entry makes room. An entry dies with
 * its token. */
#ifndef SP_SERVICES_AUTH_CACHE_H
#define SP_SERVICES_AUTH_CACHE_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/view.h"

#define CACHE_KEY_BYTES 32

struct token_cache;

/* Who a verified token speaks for; lives until the next change of the cache. */
struct identity {
    struct sp_view subject;
    struct sp_view client;
    struct sp_view scopes;
    int64_t expires_ms; /* wall clock */
};

/* For at most `max` tokens (max > 0). */
struct token_cache *
token_cache_new(size_t max);

void
token_cache_free(struct token_cache **cache);

/* The key of a token. */
void
token_cache_key(struct token_cache *cache, struct sp_view token,
                unsigned char ret_key[CACHE_KEY_BYTES]);

/* The entry, or NULL; one that has expired by wall clock `now_ms` is removed
 * and not found. */
const struct identity *
token_cache_get(struct token_cache *cache,
                const unsigned char key[CACHE_KEY_BYTES], int64_t now_ms);

/* Adds or replaces an entry; the texts are copied. */
const struct identity *
token_cache_put(struct token_cache *cache,
                const unsigned char key[CACHE_KEY_BYTES],
                const struct identity *identity);

size_t
token_cache_count(const struct token_cache *cache);

#endif
