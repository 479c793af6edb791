/* A call from STARTED to its last part. */
#include "services/llm/llm_call.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/base/alloc.h"
#include "common/base/error.h"
#include "common/text/headers.h"
#include "services/llm/chat.h"
#include "services/llm/models.h"
#include "services/llm/sse.h"
#include "services/llm/upstream.h"

/* Longest part of a stream: several fit into a link's batch. */
#define MAX_PART 65536
/* Longest event of a stream, and longest error body that is looked at. */
#define MAX_EVENT (1024u * 1024)
#define MAX_REPLY_TO 128
#define MAX_URL 1200
/* A full link to validation is tried again after this long. */
#define RETRY_MS 20
/* An upstream has this long to end its answer behind [DONE], so that its
 * connection can serve the next call. */
#define LINGER_MS 250

#define HEADERS_JSON "content-type: application/json\ncache-control: no-store\n"
#define HEADERS_STREAM                                                         \
    "content-type: text/event-stream\ncache-control: no-store\n"

struct llm_call {
    struct llm_call *next;
    struct llm_call *previous;
    struct llm *llm;
    unsigned char id[LLM_ID_BYTES];
    char reply_to[MAX_REPLY_TO];
    size_t reply_to_len;
    char screen_by[SP_MAX_REPLICA];
    size_t screen_by_len;
    enum llm_work work;
    bool wants_usage;
    bool begun; /* a part has left */
    bool ended; /* what is in `out` is the rest */
    bool done;  /* the upstream said [DONE] */
    bool stuck; /* a link is full */
    bool held;  /* the upstream waits for the client */
    char *model;
    char *subject;
    char *client;
    struct sp_fetch *fetch; /* NULL once it is over */
    struct sp_timer deadline;
    struct sp_timer retry;
    struct sp_timer linger;
    int64_t began_ms;
    unsigned status; /* the upstream's */
    bool is_stream;  /* the upstream sends events */
    uint64_t retry_after_s;
    uint64_t credit; /* bytes that the edge takes in all */
    uint64_t sent;   /* bytes of them that have left */
    uint64_t seq;
    struct sp_buf body; /* of the upstream, where it is taken whole */
    struct sp_buf out;  /* for the client */
    struct sse events;
    struct chat_usage usage;
    const struct upstream_failure *failure; /* found while reading */
};

static struct sp_view
id_of(const struct llm_call *call)
{
    return sp_view_make(call->id, sizeof(call->id));
}

static struct sp_view
reply_to_of(const struct llm_call *call)
{
    return sp_view_make(call->reply_to, call->reply_to_len);
}

static struct sp_view
screen_by_of(const struct llm_call *call)
{
    return sp_view_make(call->screen_by, call->screen_by_len);
}

/* ------------------------------------------------------------ to the edge */

int
llm_say_started(struct llm *llm, struct sp_view request_id,
                struct sp_view reply_to, struct sp_view screen_by)
{
    const struct sp_started started = {
        .request_id = request_id,
        .reply_to = reply_to,
        .executor = llm->port.own_name(llm->port.arg),
        .screen_by = screen_by,
    };
    const struct sp_place edge = { SP_PLACE_NAMED, reply_to };

    return llm->port.send(llm->port.arg, SP_SERVICE_EDGE, SP_MSG_STARTED,
                          &started, edge);
}

void
llm_say_denied(struct llm *llm, struct sp_view request_id,
               struct sp_view reply_to, struct sp_view screen_by,
               unsigned status, const char *code, const char *text,
               uint64_t retry_after_s)
{
    const struct sp_denial denial = {
        .request_id = request_id,
        .reply_to = reply_to,
        .screen_by = screen_by,
        .status = status,
        .code = sp_view_of(code),
        .text = sp_view_of(text),
        .retry_after_s = retry_after_s,
    };
    const struct sp_place edge = { SP_PLACE_NAMED, reply_to };

    /* An edge that is gone waits for nothing; one that is full answers by its
     * own deadline. */
    (void)llm->port.send(llm->port.arg, SP_SERVICE_EDGE, SP_MSG_DENIAL, &denial,
                         edge);
}

