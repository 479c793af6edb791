/* The messages of the ratelimit process. */
#include "services/ratelimit/wire.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "services/ratelimit/ratelimit.h"
#include "services/ratelimit/refuse.h"

#define NS_PER_MS INT64_C(1000000)
/* Keys of what is hushed besides the limits. */
#define KEY_UNPLACED LIMIT_KINDS
#define KEY_MISROUTED (LIMIT_KINDS + 1)

static const enum sp_service_id executors[] = {
    SP_SERVICE_TOOLS,
    SP_SERVICE_LLM,
    SP_SERVICE_MONITOR,
};

static const struct sp_place any_place = { .kind = SP_PLACE_ANY };
static const struct sp_place all_places = { .kind = SP_PLACE_ALL };

static bool
is_executor(uint64_t target)
{
    for (size_t i = 0; i < SP_COUNT(executors); i++) {
        if (target == (uint64_t)executors[i]) {
            return true;
        }
    }
    return false;
}

/* Sends the answer that stands in the buffers. Where even that fails, the
 * edge's own deadline ends the request. */
static void
answer(struct ratelimit *rl, const struct sp_checked_call *c, unsigned status)
{
    const struct sp_answer out = {
        .request_id = c->request_id,
        .reply_to = c->reply_to,
        .attempt = c->attempt,
        .last = true,
        .status = status,
        .headers = sp_buf_view(&rl->headers),
        .body = sp_buf_view(&rl->body),
        .screen_by = c->screen_by,
    };
    const struct sp_place place = { .kind = SP_PLACE_NAMED,
                                    .key = c->reply_to };
    int error =
        sp_runtime_send(rl->rt, SP_SERVICE_EDGE, SP_MSG_ANSWER, &out, place);

    if (error != 0) {
        sp_runtime_trouble(rl->rt, "answer_lost", "to=edge reason=\"%s\"",
                           sp_strerror(error));
    }
}

static void
note(struct ratelimit *rl, const struct sp_checked_call *c,
     struct limit_key key, const struct sp_occurrence *what, const char *facts)
{
    struct hush_note entry = { .key = key, .what = *what, .facts = facts };

    entry.what.request_id = c->request_id;
    entry.what.address = c->address;
    entry.what.subject = c->subject;
    entry.what.client = c->client;
    hush_note(rl->hush, &entry, sp_loop_now_ms(sp_runtime_loop(rl->rt)));
}

static void
refuse_by_limit(struct ratelimit *rl, const struct sp_checked_call *c,
                const struct verdict *verdict)
{
    const struct sp_occurrence what = { .kind = "limit_reached",
                                        .object = c->name,
                                        .status = 429 };
    char facts[128];

    rl->figures.refused[verdict->limit]++;
    sp_buf_reset(&rl->headers);
    sp_buf_reset(&rl->body);
    if (refuse_limit(verdict, c->path, c->rpc_id, &rl->headers, &rl->body) ==
        0) {
        answer(rl, c, 429);
    }
    (void)snprintf(facts, sizeof(facts),
                   "limit=%s tier=%s retry_after_s=%" PRId64,
                   limit_kind_name(verdict->limit), verdict->tier,
                   refuse_seconds(verdict->wait_ns));
    note(rl, c, verdict->states[verdict->limit].key, &what, facts);
}

static void
refuse_by_fault(struct ratelimit *rl, const struct sp_checked_call *c,
                const struct sp_occurrence *what, uint8_t key_kind,
                const char *facts)
{
    struct limit_key key = limit_states_key(admission_limits(rl->admission),
                                            key_kind, 0, what->object);

    sp_buf_reset(&rl->headers);
    sp_buf_reset(&rl->body);
    if (refuse_fault(what->status, c->path, c->rpc_id, &rl->headers,
                     &rl->body) == 0) {
        answer(rl, c, what->status);
    }
    note(rl, c, key, what, facts);
}

static void
refuse_misrouted(struct ratelimit *rl, const struct sp_checked_call *c)
{
    const struct sp_occurrence what = { .kind = "target_refused",
                                        .status = 500 };

    rl->figures.misrouted++;
    refuse_by_fault(rl, c, &what, KEY_MISROUTED, NULL);
}

