/* The messages of the edge: what comes back for the requests that it owns. */
#include "services/edge/wire.h"

#include <string.h>

#include "common/base/clock.h"
#include "common/text/headers.h"
#include "services/edge/connection.h"
#include "services/edge/edge.h"
#include "services/edge/edge_config.h"
#include "services/edge/mhd/reply.h"
#include "services/edge/pipeline.h"
#include "services/edge/request.h"

/* What a stream may hold beyond its credit: our own comments, and what
 * screening adds. */
#define STREAM_SLACK 65536
/* STARTED leaves before the first part and takes a shorter way: what has not
 * come so long after it is lost. Without it nobody can be asked, and nothing is
 * known of the token. */
#define STARTED_MS 10000

static struct request *
request_of(struct request_entry *entry)
{
    return SP_CONTAINER_OF(entry, struct request, entry);
}

/* attack: an executor that has learned the id of a request of another, as the
 * monitor does by events. It must not be able to end what is not its own. */
static bool
may_serve(const struct request *r, enum sp_service_id executor)
{
    if (r->rule->target != executor) {
        r->edge->figures.foreign++;
        return false;
    }
    return true;
}

static struct request *
find(const struct edge *edge, struct sp_view id)
{
    struct request_entry *entry = request_table_find(edge->table, id);

    return entry == NULL ? NULL : request_of(entry);
}

/* The first that is heard of a request. What is heard after a loss, when it ran
 * a second time, says nothing about the usual time. */
static void
note_sign(struct request *r)
{
    if (!r->heard && r->state == REQUEST_WAITING) {
        r->heard = true;
        retry_signed(&r->edge->retry, r->rule->class,
                     sp_clock_us() - r->sent_us);
    }
}

/* The name, or none where it is the same as the other. */
static struct sp_view
unless_same(struct sp_view name, struct sp_view other)
{
    struct sp_view none = { 0 };

    return sp_view_equal(name, other) ? none : name;
}

/* Two replicas have the request: one was only thought to be lost. The later
 * sending counts, but nothing takes the place of a stream that has begun. */
static bool
is_beaten(const struct request *r, uint64_t attempt)
{
    return r->streaming ? attempt != r->serving
                        : r->started && attempt < r->serving;
}

/* A repetition took another way: what the first one left at its executor and
 * its validation replica waits for nothing. */
static void
note_started(struct request *r, enum sp_service_id from,
             const struct sp_started *started)
{
    pipeline_decline(
        r->edge, started->request_id, from,
        unless_same(sp_replica_view(&r->executor), started->executor),
        unless_same(sp_replica_view(&r->screen), started->screen_by));
    r->started = true;
    r->serving = (unsigned)started->attempt;
    r->repeatable = started->repeatable;
    r->served_by = from;
    sp_replica_keep(&r->executor, started->executor);
    sp_replica_keep(&r->screen, started->screen_by);
    owner_set(&r->owner, r->edge->owner_key, started);
}

/* What is the same as with the sending that counts stays: a validation replica
 * may have examined both. Where that one has not STARTED, it may be any. */
static void
decline(struct request *r, enum sp_service_id from,
        const struct sp_started *started)
{
    struct sp_view none = { 0 };

    pipeline_decline(
        r->edge, started->request_id, from,
        unless_same(started->executor,
                    r->started ? sp_replica_view(&r->executor) : none),
        r->started
            ? unless_same(started->screen_by, sp_replica_view(&r->screen))
            : none);
}

void
wire_on_started(void *self, const struct sp_msg *m)
{
    struct edge *edge = self;
    const struct sp_started *started = &m->u.started;
    struct request *r = find(edge, started->request_id);

    if (r == NULL) {
        /* The client has its answer, or has heard that there is none. */
        edge->figures.late++;
        pipeline_decline(edge, started->request_id, m->from, started->executor,
                         started->screen_by);
        return;
    }
    if (!may_serve(r, m->from)) {
        return;
    }
    note_sign(r);
    if (is_beaten(r, started->attempt)) {
        decline(r, m->from, started);
        return;
    }
    note_started(r, m->from, started);
    if (r->state == REQUEST_DESERTED) {
        pipeline_cancel(r);
        request_free(r);
        return;
    }
    pipeline_heard(r);
    if (r->streaming) {
        /* The first parts were faster; the client may have taken them. */
        r->deadline_ms = pipeline_stream_ends_ms(r);
        pipeline_grant(r);
    }
    pipeline_set_timer(r);
}