/* ----------------------------------------------------------------- events */

static void
tell(struct llm_call *call, const char *kind, unsigned status,
     const char *detail)
{
    const struct sp_occurrence what = {
        .kind = kind,
        .request_id = id_of(call),
        .subject = sp_view_of(call->subject),
        .client = sp_view_of(call->client),
        .object = sp_view_of(call->model),
        .status = status,
        .detail = detail,
    };

    call->llm->port.tell(call->llm->port.arg, &what);
}

static void
tell_failed(struct llm_call *call, const struct upstream_failure *failure)
{
    char detail[160];

    (void)snprintf(detail, sizeof(detail),
                   "code=%s upstream=%s upstream_status=%u", failure->code,
                   call->llm->config->upstream.name, call->status);
    call->llm->figures.failed++;
    tell(call, "model_failed", failure->status, detail);
}

static void
tell_answered(struct llm_call *call)
{
    struct llm_figures *figures = &call->llm->figures;
    int64_t passed_ms = sp_loop_now_ms(call->llm->loop) - call->began_ms;
    char detail[160];

    figures->answered++;
    figures->tokens_in += call->usage.in;
    figures->tokens_out += call->usage.out;
    if (call->work == LLM_MODELS) {
        return;
    }
    figures->uncounted += call->usage.known ? 0 : 1;
    (void)snprintf(detail, sizeof(detail),
                   "upstream=%s tokens_in=%" PRIu64 " tokens_out=%" PRIu64
                   " counted=%s ms=%" PRId64,
                   call->llm->config->upstream.name, call->usage.in,
                   call->usage.out, call->usage.known ? "yes" : "no",
                   passed_ms);
    tell(call, "model_called", 200, detail);
}

/* ----------------------------------------------------------------- the end */

static void
remember(struct llm *llm, const unsigned char id[LLM_ID_BYTES])
{
    memcpy(llm->recent[llm->recent_next], id, LLM_ID_BYTES);
    llm->recent_next = (llm->recent_next + 1) % LLM_RECENT;
}

void
llm_call_end(struct llm_call *call)
{
    struct llm *llm = call->llm;

    remember(llm, call->id);
    if (call->previous != NULL) {
        call->previous->next = call->next;
    } else {
        llm->calls = call->next;
    }
    if (call->next != NULL) {
        call->next->previous = call->previous;
    }
    llm->call_count--;
    sp_loop_stop(llm->loop, &call->deadline);
    sp_loop_stop(llm->loop, &call->retry);
    sp_loop_stop(llm->loop, &call->linger);
    sp_fetch_cancel(&call->fetch);
    sp_buf_free(&call->body);
    sp_buf_free(&call->out);
    sse_end(&call->events);
    sp_free(call->model);
    sp_free(call->subject);
    sp_free(call->client);
    sp_free(call);
}

void
llm_call_cancel(struct llm_call *call)
{
    char detail[64];

    (void)snprintf(detail, sizeof(detail), "parts=%" PRIu64, call->seq);
    call->llm->figures.cancelled++;
    tell(call, "model_cancelled", 0, detail);
    llm_call_end(call);
}

/* The edge has answered 504 by now, or ends the stream itself. */
static void
on_deadline(void *arg)
{
    struct llm_call *call = arg;

    call->llm->figures.expired++;
    tell(call, "model_expired", 504, "reason=deadline");
    llm_call_end(call);
}

/* ------------------------------------------------------------------- parts */

