/* Signing keys: which are taken, what they are called, that their signatures
 * hold. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "common/base/error.h"
#include "common/text/json.h"
#include "tests/support/auth_fixture.h"

/* The key and thumbprint of RFC 7638 section 3.1. */
static const char rfc7638_n[] =
    "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFF"
    "xuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt"
    "7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6q"
    "MQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHa"
    "Q-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
static const char rfc7638_kid[] = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs";

Test(auth_keyset, names_keys_by_the_thumbprint_of_rfc_7638)
{
    struct keyset *keys = keyset_new();
    char *pem = fixture_pem(fixture_public_rsa(rfc7638_n), false);
    struct signing_key *key = NULL;

    cr_assert_eq(keyset_add(keys, "example", sp_view_of(pem)), 0);
    key = keyset_find(keys, sp_view_of(rfc7638_kid));
    cr_assert_not_null(key);
    cr_assert_str_eq(signing_key_alg(key), "RS256");
    cr_assert_eq(keyset_named(keys, sp_view_of("example")), key);
    sp_free(pem);
    keyset_free(&keys);
}

Test(auth_keyset, signs_and_verifies_by_both_algorithms)
{
    struct fixture f = fixture_new(true);
    struct signing_key *const keys[] = { f.es, f.rs };
    static const size_t lengths[] = { 64, 256 };

    for (size_t i = 0; i < SP_COUNT(keys); i++) {
        struct sp_buf signature = sp_buf_new(1024);
        struct sp_view text = sp_view_of("what is signed");
        struct sp_view other = sp_view_of("what was signed");
        struct sp_view made = { 0 };

        cr_assert_eq(signing_key_sign(keys[i], text, &signature), 0);
        made = sp_buf_view(&signature);
        cr_assert_eq(made.len, lengths[i]);
        cr_assert_eq(signing_key_verify(keys[i], text, made), 0);
        cr_assert_eq(signing_key_verify(keys[i], other, made), SP_EAUTH);
        cr_assert_eq(signing_key_verify(keys[1 - i], text, made), SP_EAUTH);
        sp_buf_free(&signature);
    }
    fixture_free(&f);
}

Test(auth_keyset, refuses_signatures_of_other_lengths)
{
    struct fixture f = fixture_new(true);
    struct signing_key *const keys[] = { f.es, f.rs };
    struct sp_view text = sp_view_of("what is signed");

    for (size_t i = 0; i < SP_COUNT(keys); i++) {
        struct sp_buf signature = sp_buf_new(1024);

        cr_assert_eq(signing_key_sign(keys[i], text, &signature), 0);
        for (size_t len = 0; len < signature.len; len++) {
            cr_assert_eq(signing_key_verify(keys[i], text,
                                            sp_view_make(signature.data, len)),
                         SP_EAUTH, "key %zu length %zu", i, len);
        }
        (void)sp_buf_add(&signature, "", 1);
        cr_assert_eq(signing_key_verify(keys[i], text, sp_buf_view(&signature)),
                     SP_EAUTH);
        sp_buf_free(&signature);
    }
    fixture_free(&f);
}

Test(auth_keyset, refuses_other_types_and_sizes)
{
    struct keyset *keys = keyset_new();
    EVP_PKEY *const bad[] = {
        EVP_RSA_gen(1024),
        EVP_EC_gen("P-384"),
        EVP_EC_gen("secp256k1"),
        EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"),
    };

    for (size_t i = 0; i < SP_COUNT(bad); i++) {
        char *pem = fixture_pem(bad[i], true);

        cr_assert_eq(keyset_add(keys, "bad", sp_view_of(pem)), SP_EDENIED,
                     "row %zu", i);
        sp_free(pem);
    }
    cr_assert_eq(keyset_add(keys, "bad", sp_view_of("")), SP_EFORMAT);
    cr_assert_eq(keyset_add(keys, "bad",
                            sp_view_of("-----BEGIN PRIVATE KEY-----\nAAAA\n"
                                       "-----END PRIVATE KEY-----\n")),
                 SP_EFORMAT);
    keyset_free(&keys);
}

