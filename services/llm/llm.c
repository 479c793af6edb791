/* The messages that llm serves. */
#include "services/llm/llm.h"

#include <stdio.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/error.h"
#include "proto/paths.h"
#include "services/llm/chat.h"
#include "services/llm/llm_call.h"
#include "services/llm/models.h"

#define MAX_NAME 1024

/* A call on its way through the checks. */
struct entry {
    struct llm *llm;
    const struct sp_admitted_call *m;
    struct sp_passport passport; /* zero until it is opened */
    struct llm_order order;
};

/* Refusals; `kind` is the event's. */
struct refusal {
    const char *kind;
    unsigned status;
    const char *code;
    const char *text;
    uint64_t retry_after_s;
};

static const struct refusal bad_passport = {
    "passport_refused", 403, "passport_refused",
    "The request does not match what was signed in; send it again.", 0
};
static const struct refusal bad_scope = {
    "scope_refused", 403, "insufficient_scope",
    "This needs a token with the scope llm:chat.", 0
};
static const struct refusal bad_path = {
    "path_refused", 404, "not_found",
    "No such path; see /v1/chat/completions and /v1/models.", 0
};
static const struct refusal bad_request = {
    "chat_refused", 400, "invalid_request",
    "The body must be a JSON object with a model and messages; stream must be "
    "true or false.",
    0
};
static const struct refusal bad_model = {
    "model_refused", 404, "model_not_found",
    "The gate does not offer this model; see /v1/models.", 0
};
static const struct refusal busy = { "llm_busy", 503, "llm_busy",
                                     "Too many calls are in hand; try again.",
                                     1 };

void
llm_begin(struct llm *llm)
{
    llm->recent = sp_alloc_n(LLM_RECENT, sizeof(*llm->recent));
    llm->plain = sp_buf_new(SP_MAX_PASSPORT_BYTES);
    llm->scratch = sp_buf_new(MAX_NAME);
    llm->outgoing = sp_buf_new((size_t)SP_MAX_BODY + MAX_NAME);
}

void
llm_end(struct llm *llm)
{
    while (llm->calls != NULL) {
        llm_call_end(llm->calls);
    }
    sp_fetcher_free(&llm->fetcher);
    llm_config_free(&llm->config);
    sp_secret_free(&llm->passport_key);
    sp_secret_free(&llm->upstream_key);
    sp_free(llm->recent);
    llm->recent = NULL;
    sp_json_free(&llm->json);
    sp_buf_free(&llm->plain);
    sp_buf_free(&llm->scratch);
    sp_buf_free(&llm->outgoing);
}

static void
refuse(struct entry *e, const struct refusal *why)
{
    char detail[96];
    const struct sp_occurrence what = {
        .kind = why->kind,
        .request_id = e->m->request_id,
        .subject = e->passport.subject,
        .client = e->passport.client,
        .object = e->order.model.len > 0 ? e->order.model : e->m->path,
        .status = why->status,
        .detail = detail,
    };

    (void)snprintf(detail, sizeof(detail), "code=%s", why->code);
    e->llm->figures.refused++;
    e->llm->port.tell(e->llm->port.arg, &what);
    llm_say_denied(e->llm, e->m->request_id, e->m->reply_to, e->m->screen_by,
                   why->status, why->code, why->text, why->retry_after_s);
}

/* ----------------------------------------------------------------- checks */

/* The call as auth saw it, and nothing else. */
static bool
open_passport(struct entry *e)
{
    const struct sp_passport_request request = {
        .method = e->m->method,
        .path = e->m->path,
        .query = e->m->query,
        .headers = e->m->headers,
        .body = e->m->body,
    };
    struct sp_passport passport = { 0 };

    if (sp_passport_open(e->llm->passport_key, e->m->passport, &request,
                         e->m->request_id, (uint64_t)e->llm->port.wall_ms(),
                         &e->llm->plain, &passport) != 0) {
        return false;
    }
    e->passport = passport;
    e->order.subject = passport.subject;
    e->order.client = passport.client;
    return true;
}

