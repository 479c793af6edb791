/* The MCP server. */
#include "services/tools/mcp/mcp.h"

#include <inttypes.h>

#include "common/base/alloc.h"
#include "common/base/error.h"
#include "common/stage/refusal.h"
#include "common/text/headers.h"
#include "common/text/json.h"
#include "proto/paths.h"
#include "proto/schema.h"
#include "services/tools/mcp/mcp_list.h"
#include "services/tools/mcp/mcp_version.h"
#include "services/tools/mcp/session.h"

#define SERVER_INFO                                                            \
    "{\"name\":\"sallyport\",\"title\":\"Sallyport\",\"version\":\"0.1.0\"}"
#define META "io.modelcontextprotocol/"
#define VERSION_HEADER "mcp-protocol-version"
#define SESSION_HEADER "mcp-session-id"
#define INSTRUCTIONS                                                           \
    "\"Tools of this gate. tools/list shows those that your token allows.\""

/* A working day: a client whose session has expired opens a new one. */
#define SESSION_MS INT64_C(43200000)

/* Lists depend on the caller's scopes and change with the configuration. */
#define LIST_TTL_MS 60000
#define DISCOVER_TTL_MS 3600000

/* A digest and two names as long as a message can carry, with room. */
#define MAX_IDENTITY 4096

/* Longer names than the catalogue's 128 bytes name no tool. */
#define MAX_NAME 1024

/* JSON-RPC 2.0 section 5.1, and MCP 2026-07-28. */
enum {
    RPC_PARSE = -32700,
    RPC_REQUEST = -32600,
    RPC_METHOD = -32601,
    RPC_PARAMS = -32602,
    RPC_VERSION = -32022,
};

struct mcp {
    struct mcp_means means;
    struct mcp_list *list;
    struct sp_json json;
    struct tool_result result;
    struct sp_buf identity; /* of the request being claimed */
    struct sp_buf name;     /* of the tool being called, unescaped */
};

/* One request on its way. */
struct turn {
    struct mcp *mcp;
    const struct mcp_request *request;
    struct mcp_reply *reply;
    enum mcp_version version;
    struct session session; /* of the legacy versions */
    struct sp_view id;      /* JSON text; empty: a notification */
    const struct sp_json_token *params;
};

/* ---------------------------------------------------------------- replies */

void
mcp_reply_make(struct mcp_reply *reply)
{
    *reply = (struct mcp_reply){ .headers = sp_buf_new(SP_MAX_HEADERS),
                                 .body = sp_buf_new(SP_MAX_BODY) };
}

void
mcp_reply_free(struct mcp_reply *reply)
{
    sp_buf_free(&reply->headers);
    sp_buf_free(&reply->body);
}

static void
clear(struct mcp_reply *reply)
{
    sp_buf_reset(&reply->headers);
    sp_buf_reset(&reply->body);
    reply->status = 0;
    reply->deferred = false;
    reply->outcome = MCP_ANSWERED;
    reply->tool = NULL;
    reply->failed = false;
}

const struct mcp_denial *
mcp_denial_of(enum mcp_outcome outcome)
{
    static const struct mcp_denial denials[MCP_OUTCOMES] = {
        [MCP_SCOPE_REFUSED] = { 403, "insufficient_scope",
                                "The token lacks the scope of this tool.", 0 },
        [MCP_OUTCOME_UNKNOWN] = { 409, "outcome_unknown",
                                  "This request was begun before and its "
                                  "outcome is not known; look before you "
                                  "send it again.",
                                  0 },
        [MCP_ID_REUSED] = { 409, "request_id_reused",
                            "The request id belongs to another request.", 0 },
        [MCP_STORE_BUSY] = { 503, "store_busy",
                             "The store is busy; nothing was done.", 1 },
        [MCP_STORE_FAILED] = { 500, "store_failed",
                               "The tool could not be run; nothing was "
                               "done.",
                               0 },
        [MCP_TOO_LARGE] = { 500, "result_too_large",
                            "The tool's result is too large.", 0 },
    };

    return &denials[outcome];
}