Test(auth_keyset, refuses_a_key_twice_and_more_than_it_holds)
{
    struct keyset *keys = keyset_new();
    char *pem = fixture_pem(EVP_EC_gen("P-256"), true);

    cr_assert_eq(keyset_add(keys, "a", sp_view_of(pem)), 0);
    cr_assert_eq(keyset_add(keys, "b", sp_view_of(pem)), SP_EDUPLICATE);
    for (size_t i = 1; i < KEYSET_MAX; i++) {
        fixture_add(keys, "more", EVP_EC_gen("P-256"));
    }
    sp_free(pem);
    pem = fixture_pem(EVP_EC_gen("P-256"), true);
    cr_assert_eq(keyset_add(keys, "c", sp_view_of(pem)), SP_ELIMIT);
    sp_free(pem);
    keyset_free(&keys);
}

Test(auth_keyset, lets_public_keys_verify_only)
{
    struct keyset *keys = keyset_new();
    char *pem = fixture_pem(EVP_EC_gen("P-256"), false);
    struct sp_buf out = sp_buf_new(128);

    cr_assert_eq(keyset_add(keys, "old", sp_view_of(pem)), 0);
    cr_assert_eq(signing_key_sign(keyset_named(keys, sp_view_of("old")),
                                  sp_view_of("x"), &out),
                 SP_EDENIED);
    sp_free(pem);
    sp_buf_free(&out);
    keyset_free(&keys);
}

Test(auth_keyset, publishes_no_private_member)
{
    static const char *const members[] = { "d", "p", "q", "dp", "dq", "qi" };
    struct fixture f = fixture_new(true);
    struct sp_buf text = sp_buf_new(8192);
    struct sp_json json = { .count = 0 };
    const struct sp_json_token *keys = NULL;
    size_t count = 0;

    keyset_write(f.keys, &text);
    cr_assert_eq(sp_json_parse(&json, sp_buf_view(&text)), 0);
    keys = sp_json_get(&json, sp_json_root(&json), "keys");
    for (const struct sp_json_token *key = sp_json_first(&json, keys);
         key != NULL; key = sp_json_next(&json, keys, key)) {
        count++;
        cr_assert(sp_json_equals(&json, sp_json_get(&json, key, "use"), "sig"));
        cr_assert_not_null(sp_json_get(&json, key, "kid"));
        for (size_t i = 0; i < SP_COUNT(members); i++) {
            cr_assert_null(sp_json_get(&json, key, members[i]));
        }
    }
    cr_assert_eq(count, 2);
    sp_json_free(&json);
    sp_buf_free(&text);
    fixture_free(&f);
}

static void
write_file(const char *directory, const char *name, const char *text,
           mode_t mode)
{
    char path[128];
    FILE *file = NULL;

    (void)snprintf(path, sizeof(path), "%s/%s", directory, name);
    file = fopen(path, "w");
    cr_assert_not_null(file);
    cr_assert_geq(fputs(text, file), 0);
    cr_assert_eq(fchmod(fileno(file), mode), 0);
    cr_assert_eq(fclose(file), 0);
}

static void
remove_file(const char *directory, const char *name)
{
    char path[128];

    (void)snprintf(path, sizeof(path), "%s/%s", directory, name);
    cr_assert_eq(unlink(path), 0);
}

Test(auth_keyset, loads_the_pem_files_of_a_directory)
{
    char directory[] = "/tmp/test_auth_keyset.XXXXXX";
    struct keyset *keys = keyset_new();
    char *pem = fixture_pem(EVP_EC_gen("P-256"), true);
    struct sp_buf why = sp_buf_new(1024);

    cr_assert_not_null(mkdtemp(directory));
    write_file(directory, "es256.key", pem, 0600);
    write_file(directory, "passport.key", "00ff", 0600);
    write_file(directory, "notes.txt", pem, 0644);
    cr_assert_eq(keyset_load(keys, directory, &why), 0, "%.*s",
                 SP_VIEW(sp_buf_view(&why)));
    cr_assert_not_null(keyset_named(keys, sp_view_of("es256")));
    cr_assert_null(keyset_named(keys, sp_view_of("passport")));
    cr_assert_null(keyset_named(keys, sp_view_of("notes")));
    write_file(directory, "open.key", pem, 0644);
    cr_assert_eq(keyset_load(keys, directory, &why) == 0, false);
    cr_assert_gt(why.len, 0);
    remove_file(directory, "es256.key");
    remove_file(directory, "passport.key");
    remove_file(directory, "notes.txt");
    remove_file(directory, "open.key");
    cr_assert_eq(rmdir(directory), 0);
    sp_free(pem);
    sp_buf_free(&why);
    keyset_free(&keys);
}
