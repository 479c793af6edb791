/* Requests that wait. A handler's message dies with its frame: one that cannot
 * be answered at once is kept here as a copy, with its time, until its owner
 * has what it waited for. The edge hears IN_HAND where the owner wants it to,
 * and a repetition joins what is parked: nothing is done twice. Bounded by
 * count and bytes. */
#ifndef SP_COMMON_STAGE_PARKED_H
#define SP_COMMON_STAGE_PARKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/compiler.h"
#include "common/base/view.h"
#include "common/process/loop.h"
#include "common/stage/port.h"
#include "proto/message.h"

struct sp_parked_lot;

/* Lives in what the owner keeps of the request; zero it before first use, and
 * leave it where it is while it is parked. */
struct sp_parked {
    struct sp_parked_lot *lot; /* NULL: not parked */
    void *message;             /* the copy: a struct of the lot's kind */
    size_t size;               /* bytes of it, with all that its views hold */
    struct sp_timer timer;
};

struct sp_parked_shape {
    /* A message of a request: its fields begin with SP_FIELDS_ROUTE. */
    enum sp_message_id kind;
    size_t max;       /* requests */
    size_t max_bytes; /* of all copies */
    /* The edge hears that this replica holds the request, and for how long:
     * for stages that the schema lets say IN_HAND. */
    bool says_in_hand;
    /* The time of the request is up, nobody waits for it. It stays parked until
     * its owner removes it. */
    void (*expired)(void *owner, struct sp_parked *parked);
    void *owner;
};

/* An empty lot. */
struct sp_parked_lot *
sp_parked_lot_new(const struct sp_parked_shape *shape,
                  const struct sp_port *port);

/* Removes what is parked; owners free their own first. */
void
sp_parked_lot_free(struct sp_parked_lot **lot);

/* Parks a copy of `message`, until its deadline_ms have passed. 0, SP_EFULL
 * where the lot has no room, or SP_EDUPLICATE where its request is parked. */
SP_MUST_CHECK int
sp_parked_add(struct sp_parked_lot *lot, struct sp_parked *parked,
              const void *message);

/* The request of this id, or NULL: to take up what it waited for, or to cancel
 * it. `request_id` has 16 bytes. */
struct sp_parked *
sp_parked_find(const struct sp_parked_lot *lot, struct sp_view request_id);

/* Puts the repetition of a parked request in its place, as it is the one whose
 * edge and time count; the edge hears IN_HAND again. The caller has made sure
 * that it asks for the same. */
void
sp_parked_renew(struct sp_parked *parked, const void *message);

/* Its time is up `delay_ms` from now instead. */
void
sp_parked_until(struct sp_parked *parked, int64_t delay_ms);

/* Forgets it, and wipes the copy, which may hold a secret. Harmless where it is
 * not parked. */
void
sp_parked_remove(struct sp_parked *parked);

/* Requests that are parked. */
size_t
sp_parked_count(const struct sp_parked_lot *lot);

/* For walking from the one parked first: the next one, or the first for NULL.
 * NULL at the end. Ask for the next one before you remove one. */
struct sp_parked *
sp_parked_next(const struct sp_parked_lot *lot, const struct sp_parked *parked);

#endif
