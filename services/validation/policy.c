/* Which request needs which right and goes to which executor. */
#include "services/validation/policy.h"

#include <stddef.h>

#include "common/base/error.h"

static const struct policy_row rows[] = {
    { "/mcp", "POST", POLICY_MCP_MESSAGE, NULL, SP_SERVICE_TOOLS },
    { "/mcp", "DELETE", POLICY_MCP_SESSION_END, NULL, SP_SERVICE_TOOLS },
    { "/v1/chat/completions", "POST", POLICY_CHAT, "llm:chat", SP_SERVICE_LLM },
    { "/v1/models", "GET", POLICY_MODELS, "llm:chat", SP_SERVICE_LLM },
};

/* The Allow header of each path (RFC 9110 section 10.2.1). */
static const struct {
    const char *path;
    const char *allow;
} allowed[] = {
    { "/mcp", "POST, DELETE" },
    { "/v1/chat/completions", "POST" },
    { "/v1/models", "GET" },
};

int
policy_find(struct sp_view path, struct sp_view method,
            const struct policy_row **ret_row, const char **ret_allow)
{
    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        if (sp_view_is(path, rows[i].path) &&
            sp_view_is(method, rows[i].method)) {
            *ret_row = &rows[i];
            return 0;
        }
    }
    for (size_t i = 0; i < SP_COUNT(allowed); i++) {
        if (sp_view_is(path, allowed[i].path)) {
            *ret_allow = allowed[i].allow;
            return SP_EDENIED;
        }
    }
    return SP_EUNKNOWN;
}
