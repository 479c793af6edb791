/* What every executor does with the calls that it takes, whatever it executes:
 * opens the passport, says STARTED, sends the answer in parts at the pace of
 * the client to the one validation replica that waits for it, is cancelled,
 * and ends what nobody waits for. The service says by its hooks what a call
 * does; it may answer at once, later, or as a stream.
 *
 * A call that changes something, or takes longer than the hook that takes it,
 * is begun: from then on it is in hand, and a repetition joins it. One that is
 * answered at once need not be: its repetition simply runs again. */
#ifndef SP_COMMON_STAGE_EXECUTOR_H
#define SP_COMMON_STAGE_EXECUTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/compiler.h"
#include "common/base/secret.h"
#include "common/base/view.h"
#include "common/stage/port.h"
#include "common/stage/refusal.h"
#include "common/text/buf.h"
#include "proto/message.h"
#include "proto/passport.h"

/* Replicas find each other within this time. */
#define SP_EXECUTOR_DISCOVERY_MS 1500
/* What the link had no room for is tried again after this. */
#define SP_EXECUTOR_RETRY_MS 20
/* Longest part of a stream: several fit into a link's batch. */
#define SP_EXECUTOR_MAX_PART 65536
/* Ids of calls that are over: more than one replica answers within the edge's
 * longest deadline. */
#define SP_EXECUTOR_REMEMBERED 4096

struct sp_executor;
struct sp_executor_call;

/* O(symbol, name, meaning): how calls end. */
#define SP_EXECUTOR_ENDS(O)                                                    \
    O(ANSWERED, answered, "the answer has left")                               \
    O(REFUSED, refused, "a refusal has left")                                  \
    O(CANCELLED, cancelled, "the client is gone")                              \
    O(EXPIRED, expired, "nothing was there to send when time was up")          \
    O(LEASE, lease_expired, "the edge has not renewed the lease")              \
    O(TOKEN, token_expired, "the caller's token has ended")                    \
    O(LOST, lost, "nobody took the answer")                                    \
    O(STOPPED, stopped, "the executor was freed")

enum sp_executor_end {
#define SP_EXECUTOR_END_ENUM(symbol, name, meaning) SP_EXECUTOR_##symbol,
    SP_EXECUTOR_ENDS(SP_EXECUTOR_END_ENUM)
#undef SP_EXECUTOR_END_ENUM
    SP_EXECUTOR_END_COUNT
};

struct sp_executor_service {
    enum sp_service_id id;
    void *self;
    size_t max;    /* calls in hand */
    size_t buffer; /* bytes that may wait of one stream */
    /* A call that has ended is not run again, for work that costs and has no
     * journal: its repetition hears STARTED, and gets a whole answer once
     * more where that was lost a moment ago. */
    bool remembers;
    /* A new call, whose passport fits it. Refuses or answers it, or begins it
     * and does so later. Both structs live as long as the hook. `passport` is
     * NULL where the executor has no key: then it can only refuse. */
    void (*take)(void *self, struct sp_executor_call *call,
                 const struct sp_admitted_call *m,
                 const struct sp_passport *passport);
    /* The client takes more of a stream, or the service must pause until it
     * does; what comes all the same waits, up to `buffer`. Called from inside
     * of what sends: it must not send itself. NULL: never called. */
    void (*room)(void *work, bool room);
    /* The call is released, see sp_executor_hold(). May be NULL. */
    void (*released)(void *work);
    /* A call that was begun with `work` has ended: frees the work. The call may
     * still be named in an event. Once for each. */
    void (*ended)(void *work, enum sp_executor_end how);
};

/* What the executor counts. */
struct sp_executor_figures {
    uint64_t ends[SP_EXECUTOR_END_COUNT];
    uint64_t late;     /* their time was up when they came */
    uint64_t repeated; /* known already */
    uint64_t unplaced; /* the edge did not take STARTED */
    uint64_t passports_refused;
    uint64_t parts;  /* RESULT messages */
    uint64_t pauses; /* times that a slow client stopped a stream */
};

/* `key` opens passports and is borrowed; NULL: there is none. */
struct sp_executor *
sp_executor_new(const struct sp_executor_service *service,
                const struct sp_port *port, const struct sp_secret *key);

