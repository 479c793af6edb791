/* The protocol versions that are served. */
#include "services/tools/mcp/mcp_version.h"

#include <stddef.h>

#include "common/base/compiler.h"

static const char *const names[] = {
    [MCP_VERSION_2025_03_26] = "2025-03-26",
    [MCP_VERSION_2025_06_18] = "2025-06-18",
    [MCP_VERSION_2025_11_25] = "2025-11-25",
    [MCP_VERSION_2026_07_28] = "2026-07-28",
};

enum mcp_version
mcp_version_find(struct sp_view name)
{
    for (size_t i = 1; i < SP_COUNT(names); i++) {
        if (sp_view_is(name, names[i])) {
            return (enum mcp_version)i;
        }
    }
    return MCP_VERSION_NONE;
}

const char *
mcp_version_name(enum mcp_version version)
{
    return (size_t)version < SP_COUNT(names) ? names[version] : NULL;
}

bool
mcp_version_is_legacy(enum mcp_version version)
{
    return version >= MCP_VERSION_2025_03_26 &&
           version <= MCP_VERSION_LATEST_LEGACY;
}
