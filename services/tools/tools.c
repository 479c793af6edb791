/* The state of the tools process. */
#include "services/tools/tools.h"

#include <sodium.h>

#include "common/base/alloc.h"
#include "proto/passport.h"

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
    const struct outbox_owner owner = { .send = tools_send_result,
                                        .lost = tools_lost_result,
                                        .arg = tools };
    size_t count = sp_catalogue_count(tools->catalogue);

    tools->mcp = mcp_new(&means);
    tools->outbox = outbox_new(&owner);
    tools->plain = sp_buf_new(SP_MAX_PASSPORT_BYTES);
    mcp_reply_make(&tools->reply);
    tools->figures.calls = sp_alloc_n(count, sizeof(uint64_t));
    tools->figures.failed = sp_alloc_n(count, sizeof(uint64_t));
    tools->retry = (struct sp_timer){ .expired = tools_on_retry, .arg = tools };
    tools->purge = (struct sp_timer){ .expired = tools_on_purge, .arg = tools };
}

void
tools_release(struct tools *tools)
{
    mcp_free(&tools->mcp);
    outbox_free(&tools->outbox);
    toolset_free(&tools->toolset);
    ledger_close(&tools->ledger);
    customers_close(&tools->customers);
    sp_catalogue_free(&tools->catalogue);
    sp_secret_free(&tools->passport_key);
    sp_secret_free(&tools->session_key);
    sp_buf_free(&tools->plain);
    mcp_reply_free(&tools->reply);
    sp_free(tools->figures.calls);
    sp_free(tools->figures.failed);
}
