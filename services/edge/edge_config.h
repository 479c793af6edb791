/* deploy/config/edge.yaml. */
#ifndef SP_SERVICES_EDGE_EDGE_CONFIG_H
#define SP_SERVICES_EDGE_EDGE_CONFIG_H

#include <stdint.h>

#include "common/base/compiler.h"
#include "common/text/buf.h"

/* The keys as in the file, which says what each means. */
struct edge_limits {
    uint32_t body_bytes;
    uint32_t bodies_bytes;
    uint32_t connection_bytes;
    uint32_t connections;
    uint32_t connections_per_address;
    uint32_t requests;
    uint32_t stream_credit_bytes;
};

struct edge_times {
    uint32_t headers_ms;
    uint32_t body_ms;
    uint32_t idle_ms;
    uint32_t send_ms;
    uint32_t comment_ms;
};

struct edge_deadlines {
    uint32_t auth_ms;
    uint32_t mcp_ms;
    uint32_t model_ms;
};

struct edge_streams {
    uint32_t total_s;
};

struct edge_retries {
    uint32_t after_ms;
    uint32_t factor;
    uint32_t attempts;
    uint32_t percent;
    uint32_t spare;
};

struct edge_config {
    struct edge_limits limits;
    struct edge_times times;
    struct edge_deadlines deadlines;
    struct edge_streams streams;
    struct edge_retries retries;
    char **hosts;
    uint32_t hosts_count;
    char **origins;
    uint32_t origins_count;
};

/* Loads and checks `directory`/edge.yaml. 0, or SP_ECONFIG with a sentence in
 * `why`. Freed by edge_config_free(). */
SP_MUST_CHECK int
edge_config_load(const char *directory, struct edge_config **ret_config,
                 struct sp_buf *why);

void
edge_config_free(struct edge_config **config);

#endif
