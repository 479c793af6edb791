/* Verified tokens, in order of use. */
#include "services/auth/cache.h"

#include <string.h>

#include <openssl/evp.h>

#include "common/base/alloc.h"
#include "common/base/log.h"
#include "common/base/table.h"

struct entry {
    struct identity identity;
    char *texts; /* what the views of identity point to */
};

struct token_cache {
    struct sp_table *entries;
    EVP_MD *sha256;
    EVP_MD_CTX *hash;
};

static void
end_entry(void *owner, void *value)
{
    struct entry *e = value;

    (void)owner;
    sp_free(e->texts);
}

/* Digests are spread evenly, and only tokens that we signed get here, so nobody
 * chooses their bits. */
struct token_cache *
token_cache_new(size_t max)
{
    struct token_cache *cache = sp_alloc(sizeof(*cache));
    const struct sp_table_shape shape = {
        .max = max,
        .key_size = CACHE_KEY_BYTES,
        .value_size = sizeof(struct entry),
        .random_keys = true,
        .look = 1,
        .end = end_entry,
    };

    cache->entries = sp_table_new(&shape);
    cache->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    cache->hash = EVP_MD_CTX_new();
    if (cache->sha256 == NULL || cache->hash == NULL) {
        sp_fatal("no_sha256", "max=%zu", max);
    }
    return cache;
}

void
token_cache_free(struct token_cache **cache)
{
    if (*cache != NULL) {
        sp_table_free(&(*cache)->entries);
        EVP_MD_CTX_free((*cache)->hash);
        EVP_MD_free((*cache)->sha256);
        sp_free(*cache);
        *cache = NULL;
    }
}

void
token_cache_key(struct token_cache *cache, struct sp_view token,
                unsigned char ret_key[CACHE_KEY_BYTES])
{
    if (EVP_DigestInit_ex2(cache->hash, cache->sha256, NULL) != 1 ||
        EVP_DigestUpdate(cache->hash, token.ptr, token.len) != 1 ||
        EVP_DigestFinal_ex(cache->hash, ret_key, NULL) != 1) {
        sp_fatal("sha256_failed", "len=%zu", token.len);
    }
}

const struct identity *
token_cache_get(struct token_cache *cache,
                const unsigned char key[CACHE_KEY_BYTES], int64_t now_ms)
{
    struct entry *e = sp_table_find(cache->entries, key);

    if (e == NULL) {
        return NULL;
    }
    if (e->identity.expires_ms <= now_ms) {
        sp_table_remove(cache->entries, e);
        return NULL;
    }
    sp_table_touch(cache->entries, e);
    return &e->identity;
}

/* Copies the text to *at, moves *at behind it. */
static struct sp_view
keep(struct sp_view text, char **at)
{
    struct sp_view kept = sp_view_make(*at, text.len);

    if (text.len > 0) {
        memcpy(*at, text.ptr, text.len);
    }
    *at += text.len;
    return kept;
}

const struct identity *
token_cache_put(struct token_cache *cache,
                const unsigned char key[CACHE_KEY_BYTES],
                const struct identity *identity)
{
    char *texts = sp_alloc(identity->subject.len + identity->client.len +
                           identity->scopes.len);
    char *at = texts;
    const struct identity kept = {
        .subject = keep(identity->subject, &at),
        .client = keep(identity->client, &at),
        .scopes = keep(identity->scopes, &at),
        .expires_ms = identity->expires_ms,
    };
    struct entry *e = sp_table_put(cache->entries, key);

    sp_table_touch(cache->entries, e);
    sp_free(e->texts); /* `identity` may have pointed into them */
    e->identity = kept;
    e->texts = texts;
    return &e->identity;
}

size_t
token_cache_count(const struct token_cache *cache)
{
    return sp_table_count(cache->entries);
}
