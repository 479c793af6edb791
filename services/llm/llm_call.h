/* The work of one call: the fetch from the upstream, and its translation into
 * the answer. */
#ifndef SP_SERVICES_LLM_LLM_CALL_H
#define SP_SERVICES_LLM_LLM_CALL_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/view.h"
#include "common/stage/executor.h"
#include "proto/schema.h"

struct llm;

/* Longest event of a stream, and longest error body that is looked at. */
#define LLM_MAX_EVENT (1024u * 1024)
/* One event more than may wait: what comes while paused. */
#define LLM_CALL_BUFFER ((size_t)SP_MAX_BODY + LLM_MAX_EVENT)

enum llm_work {
    LLM_WHOLE,  /* a chat answer in one piece */
    LLM_STREAM, /* a chat answer as events */
    LLM_MODELS, /* the list of models */
};

/* What the upstream is to be asked. The body is copied. */
struct llm_question {
    enum llm_work work;
    bool wants_usage;
    struct sp_view body;
    int64_t left_ms; /* for the first part of the answer */
};

/* Takes the call in hand and asks the upstream, or refuses it. */
void
llm_call_begin(struct llm *llm, struct sp_executor_call *call,
               const struct llm_question *question);

/* Hooks of the executor: holds the upstream while the client is slow; frees the
 * work, and gives the fetch up. */
void
llm_call_room(void *work, bool room);

void
llm_call_ended(void *work, enum sp_executor_end how);

#endif
