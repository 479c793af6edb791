/* Clients, their secrets, their scopes, and how often they may fail. */
#include <poll.h>
#include <stdio.h>

#include <criterion/criterion.h>
#include <sodium.h>

#include "common/base/error.h"
#include "services/auth/hasher.h"
#include "services/auth/oauth/clients.h"
#include "services/auth/throttle.h"

#define PATIENCE_MS 20000

static const char some_hash[] = "$argon2id$v=19$m=8,t=1,p=1$c2FsdA$aGFzaA";

Test(auth_clients, judges_by_the_digest_of_a_verified_secret)
{
    struct clients *clients = clients_new();
    struct client *client = NULL;

    cr_assert_eq(clients_add(clients, "demo", "a b", sp_view_of(some_hash)), 0);
    client = clients_find(clients, sp_view_of("demo"));
    cr_assert_not_null(client);
    cr_assert_str_eq(client_scopes(client), "a b");
    cr_assert_eq(client_judge(clients, client, sp_view_of("right")),
                 CLIENT_ASK_HASHER);
    client_remember(clients, client, sp_view_of("right"));
    cr_assert_eq(client_judge(clients, client, sp_view_of("right")),
                 CLIENT_RIGHT);
    cr_assert_eq(client_judge(clients, client, sp_view_of("righ")),
                 CLIENT_WRONG);
    cr_assert_eq(client_judge(clients, client, sp_view_of("")), CLIENT_WRONG);
    cr_assert_eq(client_judge(clients, client, sp_view_of("right ")),
                 CLIENT_WRONG);
    clients_free(&clients);
}

Test(auth_clients, refuses_bad_rows)
{
    static const struct {
        const char *id;
        const char *hash;
        int want;
    } rows[] = {
        { "a.b_c-9", some_hash, 0 },
        { "a.b_c-9", some_hash, SP_EDUPLICATE },
        { "", some_hash, SP_EFORMAT },
        { "a/b", some_hash, SP_EFORMAT },
        { "..", some_hash, SP_EFORMAT },
        { "a b", some_hash, SP_EFORMAT },
        { "x", "", SP_EFORMAT },
        { "x", "secret in the clear", SP_EFORMAT },
        { "x", "$argon2i$v=19$m=8,t=1,p=1$c2FsdA$aGFzaA", SP_EFORMAT },
        { "x", "$2b$12$abcdefghijklmnopqrstuv", SP_EFORMAT },
    };
    struct clients *clients = clients_new();

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        cr_expect_eq(
            clients_add(clients, rows[i].id, "a", sp_view_of(rows[i].hash)),
            rows[i].want, "row %zu", i);
    }
    cr_assert_null(clients_find(clients, sp_view_of("a.b_c-")));
    cr_assert_null(clients_find(clients, sp_view_of("")));
    clients_free(&clients);
}

Test(auth_clients, narrows_scopes)
{
    static const struct {
        const char *wanted;
        const char *allowed;
        bool all;
        const char *got;
    } rows[] = {
        { "a", "a b", true, "a" },        { "b a", "a b", true, "b a" },
        { "a a", "a b", true, "a" },      { "c", "a b", false, "" },
        { "a c b", "a b", false, "a b" }, { "", "a b", true, "" },
        { "a", "", false, "" },           { "aa", "a", false, "" },
        { "a", "aa ab", false, "" },
    };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct sp_buf out = sp_buf_new(64);

        cr_expect_eq(scopes_narrow(sp_view_of(rows[i].wanted),
                                   sp_view_of(rows[i].allowed), &out),
                     rows[i].all, "row %zu", i);
        cr_expect(sp_view_is(sp_buf_view(&out), rows[i].got), "row %zu", i);
        sp_buf_free(&out);
    }
}

/* ---------------------------------------------------------------- throttle */

Test(auth_throttle, lets_a_burst_pass_and_then_so_many_a_minute)
{
    struct throttle *t = throttle_new(3, 6); /* one in ten seconds */
    uint64_t key = throttle_address(t, sp_view_of("192.0.2.1"));
    int64_t now_ms = 1000000;

    for (int i = 0; i < 3; i++) {
        cr_assert_eq(throttle_wait_ms(t, key, now_ms), 0);
        throttle_fail(t, key, now_ms);
    }
    cr_assert_eq(throttle_wait_ms(t, key, now_ms), 10000);
    cr_assert_eq(throttle_wait_ms(t, key, now_ms + 9999), 1);
    cr_assert_eq(throttle_wait_ms(t, key, now_ms + 10000), 0);
    throttle_fail(t, key, now_ms + 10000);
    cr_assert_eq(throttle_wait_ms(t, key, now_ms + 10000), 10000);
    cr_assert_eq(throttle_wait_ms(t, key, now_ms + 60000), 0);
    throttle_free(&t);
}

