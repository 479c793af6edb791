/* Sending, repeating, cancelling; answers and streams. */
#include "services/edge/pipeline.h"

#include <stddef.h>
#include <stdio.h>

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/text/headers.h"
#include "services/edge/connection.h"
#include "services/edge/edge.h"
#include "services/edge/edge_config.h"
#include "services/edge/mhd/reply.h"
#include "services/edge/request.h"

/* What a stream may hold beyond its credit: our own comments, and what
 * screening adds. */
#define STREAM_SLACK 65536
/* An executor that does not say within this time that it has the call is asked
 * again, so often in all. */
#define ASK_MS 3000
#define ASK_TIMES 3
/* A client that is refused for want of a replica may try again after this. */
#define UNPLACED_RETRY_S 1

static const char *const methods[] = {
    [PATHS_GET] = "GET",
    [PATHS_POST] = "POST",
    [PATHS_DELETE] = "DELETE",
    [PATHS_HEAD] = "GET",
};

static struct request *
request_of(struct request_entry *entry)
{
    return SP_CONTAINER_OF(entry, struct request, entry);
}

static struct request *
find(const struct edge *edge, struct sp_view id)
{
    struct request_entry *entry = request_table_find(edge->table, id);

    return entry == NULL ? NULL : request_of(entry);
}

static struct sp_view
id_of(const struct request *r)
{
    return sp_view_make(r->entry.id, REQUEST_ID_LEN);
}

static void
tell(const struct request *r, const char *kind, unsigned status,
     const char *detail)
{
    const struct sp_occurrence what = {
        .kind = kind,
        .request_id = id_of(r),
        .address =
            sp_view_of(r->connection != NULL ? r->connection->address : NULL),
        .object = sp_view_of(r->rule->path),
        .status = status,
        .detail = detail,
    };

    sp_runtime_event(r->edge->rt, &what);
}

/* ----------------------------------------------------------------- sending */

static int64_t
deadline_of(const struct request *r)
{
    const struct edge_deadlines *deadlines = &r->edge->config->deadlines;
    const int64_t by_class[PATHS_CLASSES] = {
        [PATHS_AUTH] = deadlines->auth_ms,
        [PATHS_MCP] = deadlines->mcp_ms,
        [PATHS_MODEL] = deadlines->model_ms,
    };

    return by_class[r->rule->class];
}

/* Hands the request to auth as it stands. 0, SP_ENOPEER or SP_EFULL. */
static int
place(struct request *r)
{
    struct edge *edge = r->edge;
    const struct sp_place any = { .kind = SP_PLACE_ANY };
    int64_t left_ms = r->deadline_ms - sp_loop_now_ms(edge->loop);
    const struct sp_http_request message = {
        .request_id = id_of(r),
        .reply_to = sp_runtime_own_name(edge->rt),
        .attempt = r->attempt,
        .deadline_ms = left_ms > 0 ? (uint64_t)left_ms : 0,
        .birth_ms = (uint64_t)r->birth_ms,
        .credit = edge->config->limits.stream_credit_bytes,
        .trace = sp_view_make(r->trace, r->trace_len),
        .address = sp_view_of(r->connection->address),
        .credentials = sp_buf_view(&r->credentials),
        .method = sp_view_of(methods[r->method]),
        .path = sp_buf_view(&r->path),
        .query = r->query,
        .headers = sp_buf_view(&r->headers),
        .body = sp_buf_view(&r->body),
    };
    int error = sp_runtime_send(edge->rt, SP_SERVICE_AUTH, SP_MSG_HTTP_REQUEST,
                                &message, any);

    r->placed = error == 0;
    return error;
}

static int64_t
earlier(int64_t a_ms, int64_t b_ms)
{
    return a_ms < b_ms ? a_ms : b_ms;
}

/* When the stream's silence is worth a comment. */
static int64_t
comment_due_ms(const struct request *r)
{
    return r->events ? r->part_ms + r->edge->config->times.comment_ms
                     : r->deadline_ms;
}

