/* Access tokens: forms that are read, claims that are wanted, and libjwt as the
 * judge of what we make. */
#include <stdio.h>
#include <stdlib.h>

#include <criterion/criterion.h>
#include <jwt.h>

#include "common/base/error.h"
#include "tests/support/auth_fixture.h"

Test(auth_token, accepts_an_honest_token)
{
    struct fixture f = fixture_new(true);
    struct signing_key *const keys[] = { f.es, f.rs };

    for (size_t i = 0; i < SP_COUNT(keys); i++) {
        char *token = fixture_token(keys[i], FIXTURE_PAYLOAD);
        struct claims claims;

        cr_assert_eq(token_verify(f.verifier, sp_view_of(token), FIXTURE_NOW_MS,
                                  &claims),
                     TOKEN_FAULT_NONE);
        cr_assert(sp_view_is(claims.subject, "demo"));
        cr_assert(sp_view_is(claims.client, "demo"));
        cr_assert(sp_view_is(claims.scopes, "customer:read ticket:create"));
        cr_assert_eq(claims.expires_ms, 1000900000);
        sp_free(token);
    }
    fixture_free(&f);
}

/* What stands between '{' and '}' of the payload, and the verdict. */
static const struct {
    const char *label;
    const char *payload;
    enum token_fault want;
} claim_rows[] = {
#define ROW(label_, payload_, want_)                                           \
    {                                                                          \
        label_, "{" payload_ "}", TOKEN_FAULT_##want_                          \
    }
#define ISS "\"iss\":\"" FIXTURE_URL "\","
#define AUD "\"aud\":\"" FIXTURE_URL "/mcp\","
    ROW("without scope", FIXTURE_OURS "," FIXTURE_WHO "," FIXTURE_TIMES, NONE),
    ROW("empty scope",
        FIXTURE_OURS "," FIXTURE_WHO "," FIXTURE_TIMES ",\"scope\":\"\"", NONE),
    ROW("other claims besides",
        FIXTURE_OURS "," FIXTURE_WHO "," FIXTURE_TIMES ",\"x\":[{}]", NONE),
    ROW("the gate itself as audience",
        ISS "\"aud\":\"" FIXTURE_URL "\"," FIXTURE_WHO "," FIXTURE_TIMES, NONE),
    ROW("one of many audiences",
        ISS "\"aud\":[\"x\",\"" FIXTURE_URL "/mcp\"]," FIXTURE_WHO
            "," FIXTURE_TIMES,
        NONE),
    ROW("no iss", AUD FIXTURE_WHO "," FIXTURE_TIMES, CLAIM),
    ROW("iss of another type",
        "\"iss\":[\"" FIXTURE_URL "\"]," AUD FIXTURE_WHO "," FIXTURE_TIMES,
        CLAIM),
    ROW("another iss",
        "\"iss\":\"https://evil.test\"," AUD FIXTURE_WHO "," FIXTURE_TIMES,
        ISSUER),
    ROW("iss with a slash more",
        "\"iss\":\"" FIXTURE_URL "/\"," AUD FIXTURE_WHO "," FIXTURE_TIMES,
        ISSUER),
    ROW("iss that only begins so",
        "\"iss\":\"" FIXTURE_URL ".evil\"," AUD FIXTURE_WHO "," FIXTURE_TIMES,
        ISSUER),
    ROW("no aud", ISS FIXTURE_WHO "," FIXTURE_TIMES, CLAIM),
    ROW("another aud",
        ISS "\"aud\":\"https://evil.test\"," FIXTURE_WHO "," FIXTURE_TIMES,
        AUDIENCE),
    ROW("aud is the client, as the reference had it",
        ISS "\"aud\":\"demo\"," FIXTURE_WHO "," FIXTURE_TIMES, AUDIENCE),
    ROW("no aud in the list", ISS "\"aud\":[]," FIXTURE_WHO "," FIXTURE_TIMES,
        AUDIENCE),
    ROW("aud list with something else",
        ISS "\"aud\":[1,\"" FIXTURE_URL "\"]," FIXTURE_WHO "," FIXTURE_TIMES,
        CLAIM),
    ROW("aud of another type", ISS "\"aud\":{}," FIXTURE_WHO "," FIXTURE_TIMES,
        CLAIM),
    ROW("no exp", FIXTURE_OURS "," FIXTURE_WHO ",\"iat\":1000000", CLAIM),
    ROW("exp as text",
        FIXTURE_OURS "," FIXTURE_WHO ",\"iat\":1000000,\"exp\":\"1000900\"",
        CLAIM),
    ROW("exp negative",
        FIXTURE_OURS "," FIXTURE_WHO ",\"iat\":1000000,\"exp\":-1", CLAIM),
    ROW("exp with a fraction",
        FIXTURE_OURS "," FIXTURE_WHO ",\"iat\":1000000,\"exp\":1000900.5",
        CLAIM),
    ROW("exp beyond all numbers",
        FIXTURE_OURS "," FIXTURE_WHO
                     ",\"iat\":1000000,\"exp\":9223372036854775807",
        CLAIM),
    ROW("exp now",
        FIXTURE_OURS "," FIXTURE_WHO ",\"iat\":1000000,\"exp\":1000000",
        EXPIRED),
    ROW("exp in a second",
        FIXTURE_OURS "," FIXTURE_WHO ",\"iat\":1000000,\"exp\":1000001", NONE),
    ROW("no iat", FIXTURE_OURS "," FIXTURE_WHO ",\"exp\":1000900", CLAIM),
    ROW("iat a little ahead",
        FIXTURE_OURS "," FIXTURE_WHO ",\"iat\":1000005,\"exp\":1000900", NONE),
    ROW("iat ahead",
        FIXTURE_OURS "," FIXTURE_WHO ",\"iat\":1000006,\"exp\":1000900",
        NOT_YET),
    ROW("nbf past", FIXTURE_OURS "," FIXTURE_WHO "," FIXTURE_TIMES ",\"nbf\":1",
        NONE),
    ROW("nbf ahead",
        FIXTURE_OURS "," FIXTURE_WHO "," FIXTURE_TIMES ",\"nbf\":1000006",
        NOT_YET),
    ROW("nbf as text",
        FIXTURE_OURS "," FIXTURE_WHO "," FIXTURE_TIMES ",\"nbf\":\"1\"", CLAIM),
    ROW("no sub",
        FIXTURE_OURS ",\"client_id\":\"demo\",\"jti\":\"1\"," FIXTURE_TIMES,
        CLAIM),
    ROW("empty sub",
        FIXTURE_OURS
        ",\"sub\":\"\",\"client_id\":\"demo\",\"jti\":\"1\"," FIXTURE_TIMES,
        CLAIM),
    ROW("sub with a space",
        FIXTURE_OURS
        ",\"sub\":\"a b\",\"client_id\":\"demo\",\"jti\":\"1\"," FIXTURE_TIMES,
        CLAIM),
    ROW("sub with an escape",
        FIXTURE_OURS ",\"sub\":\"d\\u0065mo\",\"client_id\":\"demo\",\"jti\":"
                     "\"1\"," FIXTURE_TIMES,
        CLAIM),
    ROW("no client_id",
        FIXTURE_OURS ",\"sub\":\"demo\",\"jti\":\"1\"," FIXTURE_TIMES, CLAIM),
    ROW("no jti",
        FIXTURE_OURS ",\"sub\":\"demo\",\"client_id\":\"demo\"," FIXTURE_TIMES,
        CLAIM),
    ROW("scope as a list",
        FIXTURE_OURS "," FIXTURE_WHO "," FIXTURE_TIMES ",\"scope\":[\"a\"]",
        CLAIM),
    ROW("scope with two spaces",
        FIXTURE_OURS "," FIXTURE_WHO "," FIXTURE_TIMES ",\"scope\":\"a  b\"",
        CLAIM),
    ROW("a claim twice",
        FIXTURE_OURS "," FIXTURE_WHO "," FIXTURE_TIMES ",\"exp\":1000900",
        MALFORMED),
    { "an array", "[]", TOKEN_FAULT_MALFORMED },
    { "no JSON", "hello", TOKEN_FAULT_MALFORMED },
    { "something behind", FIXTURE_PAYLOAD "x", TOKEN_FAULT_MALFORMED },
};

