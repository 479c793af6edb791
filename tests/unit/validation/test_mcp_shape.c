/* MCP requests of both eras: what goes on, and each refusal with its status and
 * code. */
#include "tests/support/validation_fixture.h"

#define CALL_HEADERS                                                           \
    MODERN_HEADERS "mcp-method: tools/call\nmcp-name: get_customer_info\n"
#define LIST_HEADERS MODERN_HEADERS "mcp-method: tools/list\n"
#define RPC(rest) "{\"jsonrpc\":\"2.0\"," rest "}"
#define CUSTOMER "\"arguments\":{\"customer_id\":\"ABCDE1\"}"

struct passes {
    const char *label;
    const char *headers;
    const char *body;
    const char *name;
    uint64_t cost;
    const char *rpc_id;
};

static const struct passes passing[] = {
    { "legacy initialize", LEGACY_HEADERS,
      RPC("\"id\":0,\"method\":\"initialize\",\"params\":{"
          "\"protocolVersion\":\"2025-11-25\",\"capabilities\":{},"
          "\"clientInfo\":{\"name\":\"c\",\"version\":\"1\"}}"),
      "initialize", 1, "0" },
    { "initialize whatever its version header",
      LEGACY_HEADERS "mcp-protocol-version: 2024-11-05\n",
      RPC("\"id\":0,\"method\":\"initialize\",\"params\":{"
          "\"protocolVersion\":\"2024-11-05\",\"capabilities\":{},"
          "\"clientInfo\":{\"name\":\"c\",\"version\":\"1\"}}"),
      "initialize", 1, "0" },
    { "legacy ping", LEGACY_HEADERS "mcp-protocol-version: 2025-06-18\n",
      RPC("\"id\":\"a b\",\"method\":\"ping\""), "ping", 1, "\"a b\"" },
    { "legacy list with cursor", LEGACY_HEADERS,
      RPC("\"id\":-3,\"method\":\"tools/list\",\"params\":{\"cursor\":\"\"}"),
      "tools/list", 1, "-3" },
    { "legacy call, headers of the other era ignored",
      LEGACY_HEADERS "mcp-method: x\nmcp-name: y\n",
      RPC("\"id\":1,\"method\":\"tools/call\",\"params\":{"
          "\"name\":\"get_customer_info\"," CUSTOMER "}"),
      "get_customer_info", 100, "1" },
    { "legacy notification for the session", LEGACY_HEADERS,
      RPC("\"method\":\"notifications/initialized\""),
      "notifications/initialized", 1, "" },
    { "modern discover", MODERN_HEADERS "mcp-method: server/discover\n",
      RPC("\"id\":1,\"method\":\"server/discover\",\"params\":{" META "}"),
      "server/discover", 1, "1" },
    { "modern list", LIST_HEADERS,
      RPC("\"id\":1,\"method\":\"tools/list\",\"params\":{" META "}"),
      "tools/list", 1, "1" },
    { "modern call", CALL_HEADERS,
      RPC("\"id\":1,\"method\":\"tools/call\",\"params\":{" META
          ",\"name\":\"get_customer_info\"," CUSTOMER "}"),
      "get_customer_info", 100, "1" },
    { "modern call, name in base64",
      MODERN_HEADERS "mcp-method: tools/call\n"
                     "mcp-name: =?base64?Z2V0X2N1c3RvbWVyX2luZm8=?=\n",
      RPC("\"id\":1,\"method\":\"tools/call\",\"params\":{" META
          ",\"name\":\"get_customer_info\"," CUSTOMER "}"),
      "get_customer_info", 100, "1" },
    { "escapes in method and name are only spelling", CALL_HEADERS,
      RPC("\"id\":1,\"method\":\"tools\\/call\",\"params\":{" META
          ",\"name\":\"get\\u005fcustomer_info\"," CUSTOMER "}"),
      "get_customer_info", 100, "1" },
};

