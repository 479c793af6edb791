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

/* An executor that does not say within this time that it has the call is asked
 * again, so often in all. */
#define ASK_MS 3000
#define ASK_TIMES 3
/* A client that is refused for want of a replica may try again after this. */
#define UNPLACED_RETRY_S 1

/* So often is a repetition tried again that a stage refuses: a stage that was
 * restarted is back by then. */
#define DOUBTS_MAX 5
/* Values of the schema's field. */
#define ATTEMPT_MASK 15

/* Idle streams are looked after at multiples of this. */
#define TICK_MS 500
/* Streams that nobody caps end after a time beyond all clocks. */
#define NEVER_MS INT64_MAX

static struct sp_view
id_of(const struct request *r)
{
    return sp_view_make(r->entry.id, REQUEST_ID_LEN);
}

/* ----------------------------------------------------------------- sending */

static int64_t
deadline_of(const struct request *r)
{
    const struct edge_deadlines *deadlines = &r->edge->config->deadlines;
    const int64_t by_class[SP_CLASS_COUNT] = {
        [SP_CLASS_AUTH] = deadlines->auth_ms,
        [SP_CLASS_MCP] = deadlines->mcp_ms,
        [SP_CLASS_MODEL] = deadlines->model_ms,
    };

    return by_class[r->rule->class];
}

