/* What one tools.yaml offers: the catalogue, each tool bound to what runs it,
 * and the MCP server over both. Held by the process, and by whoever runs one of
 * its tools across turns of the loop. */
#ifndef SP_SERVICES_TOOLS_OFFER_H
#define SP_SERVICES_TOOLS_OFFER_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/compiler.h"
#include "common/base/secret.h"
#include "common/stage/catalogue.h"
#include "common/stage/snapshot.h"
#include "common/text/buf.h"
#include "services/tools/ledger.h"
#include "services/tools/mcp/mcp.h"
#include "services/tools/run/customers.h"
#include "services/tools/run/toolset.h"

struct offer {
    struct sp_snapshot snapshot;
    struct sp_catalogue *catalogue;
    struct toolset *toolset;
    struct mcp *mcp;
    uint64_t *calls;  /* by place in the catalogue */
    uint64_t *failed; /* of these: results that are errors */
};

/* What an offer works with; all borrowed, all outlive it. */
struct offer_means {
    struct customers *customers;
    struct ledger *ledger;
    const struct sp_secret *session_key;
};

/* Loads `directory`/tools.yaml and makes everything. 0 with it held once, by
 * the caller; or SP_ECONFIG with a sentence in `why`. */
SP_MUST_CHECK int
offer_new(const char *directory, const struct offer_means *means,
          struct offer **ret_offer, struct sp_buf *why);

/* Takes over the counts of the tools that are in both. */
void
offer_inherit(struct offer *offer, const struct offer *old);

/* One holder less; the last one frees it. */
void
offer_release(struct offer **offer);

#endif