Test(mcp_shape, passes_what_both_eras_allow)
{
    struct gate g;

    gate_open(&g);
    for (size_t i = 0; i < SP_COUNT(passing); i++) {
        const struct passes *p = &passing[i];

        cr_assert_eq(gate_post(&g, p->headers, p->body), 0, "%s: %s", p->label,
                     g.body);
        cr_assert_eq(g.verdict.target, SP_SERVICE_TOOLS, "%s", p->label);
        cr_assert(sp_view_is(g.verdict.name, p->name), "%s: %.*s", p->label,
                  SP_VIEW(g.verdict.name));
        cr_assert_eq(g.verdict.cost, p->cost, "%s", p->label);
        cr_assert(sp_view_is(g.verdict.rpc_id, p->rpc_id), "%s", p->label);
        cr_assert_null(g.verdict.kind, "%s", p->label);
    }
    gate_close(&g);
}

struct refused {
    const char *label;
    const char *headers;
    const char *body;
    unsigned status;
    const char *holds; /* in the answer's body */
};

static const struct refused envelope[] = {
    { "no content type", "accept: */*\n", "{}", 415, "-32600" },
    { "text", "content-type: text/plain\n", "{}", 415, "-32600" },
    { "other charset", "content-type: application/json; charset=latin1\n", "{}",
      415, "-32600" },
    { "not acceptable", "content-type: application/json\naccept: text/html\n",
      "{}", 406, "-32600" },
    { "content type twice", LEGACY_HEADERS "content-type: application/json\n",
      "{}", 400, "-32020" },
    { "malformed header text", "content-type application/json\n", "{}", 400,
      "-32020" },
    { "empty", LEGACY_HEADERS, "", 400, "-32700" },
    { "cut", LEGACY_HEADERS, "{\"jsonrpc\":\"2.0\"", 400, "-32700" },
    { "key twice", LEGACY_HEADERS,
      RPC("\"id\":1,\"method\":\"ping\",\"method\":\"tools/call\""), 400,
      "-32700" },
    { "key twice, spelt otherwise", LEGACY_HEADERS,
      RPC("\"id\":1,\"method\":\"ping\",\"meth\\u006fd\":\"x\""), 400,
      "-32700" },
    { "bad UTF-8", LEGACY_HEADERS, RPC("\"id\":1,\"method\":\"p\xff\""), 400,
      "-32700" },
    { "batch", LEGACY_HEADERS, "[" RPC("\"id\":1,\"method\":\"ping\"") "]", 400,
      "-32600" },
    { "no object", LEGACY_HEADERS, "7", 400, "-32600" },
    { "null id", LEGACY_HEADERS, RPC("\"id\":null,\"method\":\"ping\""), 400,
      "-32600" },
    { "id with a fraction", LEGACY_HEADERS,
      RPC("\"id\":1.0,\"method\":\"ping\""), 400, "-32600" },
    { "object id", LEGACY_HEADERS, RPC("\"id\":{},\"method\":\"ping\""), 400,
      "-32600" },
    { "wrong jsonrpc", LEGACY_HEADERS,
      "{\"jsonrpc\":\"1.0\",\"id\":4,\"method\":\"ping\"}", 400, "\"id\":4" },
    { "unknown member", LEGACY_HEADERS,
      RPC("\"id\":4,\"method\":\"ping\",\"x\":1"), 400, "\"id\":4" },
    { "method no string", LEGACY_HEADERS, RPC("\"id\":4,\"method\":7"), 400,
      "-32600" },
    { "params no object", LEGACY_HEADERS,
      RPC("\"id\":4,\"method\":\"ping\",\"params\":[]"), 400, "-32600" },
    { "method and result", LEGACY_HEADERS,
      RPC("\"id\":4,\"method\":\"ping\",\"result\":{}"), 400, "-32600" },
    { "neither method nor result", LEGACY_HEADERS, RPC("\"id\":4"), 400,
      "-32600" },
    { "call without an id", LEGACY_HEADERS,
      RPC("\"method\":\"tools/call\",\"params\":{"
          "\"name\":\"create_support_ticket\"}"),
      400, "id_missing" },
};