/* Runs the timer until the next thing that may have to be done. */
static void
set_timer(struct request *r)
{
    int64_t now_ms = sp_loop_now_ms(r->edge->loop);
    int64_t due_ms = r->deadline_ms;

    if (r->state == REQUEST_ANSWERED) {
        due_ms = earlier(due_ms, comment_due_ms(r));
    } else if (r->state == REQUEST_WAITING && !r->started) {
        due_ms = earlier(due_ms, r->repeat_ms);
    }
    if (r->started && r->look_ms != 0) {
        due_ms = earlier(due_ms, r->look_ms);
    }
    sp_loop_start(r->edge->loop, &r->timer, due_ms - now_ms);
}

/* Sends it once more. What finds no replica is tried again when one comes, or
 * after the shortest wait. */
static void
repeat(struct request *r)
{
    struct edge *edge = r->edge;
    int64_t now_ms = sp_loop_now_ms(edge->loop);
    unsigned attempt = r->attempt + (r->placed ? 1 : 0);

    if (attempt >= RETRY_MAX_ATTEMPTS) {
        r->repeat_ms = r->deadline_ms;
        set_timer(r);
        return;
    }
    r->attempt = attempt;
    r->started = false;
    r->look_ms = 0;
    if (place(r) == 0) {
        edge->figures.repeated++;
        r->repeat_ms =
            now_ms + retry_wait_ms(&edge->retry, r->rule->class, r->attempt);
    } else {
        r->repeat_ms = now_ms + edge->config->retries.after_ms;
    }
    set_timer(r);
}

static void
refuse(struct request *r, const struct reply_refusal *refusal)
{
    request_table_remove(&r->entry);
    sp_loop_stop(r->edge->loop, &r->timer);
    request_drop_body(r);
    reply_refuse(r, refusal);
    connection_resume(r->connection);
}

static void
refuse_unplaced(struct request *r, int error)
{
    static const struct reply_refusal refusal = {
        .status = 503,
        .code = "stage_unavailable",
        .text = "A part of the gate is missing or full; try again.",
        .retry_after_s = UNPLACED_RETRY_S,
    };

    r->edge->figures.unplaced++;
    tell(r, "request_unplaced", refusal.status,
         error == SP_EFULL ? "reason=full" : "reason=no_peer");
    refuse(r, &refusal);
}

/* ---------------------------------------------------------- cancel, credit */

static void
cancel(struct request *r)
{
    const struct sp_place any = { .kind = SP_PLACE_ANY };
    const struct sp_cancel message = {
        .request_id = id_of(r),
        .target = (uint64_t)r->executor,
        .route_key = sp_view_make(r->route_key, sizeof(r->route_key)),
    };

    /* An executor that cannot be told finishes for nobody. */
    if (sp_runtime_send(r->edge->rt, SP_SERVICE_AUTH, SP_MSG_CANCEL, &message,
                        any) == 0) {
        r->edge->figures.cancelled++;
    }
}

/* Says how far the answer may have come. A message that is lost costs time, no
 * credit: the next one says it all. */
static int
tell_credit(const struct request *r)
{
    const struct sp_place any = { .kind = SP_PLACE_ANY };
    const struct sp_credit message = {
        .request_id = id_of(r),
        .target = (uint64_t)r->executor,
        .route_key = sp_view_make(r->route_key, sizeof(r->route_key)),
        .bytes = r->granted,
    };

    return sp_runtime_send(r->edge->rt, SP_SERVICE_AUTH, SP_MSG_CREDIT,
                           &message, any);
}

