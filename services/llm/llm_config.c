/* The schema of deploy/config/llm.yaml and the ranges of its values. */
#include "services/llm/llm_config.h"

#include <stddef.h>
#include <string.h>

#include <cyaml/cyaml.h>

#include "common/buf.h"
#include "common/compiler.h"
#include "common/config.h"
#include "common/fetch_target.h"
#include "common/log.h"
#include "proto/schema.h"

#define NUMBER(type, name)                                                     \
    CYAML_FIELD_UINT(#name, CYAML_FLAG_DEFAULT, struct type, name)
#define OPTIONAL_TEXT(type, name, max)                                         \
    CYAML_FIELD_STRING_PTR(#name, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,    \
                           struct type, name, 1, max)

static const cyaml_strval_t kinds[] = {
    { "openai", LLM_OPENAI },
    { "ollama", LLM_OLLAMA },
};

static const cyaml_schema_field_t upstream_fields[] = {
    CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER, struct llm_upstream,
                           name, 1, 32),
    CYAML_FIELD_ENUM("kind", CYAML_FLAG_STRICT, struct llm_upstream, kind,
                     kinds, SP_COUNT(kinds)),
    CYAML_FIELD_STRING_PTR("url", CYAML_FLAG_POINTER, struct llm_upstream, url,
                           1, 1024),
    CYAML_FIELD_BOOL("allow_http", CYAML_FLAG_OPTIONAL, struct llm_upstream,
                     allow_http),
    OPTIONAL_TEXT(llm_upstream, ca_file, 1024),
    OPTIONAL_TEXT(llm_upstream, pin_sha256, 1024),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t limit_fields[] = {
    NUMBER(llm_limits, calls),
    NUMBER(llm_limits, answer_bytes),
    NUMBER(llm_limits, stream_bytes),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t time_fields[] = {
    NUMBER(llm_times, connect_ms),
    NUMBER(llm_times, idle_ms),
    NUMBER(llm_times, total_ms),
    CYAML_FIELD_END,
};

static const cyaml_schema_value_t model_schema = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, 128),
};

static const cyaml_schema_field_t top_fields[] = {
    CYAML_FIELD_MAPPING("upstream", CYAML_FLAG_DEFAULT, struct llm_config,
                        upstream, upstream_fields),
    CYAML_FIELD_SEQUENCE("models", CYAML_FLAG_POINTER, struct llm_config,
                         models, &model_schema, 1, 256),
    CYAML_FIELD_MAPPING("limits", CYAML_FLAG_DEFAULT, struct llm_config, limits,
                        limit_fields),
    CYAML_FIELD_MAPPING("times", CYAML_FLAG_DEFAULT, struct llm_config, times,
                        time_fields),
    CYAML_FIELD_END,
};

static const cyaml_schema_value_t schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct llm_config, top_fields),
};

#define RANGE(group, member, min, max)                                         \
    SP_CONFIG_RANGE(struct llm_config, group, member, min, max)

static const struct sp_config_range ranges[] = {
    RANGE(limits, calls, 1, 100000),
    RANGE(limits, answer_bytes, 1024, SP_MAX_BODY),
    RANGE(limits, stream_bytes, 1024, 0x7fffffff),
    RANGE(times, connect_ms, 100, 60000),
    RANGE(times, idle_ms, 100, SP_MAX_DEADLINE_MS),
    RANGE(times, total_ms, 100, SP_MAX_DEADLINE_MS),
};

/* The name becomes a file name. */
static void
check_name(const char *name)
{
    for (const char *at = name; *at != '\0'; at++) {
        if (!((*at >= 'a' && *at <= 'z') || (*at >= '0' && *at <= '9') ||
              *at == '-')) {
            sp_refuse("llm.yaml: upstream.name is '%s'; use small letters, "
                      "digits and '-'",
                      name);
        }
    }
    if (strcmp(name, "grant") == 0) {
        sp_refuse("llm.yaml: upstream.name must not be 'grant', whose key file "
                  "is the gate's own; choose another name");
    }
}

static void
check_upstream(const struct llm_upstream *upstream)
{
    struct sp_fetch_target target;
    size_t len = strlen(upstream->url);

    check_name(upstream->name);
    if (sp_fetch_target_begin(&target, upstream->url) != 0) {
        sp_refuse("llm.yaml: upstream.url is '%s'; give an http or https URL "
                  "without user and password, up to and including /v1",
                  upstream->url);
    }
    if (upstream->url[len - 1] == '/' || strchr(upstream->url, '?') != NULL ||
        strchr(upstream->url, '#') != NULL) {
        sp_refuse("llm.yaml: upstream.url is '%s'; end it with the path, e.g. "
                  "/v1, without a slash or query behind it",
                  upstream->url);
    }
    if (target.literal && !target.secure && !upstream->allow_http &&
        !sp_fetch_address_loopback(&target.addresses[0])) {
        sp_refuse("llm.yaml: upstream.url is plain http to another machine; "
                  "use https, or set upstream.allow_http: true");
    }
    if (upstream->ca_file != NULL && upstream->ca_file[0] != '/') {
        sp_refuse("llm.yaml: upstream.ca_file is '%s'; give an absolute path",
                  upstream->ca_file);
    }
    sp_fetch_target_end(&target);
}

struct llm_config *
llm_config_load(const char *directory)
{
    struct sp_buf why = sp_buf_new(1024);
    void *loaded = NULL;
    struct llm_config *config = NULL;

    if (sp_config_load(directory, "llm", &schema, &loaded, &why) != 0 ||
        sp_config_check(directory, "llm", loaded, ranges, SP_COUNT(ranges),
                        &why) != 0) {
        sp_refuse("%.*s", SP_VIEW(sp_buf_view(&why)));
    }
    sp_buf_free(&why);
    config = loaded;
    check_upstream(&config->upstream);
    return config;
}

void
llm_config_free(struct llm_config **config)
{
    void *loaded = *config;

    if (loaded != NULL) {
        sp_config_free(&schema, &loaded);
        *config = NULL;
    }
}

uint16_t
llm_config_port(const struct llm_config *config)
{
    struct sp_fetch_target target;
    uint16_t port = 0;

    if (sp_fetch_target_begin(&target, config->upstream.url) == 0) {
        port = target.port;
    }
    sp_fetch_target_end(&target);
    return port;
}
