/* One question to the upstream, from its first byte to its last. */
#include "services/llm/llm_call.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/text/headers.h"
#include "services/llm/chat.h"
#include "services/llm/llm.h"
#include "services/llm/models.h"
#include "services/llm/sse.h"
#include "services/llm/upstream.h"

#define MAX_URL 1200
/* An upstream has this long to end its answer behind [DONE], so that its
 * connection can serve the next call. */
#define LINGER_MS 250

#define HEADERS_JSON "content-type: application/json\ncache-control: no-store\n"
#define HEADERS_STREAM                                                         \
    "content-type: text/event-stream\ncache-control: no-store\n"

struct llm_call {
    struct llm *llm;
    struct llm_config *config; /* that it began with */
    struct sp_executor_call *call;
    enum llm_work work;
    bool wants_usage;
    bool done;              /* the upstream said [DONE] */
    struct sp_fetch *fetch; /* NULL once it is over */
    struct sp_timer linger;
    int64_t began_ms;
    unsigned status; /* the upstream's */
    bool is_stream;  /* the upstream sends events */
    uint64_t retry_after_s;
    struct sp_buf body; /* of the upstream, where it is taken whole */
    struct sse events;
    struct chat_usage usage;
    const struct sp_refusal *failure; /* found while reading */
};

static const struct sp_refusal busy = {
    .kind = "llm_busy",
    .status = 503,
    .code = "llm_busy",
    .text = "Too many calls are in hand; try again.",
    .retry_after_s = 1,
};

/* ----------------------------------------------------------------- events */

static void
report_failed(struct llm_call *work, const struct sp_refusal *failure)
{
    char detail[160];

    (void)snprintf(detail, sizeof(detail),
                   "code=%s upstream=%s upstream_status=%u", failure->code,
                   work->config->upstream.name, work->status);
    work->llm->figures.failed++;
    sp_executor_event(work->call, "model_failed", failure->status, detail);
}

static void
report_answered(struct llm_call *work)
{
    struct llm_figures *figures = &work->llm->figures;
    int64_t passed_ms = sp_loop_now_ms(work->llm->loop) - work->began_ms;
    char detail[160];

    figures->answered++;
    figures->tokens_in += work->usage.in;
    figures->tokens_out += work->usage.out;
    if (work->work == LLM_MODELS) {
        return;
    }
    figures->uncounted += work->usage.known ? 0 : 1;
    (void)snprintf(detail, sizeof(detail),
                   "upstream=%s tokens_in=%" PRIu64 " tokens_out=%" PRIu64
                   " counted=%s ms=%" PRId64,
                   work->config->upstream.name, work->usage.in, work->usage.out,
                   work->usage.known ? "yes" : "no", passed_ms);
    sp_executor_event(work->call, "model_called", 200, detail);
}

/* ----------------------------------------------------------------- the end */

static void
free_work(struct llm_call *work)
{
    sp_loop_stop(work->llm->loop, &work->linger);
    sp_fetch_cancel(&work->fetch);
    sp_buf_free(&work->body);
    sse_end(&work->events);
    llm_config_release(&work->config);
    sp_free(work);
}

void
llm_call_ended(void *work, enum sp_executor_end how)
{
    (void)how;
    free_work(work);
}

void
llm_call_room(void *arg, bool room)
{
    struct llm_call *work = arg;

    if (work->fetch != NULL) {
        sp_fetch_pause(work->fetch, !room);
    }
}

/* Ends the call with an error: a refusal while the client has nothing yet, an
 * event where a stream has begun, so that it never ends as if it were
 * whole. */
static void
fail(struct llm_call *work, const struct sp_refusal *failure)
{
    struct sp_refusal refusal = *failure;

    report_failed(work, failure);
    sp_fetch_cancel(&work->fetch);
    if (!sp_executor_has_answered(work->call)) {
        refusal.retry_after_s = refusal.status == 429 || refusal.status == 503
                                    ? (int64_t)work->retry_after_s
                                    : 0;
        sp_executor_refuse(work->call, &refusal);
        return;
    }
    (void)upstream_write_event(
        failure, sp_executor_last_words(work->call, LLM_MAX_EVENT));
    sp_executor_finish(work->call);
}

/* ------------------------------------------------------- from the upstream */

/* Media types know no case, and may have parameters (RFC 9110 section
 * 8.3.1). */
static bool
is_events(struct sp_view type)
{
    static const char events[] = "text/event-stream";
    size_t len = sizeof(events) - 1;

    return type.len >= len && strncasecmp(type.ptr, events, len) == 0 &&
           (type.len == len || strchr("; \t", type.ptr[len]) != NULL);
}

