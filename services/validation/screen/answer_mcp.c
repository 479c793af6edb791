/* MCP answers. */
#include "services/validation/screen/answer_mcp.h"

#include "common/stage/catalogue.h"
#include "services/validation/mcp/rpc.h"

/* NULL where this toolbox lets the caller see the tool. */
static const char *
check_listed(const struct toolbox *toolbox, struct sp_view name,
             struct sp_view scopes)
{
    const struct tool_check *tool = toolbox_find(toolbox, name);

    if (tool == NULL) {
        return "tool_unknown";
    }
    return sp_catalogue_allows(tool->tool, scopes) ? NULL : "tool_not_allowed";
}

/* A tool that stands in no catalogue, or that this caller may not call, must
 * not be shown either. */
static const char *
check_tool_list(struct answer_check *check, const struct pending_entry *entry,
                const struct sp_json_token *tools)
{
    const struct sp_json *json = &check->json;
    const struct sp_json_token *t = sp_json_first(json, tools);
    struct sp_view scopes = sp_view_of(entry->scopes);
    const char *why = NULL;

    if (!sp_json_is(tools, SP_JSON_ARRAY)) {
        return "no_tools";
    }
    for (; why == NULL && t != NULL; t = sp_json_next(json, tools, t)) {
        struct sp_view name = { 0 };

        sp_buf_reset(&check->scratch);
        if (sp_json_string(json, sp_json_get(json, t, "name"), &check->scratch,
                           &name) != 0) {
            return "tool_without_name";
        }
        why = check_listed(check->toolbox, name, scopes);
        for (size_t i = 0; why != NULL && i < SP_COUNT(check->listed); i++) {
            if (check->listed[i] != NULL &&
                check_listed(check->listed[i], name, scopes) == NULL) {
                why = NULL;
            }
        }
    }
    return why;
}

/* MCP server/tools: what has an output schema conforms to it, unless the tool
 * says that it failed. */
static const char *
check_tool_result(struct answer_check *check, const struct expectation *expect,
                  const struct sp_json_token *result)
{
    const struct tool_check *tool = expect->tool;
    const struct sp_json *json = &check->json;
    const struct sp_json_token *structured =
        sp_json_get(json, result, "structuredContent");
    struct schema_fault fault = { .rule = NULL };

    if (!sp_json_is(sp_json_get(json, result, "content"), SP_JSON_ARRAY)) {
        return "no_content";
    }
    if (tool->output == NULL ||
        sp_json_is(sp_json_get(json, result, "isError"), SP_JSON_TRUE)) {
        return NULL;
    }
    if (structured == NULL) {
        return expect->structured ? "no_structured_content" : NULL;
    }
    return schema_check(check->checker, tool->output, json, structured,
                        &fault) == 0
               ? NULL
               : "output_schema";
}

const char *
answer_mcp_check(struct answer_check *check, const struct pending_entry *entry)
{
    const struct sp_json *json = &check->json;
    struct rpc_message message = { .kind = RPC_REQUEST };
    const char *why = NULL;

    if (rpc_read(json, &message, &why) != 0 || message.kind != RPC_RESPONSE) {
        return "no_response";
    }
    if (entry == NULL) {
        return NULL;
    }
    /* An error may come without the id, where the request was not read. */
    if ((message.result != NULL || message.id.len > 0) &&
        !sp_view_equal(message.id, sp_view_of(entry->rpc_id))) {
        return "wrong_id";
    }
    if (message.result == NULL) {
        return NULL;
    }
    if (entry->expect.tool_list) {
        return check_tool_list(check, entry,
                               sp_json_get(json, message.result, "tools"));
    }
    return entry->expect.tool == NULL
               ? NULL
               : check_tool_result(check, &entry->expect, message.result);
}