void
pipeline_grant(struct request *r)
{
    uint64_t due = 0;

    if (!r->started || r->entry.table == NULL) {
        return;
    }
    due = stream_credit(&r->stream);
    if (due == 0) {
        return;
    }
    r->granted += due;
    if (tell_credit(r) != 0) {
        /* The executor may be waiting for it, so that no byte comes whose
         * taking would try again: the timer does. */
        r->look_ms =
            sp_loop_now_ms(r->edge->loop) + r->edge->config->retries.after_ms;
        set_timer(r);
    }
}

/* Keeps what is needed to cancel it once an executor shows. */
static void
desert(struct request *r)
{
    request_drop_body(r);
    r->state = REQUEST_DESERTED;
    r->connection = NULL;
    r->edge->serving--;
    set_timer(r);
}

void
pipeline_end(struct request *r)
{
    bool owed = r->entry.table != NULL;

    if (owed && !r->started) {
        desert(r);
        return;
    }
    if (owed) {
        cancel(r);
    }
    request_free(r);
}

/* ------------------------------------------------------------------- timer */

static void
fail_late(struct request *r)
{
    static const struct reply_refusal refusal = {
        .status = 504,
        .code = "deadline_exceeded",
        .text = "The answer took too long; whether the call took effect is "
                "not known.",
    };

    r->edge->figures.deadlines++;
    tell(r, "deadline_exceeded", refusal.status,
         r->started ? "started=yes" : "started=no");
    if (r->started) {
        cancel(r);
    }
    refuse(r, &refusal);
}

/* The rest of a stream will not come: what is there is still sent, then the
 * connection breaks, so that the client cannot take it for whole. */
static void
break_stream(struct request *r, const char *detail)
{
    r->stream.broken = true;
    r->edge->figures.broken++;
    tell(r, "stream_broken", r->status, detail);
    if (r->started) {
        cancel(r);
    }
    request_table_remove(&r->entry);
    sp_loop_stop(r->edge->loop, &r->timer);
    connection_resume(r->connection);
}

static void
comment(struct request *r)
{
    r->part_ms = sp_loop_now_ms(r->edge->loop);
    if (stream_waiting(&r->stream) == 0 && stream_between_events(&r->stream)) {
        stream_insert(&r->stream, SP_VIEW_LITERAL(": waiting\n\n"));
        connection_resume(r->connection);
    }
}

/* A sign that the executor has the call. In a stream the next is waited for as
 * long as a client waits for a comment. */
static void
heard(struct request *r)
{
    r->asked = 0;
    r->look_ms = r->streaming ? sp_loop_now_ms(r->edge->loop) +
                                    r->edge->config->times.comment_ms
                              : 0;
}

/* Asks the executor for a sign. The question also brings the credit that may
 * have died with a replica on its way. */
static void
ask(struct request *r)
{
    int64_t wait_ms = r->edge->config->retries.after_ms;

    if (tell_credit(r) == 0) {
        r->asked++;
        wait_ms = ASK_MS;
    }
    r->look_ms = sp_loop_now_ms(r->edge->loop) + wait_ms;
}

static void
fail_silent(struct request *r)
{
    static const struct reply_refusal refusal = {
        .status = 502,
        .code = "answer_lost",
        .text = "The answer was lost inside the gate; whether the call took "
                "effect is not known.",
    };

    if (r->streaming) {
        break_stream(r, "reason=executor_silent");
        return;
    }
    tell(r, "answer_lost", refusal.status, "reason=executor_silent");
    cancel(r);
    refuse(r, &refusal);
}

/* What an answer needs from time to time. */
static void
tend(struct request *r, int64_t now_ms)
{
    if (r->streaming && now_ms >= comment_due_ms(r)) {
        comment(r);
    }
    if (r->started && r->look_ms != 0 && now_ms >= r->look_ms) {
        if (r->asked == ASK_TIMES) {
            fail_silent(r);
            return;
        }
        ask(r);
    }
    set_timer(r);
}

