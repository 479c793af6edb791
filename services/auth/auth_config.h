/* deploy/config/auth.yaml. */
#ifndef SP_SERVICES_AUTH_AUTH_CONFIG_H
#define SP_SERVICES_AUTH_AUTH_CONFIG_H

#include <stdint.h>

#include "common/base/compiler.h"
#include "common/text/buf.h"

/* The keys as in the file, which says what each means. */
struct auth_tokens {
    uint32_t lifetime_s;
    uint32_t clock_skew_s;
    uint32_t cached;
    char *signing_key;
};

struct auth_failures {
    uint32_t burst;
    uint32_t per_minute;
};

struct auth_challenge {
    char **mcp;
    uint32_t mcp_count;
    char **models;
    uint32_t models_count;
};

struct auth_client {
    char *id;
    char **scopes;
    uint32_t scopes_count;
};

struct auth_config {
    struct auth_tokens tokens;
    struct auth_failures failures;
    char **issuers;
    uint32_t issuers_count;
    char **scopes;
    uint32_t scopes_count;
    struct auth_challenge challenge;
    struct auth_client *clients;
    uint32_t clients_count;
};

/* Loads and checks the file. 0, or SP_ECONFIG with a sentence in `why` that
 * names the fix. Freed by auth_config_free(). */
SP_MUST_CHECK int
auth_config_load(const char *directory, struct auth_config **ret_config,
                 struct sp_buf *why);

void
auth_config_free(struct auth_config **config);

#endif
