/* The gate's signing keys: loaded once, ready in OpenSSL's form, published as
 * a JWK set (RFC 7517). A key's type alone decides its algorithm: EC P-256
 * signs ES256, RSA of 2048 to 4096 bits signs RS256 (RFC 7518 section 3). */
#ifndef SP_SERVICES_AUTH_KEYSET_H
#define SP_SERVICES_AUTH_KEYSET_H

#include <stdbool.h>

#include "common/base/compiler.h"
#include "common/base/view.h"
#include "common/text/buf.h"

#define KEYSET_MAX 16     /* keys at one time: a rotation needs two or three */
#define KEYSET_KID_LEN 43 /* base64url of a SHA-256 digest */

struct keyset;
struct signing_key;

struct keyset *
keyset_new(void);

/* Accepts a pointer to NULL and leaves NULL behind; frees the keys. */
void
keyset_free(struct keyset **keyset);

/* Adds a PEM key. `name` is what the configuration calls it. A public key
 * verifies only. 0, SP_EFORMAT (no unencrypted PEM key), SP_EDENIED (another
 * type or size), SP_EDUPLICATE, SP_ELIMIT (more than KEYSET_MAX). */
SP_MUST_CHECK int
keyset_add(struct keyset *keyset, const char *name, struct sp_view pem);

/* Adds every PEM file *.key of the directory; files of other content are left
 * alone. 0, or the error of the first bad file with a sentence in `why`. */
SP_MUST_CHECK int
keyset_load(struct keyset *keyset, const char *directory, struct sp_buf *why);

/* The key of this id (RFC 7638 thumbprint) or name, or NULL. Keys live as long
 * as their set. */
struct signing_key *
keyset_find(const struct keyset *keyset, struct sp_view kid);

struct signing_key *
keyset_named(const struct keyset *keyset, struct sp_view name);

/* Appends {"keys": [...]}. */
void
keyset_write(const struct keyset *keyset, struct sp_buf *out);

/* "ES256" or "RS256". */
const char *
signing_key_alg(const struct signing_key *key);

const char *
signing_key_kid(const struct signing_key *key);

/* Appends the signature of `data` as JWS wants it: for ES256 r and s, 32 bytes
 * each (RFC 7518 section 3.4). 0, SP_EDENIED for a public key, SP_ECRYPTO. */
SP_MUST_CHECK int
signing_key_sign(struct signing_key *key, struct sp_view data,
                 struct sp_buf *out);

/* 0 or SP_EAUTH. */
SP_MUST_CHECK int
signing_key_verify(struct signing_key *key, struct sp_view data,
                   struct sp_view signature);

#endif
