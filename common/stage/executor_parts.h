/* What the files of the executor share. */
#ifndef SP_COMMON_STAGE_EXECUTOR_PARTS_H
#define SP_COMMON_STAGE_EXECUTOR_PARTS_H

#include "common/base/table.h"
#include "common/stage/executor.h"
#include "common/stage/parked.h"

struct sp_executor_call {
    struct sp_executor *x;
    const struct sp_admitted_call *m; /* of the hook, then the parked copy */
    struct sp_parked parked;          /* less passport and HTTP */
    struct sp_started started; /* of the hook's passport, then of `kept` */
    struct sp_started *kept;
    struct sp_view object; /* for events */
    char *object_kept;
    unsigned char digest[SP_PASSPORT_DIGEST_BYTES]; /* what was asked */
    void *work;
    int64_t came_ms;
    int64_t due_ms;   /* for the first part */
    int64_t lease_ms; /* when the edge last gave CREDIT */

    /* The answer. */
    unsigned status;
    char *headers; /* until they have left */
    struct sp_buf out;
    bool streams;
    bool ended;      /* `out` is the rest */
    bool paused;     /* the service was asked to */
    uint64_t credit; /* bytes that the edge takes in all */
    uint64_t sent;   /* bytes of them that have left */
    uint64_t seq;    /* of the next part */

    /* What keeps it from leaving. */
    bool held;        /* see sp_executor_hold() */
    bool screen_gone; /* the replica that waits for it is: an edge will name
                       * another */
    bool doomed;      /* it can never leave; the retry ends the call */
    bool lingers;     /* it has left, see sp_executor_linger() */
    int64_t gone_ms;  /* since when no such replica is found; 0: it is there */
    struct sp_timer retry;
    const struct sp_refusal *otherwise;
    struct sp_executor_call *next_held;
    struct sp_executor_call *previous_held;
};

struct sp_executor {
    struct sp_executor_service service;
    struct sp_port port;
    const struct sp_secret *key;
    size_t max;
    struct sp_parked_lot *calls;
    struct sp_table *over;          /* ids of calls that have ended */
    struct sp_executor_call *spare; /* for the next call */
    struct sp_executor_call *taken; /* the hook has it and has not begun it */
    struct sp_executor_call *first_held;
    struct sp_executor_call *last_held;
    size_t waiting;   /* bytes of whole answers that cannot leave */
    size_t lingering; /* calls whose answer has left */
    size_t lingering_bytes;
    struct sp_buf plain; /* the opened passport */
    struct sp_executor_figures figures;
};

/* Ends the call: counts it, remembers its id, gives its work back. */
void
sp_executor_end(struct sp_executor_call *call, enum sp_executor_end how);

/* The same with the event that says so. */
void
sp_executor_break(struct sp_executor_call *call, enum sp_executor_end how);

/* The answer of a call that is not run again has left: it is kept for as long
 * as its loss may still be noticed, or the call ends. */
void
sp_executor_linger(struct sp_executor_call *call);

/* Says DENIAL in the words of `refusal`. */
void
sp_executor_deny(const struct sp_executor_call *call,
                 const struct sp_refusal *refusal);

/* Sends what may be sent. May end the call where its answer has ended. */
void
sp_executor_pump(struct sp_executor_call *call);

/* Tries again now: another replica is named, or one has come. */
void
sp_executor_retry(struct sp_executor_call *call);

/* Runs the call's clock until the next time that may end it. */
void
sp_executor_set_clock(struct sp_executor_call *call);

/* No longer on the list of those that are held. Harmless where it is not. */
void
sp_executor_unhold(struct sp_executor_call *call);

#endif
