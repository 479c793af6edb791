/* Which MCP methods are served in which era, and what their params hold. A
 * tool is called only by who has its scope, with arguments that its schema
 * takes. */
#ifndef SP_SERVICES_VALIDATION_MCP_MCP_METHOD_H
#define SP_SERVICES_VALIDATION_MCP_MCP_METHOD_H

#include "common/base/compiler.h"
#include "proto/message.h"
#include "services/validation/mcp/mcp_shape.h"
#include "services/validation/schema/schema_check.h"
#include "services/validation/toolbox.h"
#include "services/validation/verdict.h"

struct mcp_method_context {
    const struct toolbox *toolbox;
    struct schema_checker *checker;
    const char *url; /* the gate's own, for challenges */
};

/* Judges the message that mcp_shape_read() has taken. 0 with the verdict to
 * forward, or SP_EDENIED with an answer in it. */
SP_MUST_CHECK int
mcp_method_check(const struct mcp_method_context *context,
                 struct mcp_shape *shape, const struct sp_call *call,
                 struct verdict *verdict);

#endif