static void
deny(struct turn *t, int error)
{
    static const struct {
        int error;
        enum mcp_outcome outcome;
    } rows[] = {
        { SP_EDENIED, MCP_SCOPE_REFUSED },    { SP_EAUTH, MCP_ID_REUSED },
        { SP_EFULL, MCP_STORE_BUSY },         { SP_ELIMIT, MCP_TOO_LARGE },
        { SP_EUNKNOWN, MCP_OUTCOME_UNKNOWN },
    };

    t->reply->outcome = MCP_STORE_FAILED;
    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        if (rows[i].error == error) {
            t->reply->outcome = rows[i].outcome;
        }
    }
}

/* A refusal in the words of JSON-RPC. */
struct fault {
    unsigned status;
    int rpc_code;
    const char *code;
    const char *text;
    const char *data;
};

static void
refuse(struct turn *t, const struct fault *fault)
{
    const struct sp_refusal refusal = {
        .status = fault->status,
        .rpc_code = fault->rpc_code,
        .code = fault->code,
        .text = fault->text,
        .rpc_id = t->id,
        .data = fault->data,
    };

    t->reply->status = fault->status;
    t->reply->outcome = MCP_PROTOCOL_REFUSED;
    if (sp_refusal_write(&refusal, SP_REFUSAL_RPC, &t->reply->headers,
                         &t->reply->body) != 0) {
        deny(t, SP_ELIMIT);
    }
}

static void
refuse_session(struct turn *t, const struct fault *fault)
{
    refuse(t, fault);
    t->reply->outcome = MCP_SESSION_REFUSED;
}

static void
accept_silently(struct turn *t)
{
    t->reply->status = 202;
}

static bool
is_modern(const struct turn *t)
{
    return t->version == MCP_VERSION_MODERN;
}

/* The result's members are written between the two. */
static struct sp_buf *
begin_result(struct turn *t)
{
    struct sp_buf *body = &t->reply->body;

    t->reply->status = 200;
    (void)sp_buf_add_str(&t->reply->headers, "content-type: application/json\n"
                                             "cache-control: no-store\n");
    (void)sp_buf_add_str(body, "{\"jsonrpc\":\"2.0\",\"id\":");
    (void)sp_buf_add_view(body, t->id);
    (void)sp_buf_add_str(body, ",\"result\":{");
    if (is_modern(t)) {
        (void)sp_buf_add_str(body, "\"resultType\":\"complete\",");
    }
    return body;
}

static void
end_result(struct turn *t)
{
    if (is_modern(t)) {
        (void)sp_buf_add_str(&t->reply->body, ",\"_meta\":{\"" META
                                              "serverInfo\":" SERVER_INFO "}");
    }
    if (sp_buf_add_str(&t->reply->body, "}}") != 0 ||
        t->reply->body.error != 0) {
        deny(t, SP_ELIMIT);
    }
}

static void
add_caching(struct turn *t, int64_t ttl_ms, const char *scope)
{
    if (is_modern(t)) {
        (void)sp_buf_addf(&t->reply->body,
                          ",\"ttlMs\":%" PRId64 ",\"cacheScope\":\"%s\"",
                          ttl_ms, scope);
    }
}

/* --------------------------------------------------------------- sessions */

static struct session_owner
owner_of(const struct mcp_request *request)
{
    return (struct session_owner){ .subject = request->subject,
                                   .client = request->client };
}

/* A header that names the version must be right: 2025-06-18 wants it on every
 * request after initialize, 2025-03-26 does not know it. */
static bool
version_header_fits(const struct turn *t)
{
    struct sp_view header = sp_headers_get(t->request->headers, VERSION_HEADER);

    return header.ptr == NULL || mcp_version_find(header) == t->session.version;
}

/* Whether an id is forged, stolen, expired or ended is not told. */
static const struct fault session_unknown = {
    404, RPC_REQUEST, "session_unknown",
    "The session is unknown or has ended; send initialize again.", NULL
};