void
wire_on_in_hand(void *self, const struct sp_msg *m)
{
    struct edge *edge = self;
    const struct sp_in_hand *in_hand = &m->u.in_hand;
    struct request *r = find(edge, in_hand->request_id);

    if (r == NULL || r->state != REQUEST_WAITING || r->started) {
        return;
    }
    note_sign(r);
    r->held = true;
    r->holding = m->from;
    sp_replica_keep(&r->holder, in_hand->holder);
    r->repeat_ms = sp_loop_now_ms(edge->loop) + (int64_t)in_hand->wait_ms;
    pipeline_set_timer(r);
}

static void
fail_answer(struct request *r, const char *detail)
{
    static const struct sp_refusal refusal = {
        .status = 502,
        .code = "bad_answer",
        .text = "The answer was damaged inside the gate; whether the call "
                "took effect is not known.",
    };

    request_report(r, "answer_refused", refusal.status, detail);
    pipeline_cancel(r);
    pipeline_refuse(r, &refusal);
}

static bool
is_event_stream(struct sp_view headers)
{
    struct sp_view type = { 0 };
    struct sp_view name = { 0 };
    struct sp_view value = { 0 };

    while (sp_headers_next(&headers, &name, &value) > 0) {
        if (sp_view_is(name, "content-type")) {
            type = value;
        }
    }
    return sp_view_starts(type, "text/event-stream");
}

static void
begin_stream(struct request *r, const struct sp_answer *a)
{
    struct edge *edge = r->edge;

    request_drop_way(r);
    if (r->started && a->attempt != r->serving) {
        /* The later sending shows by its first part, before its STARTED. */
        pipeline_decline(edge, a->request_id, r->served_by,
                         sp_replica_view(&r->executor), (struct sp_view){ 0 });
        r->started = false;
    }
    r->streaming = true;
    r->serving = (unsigned)a->attempt;
    r->events = is_event_stream(a->headers);
    r->begun_ms = sp_loop_now_ms(edge->loop);
    r->part_ms = r->begun_ms;
    pipeline_set_renewal(r);
    r->deadline_ms =
        r->started ? pipeline_stream_ends_ms(r) : r->begun_ms + STARTED_MS;
    pipeline_heard(r);
    edge->figures.streams++;
    /* What the executor was given, whatever a reload has changed since. */
    stream_begin(&r->stream, r->granted, STREAM_SLACK);
    reply_stream(r, (unsigned)a->status, a->headers, pipeline_grant);
    pipeline_set_timer(r);
}

/* A part of a stream, the first one included. */
static void
take_part(struct request *r, const struct sp_answer *a)
{
    switch (stream_part(&r->stream, a->seq, a->last, a->body, a->covers)) {
    case STREAM_TAKEN:
        break;
    case STREAM_REPEATED:
        return;
    case STREAM_GAP:
        pipeline_break(r, "reason=gap");
        return;
    case STREAM_OVERRUN:
        pipeline_break(r, "reason=credit_ignored");
        return;
    }
    r->part_ms = sp_loop_now_ms(r->edge->loop);
    pipeline_heard(r);
    if (a->last) {
        request_table_remove(&r->entry);
        sp_loop_stop(r->edge->loop, &r->timer);
    } else if (a->covers > a->body.len) {
        pipeline_grant(r); /* for what screening removed */
    }
    connection_resume(r->connection);
}

static void
take_answer(struct request *r, const struct sp_answer *a)
{
    char detail[REPLY_DETAIL_MAX];

    if (a->seq != 0) {
        fail_answer(r, "reason=first_part_missing");
    } else if (a->status < 200 || a->status > 599) {
        fail_answer(r, "reason=status");
    } else if (!reply_takes(a->headers, detail)) {
        fail_answer(r, detail);
    } else if (a->last) {
        request_table_remove(&r->entry);
        sp_loop_stop(r->edge->loop, &r->timer);
        request_drop_body(r);
        reply_whole(r, (unsigned)a->status, a->headers, a->body);
        connection_resume(r->connection);
    } else {
        begin_stream(r, a);
        take_part(r, a);
    }
}

/* By a stage on the way in. What validation passes on stands for bytes of an
 * executor; its own refusal of a call that it could not pass on is a 503. */
