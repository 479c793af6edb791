/* The published tools: each written once, at the start, in the words of each
 * version, so that a list is only put together. */
#ifndef SP_SERVICES_TOOLS_MCP_MCP_LIST_H
#define SP_SERVICES_TOOLS_MCP_MCP_LIST_H

#include "common/stage/catalogue.h"
#include "common/text/buf.h"
#include "services/tools/mcp/mcp_version.h"

struct mcp_list;

/* `catalogue` must outlive the list. */
struct mcp_list *
mcp_list_new(const struct sp_catalogue *catalogue);

void
mcp_list_free(struct mcp_list **list);

/* Appends `"tools":[...]` with the tools that these scopes allow, in the order
 * of the catalogue. 0 or SP_ELIMIT. */
int
mcp_list_write(const struct mcp_list *list, enum mcp_version version,
               struct sp_view scopes, struct sp_buf *out);

#endif
