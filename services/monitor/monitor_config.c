/* The schema of deploy/config/monitor.yaml and the ranges of its values. */
#include "services/monitor/monitor_config.h"

#include <stddef.h>
#include <string.h>

#include <cyaml/cyaml.h>

#include "common/config.h"
#include "common/error.h"

#define MAX_RULES 64
#define MAX_KINDS 16

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

static int
check_range(struct sp_buf *why, const char *where, const char *key,
            uint32_t value, uint32_t max)
{
    if (value >= 1 && value <= max) {
        return 0;
    }
    (void)sp_buf_addf(why,
                      "monitor.yaml: %s %s is %u; give a number from 1 "
                      "to %u",
                      where, key, value, max);
    return SP_ECONFIG;
}

/* A rule's name stands in records and alerts as it is. */
static int
check_name(struct sp_buf *why, const char *name)
{
    if (name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_")] == '\0') {
        return 0;
    }
    (void)sp_buf_addf(why, "monitor.yaml: a rule's name has other characters "
                           "than a-z, 0-9 and _; rename it");
    return SP_ECONFIG;
}

/* An alert that raised an alert would never end. */
static int
check_kinds(struct sp_buf *why, const struct rule *rule)
{
    for (uint32_t i = 0; i < rule->kinds_count; i++) {
        if (strcmp(rule->kinds[i], "alert") == 0) {
            (void)sp_buf_addf(why,
                              "monitor.yaml: rule %s watches alert; name "
                              "the kinds behind it instead",
                              rule->name);
            return SP_ECONFIG;
        }
    }
    return 0;
}

static int
check_config(const struct monitor_config *config, struct sp_buf *why)
{
    int error = check_range(why, "audit", "sync_ms", config->audit.sync_ms, 50);

    if (error == 0) {
        error = check_range(why, "audit", "check_bytes",
                            config->audit.check_bytes, 1u << 30);
    }
    if (error == 0) {
        error = check_range(why, "key", "quiet_s", config->quiet_s, 86400);
    }
    for (uint32_t i = 0; error == 0 && i < config->rules_count; i++) {
        const struct rule *rule = &config->rules[i];

        error = check_name(why, rule->name);
        if (error == 0) {
            error = check_kinds(why, rule);
        }
        if (error == 0) {
            error = check_range(why, rule->name, "count", rule->count,
                                MONITOR_MAX_COUNT);
        }
        if (error == 0) {
            error =
                check_range(why, rule->name, "within_s", rule->within_s, 86400);
        }
    }
    return error;
}

int
monitor_config_load(const char *directory, struct monitor_config **ret_config,
                    struct sp_buf *why)
{
    void *loaded = NULL;
    struct monitor_config *config = NULL;
    int error = sp_config_load(directory, "monitor", &schema, &loaded, why);

    if (error != 0) {
        return error;
    }
    config = loaded;
    error = check_config(config, why);
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
