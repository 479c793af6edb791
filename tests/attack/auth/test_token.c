/* Forged, twisted and cut tokens. Everything that others have got wrong about
 * JWTs is tried here; Wycheproof's vectors besides. */
#include <stdio.h>
#include <stdlib.h>

#include <criterion/criterion.h>
#include <jansson.h>
#include <openssl/hmac.h>

#include "common/base/error.h"
#include "tests/support/auth_fixture.h"

/* ------------------------------------------------------------ the algorithm */

/* attack: no signature, and a header that says so. */
Test(attack_token, alg_none_is_refused)
{
    static const char *const algs[] = { "none", "None", "NONE", "nOnE", "" };
    static const char *const ends[] = { "", ".", ".AA", ".e30" };
    struct fixture f = fixture_new(false);

    for (size_t i = 0; i < SP_COUNT(algs) * SP_COUNT(ends); i++) {
        struct sp_buf header = sp_buf_new(512);
        struct sp_buf text = { .max = 0 };

        (void)sp_buf_addf(&header,
                          "{\"typ\":\"at+jwt\",\"alg\":\"%s\",\"kid\":\"%s\"}",
                          algs[i / SP_COUNT(ends)], signing_key_kid(f.es));
        (void)sp_buf_add(&header, "", 1);
        text = fixture_encode(header.data, FIXTURE_PAYLOAD);
        (void)sp_buf_add_str(&text, ends[i % SP_COUNT(ends)]);
        (void)sp_buf_add(&text, "", 1);
        cr_expect_neq(fixture_verify(&f, text.data), TOKEN_FAULT_NONE,
                      "alg %s end %s", algs[i / SP_COUNT(ends)],
                      ends[i % SP_COUNT(ends)]);
        sp_buf_free(&header);
        sp_buf_free(&text);
    }
    fixture_free(&f);
}

/* attack: our public key, which everybody has, as the secret of an HMAC. */
Test(attack_token, public_keys_are_no_hmac_secrets)
{
    static const char *const algs[] = { "HS256", "HS384", "HS512" };
    EVP_PKEY *pkey = EVP_RSA_gen(2048);
    char *public = NULL;
    struct fixture f = fixture_new(false);

    cr_assert_eq(EVP_PKEY_up_ref(pkey), 1);
    public = fixture_pem(pkey, false);
    fixture_add(f.keys, "rs256", pkey);
    f.rs = keyset_named(f.keys, sp_view_of("rs256"));
    for (size_t i = 0; i < SP_COUNT(algs); i++) {
        const EVP_MD *const digests[] = { EVP_sha256(), EVP_sha384(),
                                          EVP_sha512() };
        unsigned char mac[EVP_MAX_MD_SIZE];
        unsigned len = 0;
        struct sp_buf header = sp_buf_new(512);
        struct sp_buf text = { .max = 0 };

        (void)sp_buf_addf(&header,
                          "{\"typ\":\"at+jwt\",\"alg\":\"%s\",\"kid\":\"%s\"}",
                          algs[i], signing_key_kid(f.rs));
        (void)sp_buf_add(&header, "", 1);
        text = fixture_encode(header.data, FIXTURE_PAYLOAD);
        cr_assert_not_null(HMAC(digests[i], public, (int)strlen(public),
                                (const unsigned char *)text.data, text.len, mac,
                                &len));
        (void)sp_buf_add_str(&text, ".");
        encoding_to_base64url(sp_view_make(mac, len), &text);
        (void)sp_buf_add(&text, "", 1);
        cr_expect_eq(fixture_verify(&f, text.data), TOKEN_FAULT_ALGORITHM, "%s",
                     algs[i]);
        sp_buf_free(&header);
        sp_buf_free(&text);
    }
    sp_free(public);
    fixture_free(&f);
}

