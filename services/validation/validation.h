/* The state of the validation process. */
#ifndef SP_SERVICES_VALIDATION_VALIDATION_H
#define SP_SERVICES_VALIDATION_VALIDATION_H

#include "common/stage/service.h"
#include "services/validation/rules.h"
#include "services/validation/screen/answer.h"

/* What is counted since the start. */
struct validation_figures {
    uint64_t passed;    /* on to ratelimit */
    uint64_t refused;   /* answered here, with an event */
    uint64_t accepted;  /* answered here: notifications */
    uint64_t expired;   /* dropped: the deadline had passed */
    uint64_t unplaced;  /* answered 503 */
    uint64_t answers;   /* parts that went on to the edge */
    uint64_t replaced;  /* answers refused before they began */
    uint64_t broken;    /* answers refused in the middle */
    uint64_t discarded; /* parts that nobody waits for */
};

struct validation {
    struct sp_runtime *rt;
    struct rules *rules;    /* in force */
    struct rules *previous; /* in force before, or NULL */
    struct pending *pending;
    struct answer_check answer;
    struct verdict verdict;
    struct sp_timer sweep;
    struct validation_figures figures;
};

#define VALIDATION_SWEEP_MS 1000

/* Reads `directory`'s validation.yaml and tools.yaml again. 0 with them in
 * force for the requests to come, or SP_ECONFIG with a sentence in `why` and
 * nothing changed. */
SP_MUST_CHECK int
validation_reload(struct validation *v, const char *directory, const char *url,
                  struct sp_buf *why);

#endif
