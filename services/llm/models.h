/* Which models clients may name, and the list that they see. */
#ifndef SP_SERVICES_LLM_MODELS_H
#define SP_SERVICES_LLM_MODELS_H

#include <stdbool.h>

#include "common/base/compiler.h"
#include "common/base/view.h"
#include "common/text/buf.h"
#include "common/text/json.h"
#include "services/llm/llm_config.h"

/* True where llm.yaml lists the model. With Ollama "name" and "name:latest" are
 * one model. */
bool
models_allowed(const struct llm_config *config, struct sp_view model);

/* Appends the upstream's answer to GET /models, less what is not allowed and
 * less every member that clients do not need. `scratch` is for names. 0,
 * SP_EFORMAT where the answer is none, or SP_ELIMIT. */
SP_MUST_CHECK int
models_write(const struct llm_config *config, struct sp_json *json,
             struct sp_view answer, struct sp_buf *scratch, struct sp_buf *out);

#endif