static void
on_timer(void *arg)
{
    struct request *r = arg;
    struct edge *edge = r->edge;
    int64_t now_ms = sp_loop_now_ms(edge->loop);

    if (r->state == REQUEST_DESERTED) {
        request_free(r);
    } else if (now_ms >= r->deadline_ms) {
        if (r->streaming) {
            break_stream(r, "reason=deadline");
        } else {
            fail_late(r);
        }
    } else if (r->streaming || r->started) {
        tend(r, now_ms);
    } else {
        if (!r->placed || retry_take(&edge->retry, r->attempt, now_ms)) {
            repeat(r);
            return;
        }
        r->repeat_ms =
            now_ms + retry_wait_ms(&edge->retry, r->rule->class, r->attempt);
        set_timer(r);
    }
}

void
pipeline_send(struct request *r)
{
    struct edge *edge = r->edge;
    int64_t now_ms = sp_loop_now_ms(edge->loop);
    int error = 0;

    edge_random(edge, r->entry.id, REQUEST_ID_LEN);
    r->birth_ms = sp_clock_wall_ms();
    r->deadline_ms = now_ms + deadline_of(r);
    r->sent_us = sp_clock_us();
    r->granted = edge->config->limits.stream_credit_bytes;
    r->timer = (struct sp_timer){ .expired = on_timer, .arg = r };
    error = request_table_add(edge->table, &r->entry);
    if (error == 0) {
        error = place(r);
    }
    if (error != 0) {
        refuse_unplaced(r, error);
        return;
    }
    r->state = REQUEST_WAITING;
    retry_sent(&edge->retry);
    r->repeat_ms = now_ms + retry_wait_ms(&edge->retry, r->rule->class, 0);
    set_timer(r);
}

/* ---------------------------------------------------------------- messages */

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

void
pipeline_on_started(void *self, const struct sp_msg *m)
{
    struct edge *edge = self;
    const struct sp_started *started = &m->u.started;
    struct request *r = find(edge, started->request_id);

    if (r == NULL) {
        edge->figures.late++;
        return;
    }
    note_sign(r);
    r->started = true;
    r->executor = m->from;
    memcpy(r->route_key, started->route_key.ptr, sizeof(r->route_key));
    if (r->state == REQUEST_DESERTED) {
        cancel(r);
        request_free(r);
        return;
    }
    heard(r);
    if (r->streaming) {
        /* The first parts were faster; the client may have taken them. */
        pipeline_grant(r);
    }
    set_timer(r);
}

static void
fail_answer(struct request *r, const char *detail)
{
    static const struct reply_refusal refusal = {
        .status = 502,
        .code = "bad_answer",
        .text = "The answer was damaged inside the gate; whether the call "
                "took effect is not known.",
    };

    tell(r, "answer_refused", refusal.status, detail);
    if (r->started) {
        cancel(r);
    }
    refuse(r, &refusal);
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

    request_drop_body(r);
    r->streaming = true;
    r->events = is_event_stream(a->headers);
    r->part_ms = sp_loop_now_ms(edge->loop);
    heard(r);
    edge->figures.streams++;
    stream_begin(&r->stream, edge->config->limits.stream_credit_bytes,
                 STREAM_SLACK);
    reply_stream(r, (unsigned)a->status, a->headers);
    set_timer(r);
}

/* A part of a stream, the first one included. */
static void
take_part(struct request *r, const struct sp_answer *a)
{
    switch (stream_part(&r->stream, a->seq, a->last, a->body)) {
    case STREAM_TAKEN:
        break;
    case STREAM_REPEATED:
        return;
    case STREAM_GAP:
        break_stream(r, "reason=gap");
        return;
    case STREAM_OVERRUN:
        break_stream(r, "reason=credit_ignored");
        return;
    }
    r->part_ms = sp_loop_now_ms(r->edge->loop);
    heard(r);
    if (a->last) {
        request_table_remove(&r->entry);
        sp_loop_stop(r->edge->loop, &r->timer);
    }
    connection_resume(r->connection);
}