/* A repetition goes to the replica that said STARTED: it alone knows what has
 * become of the call. Where nobody has, or that replica is gone, the model's
 * replica is chosen by the request, so that a repetition whose STARTED was lost
 * does not ask twice; tools has its ledger. */
static int
place(struct ratelimit *rl, const struct sp_checked_call *c,
      const struct sp_admitted_call *out)
{
    enum sp_service_id target = (enum sp_service_id)c->target;
    const struct sp_place by_request = { SP_PLACE_KEY, c->request_id };
    const struct sp_place by_name = { SP_PLACE_NAMED, c->executor };
    int error = SP_ENOPEER;

    if (c->executor.len > 0) {
        error =
            sp_runtime_send(rl->rt, target, SP_MSG_ADMITTED_CALL, out, by_name);
    }
    if (error != SP_ENOPEER) {
        return error;
    }
    return sp_runtime_send(rl->rt, target, SP_MSG_ADMITTED_CALL, out,
                           target == SP_SERVICE_LLM ? by_request : any_place);
}

static int
forward(struct ratelimit *rl, const struct sp_checked_call *c)
{
    struct sp_admitted_call out = { .passport = c->passport,
                                    .rpc_id = c->rpc_id,
                                    .screen_by = c->screen_by };
    int64_t held_ms = sp_clock_ms() - sp_loop_now_ms(sp_runtime_loop(rl->rt));
    uint64_t held = held_ms > 0 ? (uint64_t)held_ms : 0;

    SP_COPY_ROUTE(&out, c);
    SP_COPY_HTTP(&out, c);
    out.deadline_ms = c->deadline_ms > held ? c->deadline_ms - held : 0;
    return place(rl, c, &out);
}

static void
refuse_unplaced(struct ratelimit *rl, const struct sp_checked_call *c,
                int error)
{
    const char *target = sp_service_name((enum sp_service_id)c->target);
    const struct sp_occurrence what = {
        .kind = "stage_unavailable",
        .object = sp_view_of(target),
        .status = error == SP_ELIMIT ? 500 : 503,
    };
    char facts[96];

    rl->figures.unplaced++;
    (void)snprintf(facts, sizeof(facts), "to=%s reason=\"%s\"", target,
                   sp_strerror(error));
    refuse_by_fault(rl, c, &what, KEY_UNPLACED, facts);
}

struct sp_table *
ratelimit_refused_new(void)
{
    const struct sp_table_shape shape = {
        .max = RATELIMIT_REFUSED_MAX,
        .key_size = 16,
        .random_keys = true, /* the edge made them */
        .look = 1,
    };

    return sp_table_new(&shape);
}

/* A repetition was charged, or lost before it got here: the edge keeps their
 * number small. One whose first sending was refused is no repetition: the edge
 * sent it while the refusal was on its way. */
static bool
is_charged(const struct ratelimit *rl, const struct sp_checked_call *c)
{
    return c->attempt == 0 ||
           sp_table_find(rl->refused, c->request_id.ptr) != NULL;
}

static void
note_admitted(struct ratelimit *rl, const struct sp_checked_call *c)
{
    void *entry = sp_table_find(rl->refused, c->request_id.ptr);

    if (entry != NULL) {
        sp_table_remove(rl->refused, entry);
    }
}

void
wire_on_checked_call(void *self, const struct sp_msg *m)
{
    struct ratelimit *rl = self;
    const struct sp_checked_call *c = &m->u.checked_call;
    const struct caller caller = { .address = c->address,
                                   .client = c->client,
                                   .subject = c->subject };
    int64_t now_ns = sp_loop_now_ms(sp_runtime_loop(rl->rt)) * NS_PER_MS;
    bool charged = is_charged(rl, c);
    struct verdict verdict;
    int error = 0;

    if (c->deadline_ms == 0) {
        rl->figures.expired++;
        return;
    }
    if (!is_executor(c->target)) {
        refuse_misrouted(rl, c);
        return;
    }
    admission_ask(rl->admission, &caller, now_ns, &verdict);
    if (charged && !verdict.admitted) {
        (void)sp_table_put(rl->refused, c->request_id.ptr);
        refuse_by_limit(rl, c, &verdict);
        return;
    }
    error = forward(rl, c);
    if (error != 0) {
        refuse_unplaced(rl, c, error);
        return;
    }
    if (charged) {
        note_admitted(rl, c);
        admission_charge(rl->admission, &verdict, now_ns);
        rl->figures.admitted[verdict.tier_index]++;
    } else {
        rl->figures.uncharged++;
    }
}