static bool
is_refusal(enum sp_service_id from, const struct sp_answer *a)
{
    return from != SP_SERVICE_VALIDATION ||
           (a->covers == 0 && a->body.len > 0 && a->status == 503);
}

/* The client would send the same once more. */
static bool
says_try_again(const struct sp_answer *a)
{
    return a->status == 503 ||
           sp_headers_get(a->headers, "retry-after").ptr != NULL;
}

/* attack: a captured ratelimit that answers in the place of a tool. */
static bool
may_answer(const struct request *r, enum sp_service_id from,
           const struct sp_answer *a)
{
    if (from == SP_SERVICE_RATELIMIT &&
        (a->status < 400 || a->seq > 0 || !a->last)) {
        r->edge->figures.foreign++;
        return false;
    }
    return true;
}

/* A sending was refused behind its validation replica, which may have examined
 * the one that is STARTED as well. */
static void
forget(const struct request *r, struct sp_view screen)
{
    pipeline_forget(r, r->started
                           ? unless_same(screen, sp_replica_view(&r->screen))
                           : screen);
}

/* True where the refusal ends the request. */
static bool
ends_refused(struct request *r, enum sp_service_id from,
             const struct sp_answer *a)
{
    /* Another sending is in hand. */
    if (r->started || (says_try_again(a) && pipeline_doubts(r, a->attempt))) {
        return false;
    }
    if (from == SP_SERVICE_RATELIMIT) {
        forget(r, a->screen_by);
    }
    return true;
}

void
wire_on_answer(void *self, const struct sp_msg *m)
{
    struct edge *edge = self;
    const struct sp_answer *a = &m->u.answer;
    struct request *r = find(edge, a->request_id);

    if (r == NULL) {
        edge->figures.late++;
        return;
    }
    if (!may_answer(r, m->from, a)) {
        return;
    }
    note_sign(r);
    if (r->state == REQUEST_DESERTED) {
        edge->figures.late++;
        if (m->from == SP_SERVICE_RATELIMIT) {
            forget(r, a->screen_by);
        }
        if (a->last) {
            request_free(r);
        }
    } else if (is_beaten(r, a->attempt) && (r->streaming || !a->last)) {
        edge->figures.late++;
    } else if (r->streaming) {
        take_part(r, a);
    } else if (!is_refusal(m->from, a) || ends_refused(r, m->from, a)) {
        take_answer(r, a);
    }
}

void
wire_on_denial(void *self, const struct sp_msg *m)
{
    struct edge *edge = self;
    const struct sp_denial *d = &m->u.denial;
    struct request *r = find(edge, d->request_id);
    char code[64 + 1] = { 0 };
    char text[256 + 1] = { 0 };
    const struct sp_refusal refusal = {
        .status = (unsigned)d->status,
        .code = code,
        .text = text,
        .rpc_id = d->rpc_id,
        .retry_after_s = (int64_t)d->retry_after_s,
    };

    if (r == NULL) {
        edge->figures.late++;
        return;
    }
    if (!may_serve(r, m->from)) {
        return;
    }
    note_sign(r);
    if (r->state == REQUEST_DESERTED) {
        pipeline_forget(r, d->screen_by);
        request_free(r);
        return;
    }
    if ((r->streaming || r->started) && d->attempt != r->serving) {
        if (r->started) {
            forget(r, d->screen_by); /* another sending is in hand */
        }
        return;
    }
    if (r->streaming) {
        pipeline_break(r, "reason=denied");
        return;
    }
    if ((d->status == 503 || d->retry_after_s > 0) &&
        pipeline_doubts(r, d->attempt)) {
        return;
    }
    pipeline_forget(r, d->screen_by);
    memcpy(code, d->code.ptr, d->code.len);
    memcpy(text, d->text.ptr, d->text.len);
    pipeline_refuse(r, &refusal);
}

void
wire_on_revoked(void *self, const struct sp_msg *m)
{
    struct edge *edge = self;
    struct request_entry *next = NULL;

    for (struct request_entry *e = request_table_first(edge->table); e != NULL;
         e = next) {
        struct request *r = request_of(e);

        next = request_table_next(e);
        if (r->streaming &&
            owner_fits(&r->owner, edge->owner_key, &m->u.revoked)) {
            pipeline_break(r, "reason=revoked");
        }
    }
}