/* Executors know no HEAD: the answer's body is left out here. */
static const char *
onward_method(const struct request *r)
{
    return sp_method_name(r->method == SP_METHOD_HEAD ? SP_METHOD_GET
                                                      : r->method);
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
        .credit = r->granted,
        .executor = sp_replica_view(&r->executor),
        .trace = sp_view_make(r->trace, r->trace_len),
        .address = sp_view_of(r->connection->address),
        .credentials = sp_buf_view(&r->credentials),
        .method = sp_view_of(onward_method(r)),
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

/* The library looks at every suspended connection where one is resumed: what
 * ten thousand idle streams need from time to time is done for many at once. */
static int64_t
next_tick_ms(int64_t ms)
{
    return (ms + TICK_MS - 1) / TICK_MS * TICK_MS;
}

/* When the stream's silence is worth a comment. */
static int64_t
comment_due_ms(const struct request *r)
{
    return r->events
               ? next_tick_ms(r->part_ms + r->edge->config->times.comment_ms)
               : r->deadline_ms;
}

void
pipeline_set_renewal(struct request *r)
{
    r->renew_ms =
        next_tick_ms(sp_loop_now_ms(r->edge->loop) + SP_LEASE_RENEW_MS);
}

/* Runs the timer until the next thing that may have to be done. */
void
pipeline_set_timer(struct request *r)
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

/* What finds no replica is tried again when one comes, or after the shortest
 * wait. */
void
pipeline_repeat(struct request *r)
{
    struct edge *edge = r->edge;
    int64_t now_ms = sp_loop_now_ms(edge->loop);
    unsigned attempt = r->attempt + (r->placed ? 1 : 0);

    if (attempt >= RETRY_MAX_ATTEMPTS) {
        r->repeat_ms = r->deadline_ms;
        pipeline_set_timer(r);
        return;
    }
    r->attempt = attempt;
    r->refused &= ~(1u << attempt); /* it is sent anew */
    r->started = false;
    r->held = false;
    r->look_ms = 0;
    if (place(r) == 0) {
        edge->figures.repeated++;
        r->repeat_ms =
            now_ms + retry_wait_ms(&edge->retry, r->rule->class, r->attempt);
    } else {
        r->repeat_ms = now_ms + edge->config->retries.after_ms;
    }
    pipeline_set_timer(r);
}

void
pipeline_refuse(struct request *r, const struct sp_refusal *refusal)
{
    request_table_remove(&r->entry);
    sp_loop_stop(r->edge->loop, &r->timer);
    request_drop_body(r);
    reply_refuse(r, refusal, false);
    connection_resume(r->connection);
}

static void
refuse_unplaced(struct request *r, int error)
{
    static const struct sp_refusal refusal = {
        .status = 503,
        .code = "stage_unavailable",
        .text = "A part of the gate is missing or full; try again.",
        .retry_after_s = UNPLACED_RETRY_S,
    };

    r->edge->figures.unplaced++;
    request_report(r, "request_unplaced", refusal.status,
                   error == SP_EFULL ? "reason=full" : "reason=no_peer");
    pipeline_refuse(r, &refusal);
}

/* ---------------------------------------------------------- cancel, credit */

void
pipeline_decline(struct edge *edge, struct sp_view request_id,
                 enum sp_service_id service, struct sp_view executor,
                 struct sp_view screen)
{
    const struct sp_place any = { .kind = SP_PLACE_ANY };
    const struct sp_cancel message = {
        .request_id = request_id,
        .target = (uint64_t)service,
        .executor = executor,
        .screen_by = screen,
    };

    /* An executor that cannot be reached finishes for nobody; what a validation
     * replica keeps ends with its deadline. */
    if ((executor.len > 0 || screen.len > 0) &&
        sp_runtime_send(edge->rt, SP_SERVICE_AUTH, SP_MSG_CANCEL, &message,
                        any) == 0) {
        edge->figures.cancelled += executor.len > 0 ? 1 : 0;
    }
}

void
pipeline_cancel(struct request *r)
{
    if (r->started) {
        pipeline_decline(r->edge, id_of(r), r->served_by,
                         sp_replica_view(&r->executor),
                         sp_replica_view(&r->screen));
    }
}

void
pipeline_forget(const struct request *r, struct sp_view screen)
{
    pipeline_decline(r->edge, id_of(r), r->rule->target, (struct sp_view){ 0 },
                     screen);
}

/* Says how far the answer may have come, and renews the lease of the stream. A
 * message that is lost costs time, no credit: the next one says it all. */
static int
send_credit(struct request *r)
{
    const struct sp_place any = { .kind = SP_PLACE_ANY };
    const struct sp_credit message = {
        .request_id = id_of(r),
        .target = (uint64_t)r->served_by,
        .executor = sp_replica_view(&r->executor),
        .screen_by = sp_replica_view(&r->screen),
        .bytes = r->granted,
    };
    int error = sp_runtime_send(r->edge->rt, SP_SERVICE_AUTH, SP_MSG_CREDIT,
                                &message, any);

    if (error == 0) {
        pipeline_set_renewal(r);
    }
    return error;
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
    if (send_credit(r) != 0) {
        /* The executor may be waiting for it, so that no byte comes whose
         * taking would try again: the timer does. */
        r->look_ms =
            sp_loop_now_ms(r->edge->loop) + r->edge->config->retries.after_ms;
        pipeline_set_timer(r);
    }
}

/* Keeps what is needed to cancel it once an executor shows. */
static void
desert(struct request *r)
{
    request_drop_body(r);
    if (r->streaming) {
        r->deadline_ms = sp_loop_now_ms(r->edge->loop) + deadline_of(r);
    }
    r->state = REQUEST_DESERTED;
    r->connection = NULL;
    r->edge->serving--;
    pipeline_set_timer(r);
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
        pipeline_cancel(r);
    }
    request_free(r);
}

/* ------------------------------------------------------------------- timer */

static void
fail_late(struct request *r)
{
    static const struct sp_refusal refusal = {
        .status = 504,
        .code = "deadline_exceeded",
        .text = "The answer took too long; whether the call took effect is "
                "not known.",
    };

    r->edge->figures.deadlines++;
    request_report(r, "deadline_exceeded", refusal.status,
                   r->started ? "started=yes" : "started=no");
    pipeline_cancel(r);
    pipeline_refuse(r, &refusal);
}

/* The rest of a stream will not come: what is there is still sent, then the
 * connection breaks, so that the client cannot take it for whole. */