/* True where the request names a session of this caller; else it is refused. */
static bool
open_session(struct turn *t)
{
    static const struct fault missing = {
        400, RPC_REQUEST, "session_required",
        "Send initialize first, then its Mcp-Session-Id with each request.",
        NULL
    };
    static const struct fault other_version = {
        400, RPC_REQUEST, "version_mismatch",
        "MCP-Protocol-Version is not what initialize agreed on.", NULL
    };
    const struct session_owner owner = owner_of(t->request);
    const struct fault *fault = NULL;
    struct sp_view id = sp_headers_get(t->request->headers, SESSION_HEADER);

    if (id.ptr == NULL) {
        fault = &missing;
    } else if (session_open(t->mcp->means.session_key, id, &owner,
                            t->request->now_ms, &t->session) != 0) {
        fault = &session_unknown;
    } else if (!version_header_fits(t)) {
        fault = &other_version;
    } else {
        t->version = t->session.version;
        return true;
    }
    refuse_session(t, fault);
    return false;
}

/* True where the session has not ended; else the request is refused. */
static bool
is_living(struct turn *t)
{
    int ended =
        ledger_session_ended(t->mcp->means.ledger,
                             sp_view_make(t->session.name, SESSION_NAME_BYTES));

    if (ended == 1) {
        refuse_session(t, &session_unknown);
    } else if (ended < 0) {
        deny(t, ended);
    }
    return ended == 0;
}

static int
add_session(struct turn *t)
{
    struct session session = {
        .version = t->version,
        .expires_ms = t->request->now_ms + SESSION_MS,
    };
    const struct session_owner owner = owner_of(t->request);
    struct sp_buf *headers = &t->reply->headers;

    t->mcp->means.random(session.name, sizeof(session.name));
    (void)sp_buf_add_str(headers, SESSION_HEADER ": ");
    if (session_seal(t->mcp->means.session_key, &session, &owner, headers) !=
        0) {
        return SP_ESTORE;
    }
    return sp_buf_add_str(headers, "\n");
}

/* ------------------------------------------------------- what changes once */

/* Appends what makes a request the same: its bytes, and who asks. Without the
 * caller a captured edge could have one caller's answer given to another. */
static void
write_identity(const struct mcp_request *request, struct sp_buf *out)
{
    (void)sp_buf_add_view(out, request->digest);
    (void)sp_buf_addf(out, "%zu:", request->subject.len);
    (void)sp_buf_add_view(out, request->subject);
    (void)sp_buf_add_view(out, request->client);
}

/* Of a repetition, nobody may say that nothing was done unless the journal
 * says so: the client would do it twice. */
static void
deny_claim(struct turn *t, int error)
{
    bool unknown =
        error == SP_EDUPLICATE || (t->request->repeated && error != SP_EAUTH);

    deny(t, unknown ? SP_EUNKNOWN : error);
}

/* The reply is what the journal knows. */
static void
repeat(struct turn *t, const struct ledger_answer *known)
{
    t->reply->status = known->status;
    (void)sp_buf_add_view(&t->reply->headers, known->headers);
    (void)sp_buf_add_view(&t->reply->body, known->body);
    /* The first one may stand in the group that is still open. */
    t->reply->deferred = true;
    t->reply->outcome = MCP_REPEATED;
}

/* Claims the request in the journal. True where it is new; else the reply is
 * what the journal knows, or a denial. An effect whose answer has no room to
 * wait in must not happen either. */
static bool
claim(struct turn *t)
{
    const struct mcp_request *request = t->request;
    struct sp_buf *identity = &t->mcp->identity;
    struct ledger_claim wanted = {
        .request_id = request->request_id,
        .keep_until_ms = request->keep_until_ms,
    };
    struct ledger_answer known = { 0 };
    int error = request->crowded ? SP_EFULL : 0;

    if (error == 0) {
        sp_buf_reset(identity);
        write_identity(request, identity);
        wanted.digest = sp_buf_view(identity);
        request->starting(request->arg);
        error = ledger_claim(t->mcp->means.ledger, &wanted, &known);
    }
    if (error == SP_EDUPLICATE && known.status != 0) {
        repeat(t, &known);
    } else if (error != 0) {
        deny_claim(t, error);
    }
    return error == 0;
}

