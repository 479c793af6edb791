/* The MCP server. */
#include "services/tools/mcp/mcp.h"

#include <inttypes.h>

#include "common/base/alloc.h"
#include "common/base/error.h"
#include "common/base/version.h"
#include "common/stage/refusal.h"
#include "common/text/headers.h"
#include "common/text/json.h"
#include "proto/paths.h"
#include "proto/schema.h"
#include "services/tools/mcp/mcp_list.h"
#include "services/tools/mcp/mcp_version.h"
#include "services/tools/mcp/session.h"

#define SERVER_INFO                                                            \
    "{\"name\":\"sallyport\",\"title\":\"Sallyport\",\"version\":"             \
    "\"" SP_VERSION "\"}"
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
struct mcp_call {
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

const struct sp_refusal *
mcp_refusal_of(enum mcp_outcome outcome)
{
    static const struct sp_refusal refusals[MCP_OUTCOMES] = {
        [MCP_SCOPE_REFUSED] = {
            .kind = "scope_refused",
            .status = 403,
            .code = "insufficient_scope",
            .text = "The token lacks the scope of this tool.",
        },
        [MCP_OUTCOME_UNKNOWN] = {
            .kind = "outcome_unknown",
            .status = 409,
            .code = "outcome_unknown",
            .text = "This request was begun before and its outcome is not "
                    "known; look before you send it again.",
        },
        [MCP_ID_REUSED] = {
            .kind = "request_id_reused",
            .status = 409,
            .code = "request_id_reused",
            .text = "The request id belongs to another request.",
        },
        [MCP_STORE_BUSY] = {
            .kind = "store_busy",
            .status = 503,
            .code = "store_busy",
            .text = "The store is busy; nothing was done.",
            .retry_after_s = 1,
        },
        [MCP_STORE_FAILED] = {
            .kind = "store_failed",
            .status = 500,
            .code = "store_failed",
            .text = "The tool could not be run; nothing was done.",
        },
        [MCP_TOO_LARGE] = {
            .kind = "result_too_large",
            .status = 500,
            .code = "result_too_large",
            .text = "The tool's result is too large.",
        },
    };

    return refusals[outcome].code != NULL ? &refusals[outcome] : NULL;
}

static void
deny(struct mcp_call *c, int error)
{
    static const struct {
        int error;
        enum mcp_outcome outcome;
    } rows[] = {
        { SP_EDENIED, MCP_SCOPE_REFUSED },    { SP_EAUTH, MCP_ID_REUSED },
        { SP_EFULL, MCP_STORE_BUSY },         { SP_ELIMIT, MCP_TOO_LARGE },
        { SP_EUNKNOWN, MCP_OUTCOME_UNKNOWN },
    };

    c->reply->outcome = MCP_STORE_FAILED;
    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        if (rows[i].error == error) {
            c->reply->outcome = rows[i].outcome;
        }
    }
}

/* A refusal in the words of JSON-RPC. */
static void
refuse(struct mcp_call *c, const struct sp_refusal *why)
{
    struct sp_refusal refusal = *why;

    refusal.rpc_id = c->id;
    c->reply->status = refusal.status;
    c->reply->outcome = MCP_PROTOCOL_REFUSED;
    if (sp_refusal_write(&refusal, SP_REFUSAL_RPC, &c->reply->headers,
                         &c->reply->body) != 0) {
        deny(c, SP_ELIMIT);
    }
}

static void
refuse_session(struct mcp_call *c, const struct sp_refusal *why)
{
    refuse(c, why);
    c->reply->outcome = MCP_SESSION_REFUSED;
}

static void
accept_silently(struct mcp_call *c)
{
    c->reply->status = 202;
}

static bool
is_modern(const struct mcp_call *c)
{
    return c->version == MCP_VERSION_MODERN;
}

/* The result's members are written between the two. */
static struct sp_buf *
begin_result(struct mcp_call *c)
{
    struct sp_buf *body = &c->reply->body;

    c->reply->status = 200;
    (void)sp_buf_add_str(&c->reply->headers, "content-type: application/json\n"
                                             "cache-control: no-store\n");
    (void)sp_buf_add_str(body, "{\"jsonrpc\":\"2.0\",\"id\":");
    (void)sp_buf_add_view(body, c->id);
    (void)sp_buf_add_str(body, ",\"result\":{");
    if (is_modern(c)) {
        (void)sp_buf_add_str(body, "\"resultType\":\"complete\",");
    }
    return body;
}

