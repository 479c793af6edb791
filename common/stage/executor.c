/* Calls from their message to their end. What they send is in
 * executor_answer.c. */
#include "common/stage/executor_parts.h"

#include <assert.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/error.h"
#include "common/stage/occurrence.h"

/* A call's copy has its names and ids only, some two hundred bytes of them. */
#define COPY_BYTES 4096
/* Answers may wait for a validation replica that is away: more than this, and
 * nothing new is begun. */
#define MAX_WAITING (64u * 1024 * 1024)
/* An answer that has left may be lost with the validation replica: so long, and
 * so many bytes of all, are they kept for the repetition that says so. */
#define LINGER_MS 5000
#define MAX_LINGERING (16u * 1024 * 1024)

static const struct sp_refusal passport_refused = {
    .kind = "passport_refused",
    .status = 403,
    .code = "passport_refused",
    .text = "The request is not what was signed in for; send it again.",
};
static const struct sp_refusal passport_expired = {
    .kind = "passport_expired",
    .status = 403,
    .code = "passport_expired",
    .text = "The request took too long to get here; send it again.",
};
static const struct sp_refusal id_reused = {
    .kind = "request_id_reused",
    .status = 409,
    .code = "request_id_reused",
    .text = "The request id belongs to another request.",
};
static const struct sp_refusal token_expired = {
    .status = 403,
    .code = "token_expired",
    .text = "The token ended while the call ran; whether it took effect is "
            "not known.",
};

/* --------------------------------------------------------------- messages */

/* 0 or an SP_E* value of the link, which only who is about to begin looks at:
 * where a reminder is lost, the edge asks or repeats once more. */
static int
say_started(struct sp_executor *x, const struct sp_started *started)
{
    const struct sp_place edge = { SP_PLACE_NAMED, started->reply_to };

    return x->port.send(x->port.arg, SP_SERVICE_EDGE, SP_MSG_STARTED, started,
                        edge);
}

void
sp_executor_deny(const struct sp_executor_call *call,
                 const struct sp_refusal *refusal)
{
    const struct sp_port *port = &call->x->port;
    const struct sp_denial denial = {
        .request_id = call->m->request_id,
        .reply_to = call->m->reply_to,
        .attempt = call->m->attempt,
        .screen_by = call->m->screen_by,
        .status = refusal->status,
        .code = sp_view_of(refusal->code),
        .text = sp_view_of(refusal->text),
        .rpc_id = call->m->rpc_id,
        .retry_after_s = (uint64_t)refusal->retry_after_s,
    };
    const struct sp_place edge = { SP_PLACE_NAMED, call->m->reply_to };
    int error =
        port->send(port->arg, SP_SERVICE_EDGE, SP_MSG_DENIAL, &denial, edge);

    /* An edge that is gone waits for nothing; one that is full answers by its
     * own deadline. */
    if (error != 0) {
        port->trouble(port->arg, "refusal_lost", sp_strerror(error));
    }
}

void
sp_executor_event(const struct sp_executor_call *call, const char *kind,
                  unsigned status, const char *detail)
{
    const struct sp_port *port = &call->x->port;
    int64_t passed_ms = sp_loop_now_ms(port->loop) - call->came_ms;
    const struct sp_occurrence what = {
        .kind = kind,
        .request_id = call->m->request_id,
        .subject = call->started.subject,
        .client = call->started.client,
        .object = call->object,
        .trace = call->m->trace,
        .status = status,
        .duration_us = (uint64_t)passed_ms * 1000,
        .detail = detail,
    };

    port->event(port->arg, &what);
}

/* --------------------------------------------------------------- the end */

static void
release(struct sp_executor_call *call)
{
    struct sp_executor *x = call->x;

    if (call->lingers) {
        x->lingering--;
        x->lingering_bytes -= call->out.len;
    } else if (!call->streams) {
        x->waiting -= call->out.len;
    }
    sp_executor_unhold(call);
    sp_loop_stop(x->port.loop, &call->retry);
    sp_parked_remove(&call->parked);
    sp_buf_free(&call->out);
    sp_free(call->headers);
    sp_free(call->kept);
    sp_free(call->object_kept);
    if (x->taken == call) {
        x->taken = NULL;
    }
    if (x->spare == NULL) {
        x->spare = call;
    } else if (x->spare != call) {
        sp_free(call);
    }
}

