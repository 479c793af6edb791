/* One configuration of auth with everything that is made from it. Whole before
 * it is put in force, so that a bad file changes nothing. */
#ifndef SP_SERVICES_AUTH_POLICY_H
#define SP_SERVICES_AUTH_POLICY_H

#include "common/base/compiler.h"
#include "common/text/buf.h"
#include "services/auth/auth_config.h"
#include "services/auth/keyset.h"
#include "services/auth/oauth/clients.h"
#include "services/auth/oauth/metadata.h"
#include "services/auth/token.h"

struct auth_policy {
    struct auth_config *config;
    struct signing_key *signer; /* of the key set */
    const char **issuers;
    const char *audiences[2];
    struct token_verifier *verifier;
    struct clients *clients;
    struct metadata *metadata;
    char *mcp_scopes;   /* what a challenge for /mcp asks for */
    char *model_scopes; /* and one for /v1 */
};

/* What stays while the process runs; all of it outlives the policy. */
struct auth_policy_means {
    const char *directory; /* of auth.yaml */
    const char *url;       /* SP_URL */
    const char *mcp_url;
    const struct keyset *keys;
    const char *key_directory; /* the clients' hashes are in clients/ there */
};

/* Loads the file and makes everything. 0, or SP_ECONFIG with a sentence in
 * `why`. */
SP_MUST_CHECK int
auth_policy_new(const struct auth_policy_means *means,
                struct auth_policy **ret_policy, struct sp_buf *why);

void
auth_policy_free(struct auth_policy **policy);

#endif
