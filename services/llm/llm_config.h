/* deploy/config/llm.yaml. */
#ifndef SP_SERVICES_LLM_LLM_CONFIG_H
#define SP_SERVICES_LLM_LLM_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/compiler.h"
#include "common/stage/snapshot.h"
#include "common/text/buf.h"

enum llm_kind {
    LLM_OPENAI,
    LLM_OLLAMA,
};

/* The keys as in the file, which says what each means. */
struct llm_upstream {
    char *name;
    enum llm_kind kind;
    char *url;
    bool allow_http;
    char *ca_file;    /* or NULL */
    char *pin_sha256; /* or NULL */
};

/* limits.calls is at most this. */
#define LLM_MAX_CALLS 100000

struct llm_limits {
    uint32_t calls;
    uint32_t answer_bytes;
    uint32_t stream_bytes;
};

struct llm_times {
    uint32_t connect_ms;
    uint32_t idle_ms;
    uint32_t total_ms;
};

struct llm_config {
    struct sp_snapshot snapshot; /* held by the process and by each call */
    struct llm_upstream upstream;
    char **models;
    uint32_t models_count;
    struct llm_limits limits;
    struct llm_times times;
};

/* Loads and checks `directory`/llm.yaml. 0, or SP_ECONFIG with a sentence in
 * `why`. Held once, by the caller. */
SP_MUST_CHECK int
llm_config_load(const char *directory, struct llm_config **ret_config,
                struct sp_buf *why);

struct llm_config *
llm_config_hold(struct llm_config *config);

/* One holder less; the last one frees it. */
void
llm_config_release(struct llm_config **config);

/* 0 where a running process may go from `old` to `next`: what its jail and its
 * keys were made for is the same. Else SP_ECONFIG with a sentence about
 * `directory`/llm.yaml in `why`. */
SP_MUST_CHECK int
llm_config_follows(const struct llm_config *next, const struct llm_config *old,
                   bool has_key, const char *directory, struct sp_buf *why);

/* The TCP port that the upstream's URL names. */
uint16_t
llm_config_port(const struct llm_config *config);

#endif
