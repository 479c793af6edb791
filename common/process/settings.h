/* The settings that differ between machines: SP_* environment variables, for a
 * native gate read from .env first. What describes the gate itself lives in
 * deploy/config/<service>.yaml (see common/process/config.h). */
#ifndef SP_COMMON_PROCESS_SETTINGS_H
#define SP_COMMON_PROCESS_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/compiler.h"
#include "common/base/log.h"

/* T(VARIABLE, member, default, meaning) */
#define SP_SETTINGS(T)                                                         \
    T(SP_URL, url, "https://localhost:8443",                                   \
      "public base URL, and issuer of the tokens")                             \
    T(SP_LISTEN, listen, "127.0.0.1:8443", "address and port of the edge")     \
    T(SP_STATE, state, "./state", "keys, stores and run directory")            \
    T(SP_METRICS_LISTEN, metrics_listen, "127.0.0.1:9464",                     \
      "address and port of /metrics")                                          \
    T(SP_CONFIG, config, "./deploy/config", "directory of the YAML files")     \
    T(SP_LINKS, links, "ipc", "ipc on one machine, tcp between containers")    \
    T(SP_REPLICA, replica, "0",                                                \
      "name of this replica; with tcp links: the host's")                      \
    T(SP_DRAIN_S, drain, "30",                                                 \
      "seconds that a leaving process keeps what it has in hand")              \
    T(SP_LOG_LEVEL, log_level, "info", "debug, info, warn or error")

struct sp_settings {
#define SP_SETTING_MEMBER(variable, member, fallback, meaning) char *member;
    SP_SETTINGS(SP_SETTING_MEMBER)
#undef SP_SETTING_MEMBER
    /* Derived from the above. */
    bool links_tcp;
    enum sp_log_level level;
    int64_t drain_ms;
    char *listen_host;
    uint16_t listen_port;
    char *metrics_host;
    uint16_t metrics_port;
    char *authority; /* host[:port] of url, as a Host header names it */
};

/* Reads and checks the environment. An unknown SP_* variable or a bad value is
 * refused with a sentence in ret_error (static or allocated for the life of
 * the process). 0 or SP_ECONFIG. */
SP_MUST_CHECK int
sp_settings_load(struct sp_settings *ret_settings, const char **ret_error);

/* Puts the lines NAME=value of a .env file into the environment, where they are
 * not set already. A missing file is fine. 0 or SP_ECONFIG with ret_error. */
SP_MUST_CHECK int
sp_settings_load_env_file(const char *path, const char **ret_error);

void
sp_settings_free(struct sp_settings *settings);

#endif
