/* The MCP methods. */
#include "services/validation/mcp/mcp_method.h"

#include <stddef.h>

#include "common/base/error.h"
#include "common/stage/catalogue.h"
#include "services/validation/mcp/mcp_param.h"
#include "services/validation/mcp/mcp_refuse.h"
#include "services/validation/scope.h"

#define LEGACY 1u
#define MODERN 2u

/* What a method without a price of its own costs. */
#define COST 1

struct check {
    const struct mcp_method_context *context;
    struct mcp_shape *shape;
    const struct sp_call *call;
    struct verdict *verdict;
};

static const struct sp_json_token *
param(const struct check *c, const char *name)
{
    return sp_json_get(&c->shape->json, c->shape->message.params, name);
}

static int
pass(const struct check *c, const char *method)
{
    c->verdict->expect.kind = EXPECT_RPC;
    return verdict_pass(c->verdict, SP_SERVICE_TOOLS, sp_view_of(method), COST);
}

static int
check_ping(const struct check *c)
{
    return pass(c, "ping");
}

static int
check_discover(const struct check *c)
{
    return pass(c, "server/discover");
}

static int
check_initialize(const struct check *c)
{
    const struct sp_json *json = &c->shape->json;
    const struct sp_json_token *client = param(c, "clientInfo");

    if (!sp_json_is(param(c, "protocolVersion"), SP_JSON_STRING) ||
        !sp_json_is(param(c, "capabilities"), SP_JSON_OBJECT) ||
        !sp_json_is(sp_json_get(json, client, "name"), SP_JSON_STRING) ||
        !sp_json_is(sp_json_get(json, client, "version"), SP_JSON_STRING)) {
        return mcp_refuse(c->verdict, MCP_BAD_PARAMS,
                          "initialize needs protocolVersion, capabilities and "
                          "clientInfo with name and version.");
    }
    return pass(c, "initialize");
}

static int
check_tool_list(const struct check *c)
{
    const struct sp_json_token *cursor = param(c, "cursor");

    if (cursor != NULL && !sp_json_is(cursor, SP_JSON_STRING)) {
        return mcp_refuse(c->verdict, MCP_BAD_PARAMS,
                          "params.cursor must be a string.");
    }
    c->verdict->expect.tool_list = true;
    return pass(c, "tools/list");
}

/* The name that the call gives, unescaped into shape->name. */
static int
read_name(const struct check *c)
{
    struct mcp_shape *shape = c->shape;
    struct sp_view name = { 0 };
    int error = 0;

    sp_buf_reset(&shape->scratch);
    sp_buf_reset(&shape->name);
    error =
        sp_json_string(&shape->json, param(c, "name"), &shape->scratch, &name);
    return error != 0 ? error : sp_buf_add_view(&shape->name, name);
}

static int
check_name_header(const struct check *c)
{
    struct mcp_shape *shape = c->shape;
    struct sp_view said = { 0 };

    sp_buf_reset(&shape->scratch);
    if (shape->headers.name.ptr == NULL ||
        mcp_headers_decode(shape->headers.name, &shape->scratch, &said) != 0 ||
        !sp_view_equal(said, sp_buf_view(&shape->name))) {
        return mcp_refuse(c->verdict, MCP_NAME_HEADER, NULL);
    }
    return 0;
}

/* The arguments, or an empty object where there are none. */
static int
check_arguments(const struct check *c, const struct tool_check *tool)
{
    struct sp_json none = { 0 };
    struct schema_fault fault = { .rule = NULL };
    const struct sp_json_token *arguments = param(c, "arguments");
    struct sp_buf text = sp_buf_new(1024);
    int error = 0;

    if (arguments != NULL) {
        error = schema_check(c->context->checker, tool->input, &c->shape->json,
                             arguments, &fault);
    } else if (sp_json_parse(&none, SP_VIEW_LITERAL("{}")) == 0) {
        error = schema_check(c->context->checker, tool->input, &none,
                             sp_json_root(&none), &fault);
    }
    sp_json_free(&none);
    if (error != 0) {
        c->verdict->rule = fault.rule;
        (void)sp_buf_addf(&text,
                          "The arguments do not fit the tool's input "
                          "schema: %s %s.",
                          fault.path[0] == '\0' ? "the object" : fault.path,
                          fault.text);
        error = mcp_refuse_arguments(c->verdict, c->shape->modern,
                                     sp_buf_view(&text));
    }
    sp_buf_free(&text);
    return error;
}

/* Headers may only mirror what the body says: whoever routes or counts by them
 * must not see another call than the one that runs. */