static void
on_head(void *arg, unsigned status, struct sp_view headers)
{
    struct llm_call *work = arg;
    struct llm_figures *figures = &work->llm->figures;

    work->status = status;
    work->is_stream = is_events(sp_headers_get(headers, "content-type"));
    work->retry_after_s =
        upstream_retry_after(headers, sp_clock_wall_ms() / 1000);
    figures->first_count++;
    figures->first_ms +=
        (uint64_t)(sp_loop_now_ms(work->llm->loop) - work->began_ms);
}

static int
on_event(void *arg, struct sp_view data)
{
    struct llm_call *work = arg;
    enum chat_event event = CHAT_HIDDEN;

    if (!work->done) {
        event =
            chat_event(&work->llm->json, data, work->wants_usage, &work->usage);
    }
    if (event == CHAT_HIDDEN) {
        return 0;
    }
    if (event == CHAT_ERROR || event == CHAT_BROKEN) {
        work->failure =
            event == CHAT_BROKEN
                ? upstream_malformed()
                : upstream_refused(work->status, &work->llm->json, data);
        return SP_EFORMAT;
    }
    if (event == CHAT_DONE) {
        work->done = true;
        sp_loop_start(work->llm->loop, &work->linger, LINGER_MS);
        data = SP_VIEW_LITERAL("[DONE]"); /* whatever stood around it */
    }
    return chat_add_event(sp_executor_out(work->call), data);
}

static void
on_data(void *arg, struct sp_view bytes)
{
    struct llm_call *work = arg;

    if (work->done) {
        return;
    }
    if (work->status != 200) {
        /* Only its beginning is looked at, for the error's code. */
        size_t room = LLM_MAX_EVENT - work->body.len;

        (void)sp_buf_add(&work->body, bytes.ptr,
                         bytes.len < room ? bytes.len : room);
        return;
    }
    if (work->work != LLM_STREAM || !work->is_stream) {
        if (sp_buf_add_view(&work->body, bytes) != 0) {
            fail(work, upstream_unreached(SP_ELIMIT));
        }
        return;
    }
    if (sse_feed(&work->events, bytes, on_event, work) != 0) {
        fail(work, work->failure != NULL ? work->failure
                                         : upstream_unreached(SP_ELIMIT));
        return;
    }
    sp_executor_push(work->call);
}

/* What has come from the upstream is all there is of a stream. */
static const struct sp_refusal *
check_stream(struct llm_call *work)
{
    struct sp_view body = sp_buf_view(&work->body);

    if (!work->done && work->is_stream) {
        return work->failure != NULL ? work->failure : upstream_cut();
    }
    if (!work->done) {
        return chat_failed(&work->llm->json, body)
                   ? upstream_refused(work->status, &work->llm->json, body)
                   : upstream_malformed();
    }
    return NULL;
}

/* The whole answer is here: checks it and makes of it what the client gets. */
static const struct sp_refusal *
check_whole(struct llm_call *work, struct sp_view *ret_body)
{
    struct llm *llm = work->llm;
    struct sp_view body = sp_buf_view(&work->body);
    int error = 0;

    *ret_body = body;
    if (work->work == LLM_MODELS) {
        sp_buf_reset(&llm->outgoing);
        error = models_write(work->config, &llm->json, body, &llm->scratch,
                             &llm->outgoing);
        *ret_body = sp_buf_view(&llm->outgoing);
    } else if (chat_answer(&llm->json, body, &work->usage) != CHAT_PIECE) {
        error = SP_EFORMAT;
    }
    if (error == SP_EFORMAT && chat_failed(&llm->json, body)) {
        return upstream_refused(work->status, &llm->json, body);
    }
    return error == 0 ? NULL : upstream_unreached(error);
}

static const struct sp_refusal *
judge(struct llm_call *work, int error, struct sp_view *ret_body)
{
    if (work->status != 0 && work->status != 200) {
        /* What it said counts, whatever became of the rest. */
        return upstream_refused(work->status, &work->llm->json,
                                sp_buf_view(&work->body));
    }
    if (error == 0) {
        return work->work == LLM_STREAM ? check_stream(work)
                                        : check_whole(work, ret_body);
    }
    if (work->work == LLM_STREAM && work->done) {
        return NULL; /* the client has it all */
    }
    if (work->status != 0 && (error == SP_EFORMAT || error == SP_ESYSTEM)) {
        return upstream_cut();
    }
    return upstream_unreached(error);
}

static void
finish(struct llm_call *work, struct sp_view body)
{
    report_answered(work);
    if (work->work == LLM_STREAM) {
        sp_executor_finish(work->call);
    } else {
        sp_executor_answer(work->call, 200, SP_VIEW_LITERAL(HEADERS_JSON),
                           body);
    }
}

