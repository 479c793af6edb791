/* The schema of deploy/config/ratelimit.yaml and the ranges of its values. */
#include "services/ratelimit/ratelimit_config.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cyaml/cyaml.h>

#include "common/config.h"
#include "common/error.h"

/* A tier's number is one byte of the keys of its limits. */
#define MAX_TIERS 64
#define MAX_CLIENTS 1024
#define MAX_NAME 32

#define NUMBER(type, name)                                                     \
    CYAML_FIELD_UINT(#name, CYAML_FLAG_DEFAULT, struct type, name)

static const cyaml_schema_field_t rate_fields[] = {
    NUMBER(rate_config, requests),
    NUMBER(rate_config, window_s),
    NUMBER(rate_config, burst),
    CYAML_FIELD_END,
};

#define RATE(name)                                                             \
    CYAML_FIELD_MAPPING(#name, CYAML_FLAG_DEFAULT, struct tier_config, name,   \
                        rate_fields)

static const cyaml_schema_field_t tier_fields[] = {
    CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER, struct tier_config, name,
                           1, MAX_NAME),
    RATE(address),
    RATE(client),
    RATE(subject),
    CYAML_FIELD_END,
};

static const cyaml_schema_value_t tier_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct tier_config, tier_fields),
};

static const cyaml_schema_field_t client_fields[] = {
    CYAML_FIELD_STRING_PTR("client", CYAML_FLAG_POINTER, struct client_config,
                           client, 1, 256),
    CYAML_FIELD_STRING_PTR("tier", CYAML_FLAG_POINTER, struct client_config,
                           tier, 1, MAX_NAME),
    CYAML_FIELD_END,
};

static const cyaml_schema_value_t client_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct client_config,
                        client_fields),
};

static const cyaml_schema_field_t top_fields[] = {
    NUMBER(ratelimit_config, entries),
    CYAML_FIELD_STRING_PTR("default_tier", CYAML_FLAG_POINTER,
                           struct ratelimit_config, default_tier, 1, MAX_NAME),
    CYAML_FIELD_SEQUENCE("tiers", CYAML_FLAG_POINTER, struct ratelimit_config,
                         tiers, &tier_schema, 1, MAX_TIERS),
    CYAML_FIELD_SEQUENCE("clients", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
                         struct ratelimit_config, clients, &client_schema, 0,
                         MAX_CLIENTS),
    CYAML_FIELD_END,
};

static const cyaml_schema_value_t schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct ratelimit_config,
                        top_fields),
};

static int
check_range(struct sp_buf *why, const char *tier, const char *key,
            uint32_t value, uint32_t max)
{
    if (value >= 1 && value <= max) {
        return 0;
    }
    (void)sp_buf_addf(why,
                      "ratelimit.yaml: %s%s is %u; give a number from 1 to %u",
                      tier, key, value, max);
    return SP_ECONFIG;
}

static int
check_rate(struct sp_buf *why, const char *tier, const char *limit,
           const struct rate_config *rate)
{
    char where[MAX_NAME + 32];
    int error = 0;

    (void)snprintf(where, sizeof(where), "tier %s, %s.", tier, limit);
    error = check_range(why, where, "requests", rate->requests, 1000000000);
    if (error == 0) {
        error = check_range(why, where, "window_s", rate->window_s, 86400);
    }
    /* A burst beyond the window's own number would let the limit be passed. */
    if (error == 0) {
        error = check_range(why, where, "burst", rate->burst, rate->requests);
    }
    return error;
}

/* Names stand in events and metrics as they are. */
static bool
is_word(const char *name)
{
    return name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-")] == '\0';
}

static bool
has_tier(const struct ratelimit_config *config, uint32_t count,
         const char *name)
{
    for (uint32_t i = 0; i < count; i++) {
        if (strcmp(config->tiers[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

static int
check_tiers(const struct ratelimit_config *config, struct sp_buf *why)
{
    for (uint32_t i = 0; i < config->tiers_count; i++) {
        const struct tier_config *tier = &config->tiers[i];

        if (!is_word(tier->name)) {
            return sp_buf_addf(why,
                               "ratelimit.yaml: tier %u: use a-z, 0-9, _ "
                               "and - in its name",
                               i + 1),
                   SP_ECONFIG;
        }
        if (has_tier(config, i, tier->name)) {
            return sp_buf_addf(why,
                               "ratelimit.yaml: tier %s stands there "
                               "twice; remove one",
                               tier->name),
                   SP_ECONFIG;
        }
        if (check_rate(why, tier->name, "address", &tier->address) != 0 ||
            check_rate(why, tier->name, "client", &tier->client) != 0 ||
            check_rate(why, tier->name, "subject", &tier->subject) != 0) {
            return SP_ECONFIG;
        }
    }
    return 0;
}

static int
check_references(const struct ratelimit_config *config, struct sp_buf *why)
{
    if (!has_tier(config, config->tiers_count, config->default_tier)) {
        (void)sp_buf_addf(why,
                          "ratelimit.yaml: default_tier %s is no name of "
                          "the list tiers",
                          config->default_tier);
        return SP_ECONFIG;
    }
    for (uint32_t i = 0; i < config->clients_count; i++) {
        if (!has_tier(config, config->tiers_count, config->clients[i].tier)) {
            (void)sp_buf_addf(why,
                              "ratelimit.yaml: client %s: tier %s is no "
                              "name of the list tiers",
                              config->clients[i].client,
                              config->clients[i].tier);
            return SP_ECONFIG;
        }
    }
    return 0;
}

int
ratelimit_config_load(const char *directory,
                      struct ratelimit_config **ret_config, struct sp_buf *why)
{
    void *loaded = NULL;
    struct ratelimit_config *config = NULL;
    int error = sp_config_load(directory, "ratelimit", &schema, &loaded, why);

    if (error != 0) {
        return error;
    }
    config = loaded;
    error = check_range(why, "", "entries", config->entries, 16777216);
    if (error == 0) {
        error = check_tiers(config, why);
    }
    if (error == 0) {
        error = check_references(config, why);
    }
    if (error != 0) {
        ratelimit_config_free(&config);
        return error;
    }
    *ret_config = config;
    return 0;
}

void
ratelimit_config_free(struct ratelimit_config **config)
{
    void *loaded = *config;

    if (loaded != NULL) {
        sp_config_free(&schema, &loaded);
        *config = NULL;
    }
}
