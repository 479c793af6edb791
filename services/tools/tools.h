/* The state of the tools process. */
#ifndef SP_SERVICES_TOOLS_TOOLS_H
#define SP_SERVICES_TOOLS_TOOLS_H

#include "common/base/secret.h"
#include "common/stage/catalogue.h"
#include "common/stage/executor.h"
#include "common/stage/service.h"
#include "services/tools/ledger.h"
#include "services/tools/mcp/mcp.h"
#include "services/tools/run/customers.h"
#include "services/tools/run/toolset.h"

#define TOOLS_PURGE_MS 60000
#define TOOLS_PURGE_MORE_MS 50 /* between two parts of one purge */

/* What is counted since the start. */
struct tools_figures {
    uint64_t outcomes[MCP_OUTCOMES];
    uint64_t *calls;  /* by place in the catalogue */
    uint64_t *failed; /* of these: results that are errors */
    uint64_t groups;  /* commits */
    uint64_t busy_us; /* time spent on calls */
};

struct tools {
    struct sp_runtime *rt;
    struct sp_secret *passport_key;
    struct sp_secret *session_key;
    struct sp_catalogue *catalogue;
    struct customers *customers;
    struct ledger *ledger;
    struct toolset *toolset;
    struct mcp *mcp;
    struct sp_executor *executor;
    struct mcp_reply reply;
    struct sp_timer purge;
    struct tools_figures figures;
};

/* Makes what stands on the stores, the keys and the catalogue; those are set
 * already. */
void
tools_prepare(struct tools *tools);

/* Frees everything, the stores, keys and catalogue too. */
void
tools_release(struct tools *tools);

#endif
