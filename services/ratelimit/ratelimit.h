/* The state of the ratelimit process. */
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

#endif
