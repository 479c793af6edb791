/* Keys and tokens of the tests' own. */
#include "tests/support/auth_fixture.h"

#include <string.h>

#include <criterion/criterion.h>
#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/pem.h>

static const char *const fixture_issuers[] = { FIXTURE_URL };
static const char *const fixture_audiences[] = { FIXTURE_URL "/mcp",
                                                 FIXTURE_URL };

static struct claims_rules
fixture_rules(void)
{
    return (struct claims_rules){
        .issuers = fixture_issuers,
        .issuer_count = SP_COUNT(fixture_issuers),
        .audiences = fixture_audiences,
        .audience_count = SP_COUNT(fixture_audiences),
        .skew_ms = 5000,
    };
}

/* A public key from its parameters; they are freed. */
static EVP_PKEY *
fixture_public(const char *type, OSSL_PARAM_BLD *build)
{
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    EVP_PKEY *pkey = NULL;

    cr_assert_not_null(params);
    cr_assert_eq(EVP_PKEY_fromdata_init(ctx), 1);
    cr_assert_eq(EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params), 1);
    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    return pkey;
}

EVP_PKEY *
fixture_public_rsa(const char *n)
{
    struct sp_buf bytes = sp_buf_new(1024);
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    EVP_PKEY *pkey = NULL;
    BIGNUM *modulus = NULL;

    cr_assert_eq(encoding_from_base64url(sp_view_of(n), &bytes), 0);
    modulus =
        BN_bin2bn((const unsigned char *)bytes.data, (int)bytes.len, NULL);
    cr_assert_eq(OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, modulus),
                 1);
    cr_assert_eq(OSSL_PARAM_BLD_push_uint(build, OSSL_PKEY_PARAM_RSA_E, 65537),
                 1);
    pkey = fixture_public("RSA", build);
    BN_free(modulus);
    sp_buf_free(&bytes);
    return pkey;
}

EVP_PKEY *
fixture_public_ec(const char *x, const char *y)
{
    struct sp_buf point = sp_buf_new(128);
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    EVP_PKEY *pkey = NULL;

    (void)sp_buf_add(&point, "\004", 1);
    cr_assert_eq(encoding_from_base64url(sp_view_of(x), &point), 0);
    cr_assert_eq(encoding_from_base64url(sp_view_of(y), &point), 0);
    cr_assert_eq(OSSL_PARAM_BLD_push_utf8_string(
                     build, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0),
                 1);
    cr_assert_eq(OSSL_PARAM_BLD_push_octet_string(
                     build, OSSL_PKEY_PARAM_PUB_KEY, point.data, point.len),
                 1);
    pkey = fixture_public("EC", build);
    sp_buf_free(&point);
    return pkey;
}

char *
fixture_pem(EVP_PKEY *pkey, bool private)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;
    char *data = NULL;
    long len = 0;

    cr_assert_not_null(pkey);
    cr_assert_not_null(bio);
    if (private) {
        cr_assert_eq(
            PEM_write_bio_PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL), 1);
    } else {
        cr_assert_eq(PEM_write_bio_PUBKEY(bio, pkey), 1);
    }
    len = BIO_get_mem_data(bio, &data);
    text = sp_dup_view(sp_view_make(data, (size_t)len));
    BIO_free(bio);
    EVP_PKEY_free(pkey);
    return text;
}

void
fixture_add(struct keyset *keys, const char *name, EVP_PKEY *pkey)
{
    char *pem = fixture_pem(pkey, true);

    cr_assert_eq(keyset_add(keys, name, sp_view_of(pem)), 0);
    sp_free(pem);
}

struct fixture
fixture_new(bool with_rsa)
{
    struct fixture f = { .keys = keyset_new() };
    struct claims_rules rules = fixture_rules();

    fixture_add(f.keys, "es256", EVP_EC_gen("P-256"));
    f.es = keyset_named(f.keys, sp_view_of("es256"));
    if (with_rsa) {
        fixture_add(f.keys, "rs256", EVP_RSA_gen(2048));
        f.rs = keyset_named(f.keys, sp_view_of("rs256"));
    }
    f.verifier = token_verifier_new(f.keys, &rules);
    return f;
}

void
fixture_free(struct fixture *f)
{
    token_verifier_free(&f->verifier);
    keyset_free(&f->keys);
}

struct sp_buf
fixture_encode(const char *header, const char *payload)
{
    struct sp_buf text = sp_buf_new(65536);

    encoding_to_base64url(sp_view_of(header), &text);
    (void)sp_buf_add_str(&text, ".");
    encoding_to_base64url(sp_view_of(payload), &text);
    cr_assert_eq(text.error, 0);
    return text;
}

char *
fixture_sign(struct signing_key *key, const char *header, const char *payload)
{
    struct sp_buf text = fixture_encode(header, payload);
    struct sp_buf signature = sp_buf_new(1024);
    char *token = NULL;

    cr_assert_eq(signing_key_sign(key, sp_buf_view(&text), &signature), 0);
    (void)sp_buf_add_str(&text, ".");
    encoding_to_base64url(sp_buf_view(&signature), &text);
    token = sp_dup_view(sp_buf_view(&text));
    sp_buf_free(&text);
    sp_buf_free(&signature);
    return token;
}

char *
fixture_header(const struct signing_key *key, const char *more)
{
    struct sp_buf text = sp_buf_new(16384);
    char *header = NULL;

    (void)sp_buf_addf(&text,
                      "{\"typ\":\"at+jwt\",\"alg\":\"%s\","
                      "\"kid\":\"%s\"%s}",
                      signing_key_alg(key), signing_key_kid(key), more);
    header = sp_dup_view(sp_buf_view(&text));
    sp_buf_free(&text);
    return header;
}

char *
fixture_token(struct signing_key *key, const char *payload)
{
    char *header = fixture_header(key, "");
    char *token = fixture_sign(key, header, payload);

    sp_free(header);
    return token;
}

enum token_fault
fixture_verify(struct fixture *f, const char *token)
{
    struct claims claims;

    return token_verify(f->verifier, sp_view_of(token), FIXTURE_NOW_MS,
                        &claims);
}
