/* The state of the ratelimit process, and its message handlers. */
#ifndef SP_SERVICES_RATELIMIT_RATELIMIT_H
#define SP_SERVICES_RATELIMIT_RATELIMIT_H

#include "common/base/table.h"
#include "common/stage/service.h"
#include "services/ratelimit/admission.h"
#include "services/ratelimit/hush.h"

/* What is counted since the start. */
struct ratelimit_figures {
    uint64_t admitted[ADMISSION_TIERS];
    uint64_t refused[LIMIT_KINDS];
    uint64_t uncharged; /* repetitions */
    uint64_t expired;   /* dropped: the deadline had passed */
    uint64_t unplaced;  /* answered 503 */
    uint64_t misrouted; /* for a target that is no executor */
};

/* More than come within the time of a repetition. */
#define RATELIMIT_REFUSED_MAX 4096

struct ratelimit {
    struct sp_runtime *rt;
    struct ratelimit_config *config;
    struct admission *admission;
    struct hush *hush;
    struct sp_table *refused; /* ids of calls over a limit */
    struct sp_timer tick;
    struct sp_buf headers; /* of the answer being written */
    struct sp_buf body;
    struct ratelimit_figures figures;
};

/* Reads `directory`/ratelimit.yaml again. 0 with it in force, or SP_ECONFIG
 * with a sentence in `why` and nothing changed. */
SP_MUST_CHECK int
ratelimit_reload(struct ratelimit *rl, const char *directory,
                 struct sp_buf *why);

/* An empty table for the ids of refused calls. */
struct sp_table *
ratelimit_refused_new(void);

/* Charges a call, and sends it on or refuses it; CANCEL and CREDIT go on to
 * the executor of their request, PROBE to every executor. */
void
ratelimit_on_checked_call(void *self, const struct sp_msg *m);

void
ratelimit_on_cancel(void *self, const struct sp_msg *m);

void
ratelimit_on_credit(void *self, const struct sp_msg *m);

void
ratelimit_on_probe(void *self, const struct sp_msg *m);

/* The edge resends at once what a lost executor had not STARTED. */
void
ratelimit_on_peer(void *self, enum sp_service_id service, struct sp_view name,
                  bool up);

void
ratelimit_write_metrics(void *self, struct sp_buf *out);

#endif