Test(auth_token, checks_every_claim)
{
    struct fixture f = fixture_new(false);

    for (size_t i = 0; i < SP_COUNT(claim_rows); i++) {
        char *token = fixture_token(f.es, claim_rows[i].payload);
        enum token_fault got = fixture_verify(&f, token);

        cr_expect_eq(got, claim_rows[i].want, "%s: %s, want %s",
                     claim_rows[i].label, token_fault_word(got),
                     token_fault_word(claim_rows[i].want));
        sp_free(token);
    }
    fixture_free(&f);
}

/* Names and scopes travel in fields with limits: one byte more is refused. */
Test(auth_token, bounds_names_and_scopes)
{
    static const struct {
        const char *before;
        const char *after;
        size_t max;
    } rows[] = {
        { "{" FIXTURE_OURS "," FIXTURE_TIMES
          ",\"client_id\":\"a\",\"jti\":\"1\",\"sub\":\"",
          "\"}", CLAIMS_MAX_NAME },
        { "{" FIXTURE_OURS "," FIXTURE_TIMES
          ",\"sub\":\"a\",\"jti\":\"1\",\"client_id\":\"",
          "\"}", CLAIMS_MAX_NAME },
        { "{" FIXTURE_OURS "," FIXTURE_TIMES "," FIXTURE_WHO ",\"scope\":\"",
          "\"}", CLAIMS_MAX_SCOPES },
    };
    struct fixture f = fixture_new(false);

    for (size_t i = 0; i < SP_COUNT(rows) * 2; i++) {
        size_t row = i / 2;
        struct sp_buf payload = sp_buf_new(8192);
        enum token_fault want =
            i % 2 == 0 ? TOKEN_FAULT_NONE : TOKEN_FAULT_CLAIM;
        char *token = NULL;

        (void)sp_buf_add_str(&payload, rows[row].before);
        for (size_t n = 0; n < rows[row].max + i % 2; n++) {
            (void)sp_buf_add_str(&payload, "a");
        }
        (void)sp_buf_add_str(&payload, rows[row].after);
        (void)sp_buf_add(&payload, "", 1);
        token = fixture_token(f.es, payload.data);
        cr_expect_eq(fixture_verify(&f, token), want, "row %zu", i);
        sp_free(token);
        sp_buf_free(&payload);
    }
    fixture_free(&f);
}

