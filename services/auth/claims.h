/* The claims of an access token (RFC 9068 section 2.2) and what they must
 * say. */
#ifndef SP_SERVICES_AUTH_CLAIMS_H
#define SP_SERVICES_AUTH_CLAIMS_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/compiler.h"
#include "common/base/view.h"
#include "common/text/json.h"
#include "services/auth/fault.h"

/* Limits of the schema's subject, client and scopes fields. */
#define CLAIMS_MAX_NAME 256
#define CLAIMS_MAX_SCOPES 2048

/* What a token must say to be for us. The texts are borrowed. */
struct claims_rules {
    const char *const *issuers;
    size_t issuer_count;
    const char *const *audiences; /* one of them is enough */
    size_t audience_count;
    int64_t skew_ms; /* how far ahead the issuer's clock may be */
};

/* Who the token speaks for; views into the payload. */
struct claims {
    struct sp_view subject;
    struct sp_view client;
    struct sp_view scopes; /* space separated, may be empty */
    int64_t expires_ms;    /* wall clock */
};

/* Parses `payload` into `json` and checks every claim against `rules` and the
 * wall clock `now_ms`. TOKEN_FAULT_NONE with ret_claims, or the first fault. */
SP_MUST_CHECK enum token_fault
claims_read(struct sp_json *json, struct sp_view payload,
            const struct claims_rules *rules, int64_t now_ms,
            struct claims *ret_claims);

/* True where `scopes` is a list as RFC 6749 section 3.3 wants it: one space
 * between tokens of visible ASCII without '"' and '\'. Empty is no list. */
bool
claims_scopes_ok(struct sp_view scopes);

#endif
