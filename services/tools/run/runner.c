/* What the runners share. */
#include "services/tools/run/runner.h"

int
runner_fail(struct tool_result *result, const char *sentence)
{
    result->failed = true;
    sp_buf_reset(&result->text);
    return sp_buf_add_str(&result->text, sentence);
}

int
runner_customer(const struct runner_means *means, const struct tool_call *call,
                struct tool_result *result, struct sp_view *ret_id)
{
    static const struct text_bounds bounds = { "customer_id", 0, SIZE_MAX };
    int error =
        arguments_text(&call->arguments, &bounds, means->scratch, ret_id);
    int known = 0;

    if (error != 0 || !arguments_is_customer_id(*ret_id)) {
        return runner_fail(result, "customer_id must be 5 to 10 capital "
                                   "letters and digits.");
    }
    known = customers_know(means->customers, *ret_id);
    if (known == 0) {
        return runner_fail(result, "No customer has this customer_id.");
    }
    return known;
}

void
runner_add_text(struct sp_buf *out, const char *name, struct sp_view text)
{
    (void)sp_buf_addf(out, "\"%s\":\"", name);
    (void)sp_buf_add_json(out, text);
    (void)sp_buf_add_str(out, "\"");
}