static struct token_content
content_at(int64_t issued_s)
{
    return (struct token_content){
        .issuer = FIXTURE_URL,
        .audience = FIXTURE_URL "/mcp",
        .subject = "demo",
        .client = "demo",
        .scopes = "customer:read",
        .id = "an-id",
        .issued_s = issued_s,
        .lifetime_s = 900,
    };
}

Test(auth_token, makes_tokens_that_it_accepts_until_they_expire)
{
    static const struct {
        int64_t after_s;
        enum token_fault want;
    } rows[] = {
        { 0, TOKEN_FAULT_NONE },      { 899, TOKEN_FAULT_NONE },
        { 900, TOKEN_FAULT_EXPIRED }, { -5, TOKEN_FAULT_NONE },
        { -6, TOKEN_FAULT_NOT_YET },
    };
    struct fixture f = fixture_new(false);
    struct token_content content = content_at(FIXTURE_NOW_S);
    struct sp_buf token = sp_buf_new(8192);
    struct claims claims;

    cr_assert_eq(token_make(f.es, &content, &token), 0);
    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        cr_expect_eq(token_verify(f.verifier, sp_buf_view(&token),
                                  (FIXTURE_NOW_S + rows[i].after_s) * 1000,
                                  &claims),
                     rows[i].want, "row %zu", i);
    }
    sp_buf_free(&token);
    fixture_free(&f);
}

/* libjwt of Debian 12 knows no typ but JWT, so it judges our signatures under
 * that header: made by us and read by it, and the other way round. */
Test(auth_token, agrees_with_libjwt_on_signatures)
{
    static const jwt_alg_t algs[] = { JWT_ALG_ES256, JWT_ALG_RS256 };
    EVP_PKEY *const pkeys[] = { EVP_EC_gen("P-256"), EVP_RSA_gen(2048) };

    for (size_t i = 0; i < SP_COUNT(pkeys); i++) {
        struct keyset *keys = keyset_new();
        struct jws *jws = jws_new();
        struct signing_key *key = NULL;
        char *public = NULL;
        char *private = NULL;
        char *ours = NULL;
        char *theirs = NULL;
        jwt_t *jwt = NULL;

        cr_assert_eq(EVP_PKEY_up_ref(pkeys[i]), 1);
        public = fixture_pem(pkeys[i], false);
        private = fixture_pem(pkeys[i], true);
        cr_assert_eq(keyset_add(keys, "key", sp_view_of(private)), 0);
        key = keyset_named(keys, sp_view_of("key"));
        ours = fixture_sign(key,
                            i == 0 ? "{\"typ\":\"JWT\",\"alg\":\"ES256\"}"
                                   : "{\"typ\":\"JWT\",\"alg\":\"RS256\"}",
                            FIXTURE_PAYLOAD);
        cr_assert_eq(jwt_decode(&jwt, ours, (const unsigned char *)public,
                                (int)strlen(public)),
                     0);
        cr_assert_str_eq(jwt_get_grant(jwt, "iss"), FIXTURE_URL);
        cr_assert_eq(jwt_set_alg(jwt, algs[i], (const unsigned char *)private,
                                 (int)strlen(private)),
                     0);
        theirs = jwt_encode_str(jwt);
        cr_assert_not_null(theirs);
        cr_assert_eq(jws_parse(jws, sp_view_of(theirs)), TOKEN_FAULT_NONE);
        cr_assert_eq(jws_verify(jws, key), TOKEN_FAULT_NONE);
        free(theirs); /* libjwt allocated it */
        jwt_free(jwt);
        sp_free(ours);
        sp_free(public);
        sp_free(private);
        jws_free(&jws);
        keyset_free(&keys);
    }
}

Test(auth_token, refuses_to_make_what_it_would_not_read)
{
    static char long_scopes[JWS_MAX + 1];
    struct fixture f = fixture_new(false);
    struct token_content content = content_at(FIXTURE_NOW_S);
    struct sp_buf token = sp_buf_new(2 * JWS_MAX);

    memset(long_scopes, 'a', sizeof(long_scopes) - 1);
    content.scopes = long_scopes;
    cr_assert_eq(token_make(f.es, &content, &token), SP_ELIMIT);
    cr_assert_eq(token.len, 0);
    sp_buf_free(&token);
    fixture_free(&f);
}
