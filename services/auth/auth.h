/* The state of the auth process, and how its handlers answer. */
#ifndef SP_SERVICES_AUTH_AUTH_H
#define SP_SERVICES_AUTH_AUTH_H

#include <stdint.h>

#include "common/base/random.h"
#include "common/base/secret.h"
#include "common/stage/refusal.h"
#include "common/stage/service.h"
#include "common/text/buf.h"
#include "services/auth/cache.h"
#include "services/auth/hasher.h"
#include "services/auth/keyset.h"
#include "services/auth/oauth/clients.h"
#include "services/auth/oauth/token_request.h"
#include "services/auth/policy.h"
#include "services/auth/throttle.h"
#include "services/auth/token.h"

struct token_endpoint;

struct auth_counts {
    uint64_t cached;   /* requests let in by the cache */
    uint64_t verified; /* by a signature */
    uint64_t refused;  /* tokens refused */
    uint64_t missing;  /* requests without a token */
    uint64_t issued;   /* tokens made */
    uint64_t clients_refused;
    uint64_t clients_throttled;
    uint64_t undelivered; /* the receiver was not there, or full */
};

struct auth {
    struct sp_runtime *runtime;
    struct auth_policy *policy; /* what the configuration in force says */
    struct keyset *keys;
    struct sp_secret *passport_key;
    struct sp_random random; /* nonces of passports */
    char *mcp_url;
    struct token_cache *cache;
    struct token_endpoint *endpoint;
    struct identity who;    /* that was identified last */
    struct sp_buf passport; /* work space, reset for each request */
    struct sp_buf headers;
    struct sp_buf body;
    struct sp_buf scopes;
    struct auth_counts counts;
};

/* The fields by which an answer finds its way back. */
struct auth_return {
    struct sp_view request_id;
    struct sp_view reply_to;
    uint64_t attempt;
};

/* Sends a whole answer to the edge that asked. `headers` is header text; more
 * of it than SP_MAX_HEADERS becomes a 502. */
void
auth_answer(struct auth *auth, struct auth_return to, unsigned status,
            struct sp_view headers, struct sp_view body);

/* Sends a refusal in the form of the path. `challenge` is the value of
 * WWW-Authenticate, or empty. */
void
auth_refuse(struct auth *auth, struct auth_return to, struct sp_view path,
            const struct sp_refusal *refusal, struct sp_view challenge);

#endif