/* Counts the call, remembers its id, gives its work back. */
static void
settle(struct sp_executor_call *call, enum sp_executor_end how)
{
    struct sp_executor *x = call->x;
    void *work = call->work;

    x->figures.ends[how]++;
    if (call->kept != NULL && x->over != NULL) {
        (void)sp_table_put(x->over, call->m->request_id.ptr);
    }
    if (work != NULL) {
        call->work = NULL;
        x->service.ended(work, how);
    }
}

void
sp_executor_end(struct sp_executor_call *call, enum sp_executor_end how)
{
    if (!call->lingers) {
        settle(call, how);
    }
    release(call);
}

void
sp_executor_linger(struct sp_executor_call *call)
{
    struct sp_executor *x = call->x;

    settle(call, SP_EXECUTOR_ANSWERED);
    if (x->over == NULL || x->lingering_bytes + call->out.len > MAX_LINGERING) {
        release(call);
        return;
    }
    x->waiting -= call->out.len;
    x->lingering_bytes += call->out.len;
    x->lingering++;
    call->lingers = true;
    sp_parked_until(&call->parked, LINGER_MS);
}

void
sp_executor_break(struct sp_executor_call *call, enum sp_executor_end how)
{
    static const struct {
        const char *kind;
        unsigned status;
    } rows[SP_EXECUTOR_END_COUNT] = {
        [SP_EXECUTOR_CANCELLED] = { "call_cancelled", 0 },
        [SP_EXECUTOR_EXPIRED] = { "call_expired", 504 },
        [SP_EXECUTOR_LEASE] = { "call_lease_expired", 0 },
        [SP_EXECUTOR_TOKEN] = { "call_token_expired", 403 },
        [SP_EXECUTOR_LOST] = { "answer_lost", 0 },
    };
    char detail[64];

    (void)snprintf(detail, sizeof(detail), "parts=%" PRIu64, call->seq);
    sp_executor_event(call, rows[how].kind, rows[how].status, detail);
    sp_executor_end(call, how);
}

/* ---------------------------------------------------------------- the clock */

/* A token that ends cuts what is still being made; an answer that is there was
 * asked for in time. */
static bool
token_counts(const struct sp_executor_call *call)
{
    return call->started.token_expires_ms > 0 && !call->ended;
}

static int64_t
token_left_ms(const struct sp_executor_call *call)
{
    return (int64_t)call->started.token_expires_ms - call->x->port.wall_ms();
}

/* Before the first part the deadline counts, then the lease. */
static int64_t
due_ms(const struct sp_executor_call *call)
{
    return call->seq > 0 ? call->lease_ms + SP_LEASE_MS : call->due_ms;
}

void
sp_executor_set_clock(struct sp_executor_call *call)
{
    int64_t left_ms = due_ms(call) - sp_loop_now_ms(call->x->port.loop);

    if (token_counts(call) && token_left_ms(call) < left_ms) {
        left_ms = token_left_ms(call);
    }
    sp_parked_until(&call->parked, left_ms);
}

/* The edge answers 504 by itself at the deadline, and breaks streams. */
static void
on_clock(void *owner, struct sp_parked *parked)
{
    struct sp_executor_call *call =
        SP_CONTAINER_OF(parked, struct sp_executor_call, parked);

    (void)owner;
    if (call->lingers) {
        release(call);
    } else if (token_counts(call) && token_left_ms(call) <= 0) {
        if (!sp_executor_has_answered(call)) {
            sp_executor_deny(call, &token_expired);
        }
        sp_executor_break(call, SP_EXECUTOR_TOKEN);
    } else if (sp_loop_now_ms(call->x->port.loop) < due_ms(call)) {
        sp_executor_set_clock(call);
    } else if (call->seq > 0) {
        sp_executor_break(call, SP_EXECUTOR_LEASE);
    } else {
        sp_executor_break(call, sp_executor_has_answered(call)
                                    ? SP_EXECUTOR_LOST
                                    : SP_EXECUTOR_EXPIRED);
    }
}

/* ------------------------------------------------------------ a new message */

static struct sp_executor_call *
find(const struct sp_executor *x, struct sp_view request_id)
{
    struct sp_parked *parked = sp_parked_find(x->calls, request_id);

    return parked == NULL
               ? NULL
               : SP_CONTAINER_OF(parked, struct sp_executor_call, parked);
}

