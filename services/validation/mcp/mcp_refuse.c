/* Every way in which an MCP request can be refused here. */
#include "services/validation/mcp/mcp_refuse.h"

#include <stddef.h>

#include "common/base/error.h"

#define SUPPORTED "\"2026-07-28\""
/* A version is ten characters; what is much longer is not echoed. */
#define MAX_REQUESTED 64

/* JSON-RPC 2.0 section 5.1 and the error codes of MCP. */
#define PARSE_ERROR (-32700)
#define INVALID_REQUEST (-32600)
#define METHOD_NOT_FOUND (-32601)
#define INVALID_PARAMS (-32602)
#define HEADER_MISMATCH (-32020)
#define UNSUPPORTED_VERSION (-32022)

/* In the 2026-07-28 version an unknown method is a 404; before it, errors of
 * the application travel in a 200. */
static const struct row {
    unsigned status;
    int rpc_code;
    const char *code;
    const char *text;
} rows[] = {
    [MCP_BAD_MEDIA_TYPE] = { 415, INVALID_REQUEST, "bad_media_type",
                             "Send Content-Type: application/json." },
    [MCP_NOT_ACCEPTABLE] = { 406, INVALID_REQUEST, "not_acceptable",
                             "Accept application/json and "
                             "text/event-stream." },
    [MCP_BAD_HEADERS] = { 400, HEADER_MISMATCH, "bad_headers",
                          "A header of MCP stands twice or is malformed." },
    [MCP_NOT_JSON] = { 400, PARSE_ERROR, "not_json",
                       "The body is not strict JSON (RFC 8259): UTF-8, no "
                       "key twice in an object." },
    [MCP_TOO_COMPLEX] = { 400, INVALID_REQUEST, "too_complex",
                          "The body is nested too deep or has too many "
                          "values." },
    [MCP_NOT_RPC] = { 400, INVALID_REQUEST, "not_json_rpc",
                      "The body is no JSON-RPC 2.0 message." },
    [MCP_NO_ID] = { 400, INVALID_REQUEST, "id_missing",
                    "This method is a request and needs an id." },
    [MCP_NO_VERSION_HEADER] = { 400, HEADER_MISMATCH, "version_header_missing",
                                "The header MCP-Protocol-Version is "
                                "missing." },
    [MCP_NO_META] = { 400, INVALID_PARAMS, "meta_missing",
                      "params._meta must hold protocolVersion, a string, and "
                      "clientCapabilities, an object, each with the prefix "
                      "io.modelcontextprotocol/." },
    [MCP_BAD_META] = { 400, INVALID_PARAMS, "bad_meta",
                       "A value of params._meta has the wrong type." },
    [MCP_VERSION_DIFFERS] = { 400, HEADER_MISMATCH, "version_differs",
                              "The header MCP-Protocol-Version and "
                              "params._meta name different versions." },
    [MCP_VERSION_UNKNOWN] = { 400, UNSUPPORTED_VERSION, "version_unknown",
                              "This protocol version is not served." },
    [MCP_VERSION_UNKNOWN_LEGACY] = { 400, INVALID_REQUEST, "version_unknown",
                                     "The header MCP-Protocol-Version names "
                                     "a version that is not served." },
    [MCP_METHOD_HEADER] = { 400, HEADER_MISMATCH, "method_header",
                            "The header Mcp-Method must repeat the method." },
    [MCP_NAME_HEADER] = { 400, HEADER_MISMATCH, "name_header",
                          "The header Mcp-Name must repeat params.name." },
    [MCP_PARAM_HEADER] = { 400, HEADER_MISMATCH, "param_header",
                           "The headers Mcp-Param-* must repeat the arguments "
                           "that the tool's schema names." },
    [MCP_METHOD_UNKNOWN] = { 404, METHOD_NOT_FOUND, "method_unknown",
                             "This method is not served." },
    [MCP_METHOD_UNKNOWN_LEGACY] = { 200, METHOD_NOT_FOUND, "method_unknown",
                                    "This method is not served." },
    [MCP_BAD_PARAMS] = { 200, INVALID_PARAMS, "bad_params",
                         "A value of params has the wrong type." },
    [MCP_TOOL_UNKNOWN] = { 200, INVALID_PARAMS, "tool_unknown",
                           "There is no tool of this name; tools/list shows "
                           "those that you may call." },
    [MCP_SESSION_MISSING] = { 400, INVALID_REQUEST, "session_missing",
                              "The header Mcp-Session-Id is missing." },
    [MCP_NO_SESSIONS] = { 405, INVALID_REQUEST, "no_sessions",
                          "This protocol version has no sessions to end." },
    [MCP_BODY_UNWANTED] = { 400, INVALID_REQUEST, "body_unwanted",
                            "A DELETE request has no body." },
};

static struct sp_refusal
refusal_of(const struct row *row, const char *text)
{
    return (struct sp_refusal){
        .status = row->status,
        .rpc_code = row->rpc_code,
        .code = row->code,
        .text = text != NULL ? text : row->text,
    };
}

int
mcp_refuse(struct verdict *verdict, enum mcp_fault fault, const char *text)
{
    int result =
        verdict_refuse(verdict, SP_REFUSAL_RPC, refusal_of(&rows[fault], text),
                       "request_refused");

    if (fault == MCP_NO_SESSIONS) {
        (void)sp_buf_add_str(&verdict->headers, "allow: POST\n");
    }
    return result;
}

int
mcp_refuse_version(struct verdict *verdict, const struct sp_json *json,
                   const struct sp_json_token *requested)
{
    struct sp_refusal refusal = refusal_of(&rows[MCP_VERSION_UNKNOWN], NULL);
    struct sp_view raw = sp_json_raw(json, requested);
    struct sp_buf data = sp_buf_new(MAX_REQUESTED + 128);
    int result = 0;

    if (raw.len > MAX_REQUESTED) {
        raw = SP_VIEW_LITERAL("\"\"");
    }
    (void)sp_buf_addf(&data,
                      "{\"supported\":[" SUPPORTED "],\"requested\":"
                      "%.*s}",
                      SP_VIEW(raw));
    (void)sp_buf_add(&data, "", 1);
    refusal.data = data.data;
    result =
        verdict_refuse(verdict, SP_REFUSAL_RPC, refusal, "request_refused");
    sp_buf_free(&data);
    return result;
}

int
mcp_refuse_arguments(struct verdict *verdict, bool modern, struct sp_view text)
{
    (void)sp_buf_add_str(&verdict->headers, "content-type: application/json\n"
                                            "cache-control: no-store\n");
    (void)sp_buf_add_str(&verdict->body, "{\"jsonrpc\":\"2.0\",\"id\":");
    (void)sp_buf_add_view(&verdict->body, verdict->rpc_id);
    (void)sp_buf_add_str(&verdict->body, ",\"result\":{");
    if (modern) {
        (void)sp_buf_add_str(&verdict->body, "\"resultType\":\"complete\",");
    }
    (void)sp_buf_add_str(&verdict->body,
                         "\"content\":[{\"type\":\"text\",\"text\":\"");
    (void)sp_buf_add_json(&verdict->body, text);
    (void)sp_buf_add_str(&verdict->body, "\"}],\"isError\":true}}");
    return verdict_answer(verdict, 200, "arguments_refused", "bad_arguments");
}