static int
send_part(struct llm_call *call, size_t len, bool last)
{
    struct llm *llm = call->llm;
    const char *headers =
        call->work == LLM_STREAM ? HEADERS_STREAM : HEADERS_JSON;
    const struct sp_result part = {
        .request_id = id_of(call),
        .reply_to = reply_to_of(call),
        .seq = call->seq,
        .last = last,
        .status = 200,
        .headers = sp_view_of(call->begun ? NULL : headers),
        .body = sp_view_make(call->out.data, len),
    };
    const struct sp_place place = { SP_PLACE_NAMED, screen_by_of(call) };
    int error = llm->port.send(llm->port.arg, SP_SERVICE_VALIDATION,
                               SP_MSG_RESULT, &part, place);

    if (error == 0) {
        call->begun = true;
        call->seq++;
        call->sent += len;
        llm->figures.parts++;
        sp_buf_consume(&call->out, len);
    }
    return error;
}

/* JSON is looked at as a whole on its way, and comes in one part, which needs
 * no credit: the edge has room for one answer. */
static size_t
part_length(const struct llm_call *call)
{
    size_t len = call->out.len < MAX_PART ? call->out.len : MAX_PART;
    uint64_t left = 0;

    if (call->work != LLM_STREAM) {
        return call->out.len;
    }
    left = call->credit - call->sent;
    return len < left ? len : (size_t)left;
}

/* Holds the upstream while the client is slow. */
static void
pace(struct llm_call *call)
{
    bool full = call->out.len > 0;

    if (call->fetch != NULL && call->held != full) {
        call->held = full;
        call->llm->figures.pauses += full ? 1 : 0;
        sp_fetch_pause(call->fetch, full);
    }
}

/* Sends what may be sent. Returns false where that was the end of the call,
 * which is freed then. */
static bool
pump(struct llm_call *call)
{
    bool more = call->out.len > 0 || call->ended;

    call->stuck = false;
    while (more) {
        size_t len = part_length(call);
        bool last = call->ended && len == call->out.len;

        if (len == 0 && !last) {
            break;
        }
        if (send_part(call, len, last) != 0) {
            call->stuck = true;
            sp_loop_start(call->llm->loop, &call->retry, RETRY_MS);
            break;
        }
        if (last) {
            llm_call_end(call);
            return false;
        }
        more = call->out.len > 0;
    }
    pace(call);
    return true;
}

static void
on_retry(void *arg)
{
    (void)pump(arg);
}

void
llm_call_remind(struct llm_call *call)
{
    /* Where it is lost too, the edge repeats the call once more. */
    (void)llm_say_started(call->llm, id_of(call), reply_to_of(call),
                          screen_by_of(call));
}

void
llm_call_credit(struct llm_call *call, uint64_t bytes)
{
    if (bytes <= call->credit) {
        llm_call_remind(call); /* nothing new: the edge asks for a sign */
        return;
    }
    call->credit = bytes;
    if (!call->stuck) {
        (void)pump(call);
    }
}

/* Ends the call with an error: a refusal while the client has nothing yet, an
 * event where a stream has begun, so that it never ends as if it were whole.
 * An answer in one piece that has begun cannot say it; the edge breaks it
 * off at its deadline. */
static void
fail(struct llm_call *call, const struct upstream_failure *failure)
{
    tell_failed(call, failure);
    sp_fetch_cancel(&call->fetch);
    if (!call->begun && call->out.len == 0) {
        llm_say_denied(call->llm, id_of(call), reply_to_of(call),
                       screen_by_of(call), failure->status, failure->code,
                       failure->text, call->retry_after_s);
        llm_call_end(call);
        return;
    }
    call->out.max += MAX_EVENT; /* room for the event, whatever waits */
    call->out.error = 0;
    (void)upstream_write_event(failure, &call->out);
    call->ended = true;
    (void)pump(call);
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
    struct llm_call *call = arg;
    struct llm_figures *figures = &call->llm->figures;

    call->status = status;
    call->is_stream = is_events(sp_headers_get(headers, "content-type"));
    call->retry_after_s =
        status == 429 || status == 503
            ? upstream_retry_after(sp_headers_get(headers, "retry-after"))
            : 0;
    figures->first_count++;
    figures->first_ms +=
        (uint64_t)(sp_loop_now_ms(call->llm->loop) - call->began_ms);
}

