/* The requests that went on and whose answers are still to come: what was
 * asked, and how much of the answer has passed. Bounded; the entry that was
 * used longest ago makes room. */
#ifndef SP_SERVICES_VALIDATION_LEDGER_H
#define SP_SERVICES_VALIDATION_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/view.h"
#include "proto/message.h"
#include "services/validation/verdict.h"

#define LEDGER_ID_BYTES 16

struct ledger_entry {
    struct expectation expect;
    enum sp_service_id target; /* who may answer */
    char *rpc_id;              /* JSON text, or NULL */
    char *scopes;              /* of the caller, or NULL */
    int64_t ends_ms;           /* nobody waits after this; monotonic */
    bool streaming;            /* part 0 has passed, the last one has not */
    bool cancelled;            /* the client is gone */
    uint64_t next_seq;
    uint64_t bytes; /* of the parts so far */
};

struct ledger;

struct ledger *
ledger_new(size_t max);

void
ledger_free(struct ledger **ledger);

/* The entry of this request id, which has LEDGER_ID_BYTES, or NULL. It lives
 * until the next ledger_put(). */
struct ledger_entry *
ledger_find(struct ledger *ledger, struct sp_view id);

/* The entry of this id, a new and empty one where there is none. */
struct ledger_entry *
ledger_put(struct ledger *ledger, struct sp_view id);

/* Forgets the entry, if there is one. */
void
ledger_remove(struct ledger *ledger, struct sp_view id);

/* Entries that are held, and those that had to make room so far. */
size_t
ledger_count(const struct ledger *ledger);

uint64_t
ledger_evicted(const struct ledger *ledger);

/* Answers that have begun, have not ended, and are waited for at this time. */
size_t
ledger_streams(const struct ledger *ledger, int64_t now_ms);

#endif
