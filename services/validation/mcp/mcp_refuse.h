/* Every way in which an MCP request can be refused here, with its status and
 * code (MCP 2026-07-28, basic/versioning and basic/transports). */
#ifndef SP_SERVICES_VALIDATION_MCP_MCP_REFUSE_H
#define SP_SERVICES_VALIDATION_MCP_MCP_REFUSE_H

#include <stdbool.h>

#include "common/base/view.h"
#include "common/text/json.h"
#include "services/validation/verdict.h"

enum mcp_fault {
    MCP_BAD_MEDIA_TYPE,
    MCP_NOT_ACCEPTABLE,
    MCP_BAD_HEADERS,
    MCP_NOT_JSON,
    MCP_TOO_COMPLEX,
    MCP_NOT_RPC,
    MCP_NO_ID,
    MCP_NO_VERSION_HEADER,
    MCP_NO_META,
    MCP_BAD_META,
    MCP_VERSION_DIFFERS,
    MCP_VERSION_UNKNOWN,
    MCP_VERSION_UNKNOWN_LEGACY,
    MCP_METHOD_HEADER,
    MCP_NAME_HEADER,
    MCP_PARAM_HEADER,
    MCP_METHOD_UNKNOWN,
    MCP_METHOD_UNKNOWN_LEGACY,
    MCP_BAD_PARAMS,
    MCP_TOOL_UNKNOWN,
    MCP_SESSION_MISSING,
    MCP_NO_SESSIONS,
    MCP_BODY_UNWANTED,
};

/* Refuses. `text` replaces the row's sentence where not NULL. Returns
 * SP_EDENIED. */
int
mcp_refuse(struct verdict *verdict, enum mcp_fault fault, const char *text);

/* MCP_VERSION_UNKNOWN with the data that it must carry; `requested` is a
 * string. Returns SP_EDENIED. */
int
mcp_refuse_version(struct verdict *verdict, const struct sp_json *json,
                   const struct sp_json_token *requested);

/* 200 with a tool result that shows the model what is wrong with its arguments
 * (MCP server/tools, error handling). `text` may hold anything. Returns
 * SP_EDENIED. */
int
mcp_refuse_arguments(struct verdict *verdict, bool modern, struct sp_view text);

#endif