static const struct refusal *
read_chat(struct entry *e)
{
    struct llm *llm = e->llm;
    struct chat_request chat = { 0 };

    if (chat_read(&llm->json, e->m->body, &llm->scratch, &chat) != 0) {
        return &bad_request;
    }
    e->order.model = chat.model;
    if (!models_allowed(llm->config, chat.model)) {
        return &bad_model;
    }
    sp_buf_reset(&llm->outgoing);
    if (chat_write(&llm->json, &chat, llm->config->upstream.kind,
                   &llm->outgoing) != 0) {
        return &bad_request;
    }
    e->order.work = chat.stream ? LLM_STREAM : LLM_WHOLE;
    e->order.wants_usage = chat.wants_usage;
    e->order.body = sp_buf_view(&llm->outgoing);
    return NULL;
}

static const struct refusal *
read_models(struct entry *e)
{
    e->order.work = LLM_MODELS;
    return NULL;
}

static const struct refusal *
check(struct entry *e)
{
    static const struct refusal *(*const read[SP_PATH_COUNT])(
        struct entry *) = {
        [SP_PATH_CHAT] = read_chat,
        [SP_PATH_MODELS] = read_models,
    };
    const struct sp_path *row = sp_path_find(e->m->path);

    if (!open_passport(e)) {
        return &bad_passport;
    }
    if (row == NULL || read[row->id] == NULL ||
        !sp_path_takes(row, sp_method_find(e->m->method))) {
        return &bad_path;
    }
    if (!sp_scopes_have(e->passport.scopes, sp_view_of(row->scope))) {
        return &bad_scope;
    }
    if (e->llm->call_count >= e->llm->config->limits.calls) {
        return &busy;
    }
    return read[row->id](e);
}

/* --------------------------------------------------------------- messages */

static bool
is_recent(const struct llm *llm, struct sp_view request_id)
{
    for (size_t i = 0; i < LLM_RECENT; i++) {
        if (memcmp(llm->recent[i], request_id.ptr, LLM_ID_BYTES) == 0) {
            return true;
        }
    }
    return false;
}

/* A repetition of what this replica has, or had: says so, and runs nothing.
 * attack: the number of the attempt is not sealed. A captured stage may send a
 * call again as its first. */
static bool
is_repeated(struct llm *llm, const struct sp_admitted_call *m)
{
    struct llm_call *known = llm_call_find(llm, m->request_id);

    if (known == NULL && !is_recent(llm, m->request_id)) {
        return false;
    }
    llm->figures.repeated++;
    if (known != NULL) {
        llm_call_remind(known);
    } else {
        /* Its answer has left; an edge that still waits must not ask others. */
        (void)llm_say_started(llm, m->request_id, m->reply_to, m->screen_by);
    }
    return true;
}

void
llm_take_call(struct llm *llm, const struct sp_admitted_call *m)
{
    struct entry e = { .llm = llm, .m = m };
    const struct refusal *why = NULL;

    if (m->deadline_ms == 0) {
        llm->figures.expired++;
        return;
    }
    if (is_repeated(llm, m)) {
        return;
    }
    sp_buf_reset(&llm->scratch);
    why = check(&e);
    if (why != NULL) {
        refuse(&e, why);
        return;
    }
    llm_call_begin(llm, m, &e.order);
}

void
llm_take_cancel(struct llm *llm, const struct sp_cancel *m)
{
    struct llm_call *call = llm_call_find(llm, m->request_id);

    if (call != NULL) {
        llm_call_cancel(call);
    }
}

void
llm_take_credit(struct llm *llm, const struct sp_credit *m)
{
    struct llm_call *call = llm_call_find(llm, m->request_id);

    if (call != NULL) {
        llm_call_credit(call, m->bytes);
    }
}

void
llm_take_probe(struct llm *llm, const struct sp_probe *m)
{
    const struct sp_probe_answer answer = { .request_id = m->request_id,
                                            .reply_to = m->reply_to,
                                            .service = SP_SERVICE_LLM };
    const struct sp_place place = { SP_PLACE_KEY, m->request_id };

    /* Unsent, the edge does not count us as ready, which is true then. */
    (void)llm->port.send(llm->port.arg, SP_SERVICE_VALIDATION,
                         SP_MSG_PROBE_ANSWER, &answer, place);
}

void
llm_peer_lost(struct llm *llm, enum sp_service_id service, struct sp_view name)
{
    const struct sp_peer_lost lost = { .service = (uint64_t)service,
                                       .name = name };
    const struct sp_place all = { .kind = SP_PLACE_ALL };

    (void)llm->port.send(llm->port.arg, SP_SERVICE_EDGE, SP_MSG_PEER_LOST,
                         &lost, all);
}
