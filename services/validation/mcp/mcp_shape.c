/* MCP requests: media types, JSON-RPC, and the two eras. */
#include "services/validation/mcp/mcp_shape.h"

#include <stddef.h>

#include "common/base/error.h"
#include "common/text/headers.h"
#include "services/validation/llm/media.h"
#include "services/validation/mcp/mcp_refuse.h"

#define PREFIX "io.modelcontextprotocol/"
#define MODERN "2026-07-28"
#define MAX_METHOD 512 /* unescaped; the longest that is served has 16 */
#define MAX_NAME 1024  /* of a tool; 128 are allowed, rest is unknown */
#define MAX_SCRATCH 16384

/* Names in the header MCP-Protocol-Version of the versions with sessions. */
static const char *const legacy[] = {
    "2025-03-26",
    "2025-06-18",
    "2025-11-25",
};

static const char *const log_levels[] = {
    "debug", "info",     "notice", "warning",
    "error", "critical", "alert",  "emergency",
};

void
mcp_shape_init(struct mcp_shape *shape)
{
    *shape = (struct mcp_shape){
        .method = sp_buf_new(MAX_METHOD),
        .name = sp_buf_new(MAX_NAME),
        .scratch = sp_buf_new(MAX_SCRATCH),
    };
}

void
mcp_shape_free(struct mcp_shape *shape)
{
    sp_json_free(&shape->json);
    sp_buf_free(&shape->method);
    sp_buf_free(&shape->name);
    sp_buf_free(&shape->scratch);
}

static bool
is_one_of(const struct sp_json *json, const struct sp_json_token *t,
          const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (sp_json_equals(json, t, words[i])) {
            return true;
        }
    }
    return false;
}

/* Puts the unescaped method into shape->method. */
static int
unescape_method(struct mcp_shape *shape)
{
    struct sp_view method = { 0 };
    int error = 0;

    sp_buf_reset(&shape->scratch);
    sp_buf_reset(&shape->method);
    error = sp_json_string(&shape->json, shape->message.method, &shape->scratch,
                           &method);
    return error != 0 ? error : sp_buf_add_view(&shape->method, method);
}

static int
read_message(struct mcp_shape *shape, const struct sp_call *call,
             struct verdict *verdict)
{
    const char *why = NULL;
    int error = sp_json_parse(&shape->json, call->body);

    if (error != 0) {
        return mcp_refuse(
            verdict, error == SP_ELIMIT ? MCP_TOO_COMPLEX : MCP_NOT_JSON, NULL);
    }
    error = rpc_read(&shape->json, &shape->message, &why);
    verdict->rpc_id = shape->message.id;
    if (error != 0) {
        return mcp_refuse(verdict, MCP_NOT_RPC, why);
    }
    sp_buf_reset(&shape->method);
    if (shape->message.method != NULL && unescape_method(shape) != 0) {
        return mcp_refuse(verdict, MCP_NOT_RPC, "The method is too long.");
    }
    return 0;
}

static const struct sp_json_token *
meta_of(const struct mcp_shape *shape)
{
    return sp_json_get(&shape->json, shape->message.params, "_meta");
}

/* What either era may put into _meta. */
static int
check_meta(struct mcp_shape *shape, struct verdict *verdict)
{
    const struct sp_json *json = &shape->json;
    const struct sp_json_token *meta = meta_of(shape);
    const struct sp_json_token *token =
        sp_json_get(json, meta, "progressToken");
    int64_t number = 0;

    if (meta != NULL && !sp_json_is(meta, SP_JSON_OBJECT)) {
        return mcp_refuse(verdict, MCP_BAD_META,
                          "params._meta must be an object.");
    }
    if (token != NULL && !sp_json_is(token, SP_JSON_STRING) &&
        sp_json_int(json, token, &number) != 0) {
        return mcp_refuse(verdict, MCP_BAD_META,
                          "_meta.progressToken must be a string or an "
                          "integer.");
    }
    return 0;
}

