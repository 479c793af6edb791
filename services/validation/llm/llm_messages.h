/* The messages and tools of a chat request: what the gate must know of them.
 * All else in them is the upstream's business, and passes as it stands; an
 * answer that the gate handed out comes back as a message. */
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

/* What is wrong, where. */
struct llm_fault {
    const struct sp_json_token *at; /* a value of the document */
    const char *child;              /* a member that it lacks, or NULL */
    const char *want;               /* "must be ...", constant */
    uint32_t most;                  /* the last word of that, or 0 */
};

/* Checks members "messages" and "tools" of the root, an object. 0, or
 * SP_EFORMAT with ret_fault. */
SP_MUST_CHECK int
llm_messages_read(const struct sp_json *json, const struct chat_config *limits,
                  struct llm_content *ret_content, struct llm_fault *ret_fault);

#endif
