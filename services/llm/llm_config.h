/* deploy/config/llm.yaml. */
#ifndef SP_SERVICES_LLM_LLM_CONFIG_H
#define SP_SERVICES_LLM_LLM_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

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
    struct llm_upstream upstream;
    char **models;
    uint32_t models_count;
    struct llm_limits limits;
    struct llm_times times;
};

/* Loads and checks the file; refuses to start with a sentence where it is
 * wrong. Freed by llm_config_free(). */
struct llm_config *
llm_config_load(const char *directory);

void
llm_config_free(struct llm_config **config);

/* The TCP port that the upstream's URL names. */
uint16_t
llm_config_port(const struct llm_config *config);

#endif
