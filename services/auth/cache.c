/* A hash table of verified tokens with a list in order of use. */
#include "services/auth/cache.h"

#include <string.h>

#include <openssl/evp.h>

#include "common/base/alloc.h"
#include "common/base/log.h"

struct entry {
    unsigned char key[CACHE_KEY_BYTES];
    struct identity identity;
    struct entry *chain; /* next in the same bucket */
    struct entry *newer;
    struct entry *older;
    char texts[]; /* what the views of identity point to */
};

struct token_cache {
    struct entry **buckets;
    size_t bucket_count; /* a power of two */
    size_t count;
    size_t max;
    struct entry *newest;
    struct entry *oldest;
    EVP_MD *sha256;
    EVP_MD_CTX *hash;
};

struct token_cache *
token_cache_new(size_t max)
{
    struct token_cache *cache = sp_alloc(sizeof(*cache));

    cache->max = max;
    cache->bucket_count = 1;
    while (cache->bucket_count < max) {
        cache->bucket_count *= 2;
    }
    cache->buckets = sp_alloc_n(cache->bucket_count, sizeof(struct entry *));
    cache->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    cache->hash = EVP_MD_CTX_new();
    if (cache->sha256 == NULL || cache->hash == NULL) {
        sp_fatal("no_sha256", "max=%zu", max);
    }
    return cache;
}

/* Digests are spread evenly: some of their bits are the bucket. Only tokens
 * that we signed get here, so nobody chooses the bits. */
static struct entry **
bucket_of(struct token_cache *cache, const unsigned char key[CACHE_KEY_BYTES])
{
    uint64_t bits = 0;

    memcpy(&bits, key, sizeof(bits));
    return &cache->buckets[bits & (cache->bucket_count - 1)];
}

static void
list_add(struct token_cache *cache, struct entry *e)
{
    e->newer = NULL;
    e->older = cache->newest;
    if (e->older != NULL) {
        e->older->newer = e;
    } else {
        cache->oldest = e;
    }
    cache->newest = e;
}

static void
list_remove(struct token_cache *cache, struct entry *e)
{
    if (e->newer != NULL) {
        e->newer->older = e->older;
    } else {
        cache->newest = e->older;
    }
    if (e->older != NULL) {
        e->older->newer = e->newer;
    } else {
        cache->oldest = e->newer;
    }
}

static void
entry_remove(struct token_cache *cache, struct entry *e)
{
    struct entry **at = bucket_of(cache, e->key);

    while (*at != e) {
        at = &(*at)->chain;
    }
    *at = e->chain;
    list_remove(cache, e);
    cache->count--;
    sp_free(e);
}

void
token_cache_free(struct token_cache **cache)
{
    if (*cache != NULL) {
        while ((*cache)->oldest != NULL) {
            entry_remove(*cache, (*cache)->oldest);
        }
        EVP_MD_CTX_free((*cache)->hash);
        EVP_MD_free((*cache)->sha256);
        sp_free((*cache)->buckets);
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

static struct entry *
find(struct token_cache *cache, const unsigned char key[CACHE_KEY_BYTES])
{
    struct entry *e = *bucket_of(cache, key);

    while (e != NULL && memcmp(e->key, key, CACHE_KEY_BYTES) != 0) {
        e = e->chain;
    }
    return e;
}

const struct identity *
token_cache_get(struct token_cache *cache,
                const unsigned char key[CACHE_KEY_BYTES], int64_t now_ms)
{
    struct entry *e = find(cache, key);

    if (e == NULL) {
        return NULL;
    }
    if (e->identity.expires_ms <= now_ms) {
        entry_remove(cache, e);
        return NULL;
    }
    if (cache->newest != e) {
        list_remove(cache, e);
        list_add(cache, e);
    }
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
    struct entry *e = sp_alloc(sizeof(*e) + identity->subject.len +
                               identity->client.len + identity->scopes.len);
    struct entry *old = NULL;
    struct entry **bucket = bucket_of(cache, key);
    char *at = e->texts;

    memcpy(e->key, key, CACHE_KEY_BYTES);
    e->identity.subject = keep(identity->subject, &at);
    e->identity.client = keep(identity->client, &at);
    e->identity.scopes = keep(identity->scopes, &at);
    e->identity.expires_ms = identity->expires_ms;
    /* After the copy: `identity` may be the old entry itself. */
    old = find(cache, key);
    if (old == NULL && cache->count == cache->max) {
        old = cache->oldest;
    }
    if (old != NULL) {
        entry_remove(cache, old);
    }
    e->chain = *bucket;
    *bucket = e;
    list_add(cache, e);
    cache->count++;
    return &e->identity;
}

size_t
token_cache_count(const struct token_cache *cache)
{
    return cache->count;
}
