/* The ledger, store/tools/ledger.db, shared by all replicas: which requests
 * have had their effect and what was answered, the tickets, and the sessions
 * that have ended.
 *
 * An effect in the ledger itself is one transaction with its request's claim
 * and answer, so that a repetition finds either all of it or nothing:
 * ledger_claim(), the effect, ledger_keep(). One that happens elsewhere (a
 * command, a call of another server) stands between two: ledger_begin() and its
 * commit before it, ledger_finish() after it. A repetition that finds it begun
 * and not finished cannot know what became of it, and must not run it again.
 * Many requests share one commit. */
#ifndef SP_SERVICES_TOOLS_LEDGER_H
#define SP_SERVICES_TOOLS_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/compiler.h"
#include "common/base/view.h"

struct ledger;

/* What is known of a request. */
struct ledger_claim {
    struct sp_view request_id;
    struct sp_view digest; /* same request and caller, same digest */
    int64_t keep_until_ms; /* wall clock: no repetition is valid later */
};

struct ledger_answer {
    unsigned status; /* HTTP; 0: begun by somebody, outcome unknown */
    struct sp_view headers;
    struct sp_view body;
};

struct ledger_ticket {
    struct sp_view ticket_id;
    struct sp_view customer_id;
    struct sp_view subject;
    struct sp_view description;
    struct sp_view priority;
    int64_t created_ms; /* wall clock */
    int64_t resolve_by_ms;
    struct sp_view caller; /* subject of the passport */
    struct sp_view client;
};

/* 0 or SP_ESTORE. */
SP_MUST_CHECK int
ledger_open(const char *path, struct ledger **ret_ledger);

/* What was not committed is gone. */
void
ledger_close(struct ledger **ledger);

/* Claims a request before its effect, opening a group where none is open. 0:
 * new; end it with ledger_keep() or ledger_drop(). SP_EDUPLICATE: known, with
 * ret_answer, whose views live until the next call. SP_EAUTH: the id is known
 * for another request. SP_EFULL: another replica holds the store, nothing was
 * done. SP_ESTORE. */
SP_MUST_CHECK int
ledger_claim(struct ledger *ledger, const struct ledger_claim *claim,
             struct ledger_answer *ret_answer);

/* Writes the answer beside the claim in hand. On an error the claim and its
 * effect are dropped. 0 or SP_ESTORE. */
SP_MUST_CHECK int
ledger_keep(struct ledger *ledger, const struct ledger_answer *answer);

/* Undoes the claim in hand and its effect. */
void
ledger_drop(struct ledger *ledger);

/* Claims a request whose effect happens outside of the ledger, and lasts as
 * long as it may. Results as ledger_claim(), where ret_answer->status 0 means:
 * begun, by this process or another one, outcome unknown. After 0 the effect
 * may begin as soon as ledger_commit() has returned 0, and not before; there is
 * no claim in hand. */
SP_MUST_CHECK int
ledger_begin(struct ledger *ledger, const struct ledger_claim *claim,
             struct ledger_answer *ret_answer);

/* Writes the answer of a request that was begun, opening a group where none is
 * open: what a repetition gets from the commit on. The answer itself need not
 * wait for that. `answer` NULL: it is certain that the effect has not happened,
 * and a repetition may try. Nothing changes for a request that is not begun.
 * Not between a claim and its end. 0, SP_EFULL where another replica holds the
 * store (try again), or SP_ESTORE. */
SP_MUST_CHECK int
ledger_finish(struct ledger *ledger, struct sp_view request_id,
              const struct ledger_answer *answer);

/* Effects; only between a claim and its end. 0 or SP_ESTORE. */
SP_MUST_CHECK int
ledger_add_ticket(struct ledger *ledger, const struct ledger_ticket *ticket);
SP_MUST_CHECK int
ledger_end_session(struct ledger *ledger, struct sp_view session_name,
                   int64_t keep_until_ms);

/* 1 where the session has ended, 0 where not, or SP_ESTORE. */
SP_MUST_CHECK int
ledger_session_ended(struct ledger *ledger, struct sp_view session_name);

/* True between the first claim and ledger_commit(): answers must wait. */
bool
ledger_in_group(const struct ledger *ledger);

/* Makes the group last: after 0 it is on the disk. On an error, SP_EFULL or
 * SP_ESTORE, nothing of the group has happened. */
SP_MUST_CHECK int
ledger_commit(struct ledger *ledger);

/* Forgets requests and sessions that can no longer be repeated, some hundred at
 * a time. 0 where that was all, 1 where there may be more, SP_EFULL or
 * SP_ESTORE. Not within a group. */
SP_MUST_CHECK int
ledger_purge(struct ledger *ledger, int64_t now_ms);

#endif
