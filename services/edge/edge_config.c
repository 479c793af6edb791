/* The schema of deploy/config/edge.yaml and the ranges of its values. */
#include "services/edge/edge_config.h"

#include <stddef.h>
#include <string.h>

#include <cyaml/cyaml.h>

#include "common/base/compiler.h"
#include "common/process/config.h"
#include "proto/schema.h"

#define NUMBER(type, name)                                                     \
    CYAML_FIELD_UINT(#name, CYAML_FLAG_DEFAULT, struct type, name)

static const cyaml_schema_field_t limit_fields[] = {
    NUMBER(edge_limits, body_bytes),
    NUMBER(edge_limits, bodies_bytes),
    NUMBER(edge_limits, connection_bytes),
    NUMBER(edge_limits, connections),
    NUMBER(edge_limits, connections_per_address),
    NUMBER(edge_limits, requests),
    NUMBER(edge_limits, stream_credit_bytes),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t time_fields[] = {
    NUMBER(edge_times, headers_ms), NUMBER(edge_times, body_ms),
    NUMBER(edge_times, idle_ms),    NUMBER(edge_times, send_ms),
    NUMBER(edge_times, comment_ms), CYAML_FIELD_END,
};

static const cyaml_schema_field_t deadline_fields[] = {
    NUMBER(edge_deadlines, auth_ms),
    NUMBER(edge_deadlines, mcp_ms),
    NUMBER(edge_deadlines, model_ms),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t stream_fields[] = {
    NUMBER(edge_streams, total_s),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t retry_fields[] = {
    NUMBER(edge_retries, after_ms), NUMBER(edge_retries, factor),
    NUMBER(edge_retries, attempts), NUMBER(edge_retries, percent),
    NUMBER(edge_retries, spare),    CYAML_FIELD_END,
};

static const cyaml_schema_value_t name_schema = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, 280),
};

static const cyaml_schema_field_t top_fields[] = {
    CYAML_FIELD_MAPPING("limits", CYAML_FLAG_DEFAULT, struct edge_config,
                        limits, limit_fields),
    CYAML_FIELD_MAPPING("times", CYAML_FLAG_DEFAULT, struct edge_config, times,
                        time_fields),
    CYAML_FIELD_MAPPING("deadlines", CYAML_FLAG_DEFAULT, struct edge_config,
                        deadlines, deadline_fields),
    CYAML_FIELD_MAPPING("streams", CYAML_FLAG_DEFAULT, struct edge_config,
                        streams, stream_fields),
    CYAML_FIELD_MAPPING("retries", CYAML_FLAG_DEFAULT, struct edge_config,
                        retries, retry_fields),
    CYAML_FIELD_SEQUENCE("hosts", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
                         struct edge_config, hosts, &name_schema, 0, 32),
    CYAML_FIELD_SEQUENCE("origins", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
                         struct edge_config, origins, &name_schema, 0, 32),
    CYAML_FIELD_END,
};

static const cyaml_schema_value_t schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct edge_config, top_fields),
};

#define RANGE(group, member, min, max)                                         \
    SP_CONFIG_RANGE(struct edge_config, group, member, min, max)

static const struct sp_config_range ranges[] = {
    RANGE(limits, body_bytes, 1024, SP_MAX_BODY),
    RANGE(limits, bodies_bytes, SP_MAX_BODY, 0x7fffffff),
    RANGE(limits, connection_bytes, 8192, 131072),
    RANGE(limits, connections, 16, 1000000),
    RANGE(limits, connections_per_address, 1, 1000000),
    RANGE(limits, requests, 1, 1000000),
    RANGE(limits, stream_credit_bytes, 4096, SP_MAX_BODY),
    RANGE(times, headers_ms, 100, 600000),
    RANGE(times, body_ms, 100, 600000),
    RANGE(times, idle_ms, 100, 3600000),
    RANGE(times, send_ms, 100, 600000),
    RANGE(times, comment_ms, 100, 600000),
    RANGE(deadlines, auth_ms, 100, SP_MAX_DEADLINE_MS),
    RANGE(deadlines, mcp_ms, 100, SP_MAX_DEADLINE_MS),
    RANGE(deadlines, model_ms, 100, SP_MAX_DEADLINE_MS),
    RANGE(streams, total_s, 0, 31536000),
    RANGE(retries, after_ms, 10, 60000),
    RANGE(retries, factor, 1, 100),
    RANGE(retries, attempts, 1, 12),
    RANGE(retries, percent, 0, 100),
    RANGE(retries, spare, 0, 10000),
};

int
edge_config_load(const char *directory, struct edge_config **ret_config,
                 struct sp_buf *why)
{
    void *loaded = NULL;
    struct edge_config *config = NULL;
    int error = sp_config_load(directory, "edge", &schema, &loaded, why);

    if (error != 0) {
        return error;
    }
    config = loaded;
    error = sp_config_check(directory, "edge", config, ranges, SP_COUNT(ranges),
                            why);
    if (error != 0) {
        edge_config_free(&config);
        return error;
    }
    *ret_config = config;
    return 0;
}

void
edge_config_free(struct edge_config **config)
{
    void *loaded = *config;

    if (loaded != NULL) {
        sp_config_free(&schema, &loaded);
        *config = NULL;
    }
}
