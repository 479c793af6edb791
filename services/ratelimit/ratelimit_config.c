/* The schema of deploy/config/ratelimit.yaml and the ranges of its values. */
#include "services/ratelimit/ratelimit_config.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cyaml/cyaml.h>

#include "common/base/compiler.h"
#include "common/base/error.h"
#include "common/process/config.h"

/* A tier's number is one byte of the keys of its limits. */
#define MAX_TIERS 64
#define MAX_CLIENTS 1024
#define MAX_NAME 32
/* "clients[1023].tier" and the like. */
#define MAX_PATH_TEXT 64

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

/* Where a fault is reported. */
struct place {
    const char *directory;
    struct sp_buf *why;
};

static int
check_range(const struct place *place, const char *path, uint32_t value,
            uint32_t max)
{
    if (value >= 1 && value <= max) {
        return 0;
    }
    return sp_config_tell(place->why, place->directory, "ratelimit", path,
                          "is %u; give a number from 1 to %u", value, max);
}

static int
check_rate(const struct place *place, uint32_t tier, const char *limit,
           const struct rate_config *rate)
{
    const struct {
        const char *key;
        uint32_t value;
        uint32_t max;
    } rows[] = {
        { "requests", rate->requests, 1000000000 },
        { "window_s", rate->window_s, 86400 },
        /* Beyond the window's own number it would let the limit be passed. */
        { "burst", rate->burst, rate->requests },
    };
    int error = 0;

    for (size_t i = 0; error == 0 && i < SP_COUNT(rows); i++) {
        char path[MAX_PATH_TEXT];

        (void)snprintf(path, sizeof(path), "tiers[%u].%s.%s", tier, limit,
                       rows[i].key);
        error = check_range(place, path, rows[i].value, rows[i].max);
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
check_tier(const struct place *place, const struct ratelimit_config *config,
           uint32_t i)
{
    const struct tier_config *tier = &config->tiers[i];
    char path[MAX_PATH_TEXT];

    (void)snprintf(path, sizeof(path), "tiers[%u].name", i);
    if (!is_word(tier->name)) {
        return sp_config_tell(place->why, place->directory, "ratelimit", path,
                              "has more than a-z, 0-9, _ and -; rename it");
    }
    if (has_tier(config, i, tier->name)) {
        return sp_config_tell(place->why, place->directory, "ratelimit", path,
                              "is %s again; remove one of the two", tier->name);
    }
    if (check_rate(place, i, "address", &tier->address) != 0 ||
        check_rate(place, i, "client", &tier->client) != 0 ||
        check_rate(place, i, "subject", &tier->subject) != 0) {
        return SP_ECONFIG;
    }
    return 0;
}

static int
check_reference(const struct place *place,
                const struct ratelimit_config *config, const char *path,
                const char *tier)
{
    if (has_tier(config, config->tiers_count, tier)) {
        return 0;
    }
    return sp_config_tell(place->why, place->directory, "ratelimit", path,
                          "is %s, which is no name of the list tiers", tier);
}

static int
check_config(const struct place *place, const struct ratelimit_config *config)
{
    int error = check_range(place, "entries", config->entries, 16777216);

    for (uint32_t i = 0; error == 0 && i < config->tiers_count; i++) {
        error = check_tier(place, config, i);
    }
    if (error == 0) {
        error = check_reference(place, config, "default_tier",
                                config->default_tier);
    }
    for (uint32_t i = 0; error == 0 && i < config->clients_count; i++) {
        char path[MAX_PATH_TEXT];

        (void)snprintf(path, sizeof(path), "clients[%u].tier", i);
        error = check_reference(place, config, path, config->clients[i].tier);
    }
    return error;
}

int
ratelimit_config_load(const char *directory,
                      struct ratelimit_config **ret_config, struct sp_buf *why)
{
    const struct place place = { directory, why };
    void *loaded = NULL;
    struct ratelimit_config *config = NULL;
    int error = sp_config_load(directory, "ratelimit", &schema, &loaded, why);

    if (error != 0) {
        return error;
    }
    config = loaded;
    error = check_config(&place, config);
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
