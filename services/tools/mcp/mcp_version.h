/* The protocol versions that are served, and what each can carry. */
#ifndef SP_SERVICES_TOOLS_MCP_MCP_VERSION_H
#define SP_SERVICES_TOOLS_MCP_MCP_VERSION_H

#include <stdbool.h>

#include "common/base/view.h"

/* Stored in sealed session ids: numbers are never reused. Ordered by age. */
enum mcp_version {
    MCP_VERSION_NONE = 0,
    MCP_VERSION_2025_03_26 = 1,
    MCP_VERSION_2025_06_18 = 2,
    MCP_VERSION_2025_11_25 = 3,
    MCP_VERSION_2026_07_28 = 4,
};

/* What `initialize` answers where the client asks for something unknown. */
#define MCP_VERSION_LATEST_LEGACY MCP_VERSION_2025_11_25

/* The only version without sessions: every request says what it needs. */
#define MCP_VERSION_MODERN MCP_VERSION_2026_07_28

/* "2025-11-25" and so on; MCP_VERSION_NONE where the name is not served. */
enum mcp_version
mcp_version_find(struct sp_view name);

/* The name of a version; NULL for MCP_VERSION_NONE and other numbers. */
const char *
mcp_version_name(enum mcp_version version);

/* True for versions that begin with `initialize` and have sessions. */
bool
mcp_version_is_legacy(enum mcp_version version);

#endif