static void
take_answer(struct request *r, const struct sp_answer *a)
{
    if (a->seq != 0) {
        fail_answer(r, "reason=first_part_missing");
    } else if (a->status < 200 || a->status > 599) {
        fail_answer(r, "reason=status");
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

void
pipeline_on_answer(void *self, const struct sp_msg *m)
{
    struct edge *edge = self;
    const struct sp_answer *a = &m->u.answer;
    struct request *r = find(edge, a->request_id);

    if (r == NULL) {
        edge->figures.late++;
        return;
    }
    note_sign(r);
    if (r->state == REQUEST_DESERTED) {
        edge->figures.late++;
        if (a->last) {
            request_free(r);
        }
    } else if (r->streaming) {
        take_part(r, a);
    } else {
        take_answer(r, a);
    }
}

void
pipeline_on_denial(void *self, const struct sp_msg *m)
{
    struct edge *edge = self;
    const struct sp_denial *d = &m->u.denial;
    struct request *r = find(edge, d->request_id);
    char code[64 + 1] = { 0 };
    char text[256 + 1] = { 0 };
    const struct reply_refusal refusal = {
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
    note_sign(r);
    if (r->state == REQUEST_DESERTED) {
        request_free(r);
        return;
    }
    if (r->streaming) {
        break_stream(r, "reason=denied");
        return;
    }
    memcpy(code, d->code.ptr, d->code.len);
    memcpy(text, d->text.ptr, d->text.len);
    refuse(r, &refusal);
}

void
pipeline_on_probe_answer(void *self, const struct sp_msg *m)
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

/* What the lost replica may have held of a started request: the request itself,
 * or its answer on the way back through validation. The tools answer a repeated
 * id with what they know; a model would be asked twice, and is not. */
static bool
may_have_held(enum sp_service_id lost, const struct request *r)
{
    return r->executor == lost ||
           (lost == SP_SERVICE_VALIDATION && r->executor == SP_SERVICE_TOOLS);
}

/* What else the lost replica may have held: a part of a stream, its credit, or
 * the whole answer of a model. Only the executor knows. The tools answer by
 * repetition, and are not asked. */
static bool
is_in_doubt(enum sp_service_id lost, const struct request *r)
{
    return r->started && r->asked == 0 &&
           (r->streaming ||
            (r->state == REQUEST_WAITING && r->executor == SP_SERVICE_LLM &&
             lost == SP_SERVICE_VALIDATION));
}

/* A replica of `service` has gone with all it held. Whatever no executor has
 * is sent again at once, and so is what it may have held of the others: the
 * executors know the id, so that nothing takes effect twice. */
static void
repeat_lost(struct edge *edge, enum sp_service_id service)
{
    struct request_entry *next = NULL;

    for (struct request_entry *e = request_table_first(edge->table); e != NULL;
         e = next) {
        struct request *r = request_of(e);

        next = e->next;
        if (r->state == REQUEST_WAITING &&
            (!r->started || may_have_held(service, r))) {
            repeat(r);
        } else if (is_in_doubt(service, r)) {
            ask(r);
            set_timer(r);
        }
    }
}

void
pipeline_on_peer_lost(void *self, const struct sp_msg *m)
{
    if (m->u.peer_lost.service < SP_SERVICE_COUNT) {
        repeat_lost(self, (enum sp_service_id)m->u.peer_lost.service);
    }
}

static void
place_waiting(struct edge *edge)
{
    for (struct request_entry *e = request_table_first(edge->table); e != NULL;
         e = e->next) {
        struct request *r = request_of(e);

        if (r->state == REQUEST_WAITING && !r->placed) {
            repeat(r);
        }
    }
}

void
pipeline_peer(void *self, enum sp_service_id service, bool up)
{
    struct edge *edge = self;

    if (service != SP_SERVICE_AUTH) {
        return;
    }
    if (up) {
        place_waiting(edge);
    } else {
        repeat_lost(edge, service);
    }
}
