/* The messages of the validation process. */
#include "proto/paths.h"
#include "services/validation/wire.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/process/config.h"
#include "common/stage/refusal.h"
#include "proto/passport.h"
#include "services/validation/validation.h"

static const struct sp_place any_place = { .kind = SP_PLACE_ANY };
static const struct sp_place all_places = { .kind = SP_PLACE_ALL };

/* Where even the answer cannot be placed, the edge's own deadline ends the
 * request. */
static void
send_answer(struct validation *v, const struct sp_answer *answer)
{
    const struct sp_place place = { .kind = SP_PLACE_NAMED,
                                    .key = answer->reply_to };
    int error =
        sp_runtime_send(v->rt, SP_SERVICE_EDGE, SP_MSG_ANSWER, answer, place);

    if (error != 0) {
        sp_runtime_trouble(v->rt, "answer_lost", "to=edge reason=\"%s\"",
                           sp_strerror(error));
    }
}

/* For messages that nobody waits for: without a receiver they have no use. */
static void
offer(struct validation *v, enum sp_service_id to, enum sp_message_id id,
      const void *message, struct sp_place place)
{
    int error = sp_runtime_send(v->rt, to, id, message, place);

    if (error != 0) {
        sp_log(SP_LOG_DEBUG, "not_sent", "message=%s to=%s reason=\"%s\"",
               sp_message_info(id)->name, sp_service_name(to),
               sp_strerror(error));
    }
}

int
validation_reload(struct validation *v, const char *directory, const char *url,
                  struct sp_buf *why)
{
    struct rules *next = NULL;
    int error = rules_new(directory, url, &next, why);

    if (error == 0 && next->config->results.remembered !=
                          v->rules->config->results.remembered) {
        error = sp_config_frozen(why, directory, "validation",
                                 "results.remembered");
    }
    if (error != 0) {
        rules_release(&next);
        return error;
    }
    rules_release(&v->previous);
    v->previous = v->rules;
    v->rules = next;
    return 0;
}

/* ----------------------------------------------------------------- requests */

/* Answers with what the verdict holds, and records it where it is a refusal. */
static void
answer_call(struct validation *v, const struct sp_call *c)
{
    const struct verdict *verdict = &v->verdict;
    const struct sp_answer answer = {
        .request_id = c->request_id,
        .reply_to = c->reply_to,
        .attempt = c->attempt,
        .last = true,
        .status = verdict->status,
        .headers = sp_buf_view(&verdict->headers),
        .body = sp_buf_view(&verdict->body),
    };
    char detail[160];
    const struct sp_occurrence what = {
        .kind = verdict->kind,
        .request_id = c->request_id,
        .address = c->address,
        .subject = c->subject,
        .client = c->client,
        .object = verdict->object,
        .status = verdict->status,
        .detail = detail,
    };

    send_answer(v, &answer);
    if (verdict->kind == NULL) {
        v->figures.accepted++;
        return;
    }
    v->figures.refused++;
    (void)snprintf(detail, sizeof(detail), "code=%s%s%s", verdict->code,
                   verdict->rule != NULL ? " rule=" : "",
                   verdict->rule != NULL ? verdict->rule : "");
    sp_runtime_event(v->rt, &what);
}

static void
refuse_unplaced(struct validation *v, const struct sp_call *c, int error)
{
    const struct sp_refusal unavailable = {
        .status = 503,
        .code = "unavailable",
        .text = "A part of the gate is not available; try again.",
        .retry_after_s = 1,
    };
    const struct sp_refusal internal = {
        .status = 500,
        .code = "internal_error",
        .text = "The gate could not handle this request.",
    };

    v->figures.unplaced++;
    sp_buf_reset(&v->verdict.headers);
    sp_buf_reset(&v->verdict.body);
    (void)verdict_refuse(&v->verdict, sp_path_form(c->path),
                         error == SP_ELIMIT ? internal : unavailable,
                         "stage_unavailable");
    answer_call(v, c);
}

static int
forward(struct validation *v, const struct sp_call *c)
{
    const struct verdict *verdict = &v->verdict;
    struct sp_checked_call out = {
        .target = (uint64_t)verdict->target,
        .name = verdict->name,
        .cost = verdict->cost < SP_MAX_UINT ? verdict->cost : SP_MAX_UINT,
        .rpc_id = verdict->rpc_id,
        .screen_by = sp_runtime_own_name(v->rt),
    };
    int64_t held_ms = sp_clock_ms() - sp_loop_now_ms(sp_runtime_loop(v->rt));
    uint64_t held = held_ms > 0 ? (uint64_t)held_ms : 0;
    unsigned char key[SP_PRINCIPAL_KEY_BYTES];
    const struct sp_place place = { .kind = SP_PLACE_KEY,
                                    .key = sp_view_make(key, sizeof(key)) };

    SP_COPY_ROUTE(&out, c);
    SP_COPY_CALLER(&out, c);
    SP_COPY_HTTP(&out, c);
    out.deadline_ms = c->deadline_ms > held ? c->deadline_ms - held : 0;
    sp_principal_key(c->subject, c->client, key);
    return sp_runtime_send(v->rt, SP_SERVICE_RATELIMIT, SP_MSG_CHECKED_CALL,
                           &out, place);
}

