/* The state of the tools process. */
#include "services/tools/tools.h"

#include <sodium.h>

#include "common/base/alloc.h"

void
tools_prepare(struct tools *tools)
{
    const struct mcp_means means = {
        .catalogue = tools->catalogue,
        .toolset = tools->toolset,
        .ledger = tools->ledger,
        .session_key = tools->session_key,
        .random = randombytes_buf,
    };
    size_t count = sp_catalogue_count(tools->catalogue);

    tools->mcp = mcp_new(&means);
    mcp_reply_make(&tools->reply);
    tools->figures.calls = sp_alloc_n(count, sizeof(uint64_t));
    tools->figures.failed = sp_alloc_n(count, sizeof(uint64_t));
}

void
tools_release(struct tools *tools)
{
    sp_executor_free(&tools->executor);
    mcp_free(&tools->mcp);
    toolset_free(&tools->toolset);
    ledger_close(&tools->ledger);
    customers_close(&tools->customers);
    sp_catalogue_free(&tools->catalogue);
    sp_secret_free(&tools->passport_key);
    sp_secret_free(&tools->session_key);
    mcp_reply_free(&tools->reply);
    sp_free(tools->figures.calls);
    sp_free(tools->figures.failed);
}