/* Writes the reply into the journal, or undoes what was done for a denial. */
static void
keep(struct turn *t)
{
    const struct ledger_answer answer = {
        .status = t->reply->status,
        .headers = sp_buf_view(&t->reply->headers),
        .body = sp_buf_view(&t->reply->body),
    };

    if (mcp_denial_of(t->reply->outcome)->code != NULL) {
        ledger_drop(t->mcp->means.ledger);
        return;
    }
    if (ledger_keep(t->mcp->means.ledger, &answer) != 0) {
        deny(t, SP_ESTORE);
        return;
    }
    t->reply->deferred = true;
}

/* The claim comes first: the edge's own repetition must get the first answer,
 * not hear that the session has ended. */
static void
end_session(struct turn *t)
{
    if (!claim(t)) {
        return;
    }
    if (is_living(t)) {
        int error = ledger_end_session(
            t->mcp->means.ledger,
            sp_view_make(t->session.name, SESSION_NAME_BYTES),
            t->session.expires_ms);

        t->reply->status = 204;
        t->reply->outcome = MCP_SESSION_ENDED;
        if (error != 0) {
            deny(t, error);
        }
    }
    keep(t);
}

/* ---------------------------------------------------------------- methods */

static void
on_initialize(struct turn *t)
{
    struct sp_json *json = &t->mcp->json;
    const struct sp_json_token *wanted =
        sp_json_get(json, t->params, "protocolVersion");
    struct sp_buf *body = NULL;

    t->version = MCP_VERSION_LATEST_LEGACY;
    for (int v = MCP_VERSION_2025_03_26; v < MCP_VERSION_MODERN; v++) {
        enum mcp_version version = (enum mcp_version)v;

        if (sp_json_equals(json, wanted, mcp_version_name(version))) {
            t->version = version;
        }
    }
    body = begin_result(t);
    (void)sp_buf_addf(body,
                      "\"protocolVersion\":\"%s\","
                      "\"capabilities\":{\"tools\":{}},"
                      "\"serverInfo\":" SERVER_INFO
                      ",\"instructions\":" INSTRUCTIONS,
                      mcp_version_name(t->version));
    end_result(t);
    t->reply->outcome = MCP_SESSION_OPENED;
    if (add_session(t) != 0) {
        deny(t, SP_ESTORE);
    }
}

static void
on_ping(struct turn *t)
{
    (void)begin_result(t);
    end_result(t);
}

static void
on_discover(struct turn *t)
{
    struct sp_buf *body = begin_result(t);

    (void)sp_buf_addf(body,
                      "\"supportedVersions\":[\"%s\"],"
                      "\"capabilities\":{\"tools\":{}},"
                      "\"instructions\":" INSTRUCTIONS,
                      mcp_version_name(MCP_VERSION_MODERN));
    add_caching(t, DISCOVER_TTL_MS, "public");
    end_result(t);
}

/* All tools fit on one page, so no cursor was ever given out. */
static void
on_list(struct turn *t)
{
    static const struct fault bad_cursor = { 200, RPC_PARAMS, "bad_cursor",
                                             "The cursor is not one of ours.",
                                             NULL };
    struct sp_buf *body = NULL;

    if (sp_json_get(&t->mcp->json, t->params, "cursor") != NULL) {
        refuse(t, &bad_cursor);
        return;
    }
    body = begin_result(t);
    (void)mcp_list_write(t->mcp->list, t->version, t->request->scopes, body);
    add_caching(t, LIST_TTL_MS, "private");
    end_result(t);
}

/* 2025-03-26 knows no structured content; all get the text too. */
static void
write_result(struct turn *t)
{
    const struct tool_result *result = &t->mcp->result;
    struct sp_buf *body = begin_result(t);

    (void)sp_buf_add_str(body, "\"content\":[{\"type\":\"text\",\"text\":\"");
    (void)sp_buf_add_json(body, sp_buf_view(&result->text));
    (void)sp_buf_add_str(body, "\"}]");
    if (!result->failed && t->version != MCP_VERSION_2025_03_26) {
        (void)sp_buf_add_str(body, ",\"structuredContent\":");
        (void)sp_buf_add_view(body, sp_buf_view(&result->text));
    }
    (void)sp_buf_addf(body, ",\"isError\":%s",
                      result->failed ? "true" : "false");
    t->reply->failed = result->failed;
    end_result(t);
}

