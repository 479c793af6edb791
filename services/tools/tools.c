/* The state of the tools process. */
#include "services/tools/tools.h"

int
tools_load(struct tools *tools, const char *directory, struct sp_buf *why)
{
    const struct offer_means means = {
        .customers = tools->customers,
        .ledger = tools->ledger,
        .session_key = tools->session_key,
    };
    struct offer *next = NULL;
    int error = offer_new(directory, &means, &next, why);

    if (error != 0) {
        return error;
    }
    if (tools->offer != NULL) {
        offer_inherit(next, tools->offer);
    }
    offer_release(&tools->offer);
    tools->offer = next;
    return 0;
}

void
tools_prepare(struct tools *tools)
{
    mcp_reply_make(&tools->reply);
}

void
tools_release(struct tools *tools)
{
    sp_executor_free(&tools->executor);
    offer_release(&tools->offer);
    ledger_close(&tools->ledger);
    customers_close(&tools->customers);
    sp_secret_free(&tools->passport_key);
    sp_secret_free(&tools->session_key);
    mcp_reply_free(&tools->reply);
}
