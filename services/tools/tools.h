/* The state of the tools process. */
#ifndef SP_SERVICES_TOOLS_TOOLS_H
#define SP_SERVICES_TOOLS_TOOLS_H

#include "common/base/secret.h"
#include "common/stage/executor.h"
#include "common/stage/service.h"
#include "services/tools/ledger.h"
#include "services/tools/mcp/mcp.h"
#include "services/tools/offer.h"
#include "services/tools/run/customers.h"

#define TOOLS_PURGE_MS 60000
#define TOOLS_PURGE_MORE_MS 50 /* between two parts of one purge */

/* What is counted since the start. */
struct tools_figures {
    uint64_t outcomes[MCP_OUTCOMES];
    uint64_t groups;  /* commits */
    uint64_t busy_us; /* time spent on calls */
};

struct tools {
    struct sp_runtime *rt;
    struct sp_secret *passport_key;
    struct sp_secret *session_key;
    struct customers *customers;
    struct ledger *ledger;
    struct offer *offer; /* in force */
    struct sp_executor *executor;
    struct mcp_reply reply;
    struct sp_timer purge;
    struct tools_figures figures;
};

/* Reads `directory`/tools.yaml, the first time or again; stores and keys are
 * open. 0 with it in force, or SP_ECONFIG with a sentence in `why` and nothing
 * changed. */
SP_MUST_CHECK int
tools_load(struct tools *tools, const char *directory, struct sp_buf *why);

/* Makes the room for replies. */
void
tools_prepare(struct tools *tools);

/* Frees everything, the stores, keys and offer too. */
void
tools_release(struct tools *tools);

#endif