/* The call of this message, not yet begun: everything in it is a view. */
static struct sp_executor_call *
make(struct sp_executor *x, const struct sp_admitted_call *m)
{
    struct sp_executor_call *call =
        x->spare != NULL ? x->spare : sp_alloc(sizeof(*call));

    *call = (struct sp_executor_call){
        .x = x,
        .m = m,
        .object = m->path,
        .came_ms = sp_loop_now_ms(x->port.loop),
        .credit = m->credit,
        .started = { .request_id = m->request_id,
                     .reply_to = m->reply_to,
                     .attempt = m->attempt,
                     .executor = x->port.own_name(x->port.arg),
                     .screen_by = m->screen_by },
    };
    call->due_ms = call->came_ms + (int64_t)m->deadline_ms;
    x->spare = NULL;
    x->taken = call;
    return call;
}

/* The call as auth saw it, and nothing else. False where it is refused. */
static bool
open_passport(struct sp_executor_call *call, struct sp_passport *passport)
{
    struct sp_executor *x = call->x;
    const struct sp_admitted_call *m = call->m;
    const struct sp_passport_request request = {
        .method = m->method,
        .path = m->path,
        .query = m->query,
        .headers = m->headers,
        .body = m->body,
    };
    int error =
        sp_passport_open(x->key, m->passport, &request, m->request_id,
                         (uint64_t)x->port.wall_ms(), &x->plain, passport);

    if (error != 0) {
        x->figures.passports_refused++;
        x->port.trouble(x->port.arg, passport_refused.kind, sp_strerror(error));
        sp_executor_refuse(call, error == SP_EEXPIRED ? &passport_expired
                                                      : &passport_refused);
        return false;
    }
    call->started.subject = passport->subject;
    call->started.client = passport->client;
    call->started.token_id = passport->token_id;
    call->started.token_expires_ms = passport->token_expires_ms;
    return true;
}

/* ------------------------------------------------------------- repetitions */

static void
digest(const struct sp_admitted_call *m,
       unsigned char ret_digest[SP_PASSPORT_DIGEST_BYTES])
{
    struct sp_passport_request request;

    SP_COPY_HTTP(&request, m);
    sp_passport_digest(&request, ret_digest);
}

static bool
is_same(const struct sp_executor_call *known,
        const struct sp_executor_call *call)
{
    unsigned char asked[SP_PASSPORT_DIGEST_BYTES];

    digest(call->m, asked);
    return memcmp(known->digest, asked, sizeof(asked)) == 0 &&
           sp_view_equal(known->started.subject, call->started.subject) &&
           sp_view_equal(known->started.client, call->started.client);
}

/* Keeps what must outlive the frame: the message without passport and HTTP, and
 * STARTED, which says the rest. */
static void
keep_started(struct sp_executor_call *call)
{
    struct sp_started *old = call->kept;

    call->kept =
        sp_message_dup(sp_message_info(SP_MSG_STARTED), &call->started);
    call->started = *call->kept;
    sp_free(old);
}

static void
keep_object(struct sp_executor_call *call)
{
    char *old = call->object_kept;

    call->object_kept = sp_dup_view(call->object);
    call->object = sp_view_of(call->object_kept);
    sp_free(old);
}

static struct sp_admitted_call
route_of(const struct sp_admitted_call *m)
{
    struct sp_admitted_call route = *m;

    route.passport = (struct sp_view){ 0 };
    route.method = route.path = route.query = route.headers = route.body =
        (struct sp_view){ 0 };
    return route;
}

/* The answer goes where the repetition wants it: the edge repeats what has
 * STARTED only where it has lost what stood behind the first sending. */
static void
adopt(struct sp_executor_call *call, const struct sp_admitted_call *m)
{
    struct sp_admitted_call route = route_of(m);

    sp_parked_renew(&call->parked, &route);
    call->m = call->parked.message;
    call->started.reply_to = call->m->reply_to;
    call->started.attempt = call->m->attempt;
    call->started.screen_by = call->m->screen_by;
    keep_started(call);
    call->credit = call->m->credit;
    call->due_ms =
        sp_loop_now_ms(call->x->port.loop) + (int64_t)call->m->deadline_ms;
    call->screen_gone = false;
    sp_executor_set_clock(call);
}

/* The answer had left for a replica that is gone, or that the edge believes to
 * be: it leaves once more. */
static void
leave_again(struct sp_executor_call *call)
{
    struct sp_executor *x = call->x;

    call->lingers = false;
    call->seq = 0;
    x->lingering--;
    x->lingering_bytes -= call->out.len;
    x->waiting += call->out.len;
}

