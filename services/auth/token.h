/* Access tokens (RFC 9068): verified and made. */
#ifndef SP_SERVICES_AUTH_TOKEN_H
#define SP_SERVICES_AUTH_TOKEN_H

#include <stdint.h>

#include "common/base/compiler.h"
#include "common/base/view.h"
#include "common/text/buf.h"
#include "services/auth/claims.h"
#include "services/auth/fault.h"
#include "services/auth/keyset.h"

struct token_verifier;

/* The keys and the texts that `rules` points to must outlive the verifier. */
struct token_verifier *
token_verifier_new(const struct keyset *keys, const struct claims_rules *rules);

void
token_verifier_free(struct token_verifier **verifier);

/* Everything about one token: form, type, key, algorithm, signature, claims, in
 * this order, so that no claim is read before the signature holds. The views of
 * ret_claims live until the next call. */
SP_MUST_CHECK enum token_fault
token_verify(struct token_verifier *verifier, struct sp_view text,
             int64_t now_ms, struct claims *ret_claims);

/* What a new token says. */
struct token_content {
    const char *issuer;
    const char *audience;
    const char *subject;
    const char *client;
    const char *scopes;
    const char *id; /* jti: unique */
    int64_t issued_s;
    int64_t lifetime_s;
};

/* Appends a token signed by `key`. 0, SP_ELIMIT, SP_EDENIED, SP_ECRYPTO. */
SP_MUST_CHECK int
token_make(struct signing_key *key, const struct token_content *content,
           struct sp_buf *out);

#endif