/* What the answer will be held against. A repetition of a request whose answer
 * is passing already changes nothing. 0, or SP_EFULL: without an entry the
 * answer could not pass, so that the call must not go on. */
static int
remember(struct validation *v, const struct sp_call *c)
{
    int64_t now_ms = sp_loop_now_ms(sp_runtime_loop(v->rt));
    struct pending_entry *entry =
        pending_put(v->pending, c->request_id, now_ms);

    if (entry == NULL) {
        return SP_EFULL;
    }
    if (entry->streaming) {
        return 0;
    }
    sp_free(entry->rpc_id);
    sp_free(entry->scopes);
    sp_snapshot_release(entry->rules);
    *entry = (struct pending_entry){
        .rules = sp_snapshot_hold(&v->rules->snapshot),
        .expect = v->verdict.expect,
        .target = v->verdict.target,
        .attempt = c->attempt,
        .ends_ms = now_ms + (int64_t)c->deadline_ms,
        .rpc_id = sp_dup_view(v->verdict.rpc_id),
        .scopes = v->verdict.expect.tool_list ? sp_dup_view(c->scopes) : NULL,
    };
    return 0;
}

void
wire_on_call(void *self, const struct sp_msg *m)
{
    struct validation *v = self;
    const struct sp_call *c = &m->u.call;
    const struct sp_call call = {
        .method = c->method,
        .path = c->path,
        .headers = c->headers,
        .body = c->body,
        .scopes = c->scopes,
    };
    int error = 0;

    if (c->deadline_ms == 0) {
        v->figures.expired++;
        return;
    }
    if (examine(v->rules->examiner, &call, &v->verdict) != 0) {
        answer_call(v, c);
        return;
    }
    error = remember(v, c);
    if (error == 0) {
        error = forward(v, c);
    }
    if (error != 0) {
        /* An earlier sending may yet be answered. */
        if (c->attempt == 0) {
            pending_remove(v->pending, c->request_id);
        }
        refuse_unplaced(v, c, error);
        return;
    }
    v->figures.passed++;
}

/* ------------------------------------------------------------------ answers */

/* Tells the client, where nothing has been sent yet. */
static void
replace_answer(struct validation *v, enum sp_service_id from,
               const struct sp_result *part, struct sp_view rpc_id)
{
    const struct sp_refusal refusal = {
        .status = 502,
        .code = "bad_result",
        .text = "The answer was not well formed and has been withheld.",
        .rpc_id = rpc_id,
    };
    enum sp_refusal_form form = from == SP_SERVICE_TOOLS ? SP_REFUSAL_RPC
                                : from == SP_SERVICE_LLM ? SP_REFUSAL_OPENAI
                                                         : SP_REFUSAL_PLAIN;
    struct sp_answer answer = {
        .request_id = part->request_id,
        .reply_to = part->reply_to,
        .attempt = part->attempt,
        .last = true,
        .status = refusal.status,
    };

    verdict_reset(&v->verdict);
    if (sp_refusal_write(&refusal, form, &v->verdict.headers,
                         &v->verdict.body) == 0) {
        answer.headers = sp_buf_view(&v->verdict.headers);
        answer.body = sp_buf_view(&v->verdict.body);
        send_answer(v, &answer);
    }
}

/* The edge takes a gap in the numbers for the loss that it is, and closes the
 * connection: a client must not take what it has for a whole answer. */
static void
break_answer(struct validation *v, const struct sp_result *part)
{
    const struct sp_answer answer = {
        .request_id = part->request_id,
        .reply_to = part->reply_to,
        .attempt = part->attempt,
        .seq = SP_MAX_UINT,
        .last = true,
        .status = 502,
    };

    send_answer(v, &answer);
}

static void
refuse_part(struct validation *v, enum sp_service_id from,
            const struct sp_result *part, const struct answer_verdict *judged)
{
    char detail[96];
    const struct sp_occurrence what = {
        .kind = "result_refused",
        .request_id = part->request_id,
        .object = judged->object,
        .status = 502,
        .detail = detail,
    };

    (void)snprintf(detail, sizeof(detail), "from=%s reason=%s",
                   sp_service_name(from), judged->why);
    if (judged->fate == ANSWER_REPLACE) {
        v->figures.replaced++;
        replace_answer(v, from, part, judged->rpc_id);
    } else if (judged->fate == ANSWER_BREAK) {
        v->figures.broken++;
        break_answer(v, part);
    }
    sp_runtime_event(v->rt, &what);
    sp_runtime_trouble(v->rt, "result_refused", "%s", detail);
}

/* An answer is held against the rules that its request passed. tools reads its
 * catalogue a moment earlier or later than we do: its lists may show what we
 * show now, or did before. */