static const struct refused legacy[] = {
    { "unknown version", LEGACY_HEADERS "mcp-protocol-version: 1999-01-01\n",
      RPC("\"id\":1,\"method\":\"ping\""), 400, "-32600" },
    { "unknown method", LEGACY_HEADERS, RPC("\"id\":1,\"method\":\"x/y\""), 200,
      "-32601" },
    { "method of the other era", LEGACY_HEADERS,
      RPC("\"id\":1,\"method\":\"server/discover\""), 200, "-32601" },
    { "unadvertised", LEGACY_HEADERS,
      RPC("\"id\":1,\"method\":\"resources/list\""), 200, "-32601" },
    { "request with a notification's name", LEGACY_HEADERS,
      RPC("\"id\":1,\"method\":\"notifications/initialized\""), 200, "-32601" },
    { "initialize without clientInfo", LEGACY_HEADERS,
      RPC("\"id\":1,\"method\":\"initialize\",\"params\":{"
          "\"protocolVersion\":\"2025-11-25\",\"capabilities\":{}}"),
      200, "-32602" },
    { "_meta no object", LEGACY_HEADERS,
      RPC("\"id\":1,\"method\":\"ping\",\"params\":{\"_meta\":1}"), 400,
      "-32602" },
    { "progressToken", LEGACY_HEADERS,
      RPC("\"id\":1,\"method\":\"ping\",\"params\":{\"_meta\":{"
          "\"progressToken\":{}}}"),
      400, "-32602" },
    { "cursor", LEGACY_HEADERS,
      RPC("\"id\":1,\"method\":\"tools/list\",\"params\":{\"cursor\":1}"), 200,
      "-32602" },
    { "call without name", LEGACY_HEADERS,
      RPC("\"id\":1,\"method\":\"tools/call\",\"params\":{}"), 200, "-32602" },
    { "arguments no object", LEGACY_HEADERS,
      RPC("\"id\":1,\"method\":\"tools/call\",\"params\":{"
          "\"name\":\"get_customer_info\",\"arguments\":[]}"),
      200, "-32602" },
    { "unknown tool", LEGACY_HEADERS,
      RPC("\"id\":1,\"method\":\"tools/call\",\"params\":{"
          "\"name\":\"GET_CUSTOMER_INFO\"," CUSTOMER "}"),
      200, "tool_unknown" },
};