/* The client has it all, and the upstream does not come to an end. */
static void
on_linger(void *arg)
{
    struct llm_call *work = arg;

    sp_fetch_cancel(&work->fetch);
    finish(work, (struct sp_view){ 0 });
}

/* Some servers end without the empty line that ends the last event. What does
 * not stand there whole is no event: then the stream was cut. */
static void
flush_events(struct llm_call *work)
{
    if (work->work == LLM_STREAM && work->is_stream && work->status == 200 &&
        !work->done &&
        sse_feed(&work->events, SP_VIEW_LITERAL("\n\n"), on_event, work) != 0 &&
        work->failure == upstream_malformed()) {
        work->failure = NULL;
    }
}

static void
on_done(void *arg, int error)
{
    struct llm_call *work = arg;
    const struct sp_refusal *failure = NULL;
    struct sp_view body = { 0 };

    work->fetch = NULL;
    if (error == 0) {
        flush_events(work);
    }
    sp_loop_stop(work->llm->loop, &work->linger);
    failure = judge(work, error, &body);
    if (failure != NULL) {
        fail(work, failure);
        return;
    }
    finish(work, body);
}

/* -------------------------------------------------------------- the start */

/* A stream has the operator's time; the client's is for its first part, which
 * the executor sees to. */
static int64_t
total_ms(const struct llm *llm, const struct llm_question *question)
{
    int64_t total = llm->config->times.total_ms;

    return question->work == LLM_STREAM || total < question->left_ms
               ? total
               : question->left_ms;
}

static int
ask(struct llm_call *work, const struct llm_question *question)
{
    static const struct {
        const char *method;
        const char *path;
        const char *headers;
    } requests[] = {
        [LLM_WHOLE] = { "POST", "/chat/completions",
                        "content-type: application/json\n"
                        "accept: application/json\nuser-agent: sallyport\n" },
        [LLM_STREAM] = { "POST", "/chat/completions",
                         "content-type: application/json\n"
                         "accept: text/event-stream\nuser-agent: sallyport\n" },
        [LLM_MODELS] = { "GET", "/models",
                         "accept: application/json\nuser-agent: sallyport\n" },
    };
    struct llm *llm = work->llm;
    const struct llm_config *config = work->config;
    const struct llm_upstream *upstream = &config->upstream;
    char url[MAX_URL];
    const struct sp_fetch_request request = {
        .method = requests[work->work].method,
        .url = url,
        .allow_http = upstream->allow_http,
        .reach = SP_FETCH_CONFIGURED,
        .headers = sp_view_of(requests[work->work].headers),
        .bearer = llm->upstream_key,
        .body = question->body,
        .ca_file = upstream->ca_file,
        .pin_sha256 = upstream->pin_sha256,
        .connect_timeout_ms = config->times.connect_ms,
        .total_timeout_ms = total_ms(llm, question),
        .idle_timeout_ms = config->times.idle_ms,
        .max_body = work->work == LLM_STREAM ? config->limits.stream_bytes
                                             : config->limits.answer_bytes,
    };
    const struct sp_fetch_events events = {
        .head = on_head, .data = on_data, .done = on_done, .arg = work
    };

    (void)snprintf(url, sizeof(url), "%s%s", upstream->url,
                   requests[work->work].path);
    return sp_fetcher_start(llm->fetcher, &request, &events, &work->fetch);
}

static struct llm_call *
make_work(struct llm *llm, struct sp_executor_call *call,
          const struct llm_question *question)
{
    struct llm_call *work = sp_alloc(sizeof(*work));

    work->llm = llm;
    work->config = llm_config_hold(llm->config);
    work->call = call;
    work->work = question->work;
    work->wants_usage = question->wants_usage;
    work->began_ms = sp_loop_now_ms(llm->loop);
    work->body = sp_buf_new(SP_MAX_BODY);
    work->linger = (struct sp_timer){ .expired = on_linger, .arg = work };
    sse_begin(&work->events, LLM_MAX_EVENT);
    return work;
}

/* repeatable: the upstream changes nothing; it costs twice what was lost. */
void
llm_call_begin(struct llm *llm, struct sp_executor_call *call,
               const struct llm_question *question)
{
    struct llm_call *work = make_work(llm, call, question);
    int error = sp_executor_begin(call, true, work);

    if (error != 0) {
        free_work(work);
        if (error == SP_EFULL) {
            sp_executor_refuse(call, &busy);
        }
        return;
    }
    if (work->work == LLM_STREAM) {
        sp_executor_stream(call, 200, HEADERS_STREAM);
    }
    error = ask(work, question);
    if (error != 0) {
        fail(work, upstream_unreached(error));
    }
}