/* attack: a true signature under a header that names another algorithm. */
Test(attack_token, the_key_chooses_the_algorithm)
{
    static const char *const algs[] = { "RS256", "ES256", "PS256", "ES384",
                                        "RS512", "EdDSA", "es256", "rs256" };
    struct fixture f = fixture_new(true);
    struct signing_key *const keys[] = { f.es, f.rs };

    for (size_t i = 0; i < 2 * SP_COUNT(algs); i++) {
        struct signing_key *key = keys[i / SP_COUNT(algs)];
        const char *alg = algs[i % SP_COUNT(algs)];
        struct sp_buf header = sp_buf_new(512);
        char *token = NULL;
        enum token_fault want = strcmp(alg, signing_key_alg(key)) == 0
                                    ? TOKEN_FAULT_NONE
                                    : TOKEN_FAULT_ALGORITHM;

        (void)sp_buf_addf(&header,
                          "{\"typ\":\"at+jwt\",\"alg\":\"%s\",\"kid\":\"%s\"}",
                          alg, signing_key_kid(key));
        (void)sp_buf_add(&header, "", 1);
        token = fixture_sign(key, header.data, FIXTURE_PAYLOAD);
        cr_expect_eq(fixture_verify(&f, token), want, "%s by a key of %s", alg,
                     signing_key_alg(key));
        sp_free(token);
        sp_buf_free(&header);
    }
    fixture_free(&f);
}

/* ------------------------------------------------------------------ the key */

/* attack: the kid as a path, as SQL, as nothing, as somebody else's. */
Test(attack_token, kids_only_name_keys_of_ours)
{
    static const struct {
        const char *kid; /* JSON text of the member, with a comma in front */
        enum token_fault want;
    } rows[] = {
        { "", TOKEN_FAULT_KEY },
        { ",\"kid\":\"\"", TOKEN_FAULT_KEY },
        { ",\"kid\":\"../../../dev/null\"", TOKEN_FAULT_KEY },
        { ",\"kid\":\"/proc/sys/kernel/randomize_va_space\"", TOKEN_FAULT_KEY },
        { ",\"kid\":\"es256.key\"", TOKEN_FAULT_KEY },
        { ",\"kid\":\"es256\"", TOKEN_FAULT_KEY },
        { ",\"kid\":\"' OR '1'='1\"", TOKEN_FAULT_KEY },
        { ",\"kid\":\"x' UNION SELECT 'key'; --\"", TOKEN_FAULT_KEY },
        { ",\"kid\":\"| /bin/true\"", TOKEN_FAULT_KEY },
        { ",\"kid\":\"https://evil.test/key\"", TOKEN_FAULT_KEY },
        { ",\"kid\":\"a\\u0000b\"", TOKEN_FAULT_MALFORMED },
        { ",\"kid\":1", TOKEN_FAULT_MALFORMED },
        { ",\"kid\":null", TOKEN_FAULT_MALFORMED },
        { ",\"kid\":[\"a\"]", TOKEN_FAULT_MALFORMED },
    };
    struct fixture f = fixture_new(false);

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct sp_buf header = sp_buf_new(512);
        char *token = NULL;

        (void)sp_buf_addf(&header, "{\"typ\":\"at+jwt\",\"alg\":\"ES256\"%s}",
                          rows[i].kid);
        (void)sp_buf_add(&header, "", 1);
        token = fixture_sign(f.es, header.data, FIXTURE_PAYLOAD);
        cr_expect_eq(fixture_verify(&f, token), rows[i].want, "%s",
                     rows[i].kid);
        sp_free(token);
        sp_buf_free(&header);
    }
    fixture_free(&f);
}

/* attack: the token brings its own key, or says where to fetch it. What it says
 * about keys is ignored: the forger's own signature never holds, and an honest
 * one holds whatever stands beside it. */
Test(attack_token, keys_in_the_token_are_ignored)
{
    static const char *const members[] = {
        ",\"jku\":\"https://evil.test/jwks.json\"",
        ",\"x5u\":\"https://evil.test/cert.pem\"",
        ",\"x5c\":[\"MIIB\"]",
        ",\"x5t\":\"AAAA\"",
        ",\"jwk\":{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\","
        "\"y\":\"AA\"}",
    };
    struct fixture f = fixture_new(false);
    struct fixture forger = fixture_new(false);

    for (size_t i = 0; i < SP_COUNT(members); i++) {
        char *header = fixture_header(f.es, members[i]);
        char *honest = fixture_sign(f.es, header, FIXTURE_PAYLOAD);
        char *forged = fixture_sign(forger.es, header, FIXTURE_PAYLOAD);

        cr_expect_eq(fixture_verify(&f, honest), TOKEN_FAULT_NONE, "%s",
                     members[i]);
        cr_expect_eq(fixture_verify(&f, forged), TOKEN_FAULT_SIGNATURE, "%s",
                     members[i]);
        sp_free(header);
        sp_free(honest);
        sp_free(forged);
    }
    fixture_free(&f);
    fixture_free(&forger);
}