/* The edge, which has none of the answer, repeats the call. */
static void
join(struct sp_executor_call *known, const struct sp_admitted_call *m)
{
    if (known->lingers &&
        (known->screen_gone ||
         !sp_view_equal(known->started.screen_by, m->screen_by))) {
        leave_again(known);
    }
    if (known->seq == 0) {
        adopt(known, m);
    }
    (void)say_started(known->x, &known->started);
    sp_executor_retry(known);
}

/* A repetition of what is in hand, or of what is over. False: it is new.
 * attack: the number of the attempt is not sealed. A captured stage may send a
 * call again as its first, to have it run twice, or to have another caller get
 * its answer. */
static bool
is_repeated(struct sp_executor_call *call)
{
    struct sp_executor *x = call->x;
    struct sp_executor_call *known = find(x, call->m->request_id);

    if (known == NULL &&
        (x->over == NULL ||
         sp_table_find(x->over, call->m->request_id.ptr) == NULL)) {
        return false;
    }
    x->figures.repeated++;
    if (known == NULL) {
        /* An edge that still waits must not ask another replica. */
        (void)say_started(x, &call->started);
    } else if (!is_same(known, call)) {
        sp_executor_refuse(call, &id_reused);
        return true;
    } else {
        join(known, call->m);
    }
    release(call);
    return true;
}

void
sp_executor_take(struct sp_executor *x, const struct sp_admitted_call *m)
{
    struct sp_executor_call *call = NULL;
    struct sp_passport passport = { 0 };

    if (m->deadline_ms == 0) {
        x->figures.late++;
        return;
    }
    call = make(x, m);
    if (x->key != NULL &&
        (!open_passport(call, &passport) || is_repeated(call))) {
        return;
    }
    x->service.take(x->service.self, call, m,
                    x->key != NULL ? &passport : NULL);
    assert(x->taken == NULL); /* refused, answered or begun */
}

void
sp_executor_name(struct sp_executor_call *call, struct sp_view object)
{
    call->object = object;
    if (call->kept != NULL) {
        keep_object(call);
    }
}

int
sp_executor_begin(struct sp_executor_call *call, bool repeatable, void *work)
{
    struct sp_executor *x = call->x;
    struct sp_admitted_call route = route_of(call->m);

    assert(x->taken == call && x->key != NULL);
    call->started.repeatable = repeatable;
    if (sp_executor_count(x) >= x->max || x->waiting > MAX_WAITING ||
        sp_parked_add(x->calls, &call->parked, &route) != 0) {
        return SP_EFULL;
    }
    if (say_started(x, &call->started) != 0) {
        x->figures.unplaced++;
        release(call);
        return SP_ENOPEER;
    }
    x->taken = NULL;
    digest(call->m, call->digest);
    call->m = call->parked.message;
    call->work = work;
    keep_started(call);
    keep_object(call);
    sp_executor_set_clock(call);
    return 0;
}

/* --------------------------------------------------------- other messages */

void
sp_executor_cancel(struct sp_executor *x, const struct sp_cancel *m)
{
    struct sp_executor_call *call = find(x, m->request_id);

    if (call != NULL && !call->lingers) {
        sp_executor_break(call, SP_EXECUTOR_CANCELLED);
    }
}

void
sp_executor_credit(struct sp_executor *x, const struct sp_credit *m)
{
    struct sp_executor_call *call = find(x, m->request_id);

    if (call == NULL) {
        return;
    }
    call->lease_ms = sp_loop_now_ms(x->port.loop);
    if (m->bytes <= call->credit) {
        (void)say_started(
            x, &call->started); /* nothing new: the edge asks for a sign */
        return;
    }
    call->credit = m->bytes;
    sp_executor_pump(call);
}

void
sp_executor_probe(struct sp_executor *x, const struct sp_probe *m)
{
    const struct sp_probe_answer answer = { .request_id = m->request_id,
                                            .reply_to = m->reply_to,
                                            .service =
                                                (uint64_t)x->service.id };
    const struct sp_place any = { .kind = SP_PLACE_ANY };

    /* Unsent, the edge does not count us as ready, which is true then. */
    (void)x->port.send(x->port.arg, SP_SERVICE_VALIDATION, SP_MSG_PROBE_ANSWER,
                       &answer, any);
}

/* What this replica waited for is gone with it; one that starts under the same
 * name knows nothing of it. */
static void
lose_screen(struct sp_executor_call *call)
{
    if (call->seq > 0 && !call->lingers) {
        sp_executor_break(call, SP_EXECUTOR_LOST);
    } else {
        call->screen_gone = true;
    }
}