void
wire_on_probe_answer(void *self, const struct sp_msg *m)
{
    struct edge *edge = self;
    const struct sp_probe_answer *a = &m->u.probe_answer;

    if (a->service < SP_SERVICE_COUNT) {
        readiness_answer(&edge->readiness, a->request_id,
                         (enum sp_service_id)a->service,
                         sp_loop_now_ms(edge->loop));
    }
}

/* ------------------------------------------------------------------- peers */

static bool
is(const struct edge *edge, const struct sp_replica *kept, struct sp_view lost)
{
    return sp_runtime_is_replica(edge->rt, sp_replica_view(kept), lost);
}

/* Of what has been STARTED only two replicas matter: the executor, and the
 * validation replica that waits for the answer. Any other may have held CREDIT
 * or CANCEL, and only the executor knows. */
static void
lose_started(struct request *r, enum sp_service_id service, struct sp_view name)
{
    bool lost =
        (service == r->served_by && is(r->edge, &r->executor, name)) ||
        (service == SP_SERVICE_VALIDATION && is(r->edge, &r->screen, name));

    if (!lost) {
        if (r->streaming && r->asked == 0) {
            pipeline_ask(r);
            pipeline_set_timer(r);
        }
    } else if (r->streaming || (service == r->served_by && !r->repeatable)) {
        pipeline_fail_lost(r, service == r->served_by ? "reason=executor_lost"
                                                      : "reason=screen_lost");
    } else if (r->state == REQUEST_WAITING) {
        if (service == r->served_by) {
            r->executor.len = 0; /* nobody knows what became of it there */
        }
        pipeline_repeat(r);
    }
}

/* Work goes from `from` to `service`, or answers do: it sees it go.
 * attack: a captured process that has everybody's calls run again, or reported
 * as lost. An executor has a say in its own calls alone. */
static bool
may_report(enum sp_service_id from, enum sp_service_id service)
{
    return sp_route_exists(SP_MSG_CALL, from, service) ||
           sp_route_exists(SP_MSG_CHECKED_CALL, from, service) ||
           sp_route_exists(SP_MSG_ADMITTED_CALL, from, service) ||
           sp_route_exists(SP_MSG_RESULT, from, service);
}

static bool
is_concerned(const struct request *r, enum sp_service_id from,
             enum sp_service_id service)
{
    return r->rule->target == from ||
           !sp_route_exists(SP_MSG_RESULT, from, service);
}

/* A replica has gone with all it held. What no executor has is sent again at
 * once, unless the stage that holds it is another one. */
static void
lose(struct edge *edge, enum sp_service_id from, enum sp_service_id service,
     struct sp_view name)
{
    struct request_entry *next = NULL;

    for (struct request_entry *e = request_table_first(edge->table); e != NULL;
         e = next) {
        struct request *r = request_of(e);

        next = request_table_next(e);
        if (!is_concerned(r, from, service)) {
            continue;
        }
        if (r->started) {
            lose_started(r, service, name);
        } else if (r->state == REQUEST_WAITING &&
                   (!r->held ||
                    (r->holding == service && is(edge, &r->holder, name)))) {
            pipeline_repeat(r);
        }
    }
}

void
wire_on_peer_lost(void *self, const struct sp_msg *m)
{
    struct edge *edge = self;
    const struct sp_peer_lost *lost = &m->u.peer_lost;

    if (lost->service < SP_SERVICE_COUNT &&
        may_report(m->from, (enum sp_service_id)lost->service)) {
        lose(edge, m->from, (enum sp_service_id)lost->service, lost->name);
    } else {
        edge->figures.foreign++;
    }
}

static void
place_waiting(struct edge *edge)
{
    struct request_entry *next = NULL;

    for (struct request_entry *e = request_table_first(edge->table); e != NULL;
         e = next) {
        struct request *r = request_of(e);

        next = request_table_next(e);
        if (r->state == REQUEST_WAITING && !r->placed) {
            pipeline_repeat(r);
        }
    }
}

void
wire_peer(void *self, enum sp_service_id service, struct sp_view name, bool up)
{
    struct edge *edge = self;

    if (service != SP_SERVICE_AUTH) {
        return;
    }
    if (up) {
        place_waiting(edge);
    } else {
        lose(edge, SP_SERVICE_EDGE, service, name);
    }
}
