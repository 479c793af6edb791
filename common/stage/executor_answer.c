/* Answers of calls: refusals, whole answers, streams. */
#include "common/stage/executor_parts.h"

#include <assert.h>
#include <stdio.h>

#include "common/base/alloc.h"
#include "common/base/error.h"

static const struct sp_refusal too_large = {
    .kind = "result_too_large",
    .status = 500,
    .code = "result_too_large",
    .text = "The answer is larger than the gate allows.",
};
static const struct sp_refusal unavailable = {
    .kind = "stage_unavailable",
    .status = 503,
    .code = "stage_unavailable",
    .text = "A stage of the gate is away; try again.",
    .retry_after_s = 1,
};

static void
on_retry(void *arg)
{
    struct sp_executor_call *call = arg;

    if (!call->doomed) {
        sp_executor_pump(call);
    } else if (call->seq == 0) {
        sp_executor_refuse(call, &too_large);
    } else {
        sp_executor_break(call, SP_EXECUTOR_LOST);
    }
}

static void
try_later(struct sp_executor_call *call, int64_t delay_ms)
{
    call->retry.expired = on_retry;
    call->retry.arg = call;
    sp_loop_start(call->x->port.loop, &call->retry, delay_ms);
}

/* It can never leave. The call ends a little later: a push never ends it. */
static void
doom(struct sp_executor_call *call)
{
    call->doomed = true;
    try_later(call, 0);
}

/* The replica that checks the answer is not found. It may be one that has just
 * come; after that, what has begun to leave cannot end, and what has not waits
 * for its replica or for a repetition that names another. */
static void
miss(struct sp_executor_call *call)
{
    int64_t now_ms = sp_loop_now_ms(call->x->port.loop);

    if (call->gone_ms == 0) {
        call->gone_ms = now_ms;
    }
    if (now_ms - call->gone_ms < SP_EXECUTOR_DISCOVERY_MS) {
        try_later(call, SP_EXECUTOR_RETRY_MS);
    } else if (call->seq > 0) {
        doom(call);
    }
}

static void
stumble(struct sp_executor_call *call, int error)
{
    if (error == SP_ENOPEER) {
        miss(call);
    } else if (error == SP_EFULL) {
        try_later(call, SP_EXECUTOR_RETRY_MS);
    } else {
        doom(call);
    }
}

static int
send_part(struct sp_executor_call *call, struct sp_view headers,
          struct sp_view body, bool last)
{
    struct sp_executor *x = call->x;
    const struct sp_result part = {
        .request_id = call->m->request_id,
        .reply_to = call->m->reply_to,
        .attempt = call->m->attempt,
        .seq = call->seq,
        .last = last,
        .status = call->status,
        .headers = headers,
        .body = body,
    };
    const struct sp_place screen = { SP_PLACE_NAMED, call->m->screen_by };
    int error = x->port.send(x->port.arg, SP_SERVICE_VALIDATION, SP_MSG_RESULT,
                             &part, screen);

    if (error == 0) {
        x->figures.parts++;
        call->seq++;
        call->sent += body.len;
        call->gone_ms = 0;
    }
    return error;
}

/* Sends the next `len` bytes of what waits. */
static int
send_waiting(struct sp_executor_call *call, size_t len, bool last)
{
    int error = send_part(call, sp_view_of(call->headers),
                          sp_view_make(call->out.data, len), last);

    if (error != 0 || last) {
        return error;
    }
    sp_buf_consume(&call->out, len);
    if (call->headers != NULL) {
        sp_free(call->headers);
        call->headers = NULL;
        call->lease_ms = sp_loop_now_ms(call->x->port.loop);
        sp_executor_set_clock(call);
    }
    return 0;
}

/* A whole answer is looked at as a whole on its way. */
static size_t
part_length(const struct sp_executor_call *call)
{
    size_t len = call->out.len < SP_EXECUTOR_MAX_PART ? call->out.len
                                                      : SP_EXECUTOR_MAX_PART;
    uint64_t left = call->credit - call->sent;

    if (!call->streams) {
        return call->out.len;
    }
    return len < left ? len : (size_t)left;
}

/* Asks the service to pause while the client is slow. */
static void
pace(struct sp_executor_call *call)
{
    struct sp_executor *x = call->x;
    bool full = call->out.len > 0;

    if (call->ended || call->paused == full || x->service.room == NULL) {
        return;
    }
    call->paused = full;
    x->figures.pauses += full ? 1 : 0;
    x->service.room(call->work, !full);
}

static bool
may_send(const struct sp_executor_call *call)
{
    return !call->held && !call->lingers && !call->screen_gone &&
           call->retry.slot == 0 && (call->out.len > 0 || call->ended);
}

void
sp_executor_pump(struct sp_executor_call *call)
{
    while (may_send(call)) {
        size_t len = part_length(call);
        bool last = call->ended && len == call->out.len;
        int error = 0;

        if (len == 0 && !last) {
            break;
        }
        error = send_waiting(call, len, last);
        if (error != 0) {
            stumble(call, error);
            break;
        }
        if (last && call->streams) {
            sp_executor_end(call, SP_EXECUTOR_ANSWERED);
            return;
        }
        if (last) {
            sp_executor_linger(call);
            return;
        }
    }
    pace(call);
}