static int
on_event(void *arg, struct sp_view data)
{
    struct llm_call *call = arg;
    enum chat_event event = CHAT_HIDDEN;

    if (!call->done) {
        event =
            chat_event(&call->llm->json, data, call->wants_usage, &call->usage);
    }
    if (event == CHAT_HIDDEN) {
        return 0;
    }
    if (event == CHAT_ERROR || event == CHAT_BROKEN) {
        call->failure = event == CHAT_BROKEN
                            ? upstream_malformed()
                            : upstream_refused(0, &call->llm->json, data);
        return SP_EFORMAT;
    }
    if (event == CHAT_DONE) {
        call->done = true;
        sp_loop_start(call->llm->loop, &call->linger, LINGER_MS);
    }
    return chat_add_event(&call->out, data);
}

static void
on_data(void *arg, struct sp_view bytes)
{
    struct llm_call *call = arg;

    if (call->done) {
        return;
    }
    if (call->status != 200) {
        /* Only its beginning is looked at, for the error's code. */
        size_t room = MAX_EVENT - call->body.len;

        (void)sp_buf_add(&call->body, bytes.ptr,
                         bytes.len < room ? bytes.len : room);
        return;
    }
    if (call->work != LLM_STREAM || !call->is_stream) {
        if (sp_buf_add_view(&call->body, bytes) != 0) {
            fail(call, upstream_unreached(SP_ELIMIT));
        }
        return;
    }
    if (sse_feed(&call->events, bytes, on_event, call) != 0) {
        fail(call, call->failure != NULL ? call->failure
                                         : upstream_unreached(SP_ELIMIT));
        return;
    }
    (void)pump(call);
}

/* The whole answer is here: checks it and puts it into `out`. */
static const struct upstream_failure *
take_whole(struct llm_call *call)
{
    struct llm *llm = call->llm;
    int error = 0;

    if (call->work == LLM_STREAM) {
        return call->done        ? NULL
               : call->is_stream ? upstream_cut()
                                 : upstream_malformed();
    }
    if (call->work == LLM_MODELS) {
        error = models_write(llm->config, &llm->json, sp_buf_view(&call->body),
                             &llm->scratch, &call->out);
    } else {
        error = chat_answer(&llm->json, sp_buf_view(&call->body), &call->usage);
        error = error != 0
                    ? error
                    : sp_buf_add_view(&call->out, sp_buf_view(&call->body));
    }
    sp_buf_free(&call->body);
    if (error != 0) {
        sp_buf_reset(&call->out);
        return upstream_unreached(error);
    }
    return NULL;
}

static const struct upstream_failure *
judge(struct llm_call *call, int error)
{
    if (call->status != 0 && call->status != 200) {
        /* What it said counts, whatever became of the rest. */
        return upstream_refused(call->status, &call->llm->json,
                                sp_buf_view(&call->body));
    }
    if (error == 0) {
        return take_whole(call);
    }
    if (call->work == LLM_STREAM && call->done) {
        return NULL; /* the client has it all */
    }
    if (call->status != 0 && (error == SP_EFORMAT || error == SP_ESYSTEM)) {
        return upstream_cut();
    }
    return upstream_unreached(error);
}

static void
finish(struct llm_call *call)
{
    tell_answered(call);
    call->ended = true;
    (void)pump(call);
}

/* The client has it all, and the upstream does not come to an end. */
static void
on_linger(void *arg)
{
    struct llm_call *call = arg;

    sp_fetch_cancel(&call->fetch);
    finish(call);
}

static void
on_done(void *arg, int error)
{
    struct llm_call *call = arg;
    const struct upstream_failure *failure = NULL;

    call->fetch = NULL;
    sp_loop_stop(call->llm->loop, &call->linger);
    failure = judge(call, error);
    if (failure != NULL) {
        fail(call, failure);
        return;
    }
    finish(call);
}

