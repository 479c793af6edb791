/* deploy/config/ratelimit.yaml. */
#ifndef SP_SERVICES_RATELIMIT_RATELIMIT_CONFIG_H
#define SP_SERVICES_RATELIMIT_RATELIMIT_CONFIG_H

#include <stdint.h>

#include "common/base/compiler.h"
#include "common/text/buf.h"

/* The keys as in the file, which says what each means. */
struct rate_config {
    uint32_t requests;
    uint32_t window_s;
    uint32_t burst;
};

struct tier_config {
    char *name;
    struct rate_config address;
    struct rate_config client;
    struct rate_config subject;
};

struct client_config {
    char *client;
    char *tier;
};

struct ratelimit_config {
    uint32_t entries;
    char *default_tier;
    struct tier_config *tiers;
    uint32_t tiers_count;
    struct client_config *clients;
    uint32_t clients_count;
};

/* Loads and checks `directory`/ratelimit.yaml. 0, or SP_ECONFIG with a sentence
 * in `why`. Freed by ratelimit_config_free(). */
SP_MUST_CHECK int
ratelimit_config_load(const char *directory,
                      struct ratelimit_config **ret_config, struct sp_buf *why);

void
ratelimit_config_free(struct ratelimit_config **config);

#endif