/* For messages that nobody waits for: without a receiver they have no use. */
static void
offer(struct ratelimit *rl, uint64_t to, enum sp_message_id id,
      const void *message, struct sp_place place)
{
    int error =
        sp_runtime_send(rl->rt, (enum sp_service_id)to, id, message, place);

    if (error != 0) {
        sp_log(SP_LOG_DEBUG, "not_sent", "message=%s to=%s reason=\"%s\"",
               sp_message_info(id)->name,
               sp_service_name((enum sp_service_id)to), sp_strerror(error));
    }
}

/* To the one replica that holds the request. Nobody is named where only
 * validation had to hear of it. */
static void
pass_on(struct ratelimit *rl, uint64_t target, struct sp_view executor,
        enum sp_message_id id, const void *message)
{
    const struct sp_place place = { .kind = SP_PLACE_NAMED, .key = executor };

    if (is_executor(target) && executor.len > 0) {
        offer(rl, target, id, message, place);
    }
}

void
wire_on_cancel(void *self, const struct sp_msg *m)
{
    pass_on(self, m->u.cancel.target, m->u.cancel.executor, SP_MSG_CANCEL,
            &m->u.cancel);
}

void
wire_on_credit(void *self, const struct sp_msg *m)
{
    pass_on(self, m->u.credit.target, m->u.credit.executor, SP_MSG_CREDIT,
            &m->u.credit);
}

/* A probe that finds no executor is missed by the edge, which then says so. */
void
wire_on_probe(void *self, const struct sp_msg *m)
{
    struct ratelimit *rl = self;

    for (size_t i = 0; i < SP_COUNT(executors); i++) {
        offer(rl, executors[i], SP_MSG_PROBE, &m->u.probe, any_place);
    }
}

void
wire_peer(void *self, enum sp_service_id service, struct sp_view name, bool up)
{
    struct ratelimit *rl = self;
    const struct sp_peer_lost lost = { .service = (uint64_t)service,
                                       .name = name };

    if (!up && is_executor((uint64_t)service)) {
        offer(rl, SP_SERVICE_EDGE, SP_MSG_PEER_LOST, &lost, all_places);
    }
}

void
wire_metrics(void *self, struct sp_buf *out)
{
    struct ratelimit *rl = self;
    const struct ratelimit_figures *f = &rl->figures;
    const struct limit_states *limits = admission_limits(rl->admission);
    const struct {
        const char *name;
        uint64_t value;
    } rows[] = {
        { "uncharged_total", f->uncharged },
        { "expired_total", f->expired },
        { "unplaced_total", f->unplaced },
        { "misrouted_total", f->misrouted },
        { "states_evicted_total", limit_states_evicted(limits) },
        { "states", limit_states_used(limits) },
    };

    for (uint32_t i = 0; i < rl->config->tiers_count; i++) {
        (void)sp_buf_addf(out,
                          "sallyport_ratelimit_admitted_total{tier=\"%s\"} "
                          "%" PRIu64 "\n",
                          rl->config->tiers[i].name,
                          f->admitted[admission_tier_index(rl->admission, i)]);
    }
    for (int i = 0; i < LIMIT_KINDS; i++) {
        (void)sp_buf_addf(out,
                          "sallyport_ratelimit_refused_total{limit=\"%s\"} "
                          "%" PRIu64 "\n",
                          limit_kind_name((enum limit_kind)i), f->refused[i]);
    }
    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        (void)sp_buf_addf(out, "sallyport_ratelimit_%s %" PRIu64 "\n",
                          rows[i].name, rows[i].value);
    }
}