/* attack: another server's whole token, with its own kid. */
Test(attack_token, tokens_of_other_keys_are_refused)
{
    struct fixture f = fixture_new(false);
    struct fixture forger = fixture_new(false);
    char *token = fixture_token(forger.es, FIXTURE_PAYLOAD);

    cr_expect_eq(fixture_verify(&f, token), TOKEN_FAULT_KEY);
    sp_free(token);
    fixture_free(&f);
    fixture_free(&forger);
}

/* --------------------------------------------------------------- the header */

Test(attack_token, headers_of_other_types_are_refused)
{
    static const struct {
        const char *before; /* of alg and kid */
        enum token_fault want;
    } rows[] = {
        { "\"typ\":\"AT+JWT\",", TOKEN_FAULT_NONE },
        { "\"typ\":\"application/at+jwt\",", TOKEN_FAULT_NONE },
        { "", TOKEN_FAULT_TYPE },
        { "\"typ\":\"JWT\",", TOKEN_FAULT_TYPE },
        { "\"typ\":\"at+jwt \",", TOKEN_FAULT_TYPE },
        { "\"typ\":\"id+jwt\",", TOKEN_FAULT_TYPE },
        { "\"typ\":\"logout+jwt\",", TOKEN_FAULT_TYPE },
        { "\"typ\":[\"at+jwt\"],", TOKEN_FAULT_MALFORMED },
        { "\"typ\":\"JWT\",\"typ\":\"at+jwt\",", TOKEN_FAULT_MALFORMED },
        { "\"typ\":\"at+jwt\",\"crit\":[\"exp\"],", TOKEN_FAULT_CRITICAL },
        { "\"typ\":\"at+jwt\",\"crit\":[],", TOKEN_FAULT_CRITICAL },
        { "\"typ\":\"at+jwt\",\"b64\":false,\"crit\":[\"b64\"],",
          TOKEN_FAULT_CRITICAL },
    };
    struct fixture f = fixture_new(false);

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct sp_buf header = sp_buf_new(512);
        char *token = NULL;

        (void)sp_buf_addf(&header, "{%s\"alg\":\"ES256\",\"kid\":\"%s\"}",
                          rows[i].before, signing_key_kid(f.es));
        (void)sp_buf_add(&header, "", 1);
        token = fixture_sign(f.es, header.data, FIXTURE_PAYLOAD);
        cr_expect_eq(fixture_verify(&f, token), rows[i].want, "%s",
                     rows[i].before);
        sp_free(token);
        sp_buf_free(&header);
    }
    fixture_free(&f);
}

/* ----------------------------------------------------------------- the text */

Test(attack_token, no_prefix_of_a_token_is_a_token)
{
    struct fixture f = fixture_new(true);
    struct signing_key *const keys[] = { f.es, f.rs };

    for (size_t i = 0; i < SP_COUNT(keys); i++) {
        char *token = fixture_token(keys[i], FIXTURE_PAYLOAD);
        struct claims claims;

        for (size_t len = 0; len < strlen(token); len++) {
            cr_expect_neq(token_verify(f.verifier, sp_view_make(token, len),
                                       FIXTURE_NOW_MS, &claims),
                          TOKEN_FAULT_NONE, "%zu bytes", len);
        }
        sp_free(token);
    }
    fixture_free(&f);
}

Test(attack_token, nothing_may_stand_around_a_token)
{
    static const char *const ends[] = { ".", "=", "==", " ",  "\n", "\t",
                                        ",", "A", "%",  ".e", "/",  "+",
                                        "-", "_", "\r", "\"" };
    struct fixture f = fixture_new(false);
    char *token = fixture_token(f.es, FIXTURE_PAYLOAD);

    for (size_t i = 0; i < SP_COUNT(ends); i++) {
        struct sp_buf behind = sp_buf_new(8192);
        struct sp_buf before = sp_buf_new(8192);

        (void)sp_buf_addf(&behind, "%s%s", token, ends[i]);
        (void)sp_buf_add(&behind, "", 1);
        (void)sp_buf_addf(&before, "%s%s", ends[i], token);
        (void)sp_buf_add(&before, "", 1);
        cr_expect_neq(fixture_verify(&f, behind.data), TOKEN_FAULT_NONE,
                      "behind: %s", ends[i]);
        cr_expect_neq(fixture_verify(&f, before.data), TOKEN_FAULT_NONE,
                      "before: %s", ends[i]);
        sp_buf_free(&behind);
        sp_buf_free(&before);
    }
    sp_free(token);
    fixture_free(&f);
}