static void
end_result(struct mcp_call *c)
{
    if (is_modern(c)) {
        (void)sp_buf_add_str(&c->reply->body, ",\"_meta\":{\"" META
                                              "serverInfo\":" SERVER_INFO "}");
    }
    if (sp_buf_add_str(&c->reply->body, "}}") != 0 ||
        c->reply->body.error != 0) {
        deny(c, SP_ELIMIT);
    }
}

static void
add_caching(struct mcp_call *c, int64_t ttl_ms, const char *scope)
{
    if (is_modern(c)) {
        (void)sp_buf_addf(&c->reply->body,
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
version_header_fits(const struct mcp_call *c)
{
    struct sp_view header =
        sp_headers_get(c->request->http.headers, VERSION_HEADER);

    return header.ptr == NULL || mcp_version_find(header) == c->session.version;
}

/* Whether an id is forged, stolen, expired or ended is not reported. */
static const struct sp_refusal session_unknown = {
    .status = 404,
    .rpc_code = RPC_REQUEST,
    .code = "session_unknown",
    .text = "The session is unknown or has ended; send initialize again.",
};

/* True where the request names a session of this caller; else it is refused. */
static bool
open_session(struct mcp_call *c)
{
    static const struct sp_refusal missing = {
        .status = 400,
        .rpc_code = RPC_REQUEST,
        .code = "session_required",
        .text =
            "Send initialize first, then its Mcp-Session-Id with each request.",
    };
    static const struct sp_refusal other_version = {
        .status = 400,
        .rpc_code = RPC_REQUEST,
        .code = "version_mismatch",
        .text = "MCP-Protocol-Version is not what initialize agreed on.",
    };
    const struct session_owner owner = owner_of(c->request);
    const struct sp_refusal *refusal = NULL;
    struct sp_view id =
        sp_headers_get(c->request->http.headers, SESSION_HEADER);

    if (id.ptr == NULL) {
        refusal = &missing;
    } else if (session_open(c->mcp->means.session_key, id, &owner,
                            c->request->now_ms, &c->session) != 0) {
        refusal = &session_unknown;
    } else if (!version_header_fits(c)) {
        refusal = &other_version;
    } else {
        c->version = c->session.version;
        return true;
    }
    refuse_session(c, refusal);
    return false;
}

/* True where the session has not ended; else the request is refused. */
static bool
is_living(struct mcp_call *c)
{
    int ended =
        ledger_session_ended(c->mcp->means.ledger,
                             sp_view_make(c->session.name, SESSION_NAME_BYTES));

    if (ended == 1) {
        refuse_session(c, &session_unknown);
    } else if (ended < 0) {
        deny(c, ended);
    }
    return ended == 0;
}

static int
add_session(struct mcp_call *c)
{
    struct session session = {
        .version = c->version,
        .expires_ms = c->request->now_ms + SESSION_MS,
    };
    const struct session_owner owner = owner_of(c->request);
    struct sp_buf *headers = &c->reply->headers;

    c->mcp->means.random(session.name, sizeof(session.name));
    (void)sp_buf_add_str(headers, SESSION_HEADER ": ");
    if (session_seal(c->mcp->means.session_key, &session, &owner, headers) !=
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
    unsigned char digest[SP_PASSPORT_DIGEST_BYTES];

    sp_passport_digest(&request->http, digest);
    (void)sp_buf_add(out, digest, sizeof(digest));
    (void)sp_buf_addf(out, "%zu:", request->subject.len);
    (void)sp_buf_add_view(out, request->subject);
    (void)sp_buf_add_view(out, request->client);
}

/* Of a repetition, nobody may say that nothing was done unless the journal
 * says so: the client would do it twice. */
static void
deny_claim(struct mcp_call *c, int error)
{
    bool unknown =
        error == SP_EDUPLICATE || (c->request->repeated && error != SP_EAUTH);

    deny(c, unknown ? SP_EUNKNOWN : error);
}

/* The reply is what the journal knows. */
static void
repeat(struct mcp_call *c, const struct ledger_answer *known)
{
    c->reply->status = known->status;
    (void)sp_buf_add_view(&c->reply->headers, known->headers);
    (void)sp_buf_add_view(&c->reply->body, known->body);
    /* The first one may stand in the group that is still open. */
    c->reply->deferred = true;
    c->reply->outcome = MCP_REPEATED;
}

/* Claims the request in the journal. True where it is new; else the reply is
 * what the journal knows, or a refusal. An effect whose answer has no room to
 * wait in must not happen either. */
static bool
claim(struct mcp_call *c)
{
    const struct mcp_request *request = c->request;
    struct sp_buf *identity = &c->mcp->identity;
    struct ledger_claim wanted = {
        .request_id = request->request_id,
        .keep_until_ms = request->keep_until_ms,
    };
    struct ledger_answer known = { 0 };
    int error = request->begin(request->arg);

    if (error != 0 && error != SP_EFULL) {
        c->reply->outcome = MCP_UNPLACED;
        return false;
    }
    if (error == 0) {
        sp_buf_reset(identity);
        write_identity(request, identity);
        wanted.digest = sp_buf_view(identity);
        error = ledger_claim(c->mcp->means.ledger, &wanted, &known);
    }
    if (error == SP_EDUPLICATE && known.status != 0) {
        repeat(c, &known);
    } else if (error != 0) {
        deny_claim(c, error);
    }
    return error == 0;
}

/* Writes the reply into the journal, or undoes what was done for a refusal. */
static void
keep(struct mcp_call *c)
{
    const struct ledger_answer answer = {
        .status = c->reply->status,
        .headers = sp_buf_view(&c->reply->headers),
        .body = sp_buf_view(&c->reply->body),
    };

    if (mcp_refusal_of(c->reply->outcome) != NULL) {
        ledger_drop(c->mcp->means.ledger);
        return;
    }
    if (ledger_keep(c->mcp->means.ledger, &answer) != 0) {
        deny(c, SP_ESTORE);
        return;
    }
    c->reply->deferred = true;
}

/* The claim comes first: the edge's own repetition must get the first answer,
 * not hear that the session has ended. */
static void
end_session(struct mcp_call *c)
{
    if (!claim(c)) {
        return;
    }
    if (is_living(c)) {
        int error = ledger_end_session(
            c->mcp->means.ledger,
            sp_view_make(c->session.name, SESSION_NAME_BYTES),
            c->session.expires_ms);

        c->reply->status = 204;
        c->reply->outcome = MCP_SESSION_ENDED;
        if (error != 0) {
            deny(c, error);
        }
    }
    keep(c);
}

/* ---------------------------------------------------------------- methods */

static void
on_initialize(struct mcp_call *c)
{
    struct sp_json *json = &c->mcp->json;
    const struct sp_json_token *wanted =
        sp_json_get(json, c->params, "protocolVersion");
    struct sp_buf *body = NULL;

    c->version = MCP_VERSION_LATEST_LEGACY;
    for (int v = MCP_VERSION_2025_03_26; v < MCP_VERSION_MODERN; v++) {
        enum mcp_version version = (enum mcp_version)v;

        if (sp_json_equals(json, wanted, mcp_version_name(version))) {
            c->version = version;
        }
    }
    body = begin_result(c);
    (void)sp_buf_addf(body,
                      "\"protocolVersion\":\"%s\","
                      "\"capabilities\":{\"tools\":{}},"
                      "\"serverInfo\":" SERVER_INFO
                      ",\"instructions\":" INSTRUCTIONS,
                      mcp_version_name(c->version));
    end_result(c);
    c->reply->outcome = MCP_SESSION_OPENED;
    if (add_session(c) != 0) {
        deny(c, SP_ESTORE);
    }
}

static void
on_ping(struct mcp_call *c)
{
    (void)begin_result(c);
    end_result(c);
}

static void
on_discover(struct mcp_call *c)
{
    struct sp_buf *body = begin_result(c);

    (void)sp_buf_addf(body,
                      "\"supportedVersions\":[\"%s\"],"
                      "\"capabilities\":{\"tools\":{}},"
                      "\"instructions\":" INSTRUCTIONS,
                      mcp_version_name(MCP_VERSION_MODERN));
    add_caching(c, DISCOVER_TTL_MS, "public");
    end_result(c);
}

/* All tools fit on one page, so no cursor was ever given out. */
static void
on_list(struct mcp_call *c)
{
    static const struct sp_refusal bad_cursor = {
        .status = 200,
        .rpc_code = RPC_PARAMS,
        .code = "bad_cursor",
        .text = "The cursor is not one of ours.",
    };
    struct sp_buf *body = NULL;

    if (sp_json_get(&c->mcp->json, c->params, "cursor") != NULL) {
        refuse(c, &bad_cursor);
        return;
    }
    body = begin_result(c);
    (void)mcp_list_write(c->mcp->list, c->version, c->request->scopes, body);
    add_caching(c, LIST_TTL_MS, "private");
    end_result(c);
}

/* 2025-03-26 knows no structured content; all get the text too. */
static void
write_result(struct mcp_call *c)
{
    const struct tool_result *result = &c->mcp->result;
    struct sp_buf *body = begin_result(c);

    (void)sp_buf_add_str(body, "\"content\":[{\"type\":\"text\",\"text\":\"");
    (void)sp_buf_add_json(body, sp_buf_view(&result->text));
    (void)sp_buf_add_str(body, "\"}]");
    if (!result->failed && c->version != MCP_VERSION_2025_03_26) {
        (void)sp_buf_add_str(body, ",\"structuredContent\":");
        (void)sp_buf_add_view(body, sp_buf_view(&result->text));
    }
    (void)sp_buf_addf(body, ",\"isError\":%s",
                      result->failed ? "true" : "false");
    c->reply->failed = result->failed;
    end_result(c);
}

static void
run(struct mcp_call *c, const struct tool_call *call)
{
    struct tool_result *result = &c->mcp->result;
    int error = 0;

    result->failed = false;
    sp_buf_reset(&result->text);
    error = toolset_run(c->mcp->means.toolset, call, result);
    if (error == 0) {
        write_result(c);
    } else {
        deny(c, error);
    }
}

static void
call_tool(struct mcp_call *c, const struct sp_tool *tool,
          const struct sp_json_token *arguments)
{
    const struct tool_call call = {
        .tool = tool,
        .arguments = { .json = &c->mcp->json, .object = arguments },
        .subject = c->request->subject,
        .client = c->request->client,
        .now_ms = c->request->now_ms,
    };

    c->reply->tool = tool;
    if (!sp_catalogue_allows(tool, c->request->scopes)) {
        deny(c, SP_EDENIED);
    } else if (!tool->changes) {
        run(c, &call);
    } else if (claim(c)) {
        run(c, &call);
        keep(c);
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
on_call(struct mcp_call *c)
{
    static const struct sp_refusal unknown = {
        .status = 200,
        .rpc_code = RPC_PARAMS,
        .code = "unknown_tool",
        .text = "No tool has this name; tools/list names those that exist.",
    };
    static const struct sp_refusal malformed = {
        .status = 200,
        .rpc_code = RPC_PARAMS,
        .code = "bad_params",
        .text = "params must hold name, a string, and may hold arguments, an "
                "object.",
    };
    struct sp_json *json = &c->mcp->json;
    const struct sp_json_token *name = sp_json_get(json, c->params, "name");
    const struct sp_json_token *arguments =
        sp_json_get(json, c->params, "arguments");
    const struct sp_tool *tool = NULL;

    if (!sp_json_is(name, SP_JSON_STRING) ||
        (arguments != NULL && !sp_json_is(arguments, SP_JSON_OBJECT))) {
        refuse(c, &malformed);
        return;
    }
    tool = find_tool(c->mcp, name);
    if (tool == NULL) {
        refuse(c, &unknown);
        return;
    }
    call_tool(c, tool, arguments);
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
    void (*run)(struct mcp_call *c);
} methods[] = {
    { "tools/call", ERA_BOTH, false, on_call },
    { "tools/list", ERA_BOTH, false, on_list },
    { "initialize", ERA_LEGACY, true, on_initialize },
    { "ping", ERA_LEGACY, false, on_ping },
    { "server/discover", ERA_MODERN, false, on_discover },
};

static const struct method *
find_method(const struct mcp_call *c, const struct sp_json_token *name)
{
    enum era era = is_modern(c) ? ERA_MODERN : ERA_LEGACY;

    for (size_t i = 0; i < SP_COUNT(methods); i++) {
        if ((methods[i].era & era) != 0 &&
            sp_json_equals(&c->mcp->json, name, methods[i].name)) {
            return &methods[i];
        }
    }
    return NULL;
}

static void
answer_request(struct mcp_call *c, const struct sp_json_token *name)
{
    const struct sp_refusal unknown = {
        .status = is_modern(c) ? 404 : 200,
        .rpc_code = RPC_METHOD,
        .code = "unknown_method",
        .text = "This server does not know the method.",
    };
    const struct method *method = find_method(c, name);

    if (!is_modern(c) && (method == NULL || !method->opens_session) &&
        !(open_session(c) && is_living(c))) {
        return;
    }
    if (c->id.len == 0) {
        accept_silently(c);
    } else if (method == NULL) {
        refuse(c, &unknown);
    } else {
        method->run(c);
    }
}

/* Decides the era of this one request: modern where its _meta or its header
 * says so (2026-07-28 basic/versioning). False where the version is refused. */
static bool
choose_version(struct mcp_call *c)
{
    static const struct sp_refusal unsupported = {
        .status = 400,
        .rpc_code = RPC_VERSION,
        .code = "unsupported_version",
        .text = "This protocol version is not served.",
        .data = "{\"supported\":[\"2026-07-28\"]}",
    };
    struct sp_json *json = &c->mcp->json;
    const struct sp_json_token *named = sp_json_get(
        json, sp_json_get(json, c->params, "_meta"), META "protocolVersion");
    struct sp_view header =
        sp_headers_get(c->request->http.headers, VERSION_HEADER);

    if (named == NULL && mcp_version_find(header) != MCP_VERSION_MODERN) {
        return true;
    }
    c->version = MCP_VERSION_MODERN;
    if (named != NULL &&
        !sp_json_equals(json, named, mcp_version_name(MCP_VERSION_MODERN))) {
        refuse(c, &unsupported);
        return false;
    }
    return true;
}

static void
answer_post(struct mcp_call *c)
{
    static const struct sp_refusal no_json = {
        .status = 400,
        .rpc_code = RPC_PARSE,
        .code = "bad_json",
        .text = "The body is no strict JSON.",
    };
    static const struct sp_refusal no_message = {
        .status = 400,
        .rpc_code = RPC_REQUEST,
        .code = "bad_message",
        .text = "The body must be one JSON-RPC 2.0 message.",
    };
    struct sp_json *json = &c->mcp->json;
    const struct sp_json_token *root = NULL;
    const struct sp_json_token *id = NULL;
    const struct sp_json_token *name = NULL;

    if (sp_json_parse(json, c->request->http.body) != 0) {
        refuse(c, &no_json);
        return;
    }
    root = sp_json_root(json);
    id = sp_json_get(json, root, "id");
    name = sp_json_get(json, root, "method");
    if (sp_json_is(id, SP_JSON_STRING) || sp_json_is(id, SP_JSON_NUMBER)) {
        c->id = sp_json_raw(json, id);
    }
    if (!sp_json_is(root, SP_JSON_OBJECT) || (id != NULL && c->id.len == 0)) {
        refuse(c, &no_message);
        return;
    }
    c->params = sp_json_get(json, root, "params");
    if (name == NULL) {
        c->id =
            sp_view_make(NULL, 0); /* a response: nobody here waits for it */
    }
    if (choose_version(c)) {
        answer_request(c, name);
    }
}

/* Only sessions can be ended; 2026-07-28 has none. */
static void
answer_delete(struct mcp_call *c)
{
    if (open_session(c)) {
        end_session(c);
    }
}

void
mcp_answer(struct mcp *mcp, const struct mcp_request *request,
           struct mcp_reply *reply)
{
    char allow[SP_PATH_ALLOW_MAX];
    const struct sp_refusal no_method = {
        .status = 405,
        .rpc_code = RPC_REQUEST,
        .code = "bad_method",
        .text = "Use POST, or DELETE to end a session.",
        .allow = sp_path_allow(sp_path_row(SP_PATH_MCP), allow),
    };
    struct mcp_call call = { .mcp = mcp, .request = request, .reply = reply };

    clear(reply);
    if (sp_view_is(request->http.method, "POST")) {
        answer_post(&call);
    } else if (sp_view_is(request->http.method, "DELETE")) {
        answer_delete(&call);
    } else {
        refuse(&call, &no_method);
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
