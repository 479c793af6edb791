/* The messages of the llm process: what is checked before the upstream is
 * asked. */
#include "services/llm/wire.h"

#include "proto/paths.h"
#include "services/llm/chat.h"
#include "services/llm/llm.h"
#include "services/llm/llm_call.h"
#include "services/llm/models.h"

static const struct sp_refusal bad_scope = {
    .kind = "scope_refused",
    .status = 403,
    .code = "insufficient_scope",
    .text = "This needs a token with the scope llm:chat.",
};
static const struct sp_refusal bad_path = {
    .kind = "path_refused",
    .status = 404,
    .code = "not_found",
    .text = "No such path; see /v1/chat/completions and /v1/models.",
};
static const struct sp_refusal bad_request = {
    .kind = "chat_refused",
    .status = 400,
    .code = "invalid_request",
    .text = "The body must be a JSON object with a model and messages; stream "
            "must be true or false.",
};
static const struct sp_refusal bad_model = {
    .kind = "model_refused",
    .status = 404,
    .code = "model_not_found",
    .text = "The gate does not offer this model; see /v1/models.",
};

/* ----------------------------------------------------------------- checks */

static const struct sp_refusal *
read_chat(struct llm *llm, struct sp_executor_call *call,
          const struct sp_admitted_call *m, struct llm_question *question)
{
    struct chat_request chat = { 0 };

    if (chat_read(&llm->json, m->body, &llm->scratch, &chat) != 0) {
        return &bad_request;
    }
    sp_executor_name(call, chat.model);
    if (!models_allowed(llm->config, chat.model)) {
        return &bad_model;
    }
    sp_buf_reset(&llm->outgoing);
    if (chat_write(&llm->json, &chat, llm->config->upstream.kind,
                   &llm->outgoing) != 0) {
        return &bad_request;
    }
    *question = (struct llm_question){
        .work = chat.stream ? LLM_STREAM : LLM_WHOLE,
        .wants_usage = chat.wants_usage,
        .body = sp_buf_view(&llm->outgoing),
    };
    return NULL;
}

static const struct sp_refusal *
read_models(struct llm *llm, struct sp_executor_call *call,
            const struct sp_admitted_call *m, struct llm_question *question)
{
    (void)llm;
    (void)call;
    (void)m;
    question->work = LLM_MODELS;
    return NULL;
}

/* Makes the question to the upstream. NULL, or why it is refused. */
static const struct sp_refusal *
read_call(struct llm *llm, struct sp_executor_call *call,
          const struct sp_admitted_call *m, const struct sp_passport *passport,
          struct llm_question *question)
{
    static const struct sp_refusal *(*const read[SP_PATH_COUNT])(
        struct llm * llm, struct sp_executor_call * call,
        const struct sp_admitted_call *m, struct llm_question *question) = {
        [SP_PATH_CHAT] = read_chat,
        [SP_PATH_MODELS] = read_models,
    };
    const struct sp_path *row = sp_path_find(m->path);

    if (row == NULL || read[row->id] == NULL ||
        !sp_path_takes(row, sp_method_find(m->method))) {
        return &bad_path;
    }
    if (!sp_scopes_have(passport->scopes, sp_view_of(row->scope))) {
        return &bad_scope;
    }
    return read[row->id](llm, call, m, question);
}

static void
take(void *self, struct sp_executor_call *call,
     const struct sp_admitted_call *m, const struct sp_passport *passport)
{
    struct llm *llm = self;
    struct llm_question question = { .left_ms = 0 };
    const struct sp_refusal *refusal = NULL;

    sp_buf_reset(&llm->scratch);
    refusal = read_call(llm, call, m, passport, &question);
    if (refusal != NULL) {
        sp_executor_refuse(call, refusal);
        return;
    }
    question.left_ms = (int64_t)m->deadline_ms;
    llm_call_begin(llm, call, &question);
}

/* --------------------------------------------------------------- messages */

void
wire_open(struct llm *llm, const struct sp_port *port)
{
    const struct sp_executor_service service = {
        .id = SP_SERVICE_LLM,
        .self = llm,
        .max = LLM_MAX_CALLS,
        .buffer = LLM_CALL_BUFFER,
        .remembers = true,
        .take = take,
        .room = llm_call_room,
        .ended = llm_call_ended,
    };

    llm->executor = sp_executor_new(&service, port, llm->passport_key);
    sp_executor_limit(llm->executor, llm->config->limits.calls);
}

void
wire_on_admitted_call(void *self, const struct sp_msg *m)
{
    struct llm *llm = self;

    sp_executor_take(llm->executor, &m->u.admitted_call);
}

void
wire_on_cancel(void *self, const struct sp_msg *m)
{
    struct llm *llm = self;

    sp_executor_cancel(llm->executor, &m->u.cancel);
}

void
wire_on_credit(void *self, const struct sp_msg *m)
{
    struct llm *llm = self;

    sp_executor_credit(llm->executor, &m->u.credit);
}

void
wire_on_probe(void *self, const struct sp_msg *m)
{
    struct llm *llm = self;

    sp_executor_probe(llm->executor, &m->u.probe);
}

void
wire_peer(void *self, enum sp_service_id service, struct sp_view name, bool up)
{
    struct llm *llm = self;

    sp_executor_peer(llm->executor, service, name, up);
}

void
wire_metrics(void *self, struct sp_buf *out)
{
    const struct llm *llm = self;

    sp_executor_write_metrics(llm->executor, out);
    llm_figures_write(&llm->figures, out);
}

size_t
wire_in_flight(void *self)
{
    const struct llm *llm = self;

    return sp_executor_count(llm->executor);
}