/* Ends all calls in silence. */
void
sp_executor_free(struct sp_executor **executor);

/* The messages of an executor. */
void
sp_executor_take(struct sp_executor *executor,
                 const struct sp_admitted_call *m);
void
sp_executor_cancel(struct sp_executor *executor, const struct sp_cancel *m);
void
sp_executor_credit(struct sp_executor *executor, const struct sp_credit *m);
void
sp_executor_probe(struct sp_executor *executor, const struct sp_probe *m);

/* A peer came or went. Of a lost validation replica every edge hears; streams
 * through it end, whole answers wait for the repetition that names another. */
void
sp_executor_peer(struct sp_executor *executor, enum sp_service_id service,
                 struct sp_view name, bool up);

/* At most so many calls in hand from here on; not above what the service
 * said. */
void
sp_executor_limit(struct sp_executor *executor, size_t max);

/* Calls in hand. */
size_t
sp_executor_count(const struct sp_executor *executor);

const struct sp_executor_figures *
sp_executor_figures(const struct sp_executor *executor);

/* Appends the figures as Prometheus text. */
void
sp_executor_write_metrics(const struct sp_executor *executor,
                          struct sp_buf *out);

/* ------------------------------------------------------------- of one call
 *
 * Refusing, answering and finishing may end the call at once: afterwards it and
 * its work are gone. */

/* What the call is about, for its events: a tool, a model. Until then it is the
 * path. What is named before the call is begun must live until then. */
void
sp_executor_name(struct sp_executor_call *call, struct sp_view object);

/* Takes the call in hand and says STARTED, before anything is done for it.
 * repeatable: another replica may run it should this one be lost. `work` is the
 * service's own, for the hooks; it is the caller's where this fails. 0;
 * SP_EFULL: no more can be in hand, refuse it; any other error: the edge does
 * not take STARTED and will send the call again: the call is gone, do
 * nothing. */
SP_MUST_CHECK int
sp_executor_begin(struct sp_executor_call *call, bool repeatable, void *work);

/* Ends the call with a refusal, and records it where it has a kind. Only while
 * nothing of the answer has left, see sp_executor_has_answered(). rpc_id and
 * data are the call's own and nothing. */
void
sp_executor_refuse(struct sp_executor_call *call,
                   const struct sp_refusal *refusal);

/* Answers in one piece: it needs no credit, as the edge has room for one. One
 * that cannot leave waits until the call's deadline. `headers` is header
 * text. */
void
sp_executor_answer(struct sp_executor_call *call, unsigned status,
                   struct sp_view headers, struct sp_view body);

/* The answer is going to be a stream with this head, which leaves with the
 * first bytes. */
void
sp_executor_stream(struct sp_executor_call *call, unsigned status,
                   const char *headers);

/* Where the next bytes of the stream are written: appended only. Full where the
 * service has not paused when it was asked to. */
struct sp_buf *
sp_executor_out(struct sp_executor_call *call);

/* The same with room for `room` bytes whatever waits: for the words by which a
 * stream says that it ends early. */
struct sp_buf *
sp_executor_last_words(struct sp_executor_call *call, size_t room);

/* Sends what was written, as far as the client takes it; the rest waits for
 * CREDIT. Never ends the call. */
void
sp_executor_push(struct sp_executor_call *call);

/* The stream ends with what was written so far. */
void
sp_executor_finish(struct sp_executor_call *call);

/* True where some of the answer has left or waits to. */
bool
sp_executor_has_answered(const struct sp_executor_call *call);

/* Keeps everything of a begun call back until sp_executor_release_all(): what
 * it says is not true before. Where sp_executor_abandon_all() comes instead,
 * it is refused with `otherwise`, which must live as long as the call. */
void
sp_executor_hold(struct sp_executor_call *call,
                 const struct sp_refusal *otherwise);
void
sp_executor_release_all(struct sp_executor *executor);
void
sp_executor_abandon_all(struct sp_executor *executor);

/* Records what became of a call. `detail` may be NULL. */
void
sp_executor_event(const struct sp_executor_call *call, const char *kind,
                  unsigned status, const char *detail);

#endif