static int
check_modern_meta(struct mcp_shape *shape, struct verdict *verdict)
{
    const struct sp_json *json = &shape->json;
    const struct sp_json_token *meta = meta_of(shape);
    const struct sp_json_token *version =
        sp_json_get(json, meta, PREFIX "protocolVersion");
    const struct sp_json_token *client =
        sp_json_get(json, meta, PREFIX "clientInfo");
    const struct sp_json_token *level =
        sp_json_get(json, meta, PREFIX "logLevel");
    struct sp_view named = { 0 };

    if (!sp_json_is(version, SP_JSON_STRING) ||
        !sp_json_is(sp_json_get(json, meta, PREFIX "clientCapabilities"),
                    SP_JSON_OBJECT)) {
        return mcp_refuse(verdict, MCP_NO_META, NULL);
    }
    sp_buf_reset(&shape->scratch);
    if (sp_json_string(json, version, &shape->scratch, &named) != 0 ||
        !sp_view_equal(named, shape->headers.version)) {
        return mcp_refuse(verdict, MCP_VERSION_DIFFERS, NULL);
    }
    if (!sp_view_is(named, MODERN)) {
        return mcp_refuse_version(verdict, json, version);
    }
    if ((client != NULL && !sp_json_is(client, SP_JSON_OBJECT)) ||
        (level != NULL &&
         !is_one_of(json, level, log_levels, SP_COUNT(log_levels)))) {
        return mcp_refuse(verdict, MCP_BAD_META, NULL);
    }
    return 0;
}

/* Mcp-Method stands on requests; notifications of this version have no headers
 * of their own, and none is expected. */
static int
check_method_header(struct mcp_shape *shape, struct verdict *verdict)
{
    if (shape->message.kind == RPC_REQUEST &&
        !sp_view_equal(shape->headers.method, sp_buf_view(&shape->method))) {
        return mcp_refuse(verdict, MCP_METHOD_HEADER, NULL);
    }
    return 0;
}

static int
check_modern(struct mcp_shape *shape, struct verdict *verdict)
{
    int error = 0;

    if (shape->headers.version.ptr == NULL) {
        return mcp_refuse(verdict, MCP_NO_VERSION_HEADER, NULL);
    }
    if (shape->message.kind != RPC_REQUEST) {
        return 0;
    }
    error = check_modern_meta(shape, verdict);
    return error != 0 ? error : check_method_header(shape, verdict);
}

/* A client that opens a session does not know yet which version it will have,
 * so that the header says nothing on `initialize`. */
static int
check_legacy(struct mcp_shape *shape, struct verdict *verdict)
{
    struct sp_view version = shape->headers.version;

    if (version.ptr == NULL ||
        sp_view_is(sp_buf_view(&shape->method), "initialize")) {
        return 0;
    }
    for (size_t i = 0; i < SP_COUNT(legacy); i++) {
        if (sp_view_is(version, legacy[i])) {
            return 0;
        }
    }
    return mcp_refuse(verdict, MCP_VERSION_UNKNOWN_LEGACY, NULL);
}

static int
check_media(const struct mcp_shape *shape, const struct sp_call *call,
            struct verdict *verdict)
{
    if (!media_is(shape->headers.content_type, "application/json")) {
        return mcp_refuse(verdict, MCP_BAD_MEDIA_TYPE, NULL);
    }
    if (!media_accepted(call->headers, "application/json")) {
        return mcp_refuse(verdict, MCP_NOT_ACCEPTABLE, NULL);
    }
    return 0;
}

int
mcp_shape_read(struct mcp_shape *shape, const struct sp_call *call,
               struct verdict *verdict)
{
    int error = 0;

    shape->headers = (struct mcp_headers){ 0 };
    if (mcp_headers_read(call->headers, &shape->headers) != 0 ||
        shape->headers.repeated) {
        return mcp_refuse(verdict, MCP_BAD_HEADERS, NULL);
    }
    error = check_media(shape, call, verdict);
    if (error == 0) {
        error = read_message(shape, call, verdict);
    }
    if (error != 0) {
        return error;
    }
    /* Each request is of one era by what it says itself, never by what an
     * earlier one on its connection was. */
    shape->modern = sp_view_is(shape->headers.version, MODERN) ||
                    sp_json_get(&shape->json, meta_of(shape),
                                PREFIX "protocolVersion") != NULL;
    error = check_meta(shape, verdict);
    if (error != 0) {
        return error;
    }
    return shape->modern ? check_modern(shape, verdict)
                         : check_legacy(shape, verdict);
}

int
mcp_shape_end(struct mcp_shape *shape, const struct sp_call *call,
              struct verdict *verdict)
{
    shape->headers = (struct mcp_headers){ 0 };
    if (mcp_headers_read(call->headers, &shape->headers) != 0 ||
        shape->headers.repeated) {
        return mcp_refuse(verdict, MCP_BAD_HEADERS, NULL);
    }
    if (sp_view_is(shape->headers.version, MODERN)) {
        return mcp_refuse(verdict, MCP_NO_SESSIONS, NULL);
    }
    if (sp_headers_get(call->headers, "mcp-session-id").len == 0) {
        return mcp_refuse(verdict, MCP_SESSION_MISSING, NULL);
    }
    if (call->body.len > 0) {
        return mcp_refuse(verdict, MCP_BODY_UNWANTED, NULL);
    }
    return 0;
}