static void
run(struct turn *t, const struct tool_call *call)
{
    struct tool_result *result = &t->mcp->result;
    int error = 0;

    result->failed = false;
    sp_buf_reset(&result->text);
    error = toolset_run(t->mcp->means.toolset, call, result);
    if (error == 0) {
        write_result(t);
    } else {
        deny(t, error);
    }
}

static void
call_tool(struct turn *t, const struct sp_tool *tool,
          const struct sp_json_token *arguments)
{
    const struct tool_call call = {
        .tool = tool,
        .arguments = { .json = &t->mcp->json, .object = arguments },
        .subject = t->request->subject,
        .client = t->request->client,
        .now_ms = t->request->now_ms,
    };

    t->reply->tool = tool;
    if (!sp_catalogue_allows(tool, t->request->scopes)) {
        deny(t, SP_EDENIED);
    } else if (!tool->changes) {
        run(t, &call);
    } else if (claim(t)) {
        run(t, &call);
        keep(t);
    }
}

/* The tool of this name, however it is spelled, or NULL. */
static const struct sp_tool *
find_tool(struct mcp *mcp, const struct sp_json_token *name)
{
    struct sp_view plain = { 0 };

    sp_buf_reset(&mcp->name);
    return sp_json_string(&mcp->json, name, &mcp->name, &plain) == 0
               ? sp_catalogue_find(mcp->means.catalogue, plain)
               : NULL;
}

static void
on_call(struct turn *t)
{
    static const struct fault unknown = { 200, RPC_PARAMS, "unknown_tool",
                                          "No tool has this name; tools/list "
                                          "names those that exist.",
                                          NULL };
    static const struct fault malformed = {
        200, RPC_PARAMS, "bad_params",
        "params must hold name, a string, and may hold arguments, an object.",
        NULL
    };
    struct sp_json *json = &t->mcp->json;
    const struct sp_json_token *name = sp_json_get(json, t->params, "name");
    const struct sp_json_token *arguments =
        sp_json_get(json, t->params, "arguments");
    const struct sp_tool *tool = NULL;

    if (!sp_json_is(name, SP_JSON_STRING) ||
        (arguments != NULL && !sp_json_is(arguments, SP_JSON_OBJECT))) {
        refuse(t, &malformed);
        return;
    }
    tool = find_tool(t->mcp, name);
    if (tool == NULL) {
        refuse(t, &unknown);
        return;
    }
    call_tool(t, tool, arguments);
}

/* --------------------------------------------------------------- dispatch */

enum era {
    ERA_LEGACY = 1,
    ERA_MODERN = 2,
    ERA_BOTH = 3,
};

static const struct method {
    const char *name;
    enum era era;
    bool opens_session; /* runs without one */
    void (*run)(struct turn *t);
} methods[] = {
    { "tools/call", ERA_BOTH, false, on_call },
    { "tools/list", ERA_BOTH, false, on_list },
    { "initialize", ERA_LEGACY, true, on_initialize },
    { "ping", ERA_LEGACY, false, on_ping },
    { "server/discover", ERA_MODERN, false, on_discover },
};

static const struct method *
find_method(const struct turn *t, const struct sp_json_token *name)
{
    enum era era = is_modern(t) ? ERA_MODERN : ERA_LEGACY;

    for (size_t i = 0; i < SP_COUNT(methods); i++) {
        if ((methods[i].era & era) != 0 &&
            sp_json_equals(&t->mcp->json, name, methods[i].name)) {
            return &methods[i];
        }
    }
    return NULL;
}

static void
answer_request(struct turn *t, const struct sp_json_token *name)
{
    const struct fault unknown = { is_modern(t) ? 404 : 200, RPC_METHOD,
                                   "unknown_method",
                                   "This server does not know the method.",
                                   NULL };
    const struct method *method = find_method(t, name);

    if (!is_modern(t) && (method == NULL || !method->opens_session) &&
        !(open_session(t) && is_living(t))) {
        return;
    }
    if (t->id.len == 0) {
        accept_silently(t);
    } else if (method == NULL) {
        refuse(t, &unknown);
    } else {
        method->run(t);
    }
}

