/* Every path that the gate serves: which methods it takes, who answers, what
 * the caller needs, and how a refusal looks there. All stages route by these
 * rows; what has no row is refused. */
#ifndef SP_PROTO_PATHS_H
#define SP_PROTO_PATHS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/compiler.h"
#include "common/base/view.h"
#include "proto/message.h"

/* M(SYMBOL, bit): the methods that a row may list, in the order of Allow. */
#define SP_METHODS(M)                                                          \
    M(GET, 1)                                                                  \
    M(HEAD, 2)                                                                 \
    M(POST, 4)                                                                 \
    M(PUT, 8)                                                                  \
    M(DELETE, 16)                                                              \
    M(OPTIONS, 32)

/* enum sp_method: SP_METHOD_GET, ... A row with GET takes HEAD as well; the
 * edge sends HEAD on as GET. */
enum sp_method {
    SP_METHOD_NONE = 0,
#define SP_METHOD_ENUM(symbol, bit) SP_METHOD_##symbol = (bit),
    SP_METHODS(SP_METHOD_ENUM)
#undef SP_METHOD_ENUM
};

/* Which deadline and which usual time a path has. */
enum sp_path_class {
    SP_CLASS_AUTH,  /* the authorization server's own answers */
    SP_CLASS_MCP,   /* tool calls */
    SP_CLASS_MODEL, /* model calls, streamed for minutes */
    SP_CLASS_COUNT
};

/* The shape of an error body. */
enum sp_refusal_form {
    SP_REFUSAL_RPC,       /* JSON-RPC 2.0 error response */
    SP_REFUSAL_OAUTH,     /* RFC 6749 section 5.2 */
    SP_REFUSAL_OPENAI,    /* {"error": {message, type, param, code}} */
    SP_REFUSAL_ANTHROPIC, /* {"type": "error", "error": {type, message}} */
    SP_REFUSAL_OLLAMA,    /* {"error": "text"} */
    SP_REFUSAL_PLAIN,     /* {"error": code, "message": text} */
};

#define SP_GET SP_METHOD_GET
#define SP_POST SP_METHOD_POST
#define SP_POST_DELETE SP_METHOD_POST | SP_METHOD_DELETE

/* P(SYMBOL, path, methods, class, target, scope, form); the first row that fits
 * decides.
 * path     "/a" itself; "/a/" and all that begins with it; a last segment of *
 *          stands for any one segment
 * methods  NONE: nothing is served there, but a refusal has the form that
 *          clients of such paths read
 * target   the service that answers; callers of any but EDGE and AUTH need a
 *          token
 * scope    that the token must have, or NULL: any token will do, or the tools
 *          have scopes of their own */
#define SP_PATHS(P)                                                            \
    P(HEALTHZ, "/healthz", SP_GET, AUTH, EDGE, NULL, PLAIN)                    \
    P(READYZ, "/readyz", SP_GET, AUTH, EDGE, NULL, PLAIN)                      \
    P(TOKEN, "/token", SP_POST, AUTH, AUTH, NULL, OAUTH)                       \
    P(JWKS, "/jwks", SP_GET, AUTH, AUTH, NULL, PLAIN)                          \
    P(DOCUMENTS, "/.well-known/", SP_GET, AUTH, AUTH, NULL, PLAIN)             \
    P(MCP, "/mcp", SP_POST_DELETE, MCP, TOOLS, NULL, RPC)                      \
    P(CHAT, "/v1/chat/completions", SP_POST, MODEL, LLM, "llm:chat", OPENAI)   \
    P(MODELS, "/v1/models", SP_GET, MODEL, LLM, "llm:chat", OPENAI)            \
    P(MCP_REST, "/mcp/", SP_METHOD_NONE, MCP, TOOLS, NULL, RPC)                \
    P(MESSAGES, "/v1/messages", SP_METHOD_NONE, MODEL, LLM, NULL, ANTHROPIC)   \
    P(MESSAGES_REST, "/v1/messages/", SP_METHOD_NONE, MODEL, LLM, NULL,        \
      ANTHROPIC)                                                               \
    P(V1_REST, "/v1/", SP_METHOD_NONE, MODEL, LLM, NULL, OPENAI)               \
    P(API_REST, "/api/", SP_METHOD_NONE, MODEL, LLM, NULL, OLLAMA)

/* enum sp_path_id: SP_PATH_TOKEN, ... */
enum sp_path_id {
#define SP_PATH_ENUM(symbol, path, methods, class, target, scope, form)        \
    SP_PATH_##symbol,
    SP_PATHS(SP_PATH_ENUM)
#undef SP_PATH_ENUM
    SP_PATH_COUNT
};

struct sp_path {
    enum sp_path_id id;
    const char *path;
    size_t len;       /* of path */
    unsigned methods; /* enum sp_method, or'ed */
    enum sp_path_class class;
    enum sp_service_id target;
    const char *scope;
    enum sp_refusal_form form;
};

/* The row of an id; static. */
const struct sp_path *
sp_path_row(enum sp_path_id id);

/* The row that serves a path, or NULL: 404. */
const struct sp_path *
sp_path_find(struct sp_view path);

/* The first of `count` rows that fits the path, or NULL. */
const struct sp_path *
sp_path_match(const struct sp_path *rows, size_t count, struct sp_view path);

/* The form that callers of this path expect of a refusal. */
enum sp_refusal_form
sp_path_form(struct sp_view path);

/* True where the row takes the method; HEAD goes where GET goes. */
bool
sp_path_takes(const struct sp_path *row, enum sp_method method);

/* True where the row's answers may be pages for a browser, which bring cookies,
 * a place to go on to, and a policy of their own. */
bool
sp_path_has_pages(const struct sp_path *row);

/* Longer than "GET, HEAD, POST, PUT, DELETE, OPTIONS". */
#define SP_PATH_ALLOW_MAX 64

/* Writes the value of the row's Allow header (RFC 9110 section 10.2.1), ended
 * by NUL, and returns `out`. */
const char *
sp_path_allow(const struct sp_path *row, char out[SP_PATH_ALLOW_MAX]);

/* The method of this name, SP_METHOD_NONE for one that no row has. Methods are
 * case sensitive (RFC 9110 section 9.1). */
enum sp_method
sp_method_find(struct sp_view name);

/* "GET", "POST", ...; "" for SP_METHOD_NONE. */
const char *
sp_method_name(enum sp_method method);

#endif
