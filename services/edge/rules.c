/* The file, the hosts that it and the settings name, what may not change. */
#include "services/edge/rules.h"

#include <stdbool.h>
#include <stdio.h>

#include "common/base/error.h"
#include "common/process/config.h"
#include "services/edge/edge_config.h"
#include "services/edge/hosts.h"

/* What the settings name; without it no client could come in. */
static int
allow_own(struct hosts *hosts, const struct sp_settings *settings)
{
    int error = hosts_allow(hosts, sp_view_of(settings->authority));

    return error != 0 ? error : hosts_allow_local(hosts, settings->listen_port);
}

static int
allow_listed(struct hosts *hosts, const struct edge_config *config,
             const char *directory, struct sp_buf *why)
{
    char path[64];

    for (uint32_t i = 0; i < config->hosts_count; i++) {
        if (hosts_allow(hosts, sp_view_of(config->hosts[i])) != 0) {
            (void)snprintf(path, sizeof(path), "hosts[%u]", i);
            return sp_config_tell(why, directory, "edge", path,
                                  "is \"%s\"; write host[:port]",
                                  config->hosts[i]);
        }
    }
    for (uint32_t i = 0; i < config->origins_count; i++) {
        if (hosts_allow_origin(hosts, sp_view_of(config->origins[i])) != 0) {
            (void)snprintf(path, sizeof(path), "origins[%u]", i);
            return sp_config_tell(why, directory, "edge", path,
                                  "is \"%s\"; write https://host[:port]",
                                  config->origins[i]);
        }
    }
    return 0;
}

int
rules_load(const struct sp_settings *settings, const char *directory,
           struct edge_config **ret_config, struct hosts **ret_hosts,
           struct sp_buf *why)
{
    struct hosts *hosts = hosts_new();
    int error = edge_config_load(directory, ret_config, why);

    if (error == 0 && allow_own(hosts, settings) != 0) {
        (void)sp_buf_addf(why, "SP_URL: \"%s\" is no host[:port]",
                          settings->authority);
        error = SP_ECONFIG;
    }
    if (error == 0) {
        error = allow_listed(hosts, *ret_config, directory, why);
    }
    if (error != 0) {
        edge_config_free(ret_config);
        hosts_free(&hosts);
        return error;
    }
    *ret_hosts = hosts;
    return 0;
}

int
rules_follow(const struct edge_limits *next, const struct edge_limits *old,
             const char *directory, struct sp_buf *why)
{
    const struct {
        const char *path;
        bool same;
    } rows[] = {
        { "limits.connections", next->connections == old->connections },
        { "limits.connection_bytes",
          next->connection_bytes == old->connection_bytes },
        { "limits.requests", next->requests == old->requests },
    };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        if (!rows[i].same) {
            return sp_config_frozen(why, directory, "edge", rows[i].path);
        }
    }
    return 0;
}
