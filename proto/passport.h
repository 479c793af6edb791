/* The passport: what auth established, sealed with a key that only auth and the
 * executors hold. A stage in between can neither invent a caller, nor widen
 * its scopes, nor swap the request. */
#ifndef SP_PROTO_PASSPORT_H
#define SP_PROTO_PASSPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/compiler.h"
#include "common/base/random.h"
#include "common/base/secret.h"
#include "common/base/view.h"
#include "common/text/buf.h"

#define SP_PASSPORT_KEY_BYTES 32
#define SP_PASSPORT_DIGEST_BYTES 32
#define SP_MAX_PASSPORT_BYTES 8192 /* SP_MAX_PASSPORT of the schema */
#define SP_PRINCIPAL_KEY_BYTES 8

/* The parts of a request that the passport covers. */
struct sp_passport_request {
    struct sp_view method;
    struct sp_view path;
    struct sp_view query;
    struct sp_view headers;
    struct sp_view body;
};

/* Views of an opened passport point into the buffer given to
 * sp_passport_open(). */
struct sp_passport {
    struct sp_view request_id; /* 16 bytes */
    struct sp_view subject;
    struct sp_view client;
    struct sp_view scopes; /* space separated, RFC 6749 section 3.3 */
    struct sp_view tenant;
    struct sp_view roles;    /* space separated */
    struct sp_view groups;   /* space separated */
    struct sp_view strength; /* of the sign-in: acr, OpenID Connect Core 2 */
    struct sp_view cnf;      /* what binds the token to its sender (RFC 7800):
                              * a SHA-256, or empty */
    struct sp_view token_id; /* names the token's grant, for revocation; at most
                              * 16 bytes */
    uint64_t token_expires_ms; /* wall clock; 0: never */
    uint64_t expires_ms;       /* of the passport itself, wall clock */
};

/* Seals `passport` for `request` into `out` (appended). `key` must hold exactly
 * SP_PASSPORT_KEY_BYTES; the nonce comes from `random`. 0, SP_ELIMIT, or
 * SP_ECRYPTO for a wrong key length. */
SP_MUST_CHECK int
sp_passport_seal(const struct sp_secret *key, struct sp_random *random,
                 const struct sp_passport *passport,
                 const struct sp_passport_request *request, struct sp_buf *out);

/* Opens `sealed`, whose plain text replaces the content of `plain`, and checks
 * that it covers exactly this request, this request id and this time. 0,
 * SP_EAUTH (forged or for another request), SP_EEXPIRED, SP_EFORMAT. */
SP_MUST_CHECK int
sp_passport_open(const struct sp_secret *key, struct sp_view sealed,
                 const struct sp_passport_request *request,
                 struct sp_view request_id, uint64_t now_ms,
                 struct sp_buf *plain, struct sp_passport *ret_passport);

/* Names a request by its bytes, for those who must know it again: BLAKE2b over
 * its parts and their lengths. */
void
sp_passport_digest(const struct sp_passport_request *request,
                   unsigned char ret_digest[SP_PASSPORT_DIGEST_BYTES]);

/* True where `scopes` (space separated) contains `scope`. */
bool
sp_scopes_have(struct sp_view scopes, struct sp_view scope);

/* Eight bytes that name a principal on the rendezvous links. */
void
sp_principal_key(struct sp_view subject, struct sp_view client,
                 unsigned char ret_key[SP_PRINCIPAL_KEY_BYTES]);

#endif
