/* The messages and tools of a chat request. */
#ifndef SP_SERVICES_VALIDATION_LLM_LLM_MESSAGES_H
#define SP_SERVICES_VALIDATION_LLM_LLM_MESSAGES_H

#include <stdint.h>

#include "common/base/compiler.h"
#include "common/text/json.h"
#include "services/validation/validation_config.h"

/* What the estimate of the cost needs. */
struct llm_content {
    uint64_t text_bytes;
    uint64_t images;
};

/* Checks members "messages" and "tools" of the root, an object. 0, or
 * SP_EFORMAT with a constant sentence in ret_why. */
SP_MUST_CHECK int
llm_messages_read(const struct sp_json *json, const struct chat_config *limits,
                  struct llm_content *ret_content, const char **ret_why);

#endif