void
sp_executor_retry(struct sp_executor_call *call)
{
    if (!call->doomed) {
        call->gone_ms = 0;
        sp_loop_stop(call->x->port.loop, &call->retry);
        sp_executor_pump(call);
    }
}

/* ----------------------------------------------------------------- refusals */

void
sp_executor_refuse(struct sp_executor_call *call,
                   const struct sp_refusal *refusal)
{
    char detail[96];

    assert(call->seq == 0);
    if (refusal->kind != NULL) {
        (void)snprintf(detail, sizeof(detail), "code=%s", refusal->code);
        sp_executor_event(call, refusal->kind, refusal->status, detail);
    }
    sp_executor_deny(call, refusal);
    sp_executor_end(call, SP_EXECUTOR_REFUSED);
}

/* ------------------------------------------------------------ whole answers */

/* Keeps the answer until it may leave. */
static void
keep(struct sp_executor_call *call, struct sp_view headers, struct sp_view body)
{
    sp_free(call->headers);
    call->headers = sp_dup_view(headers);
    sp_buf_free(&call->out);
    call->out = sp_buf_new(SP_MAX_BODY);
    if (sp_buf_add_view(&call->out, body) != 0) {
        doom(call);
    }
    call->x->waiting += call->out.len;
}

/* It could not leave at once. One that was not begun is taken in hand now, so
 * that its repetition finds it: it may run again elsewhere all the same. */
static void
wait_with(struct sp_executor_call *call, struct sp_view headers,
          struct sp_view body, int error)
{
    int begun = call->kept != NULL ? 0 : sp_executor_begin(call, true, NULL);

    if (begun == SP_EFULL) {
        sp_executor_refuse(call, &unavailable);
    } else if (begun == 0) {
        keep(call, headers, body);
        if (error != 0 && !call->doomed) {
            stumble(call, error);
        }
    }
}

void
sp_executor_answer(struct sp_executor_call *call, unsigned status,
                   struct sp_view headers, struct sp_view body)
{
    int error = 0;

    assert(!sp_executor_has_answered(call));
    call->status = status;
    call->streams = false;
    call->ended = true;
    if (call->held || call->screen_gone) {
        wait_with(call, headers, body, 0);
        return;
    }
    error = send_part(call, headers, body, true);
    if (error == 0 && call->kept != NULL && call->x->over != NULL) {
        keep(call, headers, body);
        sp_executor_linger(call);
    } else if (error == 0) {
        sp_executor_end(call, SP_EXECUTOR_ANSWERED);
    } else if (error == SP_EFULL || error == SP_ENOPEER) {
        wait_with(call, headers, body, error);
    } else {
        sp_executor_refuse(call, &too_large);
    }
}

/* ------------------------------------------------------------------ streams */

void
sp_executor_stream(struct sp_executor_call *call, unsigned status,
                   const char *headers)
{
    assert(call->kept != NULL && !sp_executor_has_answered(call));
    call->status = status;
    call->streams = true;
    call->headers = sp_dup(headers);
    call->out = sp_buf_new(call->x->service.buffer);
}

struct sp_buf *
sp_executor_out(struct sp_executor_call *call)
{
    return &call->out;
}

struct sp_buf *
sp_executor_last_words(struct sp_executor_call *call, size_t room)
{
    call->out.max = call->x->service.buffer + room;
    call->out.error = 0;
    return &call->out;
}

void
sp_executor_push(struct sp_executor_call *call)
{
    assert(call->streams && !call->ended);
    sp_executor_pump(call);
}

void
sp_executor_finish(struct sp_executor_call *call)
{
    assert(call->streams);
    call->ended = true;
    sp_executor_pump(call);
}

bool
sp_executor_has_answered(const struct sp_executor_call *call)
{
    return call->seq > 0 || call->ended || call->out.len > 0;
}

/* --------------------------------------------------------------- held calls */

void
sp_executor_hold(struct sp_executor_call *call,
                 const struct sp_refusal *otherwise)
{
    struct sp_executor *x = call->x;

    assert(call->kept != NULL && call->seq == 0 && !call->held);
    call->held = true;
    call->otherwise = otherwise;
    call->previous_held = x->last_held;
    if (x->last_held != NULL) {
        x->last_held->next_held = call;
    } else {
        x->first_held = call;
    }
    x->last_held = call;
}

void
sp_executor_unhold(struct sp_executor_call *call)
{
    struct sp_executor *x = call->x;

    if (!call->held) {
        return;
    }
    *(call->previous_held != NULL ? &call->previous_held->next_held
                                  : &x->first_held) = call->next_held;
    *(call->next_held != NULL ? &call->next_held->previous_held
                              : &x->last_held) = call->previous_held;
    call->next_held = NULL;
    call->previous_held = NULL;
    call->held = false;
}

void
sp_executor_release_all(struct sp_executor *executor)
{
    while (executor->first_held != NULL) {
        struct sp_executor_call *call = executor->first_held;

        sp_executor_unhold(call);
        if (executor->service.released != NULL &&
            !sp_executor_has_answered(call)) {
            executor->service.released(call->work);
        } else {
            sp_executor_pump(call);
        }
    }
}

void
sp_executor_abandon_all(struct sp_executor *executor)
{
    while (executor->first_held != NULL) {
        struct sp_executor_call *call = executor->first_held;

        sp_executor_unhold(call);
        sp_executor_refuse(call, call->otherwise);
    }
}