static void
use_rules(struct validation *v, struct sp_view request_id)
{
    const struct pending_entry *entry = pending_find(v->pending, request_id);
    const struct rules *rules =
        entry != NULL && entry->rules != NULL
            ? SP_CONTAINER_OF(entry->rules, struct rules, snapshot)
            : v->rules;

    v->answer.limits = &rules->config->results;
    v->answer.toolbox = rules->toolbox;
    v->answer.checker = rules->checker;
    v->answer.listed[0] = v->rules->toolbox;
    v->answer.listed[1] = v->previous != NULL ? v->previous->toolbox : NULL;
}

void
wire_on_result(void *self, const struct sp_msg *m)
{
    struct validation *v = self;
    const struct sp_result *part = &m->u.result;
    struct sp_answer out = { .seq = part->seq };
    struct answer_verdict judged;

    use_rules(v, part->request_id);
    answer_part(&v->answer, m->from, part,
                sp_loop_now_ms(sp_runtime_loop(v->rt)), &judged);
    switch (judged.fate) {
    case ANSWER_PASS:
        v->figures.answers++;
        out.request_id = part->request_id;
        out.reply_to = part->reply_to;
        out.attempt = part->attempt;
        out.last = part->last;
        out.status = part->status;
        out.headers = sp_buf_view(&v->answer.headers);
        out.body = part->body;
        out.covers = part->body.len;
        send_answer(v, &out);
        break;
    case ANSWER_DROP:
        v->figures.discarded++;
        if (judged.why != NULL) {
            refuse_part(v, m->from, part, &judged);
        }
        break;
    case ANSWER_REPLACE:
    case ANSWER_BREAK:
        refuse_part(v, m->from, part, &judged);
        break;
    }
    if (judged.ended) {
        pending_remove(v->pending, part->request_id);
    }
}

/* ----------------------------------------------------------------- the rest */

void
wire_on_cancel(void *self, const struct sp_msg *m)
{
    struct validation *v = self;
    const struct sp_cancel *cancel = &m->u.cancel;

    /* One for a replica that is gone passes here on its way to the executor: it
     * says nothing of the answer that this one may wait for. */
    if (sp_view_equal(cancel->screen_by, sp_runtime_own_name(v->rt))) {
        pending_remove(v->pending, cancel->request_id);
    }
    if (cancel->executor.len > 0) {
        offer(v, SP_SERVICE_RATELIMIT, SP_MSG_CANCEL, cancel, any_place);
    }
}

void
wire_on_credit(void *self, const struct sp_msg *m)
{
    struct validation *v = self;
    struct pending_entry *entry =
        pending_find(v->pending, m->u.credit.request_id);

    if (entry != NULL && entry->streaming) {
        entry->ends_ms = sp_loop_now_ms(sp_runtime_loop(v->rt)) + SP_LEASE_MS;
    }
    offer(v, SP_SERVICE_RATELIMIT, SP_MSG_CREDIT, &m->u.credit, any_place);
}

void
wire_on_sweep(void *self)
{
    struct validation *v = self;
    struct sp_loop *loop = sp_runtime_loop(v->rt);

    pending_sweep(v->pending, sp_loop_now_ms(loop));
    sp_loop_start(loop, &v->sweep, VALIDATION_SWEEP_MS);
}

void
wire_on_probe(void *self, const struct sp_msg *m)
{
    offer(self, SP_SERVICE_RATELIMIT, SP_MSG_PROBE, &m->u.probe, any_place);
}

/* An executor can answer for itself alone. */
void
wire_on_probe_answer(void *self, const struct sp_msg *m)
{
    const struct sp_probe_answer *answer = &m->u.probe_answer;
    const struct sp_place place = { .kind = SP_PLACE_NAMED,
                                    .key = answer->reply_to };

    if (answer->service == (uint64_t)m->from) {
        offer(self, SP_SERVICE_EDGE, SP_MSG_PROBE_ANSWER, answer, place);
    }
}

void
wire_peer(void *self, enum sp_service_id service, struct sp_view name, bool up)
{
    const struct sp_peer_lost lost = { .service = (uint64_t)service,
                                       .name = name };

    if (!up && service == SP_SERVICE_RATELIMIT) {
        offer(self, SP_SERVICE_EDGE, SP_MSG_PEER_LOST, &lost, all_places);
    }
}

size_t
wire_in_flight(void *self)
{
    const struct validation *v = self;

    return pending_count(v->pending);
}

void
wire_metrics(void *self, struct sp_buf *out)
{
    const struct validation *v = self;
    const struct validation_figures *f = &v->figures;
    const struct {
        const char *name;
        uint64_t value;
    } rows[] = {
        { "passed_total", f->passed },
        { "refused_total", f->refused },
        { "accepted_total", f->accepted },
        { "expired_total", f->expired },
        { "unplaced_total", f->unplaced },
        { "answer_parts_total", f->answers },
        { "answers_replaced_total", f->replaced },
        { "answers_broken_total", f->broken },
        { "answer_parts_dropped_total", f->discarded },
        { "remembered", pending_count(v->pending) },
        { "remembered_expired_total", pending_expired(v->pending) },
    };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        (void)sp_buf_addf(out, "sallyport_validation_%s %" PRIu64 "\n",
                          rows[i].name, rows[i].value);
    }
}
