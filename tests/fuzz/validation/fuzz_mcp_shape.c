/* Fuzzes MCP requests: headers, a NUL, a body. Whatever comes, there is a
 * decision; an answer is JSON with the id at most echoed, and what goes on is
 * for tools. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/text/headers.h"
#include "services/validation/mcp/mcp_shape.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* True where the answer's text is well formed. */
static bool
is_answer(const struct verdict *verdict)
{
    struct sp_json json = { 0 };
    struct sp_view headers = sp_buf_view(&verdict->headers);
    struct sp_view name = { 0 };
    struct sp_view value = { 0 };
    bool ok = verdict->status >= 200 && verdict->status < 600;

    while (sp_headers_next(&headers, &name, &value) > 0) {
        continue;
    }
    ok = ok && headers.len == 0 &&
         (verdict->body.len == 0 ||
          sp_json_parse(&json, sp_buf_view(&verdict->body)) == 0);
    sp_json_free(&json);
    return ok;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = size == 0 ? NULL : memchr(data, 0, size);
    size_t len = end == NULL ? 0 : (size_t)(end - data);
    struct sp_call call = {
        .method = SP_VIEW_LITERAL("POST"),
        .path = SP_VIEW_LITERAL("/mcp"),
        .headers = end == NULL
                       ? SP_VIEW_LITERAL("content-type: application/json\n")
                       : sp_view_make(data, len),
        .body = end == NULL ? sp_view_make(data, size)
                            : sp_view_make(end + 1, size - len - 1),
    };
    struct verdict verdict = verdict_new();
    struct mcp_shape shape;

    mcp_shape_init(&shape);
    if (mcp_shape_read(&shape, &call, &verdict) != 0) {
        if (verdict.forward || !is_answer(&verdict)) {
            abort();
        }
    } else if (shape.message.kind == RPC_REQUEST && shape.message.id.len == 0) {
        abort();
    }
    verdict_reset(&verdict);
    (void)mcp_shape_end(&shape, &call, &verdict);
    mcp_shape_free(&shape);
    verdict_free(&verdict);
    return 0;
}
