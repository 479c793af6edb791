/* The state of the llm process. */
#ifndef SP_SERVICES_LLM_LLM_H
#define SP_SERVICES_LLM_LLM_H

#include <stdint.h>

#include "common/base/secret.h"
#include "common/fetch/fetcher.h"
#include "common/process/jail.h"
#include "common/stage/executor.h"
#include "common/text/buf.h"
#include "common/text/json.h"
#include "services/llm/llm_config.h"
#include "services/llm/llm_figures.h"

#define LLM_JAIL_PATHS 8

struct llm {
    struct llm_config *config; /* in force */
    const char *directory;     /* that it was read from */
    struct sp_loop *loop;
    struct sp_fetcher *fetcher;
    struct sp_secret *passport_key;
    struct sp_secret *upstream_key; /* NULL: the upstream wants none */
    struct sp_executor *executor;
    struct llm_figures figures;
    struct sp_json json;    /* parsed last; its table is reused */
    struct sp_buf scratch;  /* unescaped names */
    struct sp_buf outgoing; /* for the upstream, or from us */
    /* What the jail is made of. */
    struct sp_jail_path paths[LLM_JAIL_PATHS];
    uint16_t port;
};

/* Makes the buffers. */
void
llm_prepare(struct llm *llm);

/* Reads `directory`/llm.yaml again. 0 with it in force for the calls to come,
 * or SP_ECONFIG with a sentence in `why` and nothing changed. */
SP_MUST_CHECK int
llm_reload(struct llm *llm, const char *directory, struct sp_buf *why);

/* Ends all calls in silence and frees everything, the configuration, keys and
 * fetcher too. */
void
llm_release(struct llm *llm);

#endif