void
pipeline_break(struct request *r, const char *detail)
{
    r->stream.broken = true;
    r->edge->figures.broken++;
    request_report(r, "stream_broken", r->status, detail);
    pipeline_cancel(r);
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

/* In a stream the next sign is waited for until the lease must be renewed: the
 * question does both. */
void
pipeline_heard(struct request *r)
{
    r->asked = 0;
    r->look_ms = r->streaming ? r->renew_ms : 0;
}

void
pipeline_ask(struct request *r)
{
    int64_t wait_ms = r->edge->config->retries.after_ms;

    if (send_credit(r) == 0) {
        r->asked++;
        wait_ms = ASK_MS;
    }
    r->look_ms = sp_loop_now_ms(r->edge->loop) + wait_ms;
}

void
pipeline_fail_lost(struct request *r, const char *detail)
{
    static const struct sp_refusal refusal = {
        .status = 502,
        .code = "answer_lost",
        .text = "The answer was lost inside the gate; whether the call took "
                "effect is not known.",
    };

    if (r->streaming) {
        pipeline_break(r, detail);
        return;
    }
    request_report(r, "answer_lost", refusal.status, detail);
    pipeline_cancel(r);
    pipeline_refuse(r, &refusal);
}

bool
pipeline_doubts(struct request *r, uint64_t attempt)
{
    static const struct sp_refusal refusal = {
        .status = 502,
        .code = "outcome_unknown",
        .text = "A stage of the gate was lost while the call was on its way; "
                "whether it took effect is not known.",
    };

    const unsigned sent = (2u << r->attempt) - 1;

    r->refused |= 1u << (attempt & ATTEMPT_MASK);
    /* The last one, in the words of the replica that had it, says what is. */
    if ((r->refused & sent) == sent || (r->started && attempt == r->attempt)) {
        return false;
    }
    r->refusals++;
    if (r->started || r->refusals > DOUBTS_MAX) {
        request_report(r, "outcome_unknown", refusal.status, "reason=refused");
        pipeline_cancel(r);
        pipeline_refuse(r, &refusal);
    } else if (attempt == r->attempt) {
        r->placed = false;
        r->repeat_ms =
            sp_loop_now_ms(r->edge->loop) + UNPLACED_RETRY_S * INT64_C(1000);
        pipeline_set_timer(r);
    }
    return true;
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
            pipeline_fail_lost(r, "reason=executor_silent");
            return;
        }
        pipeline_ask(r);
    }
    pipeline_set_timer(r);
}

/* When a stream ends by itself: by the operator's cap, or with its token. */
int64_t
pipeline_stream_ends_ms(const struct request *r)
{
    const struct edge *edge = r->edge;
    int64_t now_ms = sp_loop_now_ms(edge->loop);
    int64_t cap_ms = (int64_t)edge->config->streams.total_s * 1000;
    int64_t ends_ms = cap_ms > 0 ? r->begun_ms + cap_ms : NEVER_MS;
    int64_t expires_ms = r->owner.token_expires_ms;

    if (expires_ms > 0) {
        ends_ms = earlier(ends_ms, now_ms + expires_ms - sp_clock_wall_ms());
    }
    return ends_ms;
}

static const char *
why_ended(const struct request *r)
{
    int64_t expires_ms = r->owner.token_expires_ms;

    if (!r->started) {
        return "reason=not_started";
    }
    return expires_ms > 0 && sp_clock_wall_ms() >= expires_ms
               ? "reason=token_expired"
               : "reason=deadline";
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
            pipeline_break(r, why_ended(r));
        } else {
            fail_late(r);
        }
    } else if (r->streaming || r->started) {
        tend(r, now_ms);
    } else {
        if (!r->placed || retry_take(&edge->retry, r->attempt, now_ms)) {
            pipeline_repeat(r);
            return;
        }
        r->repeat_ms =
            now_ms + retry_wait_ms(&edge->retry, r->rule->class, r->attempt);
        pipeline_set_timer(r);
    }
}

void
pipeline_send(struct request *r)
{
    struct edge *edge = r->edge;
    int64_t now_ms = sp_loop_now_ms(edge->loop);
    int error = 0;

    sp_random_take(&edge->random, r->entry.id, REQUEST_ID_LEN);
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
    pipeline_set_timer(r);
}
