/* A JWS in compact form (RFC 7515 section 7.1), read strictly. Of the header
 * only alg, kid, typ and crit are looked at: jku, jwk, x5u and x5c are words
 * of the sender about keys, and the sender does not choose our keys. */
#ifndef SP_SERVICES_AUTH_JWS_H
#define SP_SERVICES_AUTH_JWS_H

#include <stdbool.h>

#include "common/base/compiler.h"
#include "common/base/view.h"
#include "common/text/buf.h"
#include "common/text/json.h"
#include "services/auth/fault.h"
#include "services/auth/keyset.h"

/* Longest token that is read: the longest JWT seen in the wild. */
#define JWS_MAX 8192

/* A parsed token. Made by jws_new(), parsed into again and again. The views
 * point into the token or into the struct, and die with the next parse. */
struct jws {
    struct sp_view signed_part; /* header and payload as they were signed */
    struct sp_view alg;
    struct sp_view kid; /* empty where there is none */
    struct sp_view typ; /* empty where there is none */
    bool critical;      /* a crit member is there */
    struct sp_buf header;
    struct sp_buf payload;
    struct sp_buf signature;
    struct sp_buf scratch; /* unescaped header strings */
    struct sp_json json;
};

struct jws *
jws_new(void);

void
jws_free(struct jws **jws);

/* Reads the form, decodes all three parts and reads the header. 0,
 * TOKEN_FAULT_TOO_LONG or TOKEN_FAULT_MALFORMED. Nothing is verified. */
SP_MUST_CHECK enum token_fault
jws_parse(struct jws *jws, struct sp_view text);

/* Checks that the header names the key's own algorithm, then the signature. 0,
 * TOKEN_FAULT_ALGORITHM or TOKEN_FAULT_SIGNATURE. */
SP_MUST_CHECK enum token_fault
jws_verify(const struct jws *jws, struct signing_key *key);

#endif