Test(auth_throttle, counts_those_who_share_a_prefix_together)
{
    static const struct {
        const char *a;
        const char *b;
        bool same;
    } rows[] = {
        { "192.0.2.1", "192.0.2.1", true },
        { "192.0.2.1", "192.0.2.2", false },
        { "2001:db8::1", "2001:db8::2", true },
        { "2001:db8::1", "2001:db8:0:0:ffff::2", true },
        { "2001:db8::1", "2001:db8:0:1::1", false },
        { "::ffff:192.0.2.1", "::ffff:192.0.2.2", false },
    };
    struct throttle *t = throttle_new(1, 1);

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        cr_expect_eq(throttle_address(t, sp_view_of(rows[i].a)) ==
                         throttle_address(t, sp_view_of(rows[i].b)),
                     rows[i].same, "row %zu", i);
    }
    cr_assert_neq(throttle_client(t, sp_view_of("192.0.2.1")),
                  throttle_address(t, sp_view_of("192.0.2.1")));
    throttle_free(&t);
}

/* attack: a million addresses. The table keeps its size, and who has failed
 * most is forgotten last. */
Test(auth_throttle, a_flood_of_keys_does_not_wash_out_the_worst)
{
    struct throttle *t = throttle_new(2, 1);
    uint64_t worst = throttle_client(t, sp_view_of("worst"));

    for (int i = 0; i < 50; i++) {
        throttle_fail(t, worst, 1000);
    }
    for (int i = 0; i < 100000; i++) {
        char name[32];

        (void)snprintf(name, sizeof(name), "key %d", i);
        throttle_fail(t, throttle_client(t, sp_view_of(name)), 1000);
    }
    cr_assert_gt(throttle_wait_ms(t, worst, 1000), 0);
    throttle_free(&t);
}

/* ------------------------------------------------------------------ hasher */

static bool
verdict_of(struct sp_helper *hasher, uint32_t tag, const char *hash,
           const char *secret)
{
    struct pollfd wait = { .fd = sp_helper_fd(hasher), .events = POLLIN };
    uint32_t got_tag = 0;
    bool good = false;

    cr_assert_eq(hasher_ask(hasher, tag, hash, sp_view_of(secret)), 0);
    cr_assert_eq(poll(&wait, 1, PATIENCE_MS), 1);
    cr_assert_eq(hasher_take(hasher, &got_tag, &good), 0);
    cr_assert_eq(got_tag, tag);
    return good;
}

Test(auth_hasher, knows_right_from_wrong)
{
    struct sp_helper *hasher = NULL;
    char hash[crypto_pwhash_STRBYTES];
    uint32_t tag = 0;
    bool good = false;

    cr_assert_geq(sodium_init(), 0);
    cr_assert_eq(crypto_pwhash_str_alg(hash, "right", 5,
                                       crypto_pwhash_argon2id_OPSLIMIT_MIN,
                                       crypto_pwhash_argon2id_MEMLIMIT_MIN,
                                       crypto_pwhash_ALG_ARGON2ID13),
                 0);
    cr_assert_eq(hasher_start(&hasher), 0);
    cr_assert_eq(hasher_take(hasher, &tag, &good), SP_ENOPEER);
    cr_assert(verdict_of(hasher, 1, hash, "right"));
    cr_assert(!verdict_of(hasher, 2, hash, "wrong"));
    cr_assert(!verdict_of(hasher, 3, hash, ""));
    cr_assert(!verdict_of(hasher, 4, "no hash at all", "right"));
    cr_assert(verdict_of(hasher, 5, hash, "right"));
    sp_helper_free(&hasher);
}

Test(auth_hasher, takes_no_longer_secret_than_it_says)
{
    struct sp_helper *hasher = NULL;
    char secret[HASHER_MAX_SECRET + 1];

    memset(secret, 'a', sizeof(secret));
    cr_assert_geq(sodium_init(), 0);
    cr_assert_eq(hasher_start(&hasher), 0);
    cr_assert_eq(
        hasher_ask(hasher, 1, some_hash, sp_view_make(secret, sizeof(secret))),
        SP_ELIMIT);
    sp_helper_free(&hasher);
}
