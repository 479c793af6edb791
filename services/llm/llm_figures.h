/* What llm counts, as Prometheus text. */
#ifndef SP_SERVICES_LLM_LLM_FIGURES_H
#define SP_SERVICES_LLM_LLM_FIGURES_H

#include <stdint.h>

#include "common/text/buf.h"

/* C(name, meaning): what became of questions to the upstream. How calls end is
 * in the executor's figures. */
#define LLM_OUTCOMES(C)                                                        \
    C(answered, "with the upstream's answer")                                  \
    C(failed, "by the upstream")

struct llm_figures {
#define LLM_OUTCOME_MEMBER(name, meaning) uint64_t name;
    LLM_OUTCOMES(LLM_OUTCOME_MEMBER)
#undef LLM_OUTCOME_MEMBER
    uint64_t tokens_in; /* as the upstream counted */
    uint64_t tokens_out;
    uint64_t uncounted; /* answers without usage */
    uint64_t first_count;
    uint64_t first_ms; /* sum, until the upstream's headers */
};

/* Appends the figures as Prometheus text. */
void
llm_figures_write(const struct llm_figures *figures, struct sp_buf *out);

#endif
