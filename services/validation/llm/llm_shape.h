/* Requests to models: POST /v1/chat/completions as OpenAI defines it, and GET
 * /v1/models. What the gate must understand of a request is typed and bounded;
 * what would take a decision from the gate is refused; all else passes as it
 * stands, within the bounds of the body, its depth and its tokens. */
#ifndef SP_SERVICES_VALIDATION_LLM_LLM_SHAPE_H
#define SP_SERVICES_VALIDATION_LLM_LLM_SHAPE_H

#include "common/base/compiler.h"
#include "common/text/buf.h"
#include "common/text/json.h"
#include "proto/message.h"
#include "services/validation/validation_config.h"
#include "services/validation/verdict.h"

/* Room that is used again for each request. */
struct llm_shape {
    const struct chat_config *limits;
    struct sp_json json;
    struct sp_buf model; /* unescaped */
    struct sp_buf scratch;
    struct sp_buf pointer; /* to what is refused */
    char text[512];        /* the sentence of a refusal */
};

/* `limits` must outlive the shape. */
void
llm_shape_init(struct llm_shape *shape, const struct chat_config *limits);

void
llm_shape_free(struct llm_shape *shape);

/* Judges a chat request. 0 with the verdict to forward, name the model and
 * cost the estimate of all tokens in and out; or SP_EDENIED. verdict->name
 * lives until the next check. */
SP_MUST_CHECK int
llm_shape_chat(struct llm_shape *shape, const struct sp_call *call,
               struct verdict *verdict);

/* Judges a request for the list of models. 0 or SP_EDENIED. */
SP_MUST_CHECK int
llm_shape_models(struct llm_shape *shape, const struct sp_call *call,
                 struct verdict *verdict);

#endif
