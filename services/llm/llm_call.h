/* One call in hand: the fetch from the upstream, and the answer on its way to
 * the client at the pace of its credit. */
#ifndef SP_SERVICES_LLM_LLM_CALL_H
#define SP_SERVICES_LLM_LLM_CALL_H

#include <stdbool.h>

#include "common/base/view.h"
#include "proto/message.h"
#include "services/llm/llm.h"

enum llm_work {
    LLM_WHOLE,  /* a chat answer in one piece */
    LLM_STREAM, /* a chat answer as events */
    LLM_MODELS, /* the list of models */
};

/* What is to be asked, and for whom. All views are copied. */
struct llm_order {
    enum llm_work work;
    struct sp_view model;
    bool wants_usage;
    struct sp_view subject;
    struct sp_view client;
    struct sp_view body; /* for the upstream */
};

/* Says STARTED and asks the upstream. Where the edge does not take STARTED,
 * nothing is asked, since the edge will send the call again. */
void
llm_call_begin(struct llm *llm, const struct sp_admitted_call *m,
               const struct llm_order *order);

/* The call with this id, or NULL. */
struct llm_call *
llm_call_find(const struct llm *llm, struct sp_view request_id);

/* The client takes `bytes` in all; where that is not news, STARTED is said
 * again. */
void
llm_call_credit(struct llm_call *call, uint64_t bytes);

/* Says STARTED again, for an edge that repeated the call. */
void
llm_call_remind(struct llm_call *call);

/* The client is gone. */
void
llm_call_cancel(struct llm_call *call);

/* Ends the call in silence. */
void
llm_call_end(struct llm_call *call);

/* Says STARTED for a request: 0 or an SP_E* value of the link. Only who is
 * about to begin need look at it. */
int
llm_say_started(struct llm *llm, struct sp_view request_id,
                struct sp_view reply_to, struct sp_view screen_by);

/* A refusal, from which the edge makes an answer in the form of the path. */
void
llm_say_denied(struct llm *llm, struct sp_view request_id,
               struct sp_view reply_to, struct sp_view screen_by,
               unsigned status, const char *code, const char *text,
               uint64_t retry_after_s);

#endif
