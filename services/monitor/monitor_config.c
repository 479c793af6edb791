/* The schema of deploy/config/monitor.yaml and the ranges of its values. */
#include "services/monitor/monitor_config.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cyaml/cyaml.h>

#include "common/base/error.h"
#include "common/process/config.h"
#include "common/stage/event_kinds.h"

#define MAX_RULES 64
#define MAX_KINDS 16
/* "rules[63].within_s" and the like. */
#define MAX_PATH_TEXT 64

static const cyaml_strval_t per_names[] = {
    { "gate", RULE_PER_GATE },     { "address", RULE_PER_ADDRESS },
    { "client", RULE_PER_CLIENT }, { "subject", RULE_PER_SUBJECT },
    { "object", RULE_PER_OBJECT }, { "process", RULE_PER_PROCESS },
};

static const cyaml_strval_t severity_names[] = {
    { "low", SEVERITY_LOW },
    { "medium", SEVERITY_MEDIUM },
    { "high", SEVERITY_HIGH },
    { "critical", SEVERITY_CRITICAL },
};

static const cyaml_schema_value_t kind_schema = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, 64),
};

#define TEXT(name, max)                                                        \
    CYAML_FIELD_STRING_PTR(#name, CYAML_FLAG_POINTER, struct rule, name, 1, max)
#define NUMBER(type, name)                                                     \
    CYAML_FIELD_UINT(#name, CYAML_FLAG_DEFAULT, struct type, name)

static const cyaml_schema_field_t rule_fields[] = {
    TEXT(name, 48),
    CYAML_FIELD_SEQUENCE("kinds", CYAML_FLAG_POINTER, struct rule, kinds,
                         &kind_schema, 1, MAX_KINDS),
    CYAML_FIELD_ENUM("per", CYAML_FLAG_STRICT, struct rule, per, per_names,
                     SP_COUNT(per_names)),
    NUMBER(rule, count),
    NUMBER(rule, within_s),
    CYAML_FIELD_ENUM("severity", CYAML_FLAG_STRICT, struct rule, severity,
                     severity_names, SP_COUNT(severity_names)),
    TEXT(text, 200),
    CYAML_FIELD_END,
};

static const cyaml_schema_value_t rule_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct rule, rule_fields),
};

static const cyaml_schema_field_t audit_fields[] = {
    NUMBER(audit_config, sync_ms),
    NUMBER(audit_config, check_bytes),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t top_fields[] = {
    CYAML_FIELD_MAPPING("audit", CYAML_FLAG_DEFAULT, struct monitor_config,
                        audit, audit_fields),
    NUMBER(monitor_config, quiet_s),
    CYAML_FIELD_SEQUENCE("rules", CYAML_FLAG_POINTER, struct monitor_config,
                         rules, &rule_schema, 0, MAX_RULES),
    CYAML_FIELD_END,
};

static const cyaml_schema_value_t schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct monitor_config, top_fields),
};

const char *
severity_name(enum severity severity)
{
    return severity_names[severity].str;
}

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
    return sp_config_tell(place->why, place->directory, "monitor", path,
                          "is %u; give a number from 1 to %u", value, max);
}

/* A rule's name stands in records and alerts as it is. */
static int
check_name(const struct place *place, uint32_t i, const char *name)
{
    char path[MAX_PATH_TEXT];

    if (name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_")] == '\0') {
        return 0;
    }
    (void)snprintf(path, sizeof(path), "rules[%u].name", i);
    return sp_config_tell(place->why, place->directory, "monitor", path,
                          "has more than a-z, 0-9 and _; rename it");
}

/* An alert that raised an alert would never end, and a rule about a kind that
 * does not exist would stay silent for ever. */
static int
check_kinds(const struct place *place, uint32_t number, const struct rule *rule)
{
    for (uint32_t i = 0; i < rule->kinds_count; i++) {
        char path[MAX_PATH_TEXT];

        if (strcmp(rule->kinds[i], "alert") == 0) {
            (void)snprintf(path, sizeof(path), "rules[%u].kinds[%u]", number,
                           i);
            return sp_config_tell(place->why, place->directory, "monitor", path,
                                  "is alert, which would watch itself; name "
                                  "the kinds behind it instead");
        }
        if (!sp_event_kind_known(rule->kinds[i])) {
            (void)snprintf(path, sizeof(path), "rules[%u].kinds[%u]", number,
                           i);
            (void)sp_config_tell(place->why, place->directory, "monitor", path,
                                 "is %s, which nothing reports; give one of ",
                                 rule->kinds[i]);
            sp_event_kinds_add(place->why);
            return SP_ECONFIG;
        }
    }
    return 0;
}

static int
check_rule(const struct place *place, uint32_t i, const struct rule *rule)
{
    char count[MAX_PATH_TEXT];
    char within[MAX_PATH_TEXT];

    (void)snprintf(count, sizeof(count), "rules[%u].count", i);
    (void)snprintf(within, sizeof(within), "rules[%u].within_s", i);
    if (check_name(place, i, rule->name) != 0 ||
        check_kinds(place, i, rule) != 0 ||
        check_range(place, count, rule->count, MONITOR_MAX_COUNT) != 0 ||
        check_range(place, within, rule->within_s, 86400) != 0) {
        return SP_ECONFIG;
    }
    return 0;
}

static int
check_config(const struct place *place, const struct monitor_config *config)
{
    int error = 0;

    if (check_range(place, "audit.sync_ms", config->audit.sync_ms, 50) != 0 ||
        check_range(place, "audit.check_bytes", config->audit.check_bytes,
                    1u << 30) != 0 ||
        check_range(place, "quiet_s", config->quiet_s, 86400) != 0) {
        return SP_ECONFIG;
    }
    for (uint32_t i = 0; error == 0 && i < config->rules_count; i++) {
        error = check_rule(place, i, &config->rules[i]);
    }
    return error;
}

int
monitor_config_load(const char *directory, struct monitor_config **ret_config,
                    struct sp_buf *why)
{
    const struct place place = { directory, why };
    void *loaded = NULL;
    struct monitor_config *config = NULL;
    int error = sp_config_load(directory, "monitor", &schema, &loaded, why);

    if (error != 0) {
        return error;
    }
    config = loaded;
    error = check_config(&place, config);
    if (error != 0) {
        monitor_config_free(&config);
        return error;
    }
    *ret_config = config;
    return 0;
}

void
monitor_config_free(struct monitor_config **config)
{
    void *loaded = *config;

    if (loaded != NULL) {
        sp_config_free(&schema, &loaded);
        *config = NULL;
    }
}