static const struct refused modern[] = {
    { "no version header", LEGACY_HEADERS "mcp-method: tools/list\n",
      RPC("\"id\":1,\"method\":\"tools/list\",\"params\":{" META "}"), 400,
      "-32020" },
    { "no params", LIST_HEADERS, RPC("\"id\":1,\"method\":\"tools/list\""), 400,
      "-32602" },
    { "no _meta", LIST_HEADERS,
      RPC("\"id\":1,\"method\":\"tools/list\",\"params\":{}"), 400, "-32602" },
    { "no capabilities", LIST_HEADERS,
      RPC("\"id\":9,\"method\":\"tools/list\",\"params\":{\"_meta\":{"
          "\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\"}}"),
      400, "\"id\":9" },
    { "header differs", LIST_HEADERS,
      RPC("\"id\":1,\"method\":\"tools/list\",\"params\":{\"_meta\":{"
          "\"io.modelcontextprotocol/protocolVersion\":\"v999.0.0\","
          "\"io.modelcontextprotocol/clientCapabilities\":{}}}"),
      400, "-32020" },
    { "version not served",
      LEGACY_HEADERS "mcp-protocol-version: v999.0.0\n"
                     "mcp-method: tools/list\n",
      RPC("\"id\":1,\"method\":\"tools/list\",\"params\":{\"_meta\":{"
          "\"io.modelcontextprotocol/protocolVersion\":\"v999.0.0\","
          "\"io.modelcontextprotocol/clientCapabilities\":{}}}"),
      400,
      "\"code\":-32022,\"message\":\"This protocol version is not served.\","
      "\"data\":{\"supported\":[\"2026-07-28\"],\"requested\":"
      "\"v999.0.0\"}" },
    { "a version with sessions is no modern one",
      LEGACY_HEADERS "mcp-protocol-version: 2025-11-25\n"
                     "mcp-method: tools/list\n",
      RPC("\"id\":1,\"method\":\"tools/list\",\"params\":{\"_meta\":{"
          "\"io.modelcontextprotocol/protocolVersion\":\"2025-11-25\","
          "\"io.modelcontextprotocol/clientCapabilities\":{}}}"),
      400, "-32022" },
    { "log level", LIST_HEADERS,
      RPC("\"id\":1,\"method\":\"tools/list\",\"params\":{\"_meta\":{"
          "\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\","
          "\"io.modelcontextprotocol/clientCapabilities\":{},"
          "\"io.modelcontextprotocol/logLevel\":\"loud\"}}"),
      400, "-32602" },
    { "no method header", MODERN_HEADERS,
      RPC("\"id\":1,\"method\":\"tools/list\",\"params\":{" META "}"), 400,
      "-32020" },
    { "method header in other case", MODERN_HEADERS "mcp-method: TOOLS/LIST\n",
      RPC("\"id\":1,\"method\":\"tools/list\",\"params\":{" META "}"), 400,
      "-32020" },
    { "no name header", MODERN_HEADERS "mcp-method: tools/call\n",
      RPC("\"id\":1,\"method\":\"tools/call\",\"params\":{" META
          ",\"name\":\"get_customer_info\"," CUSTOMER "}"),
      400, "-32020" },
    { "name header of another tool", CALL_HEADERS,
      RPC("\"id\":1,\"method\":\"tools/call\",\"params\":{" META
          ",\"name\":\"create_support_ticket\"}"),
      400, "-32020" },
    { "name header in bad base64",
      MODERN_HEADERS "mcp-method: tools/call\nmcp-name: =?base64?Z2V0?X?=\n",
      RPC("\"id\":1,\"method\":\"tools/call\",\"params\":{" META
          ",\"name\":\"get_customer_info\"," CUSTOMER "}"),
      400, "-32020" },
    { "initialize is gone", MODERN_HEADERS "mcp-method: initialize\n",
      RPC("\"id\":1,\"method\":\"initialize\",\"params\":{" META "}"), 404,
      "-32601" },
    { "ping is gone", MODERN_HEADERS "mcp-method: ping\n",
      RPC("\"id\":1,\"method\":\"ping\",\"params\":{" META "}"), 404,
      "-32601" },
    { "unknown", MODERN_HEADERS "mcp-method: unknown/method\n",
      RPC("\"id\":\"q\",\"method\":\"unknown/method\",\"params\":{" META "}"),
      404, "\"id\":\"q\"" },
    { "response", MODERN_HEADERS, RPC("\"id\":1,\"result\":{}"), 400,
      "-32600" },
};

static void
expect_refusals(const struct refused *rows, size_t count)
{
    struct gate g;

    gate_open(&g);
    for (size_t i = 0; i < count; i++) {
        const struct refused *r = &rows[i];

        cr_assert_eq(gate_post(&g, r->headers, r->body), SP_EDENIED, "%s",
                     r->label);
        cr_assert_eq(g.verdict.status, r->status, "%s: %u", r->label,
                     g.verdict.status);
        cr_assert_not_null(strstr(g.body, r->holds), "%s: %s", r->label,
                           g.body);
        cr_assert_null(strstr(g.body, "\"id\":null"), "%s", r->label);
        cr_assert_str_eq(g.verdict.kind, "request_refused", "%s", r->label);
    }
    gate_close(&g);
}

Test(mcp_shape, refuses_what_is_no_message)
{
    expect_refusals(envelope, SP_COUNT(envelope));
}

Test(mcp_shape, refuses_what_breaks_the_versions_with_sessions)
{
    expect_refusals(legacy, SP_COUNT(legacy));
}

Test(mcp_shape, refuses_what_breaks_the_stateless_version)
{
    expect_refusals(modern, SP_COUNT(modern));
}

