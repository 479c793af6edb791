/* Any bytes as a token, and any bytes as the claims of a token that we signed:
 * the first must never be accepted, the second only with the claims that the
 * rules want. */
#include <stdint.h>
#include <stdlib.h>

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "common/base/compiler.h"
#include "services/auth/claims.h"
#include "services/auth/token.h"

#define NOW_MS 1000000000

static const char *const names[] = { "https://gate.test" };

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct token_verifier *
make_verifier(void)
{
    const struct claims_rules rules = {
        .issuers = names,
        .issuer_count = SP_COUNT(names),
        .audiences = names,
        .audience_count = SP_COUNT(names),
        .skew_ms = 5000,
    };
    struct keyset *keys = keyset_new();
    EVP_PKEY *pkey = EVP_EC_gen("P-256");
    BIO *bio = BIO_new(BIO_s_mem());
    char *pem = NULL;
    long len = 0;

    if (PEM_write_bio_PUBKEY(bio, pkey) != 1) {
        abort();
    }
    len = BIO_get_mem_data(bio, &pem);
    if (keyset_add(keys, "key", sp_view_make(pem, (size_t)len)) != 0) {
        abort();
    }
    BIO_free(bio);
    EVP_PKEY_free(pkey);
    return token_verifier_new(keys, &rules);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct token_verifier *verifier;
    const struct claims_rules rules = {
        .issuers = names,
        .issuer_count = SP_COUNT(names),
        .audiences = names,
        .audience_count = SP_COUNT(names),
    };
    struct sp_json json = { .count = 0 };
    struct claims claims = { .expires_ms = 0 };

    if (verifier == NULL) {
        verifier = make_verifier();
    }
    if (token_verify(verifier, sp_view_make(data, size), NOW_MS, &claims) ==
        TOKEN_FAULT_NONE) {
        abort();
    }
    if (claims_read(&json, sp_view_make(data, size), &rules, NOW_MS, &claims) ==
            TOKEN_FAULT_NONE &&
        (claims.expires_ms <= NOW_MS || claims.subject.len == 0 ||
         claims.subject.len > CLAIMS_MAX_NAME || claims.client.len == 0 ||
         claims.client.len > CLAIMS_MAX_NAME ||
         claims.scopes.len > CLAIMS_MAX_SCOPES)) {
        abort();
    }
    sp_json_free(&json);
    return 0;
}
