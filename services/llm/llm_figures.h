/* What llm counts, as Prometheus text. */
#ifndef SP_SERVICES_LLM_LLM_FIGURES_H
#define SP_SERVICES_LLM_LLM_FIGURES_H

#include <stddef.h>
#include <stdint.h>

#include "common/text/buf.h"

/* C(name, meaning): how calls end. */
#define LLM_OUTCOMES(C)                                                        \
    C(answered, "with the upstream's answer")                                  \
    C(refused, "by llm: passport, scope, model, form")                         \
    C(failed, "by the upstream")                                               \
    C(cancelled, "by the client")                                              \
    C(expired, "by the deadline")                                              \
    C(repeated, "as one that is known already")                                \
    C(unplaced, "because the edge did not take STARTED")

struct llm_figures {
#define LLM_OUTCOME_MEMBER(name, meaning) uint64_t name;
    LLM_OUTCOMES(LLM_OUTCOME_MEMBER)
#undef LLM_OUTCOME_MEMBER
    uint64_t tokens_in; /* as the upstream counted */
    uint64_t tokens_out;
    uint64_t uncounted; /* answers without usage */
    uint64_t parts;     /* RESULT messages */
    uint64_t pauses;    /* times that a slow client stopped the upstream */
    uint64_t first_count;
    uint64_t first_ms; /* sum, until the upstream's headers */
};

/* `in_flight`: calls in hand now. */
void
llm_figures_write(const struct llm_figures *figures, size_t in_flight,
                  struct sp_buf *out);

#endif
