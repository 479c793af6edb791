/* The schema of deploy/config/auth.yaml and the checks behind it. */
#include "services/auth/auth_config.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cyaml/cyaml.h>

#include "common/base/compiler.h"
#include "common/base/error.h"
#include "common/process/config.h"
#include "common/text/buf.h"
#include "services/auth/claims.h"

#define MAX_LIST 64
#define MAX_TEXT 512
/* "clients[63].scopes[63]" and the like. */
#define MAX_PATH_TEXT 64

static const cyaml_schema_value_t text_schema = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, MAX_TEXT),
};

#define NUMBER(type, name)                                                     \
    CYAML_FIELD_UINT(#name, CYAML_FLAG_DEFAULT, struct type, name)
#define TEXT(type, name)                                                       \
    CYAML_FIELD_STRING_PTR(#name, CYAML_FLAG_POINTER, struct type, name, 1,    \
                           MAX_TEXT)
#define TEXTS(type, name, min)                                                 \
    CYAML_FIELD_SEQUENCE(#name, CYAML_FLAG_POINTER, struct type, name,         \
                         &text_schema, min, MAX_LIST)

static const cyaml_schema_field_t token_fields[] = {
    NUMBER(auth_tokens, lifetime_s),
    NUMBER(auth_tokens, clock_skew_s),
    NUMBER(auth_tokens, cached),
    TEXT(auth_tokens, signing_key),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t failure_fields[] = {
    NUMBER(auth_failures, burst),
    NUMBER(auth_failures, per_minute),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t challenge_fields[] = {
    TEXTS(auth_challenge, mcp, 1),
    TEXTS(auth_challenge, models, 1),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t client_fields[] = {
    TEXT(auth_client, id),
    TEXTS(auth_client, scopes, 1),
    CYAML_FIELD_END,
};

static const cyaml_schema_value_t client_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct auth_client, client_fields),
};

static const cyaml_schema_field_t top_fields[] = {
    CYAML_FIELD_MAPPING("tokens", CYAML_FLAG_DEFAULT, struct auth_config,
                        tokens, token_fields),
    CYAML_FIELD_MAPPING("failures", CYAML_FLAG_DEFAULT, struct auth_config,
                        failures, failure_fields),
    TEXTS(auth_config, issuers, 0),
    TEXTS(auth_config, scopes, 1),
    CYAML_FIELD_MAPPING("challenge", CYAML_FLAG_DEFAULT, struct auth_config,
                        challenge, challenge_fields),
    CYAML_FIELD_SEQUENCE("clients", CYAML_FLAG_POINTER, struct auth_config,
                         clients, &client_schema, 0, MAX_LIST),
    CYAML_FIELD_END,
};

static const cyaml_schema_value_t schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct auth_config, top_fields),
};

#define RANGE(group, member, min, max)                                         \
    SP_CONFIG_RANGE(struct auth_config, group, member, min, max)

static const struct sp_config_range ranges[] = {
    RANGE(tokens, lifetime_s, 60, 3600),   RANGE(tokens, clock_skew_s, 0, 60),
    RANGE(tokens, cached, 1, 1000000),     RANGE(failures, burst, 1, 1000),
    RANGE(failures, per_minute, 1, 60000),
};

static bool
known_scope(const struct auth_config *config, const char *scope)
{
    for (uint32_t i = 0; i < config->scopes_count; i++) {
        if (strcmp(config->scopes[i], scope) == 0) {
            return true;
        }
    }
    return false;
}

/* Where a fault is reported. */
struct place {
    const char *directory;
    struct sp_buf *why;
};

static int
check_list(const struct place *place, const struct auth_config *config,
           const char *where, char *const *scopes, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        char path[MAX_PATH_TEXT];

        if (!known_scope(config, scopes[i])) {
            (void)snprintf(path, sizeof(path), "%s[%u]", where, i);
            return sp_config_tell(place->why, place->directory, "auth", path,
                                  "is the scope %s, which is not in the list "
                                  "scopes; correct it or add it there",
                                  scopes[i]);
        }
    }
    return 0;
}

static int
check_names(const struct place *place, const struct auth_config *config)
{
    for (uint32_t i = 0; i < config->scopes_count; i++) {
        const char *scope = config->scopes[i];
        char path[MAX_PATH_TEXT];

        if (!claims_scopes_ok(sp_view_of(scope)) ||
            strchr(scope, ' ') != NULL) {
            (void)snprintf(path, sizeof(path), "scopes[%u]", i);
            return sp_config_tell(place->why, place->directory, "auth", path,
                                  "is no scope; use visible ASCII without "
                                  "quotes, backslashes and spaces");
        }
    }
    return 0;
}

static int
check_scopes(const struct place *place, const struct auth_config *config)
{
    const struct auth_challenge *challenge = &config->challenge;
    int error = check_names(place, config);

    if (error == 0) {
        error = check_list(place, config, "challenge.mcp", challenge->mcp,
                           challenge->mcp_count);
    }
    if (error == 0) {
        error = check_list(place, config, "challenge.models", challenge->models,
                           challenge->models_count);
    }
    for (uint32_t i = 0; error == 0 && i < config->clients_count; i++) {
        char path[MAX_PATH_TEXT];

        (void)snprintf(path, sizeof(path), "clients[%u].scopes", i);
        error = check_list(place, config, path, config->clients[i].scopes,
                           config->clients[i].scopes_count);
    }
    return error;
}

int
auth_config_load(const char *directory, struct auth_config **ret_config,
                 struct sp_buf *why)
{
    const struct place place = { directory, why };
    void *loaded = NULL;
    struct auth_config *config = NULL;
    int error = sp_config_load(directory, "auth", &schema, &loaded, why);

    if (error != 0) {
        return error;
    }
    config = loaded;
    error = sp_config_check(directory, "auth", config, ranges, SP_COUNT(ranges),
                            why);
    if (error == 0) {
        error = check_scopes(&place, config);
    }
    if (error != 0) {
        auth_config_free(&config);
        return error;
    }
    *ret_config = config;
    return 0;
}

void
auth_config_free(struct auth_config **config)
{
    void *loaded = *config;

    if (loaded != NULL) {
        sp_config_free(&schema, &loaded);
        *config = NULL;
    }
}
