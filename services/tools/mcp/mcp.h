/* The MCP server: answers one POST or DELETE of /mcp, for the versions with
 * sessions (2025-03-26, 2025-06-18, 2025-11-25) and for the one without
 * (2026-07-28). Knows no socket: a request in, a reply out. */
#ifndef SP_SERVICES_TOOLS_MCP_MCP_H
#define SP_SERVICES_TOOLS_MCP_MCP_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/secret.h"
#include "common/stage/catalogue.h"
#include "common/stage/refusal.h"
#include "common/text/buf.h"
#include "proto/passport.h"
#include "services/tools/ledger.h"
#include "services/tools/run/toolset.h"

struct mcp;

/* What the server works with; all borrowed, all outlive it. */
struct mcp_means {
    const struct sp_catalogue *catalogue;
    struct toolset *toolset;
    struct ledger *ledger;
    const struct sp_secret *session_key; /* SESSION_KEY_BYTES */
    /* Fills bytes that nobody can guess. */
    void (*random)(void *bytes, size_t len);
};

struct mcp_request {
    struct sp_passport_request http;
    /* As the opened passport says. */
    struct sp_view request_id;
    struct sp_view subject;
    struct sp_view client;
    struct sp_view scopes;
    int64_t keep_until_ms; /* no repetition is valid later */
    int64_t now_ms;        /* wall clock */
    bool repeated;         /* sent before: it may have had its effect */
    /* Called just before something that changes anything begins. 0; SP_EFULL:
     * no more answers can wait for a commit; any other error: the request is
     * sent again, and is not answered now. */
    int (*begin)(void *arg);
    void *arg;
};

/* What happened, for events and figures. */
enum mcp_outcome {
    MCP_ANSWERED,
    MCP_REPEATED, /* answered from the journal */
    MCP_SESSION_OPENED,
    MCP_SESSION_ENDED,
    MCP_PROTOCOL_REFUSED,
    MCP_SESSION_REFUSED,
    MCP_UNPLACED,      /* not answered at all */
    MCP_SCOPE_REFUSED, /* of here on: no reply but a refusal */
    MCP_OUTCOME_UNKNOWN,
    MCP_ID_REUSED, /* one request id for two requests */
    MCP_STORE_BUSY,
    MCP_STORE_FAILED,
    MCP_TOO_LARGE,
    MCP_OUTCOMES,
};

struct mcp_reply {
    unsigned status; /* HTTP */
    struct sp_buf headers;
    struct sp_buf body;
    bool deferred; /* not to be sent before ledger_commit() */
    enum mcp_outcome outcome;
    const struct sp_tool *tool; /* that was called, or NULL */
    bool failed;                /* the tool's result is an error */
};

/* Keeps the means, which stay the caller's and must outlive it. */
struct mcp *
mcp_new(const struct mcp_means *means);

void
mcp_free(struct mcp **mcp);

/* Answers. `reply` is made by mcp_reply_make() once and may be used again and
 * again. */
void
mcp_answer(struct mcp *mcp, const struct mcp_request *request,
           struct mcp_reply *reply);

/* The refusal in place of a reply; NULL for an outcome that has a reply. */
const struct sp_refusal *
mcp_refusal_of(enum mcp_outcome outcome);

void
mcp_reply_make(struct mcp_reply *reply);

void
mcp_reply_free(struct mcp_reply *reply);

#endif
