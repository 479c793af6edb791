/* x-mcp-header: tool arguments that are mirrored in Mcp-Param-* headers (MCP
 * 2026-07-28). A hop that reads the body must check the mirror. */
#ifndef SP_SERVICES_VALIDATION_MCP_MCP_PARAM_H
#define SP_SERVICES_VALIDATION_MCP_MCP_PARAM_H

#include "common/base/compiler.h"
#include "common/base/view.h"
#include "common/text/buf.h"
#include "common/text/json.h"

struct mcp_params;

/* Reads the annotations of an inputSchema. *ret_params is NULL where there are
 * none. 0, or SP_EFORMAT with a sentence in `why` for a wrong annotation. */
SP_MUST_CHECK int
mcp_params_compile(const struct sp_json *schema, struct mcp_params **ret_params,
                   struct sp_buf *why);

void
mcp_params_free(struct mcp_params **params);

/* Compares headers and arguments. `params` may be NULL. `scratch` is
 * overwritten. 0, or SP_EDENIED where one is missing, superfluous, malformed
 * or different. */
SP_MUST_CHECK int
mcp_params_check(const struct mcp_params *params, struct sp_view headers,
                 const struct sp_json *json,
                 const struct sp_json_token *arguments, struct sp_buf *scratch);

#endif
