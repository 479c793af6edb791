/* deploy/config/validation.yaml. */
#ifndef SP_SERVICES_VALIDATION_VALIDATION_CONFIG_H
#define SP_SERVICES_VALIDATION_VALIDATION_CONFIG_H

#include <stdint.h>

#include "common/base/compiler.h"
#include "common/text/buf.h"

/* The keys as in the file, which says what each means. */
struct schemas_config {
    uint32_t bytes;
    uint32_t subschemas;
};

struct effort_config {
    uint32_t depth;
    uint32_t steps;
    uint32_t match_limit;
};

struct chat_config {
    uint32_t messages;
    uint32_t content_parts;
    uint32_t tools;
    uint32_t choices;
    uint32_t output_tokens;
    uint32_t assumed_output_tokens;
    uint32_t image_tokens;
};

struct results_config {
    uint32_t remembered;
    uint32_t json_bytes;
    uint32_t stream_bytes;
};

struct validation_config {
    struct schemas_config schemas;
    struct effort_config effort;
    struct chat_config chat;
    struct results_config results;
};

/* Loads and checks `directory`/validation.yaml. 0, or SP_ECONFIG with a
 * sentence in `why`. Freed by validation_config_free(). */
SP_MUST_CHECK int
validation_config_load(const char *directory,
                       struct validation_config **ret_config,
                       struct sp_buf *why);

void
validation_config_free(struct validation_config **config);

#endif