/* attack: a second spelling of the same token slips past whatever remembers
 * the first. Every single changed character must be noticed, also where it
 * changes only bits that base64 throws away. */
Test(attack_token, every_character_counts)
{
    static const char others[] = "ABQgw_-.=019z";
    struct fixture f = fixture_new(false);
    char *token = fixture_token(f.es, FIXTURE_PAYLOAD);
    size_t len = strlen(token);

    for (size_t i = 0; i < len; i++) {
        char was = token[i];

        for (size_t k = 0; k < sizeof(others) - 1; k++) {
            if (others[k] == was) {
                continue;
            }
            token[i] = others[k];
            cr_expect_neq(fixture_verify(&f, token), TOKEN_FAULT_NONE,
                          "%c at %zu", others[k], i);
        }
        token[i] = was;
    }
    cr_assert_eq(fixture_verify(&f, token), TOKEN_FAULT_NONE);
    sp_free(token);
    fixture_free(&f);
}

Test(attack_token, tokens_have_a_longest_length)
{
    static char filling[JWS_MAX];
    struct fixture f = fixture_new(false);
    char *token = NULL;

    memset(filling, 'a', sizeof(filling) - 1);
    filling[0] = ',';
    memcpy(filling + 1, "\"x\":\"", 5);
    filling[sizeof(filling) - 2] = '"';
    token = fixture_header(f.es, filling);
    sp_free(token);
    token = fixture_sign(f.es, "{}", filling);
    cr_assert_gt(strlen(token), JWS_MAX);
    cr_assert_eq(fixture_verify(&f, token), TOKEN_FAULT_TOO_LONG);
    sp_free(token);
    fixture_free(&f);
}

/* attack: five parts are JWE, which nobody here decrypts. */
Test(attack_token, other_numbers_of_parts_are_refused)
{
    static const char *const texts[] = {
        "",
        ".",
        "..",
        "...",
        "....",
        "e30",
        "e30.",
        "e30.e30",
        ".e30.AA",
        "e30..AA",
        "e30.e30.AA.AA",
        "eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ.AA.AA.AA.AA",
    };
    struct fixture f = fixture_new(false);

    for (size_t i = 0; i < SP_COUNT(texts); i++) {
        cr_expect_eq(fixture_verify(&f, texts[i]), TOKEN_FAULT_MALFORMED, "%s",
                     texts[i]);
    }
    fixture_free(&f);
}

/* --------------------------------------------------------------- Wycheproof */

static json_t *
load(const char *name)
{
    char path[128];
    json_error_t error;
    json_t *file = NULL;

    (void)snprintf(path, sizeof(path), "tests/data/wycheproof/%s", name);
    file = json_load_file(path, 0, &error);
    cr_assert_not_null(file, "%s: %s", path, error.text);
    return file;
}

static const char *
text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text == NULL ? "" : text;
}

static struct sp_buf
hex_of(const json_t *test, const char *name)
{
    const char *text = text_of(test, name);
    struct sp_buf bytes = sp_buf_new(65536);

    for (; text[0] != '\0'; text += 2) {
        const char digits[] = { text[0], text[1], '\0' };
        char byte = (char)strtoul(digits, NULL, 16);

        (void)sp_buf_add(&bytes, &byte, 1);
    }
    return bytes;
}

