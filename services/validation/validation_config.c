/* The schema of deploy/config/validation.yaml and the ranges of its values. */
#include "services/validation/validation_config.h"

#include <stddef.h>

#include <cyaml/cyaml.h>

#include "common/base/compiler.h"
#include "common/process/config.h"
#include "proto/schema.h"

#define NUMBER(type, name)                                                     \
    CYAML_FIELD_UINT(#name, CYAML_FLAG_DEFAULT, struct type, name)
#define PART(name)                                                             \
    CYAML_FIELD_MAPPING(#name, CYAML_FLAG_DEFAULT, struct validation_config,   \
                        name, name##_fields)

static const cyaml_schema_field_t schemas_fields[] = {
    NUMBER(schemas_config, bytes),
    NUMBER(schemas_config, subschemas),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t effort_fields[] = {
    NUMBER(effort_config, depth),
    NUMBER(effort_config, steps),
    NUMBER(effort_config, match_limit),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t chat_fields[] = {
    NUMBER(chat_config, messages),
    NUMBER(chat_config, content_parts),
    NUMBER(chat_config, tools),
    NUMBER(chat_config, choices),
    NUMBER(chat_config, output_tokens),
    NUMBER(chat_config, assumed_output_tokens),
    NUMBER(chat_config, image_tokens),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t results_fields[] = {
    NUMBER(results_config, remembered),
    NUMBER(results_config, json_bytes),
    NUMBER(results_config, stream_bytes),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t top_fields[] = {
    PART(schemas), PART(effort), PART(chat), PART(results), CYAML_FIELD_END,
};

static const cyaml_schema_value_t schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct validation_config,
                        top_fields),
};

/* What the code can bear: the check of a schema recurses by its depth, and a
 * remembered request takes about 200 bytes. */
#define RANGE(part, key, low, high)                                            \
    SP_CONFIG_RANGE(struct validation_config, part, key, low, high)

static const struct sp_config_range ranges[] = {
    RANGE(schemas, bytes, 64, 1048576),
    RANGE(schemas, subschemas, 1, 10000),
    RANGE(effort, depth, 8, 256),
    RANGE(effort, steps, 1000, 100000000),
    RANGE(effort, match_limit, 1000, 10000000),
    RANGE(chat, messages, 1, 100000),
    RANGE(chat, content_parts, 1, 1000),
    RANGE(chat, tools, 1, 1000),
    RANGE(chat, choices, 1, 128),
    RANGE(chat, output_tokens, 1, 10000000),
    RANGE(chat, assumed_output_tokens, 1, 10000000),
    RANGE(chat, image_tokens, 1, 100000),
    RANGE(results, remembered, 16, 1048576),
    RANGE(results, json_bytes, 1024, SP_MAX_BODY),
    RANGE(results, stream_bytes, 1024, 1073741824),
};

int
validation_config_load(const char *directory,
                       struct validation_config **ret_config,
                       struct sp_buf *why)
{
    void *loaded = NULL;
    struct validation_config *config = NULL;
    int error = sp_config_load(directory, "validation", &schema, &loaded, why);

    if (error != 0) {
        return error;
    }
    config = loaded;
    error = sp_config_check(directory, "validation", config, ranges,
                            SP_COUNT(ranges), why);
    if (error != 0) {
        validation_config_free(&config);
        return error;
    }
    *ret_config = config;
    return 0;
}

void
validation_config_free(struct validation_config **config)
{
    void *loaded = *config;

    if (loaded != NULL) {
        sp_config_free(&schema, &loaded);
        *config = NULL;
    }
}
