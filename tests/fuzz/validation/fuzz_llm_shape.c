/* Chat requests: whatever the body, there is a decision; what goes on is for
 * llm, with a model and an estimate, and a refusal is JSON. */
#include <stdint.h>
#include <stdlib.h>

#include "services/validation/llm/llm_shape.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct chat_config limits = {
        .messages = 8,
        .content_parts = 8,
        .tools = 4,
        .choices = 2,
        .output_tokens = 1000,
        .assumed_output_tokens = 100,
        .image_tokens = 10,
    };
    const struct sp_call call = {
        .method = SP_VIEW_LITERAL("POST"),
        .path = SP_VIEW_LITERAL("/v1/chat/completions"),
        .headers = SP_VIEW_LITERAL("content-type: application/json\n"),
        .body = sp_view_make(data, size),
        .scopes = SP_VIEW_LITERAL("llm:chat"),
    };
    struct verdict verdict = verdict_new();
    struct llm_shape shape;

    llm_shape_init(&shape, &limits);
    if (llm_shape_chat(&shape, &call, &verdict) == 0) {
        if (!verdict.forward || verdict.target != SP_SERVICE_LLM ||
            verdict.name.len == 0 || verdict.cost == 0) {
            abort();
        }
    } else {
        struct sp_json json = { 0 };

        if (verdict.forward || verdict.status < 400 ||
            sp_json_parse(&json, sp_buf_view(&verdict.body)) != 0) {
            abort();
        }
        sp_json_free(&json);
    }
    llm_shape_free(&shape);
    verdict_free(&verdict);
    return 0;
}
