/* Answers that cannot leave at once: they wait for the commit that makes them
 * true, or for a receiver that is away. */
#ifndef SP_SERVICES_TOOLS_OUTBOX_H
#define SP_SERVICES_TOOLS_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/compiler.h"
#include "proto/message.h"

/* More than can wait in one turn; a receiver that stays away costs memory. */
#define OUTBOX_MAX 4096

struct outbox;

/* One answer; in the outbox its views are copies. */
struct outbox_item {
    struct sp_result result;
    struct sp_view screen_by;
    struct sp_view rpc_id;
    int64_t due_ms; /* CLOCK_MONOTONIC: nobody waits any longer */
    bool committed;
    bool repeated; /* an earlier call's answer: it may be true already */
};

/* Who is asked about each item. `send` returns 0, or an error: SP_ENOPEER and
 * SP_EFULL keep the item, others lose it. `lost` is told of each lost one. */
struct outbox_owner {
    int (*send)(void *arg, const struct outbox_item *item);
    void (*lost)(void *arg, const struct outbox_item *item);
    void *arg;
};

/* Empty; keeps a copy of `owner`. */
struct outbox *
outbox_new(const struct outbox_owner *owner);

void
outbox_free(struct outbox **outbox);

/* Copies the item to the end. 0, or SP_EFULL where OUTBOX_MAX are waiting. */
SP_MUST_CHECK int
outbox_add(struct outbox *outbox, const struct outbox_item *item);

/* Marks all items as committed. */
void
outbox_commit(struct outbox *outbox);

/* Loses the items that were not committed. */
void
outbox_abandon(struct outbox *outbox);

/* Sends what is committed, in order; loses what is due. */
void
outbox_send(struct outbox *outbox, int64_t now_ms);

size_t
outbox_count(const struct outbox *outbox);

#endif
