/* MCP requests: one JSON-RPC message in one POST, of one of two eras. With
 * version 2026-07-28 every request says its version in params._meta and
 * repeats what matters in headers; the versions before it have sessions. */
#ifndef SP_SERVICES_VALIDATION_MCP_MCP_SHAPE_H
#define SP_SERVICES_VALIDATION_MCP_MCP_SHAPE_H

#include <stdbool.h>

#include "common/base/compiler.h"
#include "common/text/buf.h"
#include "common/text/json.h"
#include "proto/message.h"
#include "services/validation/mcp/mcp_headers.h"
#include "services/validation/mcp/rpc.h"
#include "services/validation/verdict.h"

/* Room that is used again for each request. Zero it, then mcp_shape_init(). */
struct mcp_shape {
    struct sp_json json;
    struct rpc_message message;
    struct mcp_headers headers;
    bool modern;
    struct sp_buf method; /* unescaped */
    struct sp_buf name;   /* of the tool, unescaped */
    struct sp_buf scratch;
};

/* Empty buffers with their maxima. */
void
mcp_shape_init(struct mcp_shape *shape);

void
mcp_shape_free(struct mcp_shape *shape);

/* Reads a POST and decides its era. 0 with message, headers, modern and method
 * set, and verdict->rpc_id; or SP_EDENIED with the refusal in the verdict. */
SP_MUST_CHECK int
mcp_shape_read(struct mcp_shape *shape, const struct sp_call *call,
               struct verdict *verdict);

/* A DELETE, which ends a session. 0 or SP_EDENIED. */
SP_MUST_CHECK int
mcp_shape_end(struct mcp_shape *shape, const struct sp_call *call,
              struct verdict *verdict);

#endif