static void
try_signatures(const char *name, size_t want_tests)
{
    json_t *file = load(name);
    json_t *group = NULL;
    json_t *test = NULL;
    size_t i = 0;
    size_t k = 0;
    size_t tests = 0;

    json_array_foreach(json_object_get(file, "testGroups"), i, group)
    {
        struct keyset *keys = keyset_new();
        struct signing_key *key = NULL;

        cr_assert_eq(
            keyset_add(keys, "key", sp_view_of(text_of(group, "publicKeyPem"))),
            0);
        key = keyset_named(keys, sp_view_of("key"));
        json_array_foreach(json_object_get(group, "tests"), k, test)
        {
            struct sp_buf msg = hex_of(test, "msg");
            struct sp_buf sig = hex_of(test, "sig");
            bool good = signing_key_verify(key, sp_buf_view(&msg),
                                           sp_buf_view(&sig)) == 0;
            const char *result = text_of(test, "result");

            tests++;
            cr_expect(strcmp(result, "acceptable") == 0 ||
                          good == (strcmp(result, "valid") == 0),
                      "%s %lld: %s", name,
                      json_integer_value(json_object_get(test, "tcId")),
                      text_of(test, "comment"));
            sp_buf_free(&msg);
            sp_buf_free(&sig);
        }
        keyset_free(&keys);
    }
    cr_assert_eq(tests, want_tests);
    json_decref(file);
}

Test(attack_token, wycheproof_ecdsa)
{
    try_signatures("ecdsa_secp256r1_sha256_p1363_test.json", 262);
}

Test(attack_token, wycheproof_rsa)
{
    try_signatures("rsa_signature_2048_sha256_test.json", 259);
}

/* The group's key, or NULL where it is none that we would ever load. */
static struct keyset *
keys_of(const json_t *group)
{
    const json_t *jwk = json_object_get(group, "public");
    const char *kty = text_of(jwk, "kty");
    struct keyset *keys = keyset_new();
    char *pem = NULL;
    int error = 0;

    if (strcmp(kty, "RSA") == 0) {
        pem = fixture_pem(fixture_public_rsa(text_of(jwk, "n")), false);
    } else if (strcmp(text_of(jwk, "crv"), "P-256") == 0) {
        pem = fixture_pem(
            fixture_public_ec(text_of(jwk, "x"), text_of(jwk, "y")), false);
    } else {
        keyset_free(&keys);
        return NULL;
    }
    error = keyset_add(keys, "key", sp_view_of(pem));
    sp_free(pem);
    cr_assert_eq(error, 0);
    return keys;
}

/* A key that its owner marks as not for signatures; we publish ours as "sig"
 * and load no JWK. */
static bool
for_encryption(const json_t *group)
{
    const char *comment = text_of(group, "comment");

    return strcmp(comment, "rsa_encryption") == 0 ||
           strcmp(comment, "ec_key_for_encryption") == 0;
}

/* Valid there, refused here: other algorithms than our two, and a payload of
 * nothing, which can be no JWT. The other way round, 332: RS256 by a key
 * that its JWK keeps for PS512, where our RSA keys sign nothing but RS256. */
static bool
valid_for_us(const json_t *group, const json_t *test)
{
    const char *alg = text_of(json_object_get(group, "public"), "alg");
    const char *comment = text_of(test, "comment");

    if (json_integer_value(json_object_get(test, "tcId")) == 332) {
        return true;
    }
    return strcmp(text_of(test, "result"), "valid") == 0 &&
           (strcmp(alg, "RS256") == 0 || strcmp(alg, "ES256") == 0) &&
           strcmp(comment, "emptyPayload") != 0;
}

Test(attack_token, wycheproof_jws)
{
    json_t *file = load("json_web_signature_test.json");
    struct jws *jws = jws_new();
    json_t *group = NULL;
    json_t *test = NULL;
    size_t i = 0;
    size_t k = 0;
    size_t tests = 0;

    json_array_foreach(json_object_get(file, "testGroups"), i, group)
    {
        struct keyset *keys = for_encryption(group) ? NULL : keys_of(group);

        if (keys == NULL) {
            continue;
        }
        json_array_foreach(json_object_get(group, "tests"), k, test)
        {
            struct sp_view text = sp_view_of(text_of(test, "jws"));
            bool good =
                jws_parse(jws, text) == TOKEN_FAULT_NONE &&
                jws_verify(jws, keyset_named(keys, sp_view_of("key"))) ==
                    TOKEN_FAULT_NONE;

            tests++;
            cr_expect_eq(good, valid_for_us(group, test), "jws %lld: %s",
                         json_integer_value(json_object_get(test, "tcId")),
                         text_of(test, "comment"));
        }
        keyset_free(&keys);
    }
    cr_assert_geq(tests, 350);
    jws_free(&jws);
    json_decref(file);
}
