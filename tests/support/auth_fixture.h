/* Keys and tokens of the tests' own, for everything that tests auth. */
#ifndef SP_TESTS_SUPPORT_AUTH_FIXTURE_H
#define SP_TESTS_SUPPORT_AUTH_FIXTURE_H

#include <stdbool.h>

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include "common/base/alloc.h"
#include "common/base/compiler.h"
#include "services/auth/encoding.h"
#include "services/auth/jws.h"
#include "services/auth/keyset.h"
#include "services/auth/token.h"

#define FIXTURE_URL "https://gate.test"
#define FIXTURE_NOW_S 1000000
#define FIXTURE_NOW_MS (FIXTURE_NOW_S * 1000LL)

/* A payload that is good at FIXTURE_NOW_S, up to and without its scope. */
#define FIXTURE_WHO "\"sub\":\"demo\",\"client_id\":\"demo\",\"jti\":\"1\""
#define FIXTURE_TIMES "\"iat\":1000000,\"exp\":1000900"
#define FIXTURE_OURS                                                           \
    "\"iss\":\"" FIXTURE_URL "\",\"aud\":\"" FIXTURE_URL "/mcp\""
#define FIXTURE_PAYLOAD                                                        \
    "{" FIXTURE_OURS "," FIXTURE_WHO "," FIXTURE_TIMES                         \
    ",\"scope\":\"customer:read ticket:create\"}"

struct fixture {
    struct keyset *keys;
    struct signing_key *es;
    struct signing_key *rs; /* NULL where not asked for */
    struct token_verifier *verifier;
};

/* A public RSA key of the JWK member n; e is 65537. */
EVP_PKEY *
fixture_public_rsa(const char *n);

/* A public P-256 key of the JWK members x and y. */
EVP_PKEY *
fixture_public_ec(const char *x, const char *y);

/* The PEM text of a key, owned by the caller; the key is freed. */
char *
fixture_pem(EVP_PKEY *pkey, bool private);

void
fixture_add(struct keyset *keys, const char *name, EVP_PKEY *pkey);

struct fixture
fixture_new(bool with_rsa);

void
fixture_free(struct fixture *f);

/* "header.payload" in base64url. */
struct sp_buf
fixture_encode(const char *header, const char *payload);

/* A token with any header and payload, truly signed by `key`; owned by the
 * caller. */
char *
fixture_sign(struct signing_key *key, const char *header, const char *payload);

/* The header of an honest token of this key, with `more` members behind; owned
 * by the caller. */
char *
fixture_header(const struct signing_key *key, const char *more);

/* An honest header, any payload. */
char *
fixture_token(struct signing_key *key, const char *payload);

enum token_fault
fixture_verify(struct fixture *f, const char *token);

#endif