/* -------------------------------------------------------------- the start */

static int
ask(struct llm_call *call, struct sp_view body, int64_t left_ms)
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
    struct llm *llm = call->llm;
    const struct llm_upstream *upstream = &llm->config->upstream;
    int64_t total_ms = llm->config->times.total_ms;
    char url[MAX_URL];
    const struct sp_fetch_request request = {
        .method = requests[call->work].method,
        .url = url,
        .allow_http = upstream->allow_http,
        .reach = SP_FETCH_CONFIGURED,
        .headers = sp_view_of(requests[call->work].headers),
        .bearer = llm->upstream_key,
        .body = body,
        .ca_file = upstream->ca_file,
        .pin_sha256 = upstream->pin_sha256,
        .connect_timeout_ms = llm->config->times.connect_ms,
        .total_timeout_ms = total_ms < left_ms ? total_ms : left_ms,
        .idle_timeout_ms = llm->config->times.idle_ms,
        .max_body = call->work == LLM_STREAM ? llm->config->limits.stream_bytes
                                             : llm->config->limits.answer_bytes,
    };
    const struct sp_fetch_events events = {
        .head = on_head, .data = on_data, .done = on_done, .arg = call
    };

    (void)snprintf(url, sizeof(url), "%s%s", upstream->url,
                   requests[call->work].path);
    return sp_fetcher_start(llm->fetcher, &request, &events, &call->fetch);
}

static struct llm_call *
make_call(struct llm *llm, const struct sp_admitted_call *m,
          const struct llm_order *order)
{
    struct llm_call *call = sp_alloc(sizeof(*call));

    call->llm = llm;
    memcpy(call->id, m->request_id.ptr, sizeof(call->id));
    memcpy(call->reply_to, m->reply_to.ptr, m->reply_to.len);
    call->reply_to_len = m->reply_to.len;
    memcpy(call->screen_by, m->screen_by.ptr, m->screen_by.len);
    call->screen_by_len = m->screen_by.len;
    call->work = order->work;
    call->wants_usage = order->wants_usage;
    call->model = sp_dup_view(order->model);
    call->subject = sp_dup_view(order->subject);
    call->client = sp_dup_view(order->client);
    call->began_ms = sp_loop_now_ms(llm->loop);
    call->credit = m->credit;
    call->body = sp_buf_new(SP_MAX_BODY);
    /* One event more than may wait: what comes while paused. */
    call->out = sp_buf_new((size_t)SP_MAX_BODY +
                           (order->work == LLM_STREAM ? MAX_EVENT : 0));
    sse_begin(&call->events, MAX_EVENT);
    call->deadline = (struct sp_timer){ .expired = on_deadline, .arg = call };
    call->retry = (struct sp_timer){ .expired = on_retry, .arg = call };
    call->linger = (struct sp_timer){ .expired = on_linger, .arg = call };
    call->next = llm->calls;
    if (call->next != NULL) {
        call->next->previous = call;
    }
    llm->calls = call;
    llm->call_count++;
    return call;
}

void
llm_call_begin(struct llm *llm, const struct sp_admitted_call *m,
               const struct llm_order *order)
{
    struct llm_call *call = NULL;
    int error = 0;

    if (llm_say_started(llm, m->request_id, m->reply_to, m->screen_by) != 0) {
        llm->figures.unplaced++;
        return;
    }
    call = make_call(llm, m, order);
    sp_loop_start(llm->loop, &call->deadline, (int64_t)m->deadline_ms);
    error = ask(call, order->body, (int64_t)m->deadline_ms);
    if (error != 0) {
        fail(call, upstream_unreached(error));
    }
}

struct llm_call *
llm_call_find(const struct llm *llm, struct sp_view request_id)
{
    struct llm_call *call = llm->calls;

    while (call != NULL && !sp_view_equal(id_of(call), request_id)) {
        call = call->next;
    }
    return call;
}