void
sp_executor_peer(struct sp_executor *x, enum sp_service_id service,
                 struct sp_view name, bool up)
{
    const struct sp_peer_lost lost = { .service = (uint64_t)service,
                                       .name = name };
    const struct sp_place all = { .kind = SP_PLACE_ALL };
    struct sp_parked *next = NULL;

    if (service != SP_SERVICE_VALIDATION) {
        return;
    }
    if (!up) {
        (void)x->port.send(x->port.arg, SP_SERVICE_EDGE, SP_MSG_PEER_LOST,
                           &lost, all);
    }
    for (struct sp_parked *at = sp_parked_next(x->calls, NULL); at != NULL;
         at = next) {
        struct sp_executor_call *call =
            SP_CONTAINER_OF(at, struct sp_executor_call, parked);

        next = sp_parked_next(x->calls, at);
        if (!x->port.is_replica(x->port.arg, call->started.screen_by, name)) {
            continue;
        }
        if (up) {
            sp_executor_retry(call);
        } else {
            lose_screen(call);
        }
    }
}

/* --------------------------------------------------------------- life time */

struct sp_executor *
sp_executor_new(const struct sp_executor_service *service,
                const struct sp_port *port, const struct sp_secret *key)
{
    struct sp_executor *x = sp_alloc(sizeof(*x));
    const struct sp_parked_shape calls = {
        .kind = SP_MSG_ADMITTED_CALL,
        .max = service->max,
        .max_bytes = service->max * COPY_BYTES,
        .expired = on_clock,
        .owner = x,
    };
    const struct sp_table_shape over = {
        .max = SP_EXECUTOR_REMEMBERED,
        .key_size = 16,
        .random_keys = true,
        .look = 1,
    };

    x->service = *service;
    x->port = *port;
    x->key = key;
    x->max = service->max;
    x->calls = sp_parked_lot_new(&calls, port);
    x->over = service->remembers ? sp_table_new(&over) : NULL;
    x->plain = sp_buf_new(SP_MAX_PASSPORT_BYTES);
    return x;
}

void
sp_executor_free(struct sp_executor **executor)
{
    struct sp_executor *x = *executor;
    struct sp_parked *parked = NULL;

    if (x == NULL) {
        return;
    }
    while ((parked = sp_parked_next(x->calls, NULL)) != NULL) {
        sp_executor_end(
            SP_CONTAINER_OF(parked, struct sp_executor_call, parked),
            SP_EXECUTOR_STOPPED);
    }
    sp_parked_lot_free(&x->calls);
    sp_table_free(&x->over);
    sp_buf_free(&x->plain);
    sp_free(x->spare);
    sp_free(x);
    *executor = NULL;
}

void
sp_executor_limit(struct sp_executor *executor, size_t max)
{
    executor->max = max < executor->service.max ? max : executor->service.max;
}

size_t
sp_executor_count(const struct sp_executor *executor)
{
    return sp_parked_count(executor->calls) - executor->lingering;
}

const struct sp_executor_figures *
sp_executor_figures(const struct sp_executor *executor)
{
    return &executor->figures;
}

void
sp_executor_write_metrics(const struct sp_executor *x, struct sp_buf *out)
{
    static const char *const ends[] = {
#define END_NAME(symbol, name, meaning) #name,
        SP_EXECUTOR_ENDS(END_NAME)
#undef END_NAME
    };
    const struct sp_executor_figures *f = &x->figures;
    const char *service = sp_service_name(x->service.id);
    const struct {
        const char *name;
        uint64_t value;
    } rows[] = {
        { "requests_total{outcome=\"late\"}", f->late },
        { "requests_total{outcome=\"repeated\"}", f->repeated },
        { "requests_total{outcome=\"unplaced\"}", f->unplaced },
        { "passports_refused_total", f->passports_refused },
        { "parts_total", f->parts },
        { "pauses_total", f->pauses },
        { "in_flight", sp_executor_count(x) },
        { "answer_bytes_waiting", x->waiting },
    };

    for (size_t i = 0; i < SP_COUNT(ends); i++) {
        (void)sp_buf_addf(out,
                          "sallyport_%s_requests_total{outcome=\"%s\"} "
                          "%" PRIu64 "\n",
                          service, ends[i], f->ends[i]);
    }
    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        (void)sp_buf_addf(out, "sallyport_%s_%s %" PRIu64 "\n", service,
                          rows[i].name, rows[i].value);
    }
}
