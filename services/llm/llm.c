/* The state of the llm process. */
#include "services/llm/llm.h"

#include "proto/schema.h"

#define MAX_NAME 1024

void
llm_prepare(struct llm *llm)
{
    llm->scratch = sp_buf_new(MAX_NAME);
    llm->outgoing = sp_buf_new((size_t)SP_MAX_BODY + MAX_NAME);
}

int
llm_reload(struct llm *llm, const char *directory, struct sp_buf *why)
{
    struct llm_config *next = NULL;
    int error = llm_config_load(directory, &next, why);

    if (error != 0) {
        return error;
    }
    error = llm_config_follows(next, llm->config, llm->upstream_key != NULL,
                               directory, why);
    if (error != 0) {
        llm_config_release(&next);
        return error;
    }
    llm_config_release(&llm->config);
    llm->config = next;
    sp_executor_limit(llm->executor, next->limits.calls);
    return 0;
}

void
llm_release(struct llm *llm)
{
    sp_executor_free(&llm->executor);
    sp_fetcher_free(&llm->fetcher);
    llm_config_release(&llm->config);
    sp_secret_free(&llm->passport_key);
    sp_secret_free(&llm->upstream_key);
    sp_json_free(&llm->json);
    sp_buf_free(&llm->scratch);
    sp_buf_free(&llm->outgoing);
}