static int
check_mirrors(const struct check *c, const struct tool_check *tool)
{
    int error = 0;

    if (!c->shape->modern) {
        return 0;
    }
    error = check_name_header(c);
    if (error != 0) {
        return error;
    }
    sp_buf_reset(&c->shape->scratch);
    if (tool != NULL &&
        mcp_params_check(tool->params, c->call->headers, &c->shape->json,
                         param(c, "arguments"), &c->shape->scratch) != 0) {
        return mcp_refuse(c->verdict, MCP_PARAM_HEADER, NULL);
    }
    return 0;
}

/* Every version but the first has it, and names itself in the header. */
static bool
has_structured_content(const struct mcp_shape *shape)
{
    return shape->headers.version.ptr != NULL &&
           !sp_view_is(shape->headers.version, "2025-03-26");
}

static int
check_tool_call(const struct check *c)
{
    const struct sp_json_token *arguments = param(c, "arguments");
    const struct tool_check *tool = NULL;
    int error = 0;

    if (read_name(c) != 0 ||
        (arguments != NULL && !sp_json_is(arguments, SP_JSON_OBJECT))) {
        return mcp_refuse(c->verdict, MCP_BAD_PARAMS,
                          "tools/call needs params.name, a string, and "
                          "params.arguments, an object.");
    }
    tool = toolbox_find(c->context->toolbox, sp_buf_view(&c->shape->name));
    error = check_mirrors(c, tool);
    if (error != 0) {
        return error;
    }
    if (tool == NULL) {
        return mcp_refuse(c->verdict, MCP_TOOL_UNKNOWN, NULL);
    }
    c->verdict->object = sp_view_of(tool->tool->name);
    if (!sp_catalogue_allows(tool->tool, c->call->scopes)) {
        return scope_refuse(c->verdict, c->call->path, c->context->url,
                            tool->tool->scope);
    }
    error = check_arguments(c, tool);
    if (error != 0) {
        return error;
    }
    c->verdict->expect.kind = EXPECT_RPC;
    c->verdict->expect.tool = tool;
    c->verdict->expect.structured = has_structured_content(c->shape);
    return verdict_pass(c->verdict, SP_SERVICE_TOOLS,
                        sp_view_of(tool->tool->name), tool->tool->cost);
}

static const struct {
    const char *name;
    unsigned eras;
    int (*check)(const struct check *c);
} methods[] = {
    { "tools/call", LEGACY | MODERN, check_tool_call },
    { "tools/list", LEGACY | MODERN, check_tool_list },
    { "server/discover", MODERN, check_discover },
    { "initialize", LEGACY, check_initialize },
    { "ping", LEGACY, check_ping },
};

/* Notifications that mean something to the session; others are taken and
 * dropped, as JSON-RPC wants it. */
static const char *const notifications[] = {
    "notifications/initialized",
    "notifications/cancelled",
};

static int
check_request(const struct check *c)
{
    struct sp_view method = sp_buf_view(&c->shape->method);
    unsigned era = c->shape->modern ? MODERN : LEGACY;

    for (size_t i = 0; i < SP_COUNT(methods); i++) {
        if (sp_view_is(method, methods[i].name) &&
            (methods[i].eras & era) != 0) {
            c->verdict->object = sp_view_of(methods[i].name);
            return methods[i].check(c);
        }
    }
    return mcp_refuse(c->verdict,
                      c->shape->modern ? MCP_METHOD_UNKNOWN
                                       : MCP_METHOD_UNKNOWN_LEGACY,
                      NULL);
}

static int
check_notification(const struct check *c)
{
    struct sp_view method = sp_buf_view(&c->shape->method);

    /* attack: a call without an id would run and leave no answer. */
    if (!sp_view_starts(method, "notifications/")) {
        return mcp_refuse(c->verdict, MCP_NO_ID, NULL);
    }
    for (size_t i = 0; !c->shape->modern && i < SP_COUNT(notifications); i++) {
        if (sp_view_is(method, notifications[i])) {
            c->verdict->expect.kind = EXPECT_NOTHING;
            return verdict_pass(c->verdict, SP_SERVICE_TOOLS,
                                sp_view_of(notifications[i]), COST);
        }
    }
    return verdict_accept(c->verdict);
}

int
mcp_method_check(const struct mcp_method_context *context,
                 struct mcp_shape *shape, const struct sp_call *call,
                 struct verdict *verdict)
{
    const struct check c = { context, shape, call, verdict };

    switch (shape->message.kind) {
    case RPC_REQUEST:
        return check_request(&c);
    case RPC_NOTIFICATION:
        return check_notification(&c);
    case RPC_RESPONSE:
        break;
    }
    /* The gate asks clients nothing yet, so that nobody waits for it. */
    return shape->modern ? mcp_refuse(verdict, MCP_NOT_RPC,
                                      "This protocol version has no responses "
                                      "from clients.")
                         : verdict_accept(verdict);
}
