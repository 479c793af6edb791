/* The requests that went on and whose answers are still to come: what was
 * asked, and how much of the answer has passed. Bounded; the entry that was
 * used longest ago makes room. */
#ifndef SP_SERVICES_VALIDATION_SCREEN_PENDING_H
#define SP_SERVICES_VALIDATION_SCREEN_PENDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/view.h"
#include "proto/message.h"
#include "services/validation/verdict.h"

#define PENDING_ID_BYTES 16

struct pending_entry {
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

struct pending;

/* Room for `max` entries, at least one. Ended by pending_free(). */
struct pending *
pending_new(size_t max);

void
pending_free(struct pending **pending);

/* The entry of this request id, which has PENDING_ID_BYTES, or NULL. It lives
 * until the next pending_put(). */
struct pending_entry *
pending_find(struct pending *pending, struct sp_view id);

/* The entry of this id, a new and empty one where there is none. */
struct pending_entry *
pending_put(struct pending *pending, struct sp_view id);

/* Forgets the entry, if there is one. */
void
pending_remove(struct pending *pending, struct sp_view id);

/* Entries that are held, and those that had to make room so far. */
size_t
pending_count(const struct pending *pending);

uint64_t
pending_evicted(const struct pending *pending);

/* Answers that have begun, have not ended, and are waited for at this time. */
size_t
pending_streams(const struct pending *pending, int64_t now_ms);

#endif