/* Decides the era of this one request: modern where its _meta or its header
 * says so (2026-07-28 basic/versioning). False where the version is refused. */
static bool
choose_version(struct turn *t)
{
    static const struct fault unsupported = {
        400, RPC_VERSION, "unsupported_version",
        "This protocol version is not served.",
        "{\"supported\":[\"2026-07-28\"]}"
    };
    struct sp_json *json = &t->mcp->json;
    const struct sp_json_token *named = sp_json_get(
        json, sp_json_get(json, t->params, "_meta"), META "protocolVersion");
    struct sp_view header = sp_headers_get(t->request->headers, VERSION_HEADER);

    if (named == NULL && mcp_version_find(header) != MCP_VERSION_MODERN) {
        return true;
    }
    t->version = MCP_VERSION_MODERN;
    if (named != NULL &&
        !sp_json_equals(json, named, mcp_version_name(MCP_VERSION_MODERN))) {
        refuse(t, &unsupported);
        return false;
    }
    return true;
}

static void
answer_post(struct turn *t)
{
    static const struct fault no_json = { 400, RPC_PARSE, "bad_json",
                                          "The body is no strict JSON.", NULL };
    static const struct fault no_message = {
        400, RPC_REQUEST, "bad_message",
        "The body must be one JSON-RPC 2.0 message.", NULL
    };
    struct sp_json *json = &t->mcp->json;
    const struct sp_json_token *root = NULL;
    const struct sp_json_token *id = NULL;
    const struct sp_json_token *name = NULL;

    if (sp_json_parse(json, t->request->body) != 0) {
        refuse(t, &no_json);
        return;
    }
    root = sp_json_root(json);
    id = sp_json_get(json, root, "id");
    name = sp_json_get(json, root, "method");
    if (sp_json_is(id, SP_JSON_STRING) || sp_json_is(id, SP_JSON_NUMBER)) {
        t->id = sp_json_raw(json, id);
    }
    if (!sp_json_is(root, SP_JSON_OBJECT) || (id != NULL && t->id.len == 0)) {
        refuse(t, &no_message);
        return;
    }
    t->params = sp_json_get(json, root, "params");
    if (name == NULL) {
        t->id =
            sp_view_make(NULL, 0); /* a response: nobody here waits for it */
    }
    if (choose_version(t)) {
        answer_request(t, name);
    }
}

/* Only sessions can be ended; 2026-07-28 has none. */
static void
answer_delete(struct turn *t)
{
    if (open_session(t)) {
        end_session(t);
    }
}

void
mcp_answer(struct mcp *mcp, const struct mcp_request *request,
           struct mcp_reply *reply)
{
    static const struct fault no_method = { 405, RPC_REQUEST, "bad_method",
                                            "Use POST, or DELETE to end a "
                                            "session.",
                                            NULL };
    struct turn turn = { .mcp = mcp, .request = request, .reply = reply };
    char allow[SP_PATH_ALLOW_MAX];

    clear(reply);
    if (sp_view_is(request->method, "POST")) {
        answer_post(&turn);
    } else if (sp_view_is(request->method, "DELETE")) {
        answer_delete(&turn);
    } else {
        refuse(&turn, &no_method);
        (void)sp_buf_addf(&reply->headers, "allow: %s\n",
                          sp_path_allow(sp_path_row(SP_PATH_MCP), allow));
    }
}

struct mcp *
mcp_new(const struct mcp_means *means)
{
    struct mcp *mcp = sp_alloc(sizeof(*mcp));

    mcp->means = *means;
    mcp->list = mcp_list_new(means->catalogue);
    mcp->result.text = sp_buf_new(SP_MAX_BODY / 2);
    mcp->identity = sp_buf_new(MAX_IDENTITY);
    mcp->name = sp_buf_new(MAX_NAME);
    return mcp;
}

void
mcp_free(struct mcp **mcp)
{
    struct mcp *m = *mcp;

    if (m == NULL) {
        return;
    }
    mcp_list_free(&m->list);
    sp_json_free(&m->json);
    sp_buf_free(&m->result.text);
    sp_buf_free(&m->identity);
    sp_buf_free(&m->name);
    sp_free(m);
    *mcp = NULL;
}
