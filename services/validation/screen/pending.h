/* The requests that went on and whose answers are still to come: what was
 * asked, and how much of the answer has passed. Bounded; an entry stays until
 * its answer has passed, its request has ended elsewhere, or its time is up,
 * and none makes room for another. */
#ifndef SP_SERVICES_VALIDATION_SCREEN_PENDING_H
#define SP_SERVICES_VALIDATION_SCREEN_PENDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/view.h"
#include "common/stage/snapshot.h"
#include "proto/message.h"
#include "services/validation/verdict.h"

#define PENDING_ID_BYTES 16

struct pending_entry {
    struct sp_snapshot *rules; /* held: `expect` points into them; or NULL */
    struct expectation expect;
    enum sp_service_id target; /* who may answer */
    char *rpc_id;              /* JSON text, or NULL */
    char *scopes;              /* of the caller, or NULL */
    int64_t ends_ms;           /* nobody waits after this; monotonic */
    bool streaming;            /* part 0 has passed, the last one has not */
    uint64_t attempt; /* the last one; of a stream, the one that it answers */
    uint64_t next_seq;
    uint64_t bytes; /* of the parts so far */
};

struct pending;

/* Room for `max` entries, at least one. Ended by pending_free(). */
struct pending *
pending_new(size_t max);

void
pending_free(struct pending **pending);

/* The entry of this request id, which has PENDING_ID_BYTES, or NULL. It stays
 * in its place until it is removed. */
struct pending_entry *
pending_find(struct pending *pending, struct sp_view id);

/* The entry of this id, a new and empty one where there is none. NULL where all
 * places are taken by entries whose time is not up. */
struct pending_entry *
pending_put(struct pending *pending, struct sp_view id, int64_t now_ms);

/* Forgets the entry, if there is one. */
void
pending_remove(struct pending *pending, struct sp_view id);

/* Removes entries whose time is up. Looks at a part of the table each time. */
void
pending_sweep(struct pending *pending, int64_t now_ms);

/* Entries that are held, and those whose time was up before their answer
 * came. */
size_t
pending_count(const struct pending *pending);

uint64_t
pending_expired(const struct pending *pending);

#endif
