/* The state of the tools process, and its message handlers. */
#ifndef SP_SERVICES_TOOLS_TOOLS_H
#define SP_SERVICES_TOOLS_TOOLS_H

#include "common/base/secret.h"
#include "common/stage/catalogue.h"
#include "common/stage/service.h"
#include "services/tools/ledger.h"
#include "services/tools/mcp/mcp.h"
#include "services/tools/outbox.h"
#include "services/tools/run/customers.h"
#include "services/tools/run/toolset.h"

/* How often answers that found no receiver are tried again. */
#define TOOLS_RETRY_MS 20
#define TOOLS_PURGE_MS 60000
#define TOOLS_PURGE_MORE_MS 50 /* between two parts of one purge */

/* What is counted since the start. */
struct tools_figures {
    uint64_t outcomes[MCP_OUTCOMES];
    uint64_t *calls;  /* by place in the catalogue */
    uint64_t *failed; /* of these: results that are errors */
    uint64_t expired; /* dropped: the deadline had passed */
    uint64_t passports_refused;
    uint64_t groups;  /* commits */
    uint64_t lost;    /* answers that nobody took in time */
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
    struct outbox *outbox;
    struct sp_buf plain; /* of the passport in hand */
    struct mcp_reply reply;
    struct sp_timer retry;
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

void
tools_on_admitted_call(void *self, const struct sp_msg *m);

void
tools_on_probe(void *self, const struct sp_msg *m);

/* CANCEL and CREDIT: every call here is over before either can come. */
void
tools_on_ignored(void *self, const struct sp_msg *m);

/* The edge resends at once what a lost validation had not passed on. */
void
tools_on_peer(void *self, enum sp_service_id service, struct sp_view name,
              bool up);

/* Between receiving and sending: one commit for the calls of this turn. */
bool
tools_on_turn(void *self);

void
tools_on_retry(void *self);

void
tools_on_purge(void *self);

/* The owner of the outbox. */
int
tools_send_result(void *self, const struct outbox_item *item);
void
tools_lost_result(void *self, const struct outbox_item *item);

void
tools_write_metrics(void *self, struct sp_buf *out);

#endif