Test(mcp_shape, takes_notifications_and_replies_without_passing_them_on)
{
    static const struct {
        const char *headers;
        const char *body;
    } rows[] = {
        { LEGACY_HEADERS, RPC("\"method\":\"notifications/progress\"") },
        { LEGACY_HEADERS, RPC("\"method\":\"notifications/anything\"") },
        { LEGACY_HEADERS, RPC("\"id\":1,\"result\":{}") },
        { LEGACY_HEADERS,
          RPC("\"id\":1,\"error\":{\"code\":1,\"message\":\"m\"}") },
        { MODERN_HEADERS, RPC("\"method\":\"notifications/cancelled\"") },
    };
    struct gate g;

    gate_open(&g);
    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        cr_assert_eq(gate_post(&g, rows[i].headers, rows[i].body), SP_EDENIED,
                     "%s", rows[i].body);
        cr_assert_eq(g.verdict.status, 202, "%s", rows[i].body);
        cr_assert_str_empty(g.body);
        cr_assert_null(g.verdict.kind);
    }
    gate_close(&g);
}

Test(mcp_shape, arguments_that_do_not_fit_are_the_models_to_mend)
{
    struct gate g;

    gate_open(&g);
    cr_assert_eq(
        gate_post(&g, CALL_HEADERS,
                  RPC("\"id\":5,\"method\":\"tools/call\","
                      "\"params\":{" META ",\"name\":\"get_customer_info\","
                      "\"arguments\":{\"customer_id\":\"<b>\"}}")),
        SP_EDENIED);
    cr_assert_eq(g.verdict.status, 200);
    cr_assert_not_null(strstr(g.body, "\"id\":5,\"result\":{\"resultType\":"
                                      "\"complete\",\"content\":[{\"type\":"
                                      "\"text\""),
                       "%s", g.body);
    cr_assert_not_null(strstr(g.body, "/customer_id must"), "%s", g.body);
    cr_assert_not_null(strstr(g.body, "\"isError\":true"));
    cr_assert_null(strstr(g.body, "<b>"), "the value must not be echoed");
    cr_assert_str_eq(g.verdict.kind, "arguments_refused");
    cr_assert_not_null(g.verdict.rule);

    cr_assert_eq(gate_post(&g, LEGACY_HEADERS,
                           RPC("\"id\":5,\"method\":\"tools/call\","
                               "\"params\":{\"name\":\"get_customer_info\"}")),
                 SP_EDENIED);
    cr_assert_eq(g.verdict.status, 200);
    cr_assert_null(strstr(g.body, "resultType"));
    cr_assert_not_null(strstr(g.body, "\"isError\":true"));
    cr_assert_not_null(strstr(g.body, "schema: the object must have the "
                                      "property \\\"customer_id\\\"."),
                       "%s", g.body);
    gate_close(&g);
}

Test(mcp_shape, a_session_ends_by_delete_with_its_id_and_no_body)
{
    static const struct {
        const char *headers;
        const char *body;
        unsigned status; /* 0: passes */
    } rows[] = {
        { "mcp-session-id: abc\n", "", 0 },
        { "mcp-session-id: abc\nmcp-protocol-version: 2025-11-25\n", "", 0 },
        { "accept: */*\n", "", 400 },
        { "mcp-session-id: abc\n", "{}", 400 },
        { "mcp-session-id: abc\nmcp-protocol-version: 2026-07-28\n", "", 405 },
    };
    struct gate g;

    gate_open(&g);
    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        const struct sp_call call = {
            .method = SP_VIEW_LITERAL("DELETE"),
            .path = SP_VIEW_LITERAL("/mcp"),
            .headers = sp_view_of(rows[i].headers),
            .body = sp_view_of(rows[i].body),
        };

        cr_assert_eq(gate_ask(&g, &call) == 0, rows[i].status == 0);
        if (rows[i].status != 0) {
            cr_assert_eq(g.verdict.status, rows[i].status, "row %zu", i);
        }
    }
    cr_assert_not_null(strstr(g.headers, "allow: POST\n"), "%s", g.headers);
    gate_close(&g);
}
