/* The figures as text. */
#include "services/llm/llm_figures.h"

#include <inttypes.h>

static void
write_one(struct sp_buf *out, const char *name, uint64_t value)
{
    (void)sp_buf_addf(out, "sallyport_llm_%s %" PRIu64 "\n", name, value);
}

static void
write_outcomes(const struct llm_figures *figures, struct sp_buf *out)
{
    const struct {
        const char *name;
        uint64_t value;
    } outcomes[] = {
#define LLM_OUTCOME_ROW(name, meaning) { #name, figures->name },
        LLM_OUTCOMES(LLM_OUTCOME_ROW)
#undef LLM_OUTCOME_ROW
    };

    for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++) {
        (void)sp_buf_addf(
            out, "sallyport_llm_calls_total{outcome=\"%s\"} %" PRIu64 "\n",
            outcomes[i].name, outcomes[i].value);
    }
}

void
llm_figures_write(const struct llm_figures *figures, struct sp_buf *out)
{
    write_outcomes(figures, out);
    write_one(out, "tokens_total{direction=\"in\"}", figures->tokens_in);
    write_one(out, "tokens_total{direction=\"out\"}", figures->tokens_out);
    write_one(out, "answers_without_usage_total", figures->uncounted);
    write_one(out, "first_bytes_total", figures->first_count);
    write_one(out, "first_byte_ms_total", figures->first_ms);
}
