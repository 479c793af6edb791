/* The cache of verified tokens: found again, bounded, dead in time. */
#include <stdio.h>

#include <criterion/criterion.h>

#include "services/auth/cache.h"

static struct identity
identity_until(int64_t expires_ms)
{
    return (struct identity){ .subject = sp_view_of("alice"),
                              .client = sp_view_of("demo"),
                              .scopes = sp_view_of("a b"),
                              .expires_ms = expires_ms };
}

/* The key of the token "token N". */
static void
key_of(struct token_cache *cache, size_t n, unsigned char key[CACHE_KEY_BYTES])
{
    char token[32];

    (void)snprintf(token, sizeof(token), "token %zu", n);
    token_cache_key(cache, sp_view_of(token), key);
}

static void
put(struct token_cache *cache, size_t n, int64_t expires_ms)
{
    struct identity identity = identity_until(expires_ms);
    unsigned char key[CACHE_KEY_BYTES];

    key_of(cache, n, key);
    (void)token_cache_put(cache, key, &identity);
}

static bool
has(struct token_cache *cache, size_t n, int64_t now_ms)
{
    unsigned char key[CACHE_KEY_BYTES];

    key_of(cache, n, key);
    return token_cache_get(cache, key, now_ms) != NULL;
}

/* FIPS 180-4, example of SHA-256 for "abc". */
Test(auth_cache, keys_are_sha256)
{
    static const unsigned char want[] = { 0xba, 0x78, 0x16, 0xbf };
    struct token_cache *cache = token_cache_new(1);
    unsigned char key[CACHE_KEY_BYTES];

    token_cache_key(cache, sp_view_of("abc"), key);
    cr_assert_arr_eq(key, want, sizeof(want));
    token_cache_free(&cache);
}

Test(auth_cache, finds_what_was_put_with_texts_of_its_own)
{
    struct token_cache *cache = token_cache_new(4);
    char subject[] = "alice";
    struct identity identity = identity_until(1000);
    const struct identity *found = NULL;
    unsigned char key[CACHE_KEY_BYTES];

    identity.subject = sp_view_of(subject);
    key_of(cache, 1, key);
    (void)token_cache_put(cache, key, &identity);
    subject[0] = 'X';
    found = token_cache_get(cache, key, 999);
    cr_assert_not_null(found);
    cr_assert(sp_view_is(found->subject, "alice"));
    cr_assert(sp_view_is(found->client, "demo"));
    cr_assert(sp_view_is(found->scopes, "a b"));
    cr_assert(!has(cache, 2, 0));
    token_cache_free(&cache);
}

Test(auth_cache, entries_die_with_their_token)
{
    struct token_cache *cache = token_cache_new(4);

    put(cache, 1, 1000);
    cr_assert(has(cache, 1, 999));
    cr_assert(!has(cache, 1, 1000));
    cr_assert_eq(token_cache_count(cache), 0);
    cr_assert(!has(cache, 1, 0));
    token_cache_free(&cache);
}

Test(auth_cache, the_least_recently_used_makes_room)
{
    struct token_cache *cache = token_cache_new(3);

    put(cache, 1, 1000);
    put(cache, 2, 1000);
    put(cache, 3, 1000);
    cr_assert(has(cache, 1, 0)); /* now 2 is the oldest */
    put(cache, 4, 1000);
    cr_assert_eq(token_cache_count(cache), 3);
    cr_assert(has(cache, 1, 0));
    cr_assert(!has(cache, 2, 0));
    cr_assert(has(cache, 3, 0));
    cr_assert(has(cache, 4, 0));
    token_cache_free(&cache);
}

Test(auth_cache, replaces_an_entry_also_by_itself)
{
    struct token_cache *cache = token_cache_new(1);
    unsigned char key[CACHE_KEY_BYTES];
    const struct identity *found = NULL;

    put(cache, 1, 1000);
    put(cache, 1, 2000);
    cr_assert(has(cache, 1, 1500));
    key_of(cache, 1, key);
    found = token_cache_get(cache, key, 0);
    found = token_cache_put(cache, key, found);
    cr_assert(sp_view_is(found->subject, "alice"));
    cr_assert_eq(token_cache_count(cache), 1);
    token_cache_free(&cache);
}

/* attack: a flood of good tokens must not grow the process. */
Test(auth_cache, never_holds_more_than_its_maximum)
{
    enum {
        MAX = 100,
        ROUNDS = 5000
    };
    struct token_cache *cache = token_cache_new(MAX);

    for (size_t n = 0; n < ROUNDS; n++) {
        put(cache, n, 1000);
        cr_assert_leq(token_cache_count(cache), MAX);
    }
    for (size_t n = 0; n < ROUNDS; n++) {
        cr_assert_eq(has(cache, n, 0), n >= ROUNDS - MAX, "token %zu", n);
    }
    token_cache_free(&cache);
}
