/* llm from an admitted call to its last part, with an upstream of the test. */
#include "services/llm/llm.h"

#include "tests/support/llm_fixture.h"

#define OK_JSON "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"
#define OK_SSE                                                                 \
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; "                     \
    "charset=utf-8\r\n\r\n"
#define ANSWER                                                                 \
    "{\"id\":\"c\",\"choices\":[{\"message\":{\"content\":\"yes\"}}],"         \
    "\"usage\":{\"prompt_tokens\":11,\"completion_tokens\":13}}"
#define PIECE "{\"choices\":[{\"delta\":{\"content\":\"y\"}}]}"
#define USAGE                                                                  \
    "{\"choices\":[],\"usage\":{\"prompt_tokens\":2,\"completion_tokens\":3}}"
#define BARE_USAGE "{\"usage\":{\"prompt_tokens\":2,\"completion_tokens\":3}}"
#define NULL_USAGE                                                             \
    "{\"choices\":null,\"usage\":{\"prompt_tokens\":2,"                        \
    "\"completion_tokens\":3}}"
#define EVENT(data) "data: " data "\n\n"
#define DONE EVENT("[DONE]")

static bool
body_is(const struct llm_world *w, const char *want)
{
    return sp_view_is(sp_buf_view(&w->body), want);
}

static bool
body_has(const struct llm_world *w, const char *part)
{
    return w->body.len > 0 &&
           memmem(w->body.data, w->body.len, part, strlen(part)) != NULL;
}

Test(llm, answers_in_one_piece)
{
    const struct http_answer answer = { .text = OK_JSON ANSWER };
    struct llm_world *w = llm_world_new(&answer, 1);
    struct llm_test_call call = llm_test_chat(",\"store\":true");

    llm_test_run(w, &call);
    llm_world_stop(w);
    cr_assert_eq(w->sent_count, 2);
    cr_expect_eq(w->sent[0].id, SP_MSG_STARTED);
    cr_expect_eq(w->sent[0].to, SP_SERVICE_EDGE);
    cr_expect_eq(w->sent[0].place, SP_PLACE_NAMED);
    cr_expect_str_eq(w->sent[0].key, "edge-0");
    cr_expect_eq(w->sent[1].id, SP_MSG_RESULT);
    cr_expect_eq(w->sent[1].place, SP_PLACE_NAMED);
    cr_expect_str_eq(w->sent[1].key, "validation-0");
    cr_expect_eq(w->sent[1].status, 200);
    cr_expect(w->sent[1].last);
    cr_expect(body_is(w, ANSWER));
    cr_expect(sp_view_starts(sp_buf_view(&w->headers),
                             "content-type: application/json\n"));
    cr_expect_not_null(strstr(w->server->request, "POST /v1/chat/completions"));
    cr_expect_not_null(
        strstr(w->server->request, "authorization: Bearer sk-upstream\r\n"));
    cr_expect_not_null(strstr(w->server->request, "\"store\":false"));
    cr_expect_null(strstr(w->server->request, "x-client"));
    cr_expect_eq(w->llm.figures.tokens_in, 11);
    cr_expect_eq(w->llm.figures.tokens_out, 13);
    cr_expect_eq(w->llm.figures.answered, 1);
    cr_expect_str_eq(w->events, "model_called ");
    cr_expect_not_null(strstr(w->detail, "sub demo m 200"));
    cr_expect_not_null(strstr(w->detail, "tokens_in=11 tokens_out=13"));
    llm_world_free(&w);
}

Test(llm, streams_event_by_event_and_hides_what_only_we_asked_for)
{
    static const struct {
        const char *more;
        const char *want;
    } rows[] = {
        { ",\"stream\":true", EVENT(PIECE) EVENT(PIECE) DONE },
        { ",\"stream\":true,\"stream_options\":{\"include_usage\":true}}",
          NULL },
        { ",\"stream\":true,\"stream_options\":{\"include_usage\":true}",
          EVENT(PIECE) EVENT(PIECE) EVENT(USAGE) DONE },
    };
    const struct http_answer answer = { .text = OK_SSE ": hello\n\n" EVENT(
                                            PIECE) "event: x\n" EVENT(PIECE)
                                            EVENT(USAGE) DONE };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct llm_world *w = llm_world_new(&answer, 1);
        struct llm_test_call call = llm_test_chat(rows[i].more);
        const struct llm_sent *end = NULL;

        llm_test_run(w, &call);
        llm_world_stop(w);
        if (rows[i].want == NULL) {
            cr_expect_eq(w->server->connections, 0, "not JSON");
            llm_world_free(&w);
            continue;
        }
        end = &w->sent[w->sent_count - 1];
        cr_expect(body_is(w, rows[i].want), "%zu: %.*s", i,
                  SP_VIEW(sp_buf_view(&w->body)));
        cr_expect(end->last);
        cr_expect_eq(end->seq, w->sent_count - 2);
        cr_expect(sp_view_starts(sp_buf_view(&w->headers),
                                 "content-type: text/event-stream\n"));
        cr_expect(llm_test_sent(w, SP_MSG_RESULT, 0)->has_headers);
        cr_expect_not(end->has_headers && end->seq > 0);
        cr_expect_eq(w->llm.figures.tokens_out, 3);
        llm_world_free(&w);
    }
}

Test(llm, knows_a_stream_by_its_type)
{
    static const struct {
        const char *type;
        bool want;
    } rows[] = {
        { "text/event-stream", true },
        { "Text/Event-Stream", true },
        { "text/event-stream;charset=utf-8", true },
        { "text/event-stream ; charset=utf-8", true },
        { "text/event-streams", false },
        { "text/event", false },
        { "application/json", false },
        { "", false },
    };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        char text[256];
        const struct http_answer answer = { .text = text };
        struct llm_world *w = NULL;
        struct llm_test_call call = llm_test_chat(",\"stream\":true");

        (void)snprintf(
            text, sizeof(text),
            "HTTP/1.1 200 OK\r\nContent-Type: %s\r\n\r\n" EVENT(PIECE) DONE,
            rows[i].type);
        w = llm_world_new(&answer, 1);
        llm_test_run(w, &call);
        llm_world_stop(w);
        cr_expect_eq(body_is(w, EVENT(PIECE) DONE), rows[i].want, "%s",
                     rows[i].type);
        cr_expect_eq(w->llm.figures.failed, rows[i].want ? 0 : 1, "%s",
                     rows[i].type);
        llm_world_free(&w);
    }
}

struct feeder {
    struct llm_world *w;
    struct sp_timer timer;
    uint64_t granted;
    size_t seen;
};

/* A client that takes 100 bytes at a time, and looks in between. */
static void
feed(void *arg)
{
    struct feeder *f = arg;
    const struct sp_credit credit = { .request_id =
                                          SP_VIEW_LITERAL("0123456789abcdef"),
                                      .bytes = f->granted + 100 };

    cr_assert_leq(f->w->body.len, f->granted);
    cr_assert_eq(sp_executor_count(f->w->llm.executor), 1);
    f->granted += 100;
    sp_loop_start(f->w->loop, &f->timer, 1);
    sp_executor_credit(f->w->llm.executor, &credit);
}

Test(llm, sends_no_more_than_the_client_takes)
{
    const struct http_answer answer = { .text = OK_SSE EVENT(PIECE) EVENT(PIECE)
                                            EVENT(PIECE) EVENT(PIECE)
                                                EVENT(PIECE) EVENT(PIECE)
                                                    DONE };
    struct llm_world *w = llm_world_new(&answer, 1);
    struct feeder f = { .w = w, .granted = 50 };
    struct llm_test_call call = llm_test_chat(",\"stream\":true");

    call.m.credit = 50;
    f.timer = (struct sp_timer){ .expired = feed, .arg = &f };
    sp_loop_start(w->loop, &f.timer, 50);
    llm_test_run(w, &call);
    llm_world_stop(w);
    cr_expect_gt(f.granted, 50);
    cr_expect_geq(w->sent_count, 3);
    cr_expect_eq(llm_test_sent(w, SP_MSG_RESULT, 0)->body_len, 50);
    for (size_t at = 1; at < w->sent_count; at++) {
        cr_expect_eq(w->sent[at].seq, at - 1);
        cr_expect_eq(w->sent[at].last, at + 1 == w->sent_count);
        cr_expect_eq(w->sent[at].has_headers, at == 1);
    }
    cr_expect(body_has(w, DONE));
    cr_expect_eq(w->figures.pauses, 1,
                 "it was held once, whatever the client took");
    llm_world_free(&w);
}

/* Validation refuses JSON in parts, since it could not look at it. */
Test(llm, sends_json_in_one_part_however_long)
{
    static char text[200000] = OK_JSON ANSWER;
    const struct http_answer answer = { .text = text };
    struct llm_world *w = NULL;
    struct llm_test_call call = llm_test_chat("");
    size_t len = strlen(text);

    /* Blanks before the last brace. */
    memset(text + len - 1, ' ', sizeof(text) - 1 - len);
    text[sizeof(text) - 2] = '}';
    w = llm_world_new(&answer, 1);
    call.m.credit = 50;
    llm_test_run(w, &call);
    llm_world_stop(w);
    cr_assert_eq(w->sent_count, 2);
    cr_expect_eq(w->sent[1].id, SP_MSG_RESULT);
    cr_expect_eq(w->sent[1].body_len, sizeof(text) - 1 - strlen(OK_JSON));
    cr_expect(w->sent[1].last);
    llm_world_free(&w);
}

static void
say_again(void *arg)
{
    static const struct {
        uint64_t bytes;
        size_t want; /* sent in all */
        enum sp_message_id last;
    } rows[] = {
        { 70, 70, SP_MSG_RESULT },
        { 70, 70, SP_MSG_STARTED },
        { 60, 70, SP_MSG_STARTED },
        { 71, 71, SP_MSG_RESULT },
    };
    struct llm_world *w = arg;

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        const struct sp_credit credit = { .request_id = SP_VIEW_LITERAL(
                                              "0123456789abcdef"),
                                          .bytes = rows[i].bytes };

        sp_executor_credit(w->llm.executor, &credit);
        cr_expect_eq(w->body.len, rows[i].want, "%zu", i);
        cr_expect_eq(w->sent[w->sent_count - 1].id, rows[i].last, "%zu", i);
    }
    sp_loop_end(w->loop);
}

/* attack: a CREDIT that is lost, doubled or late must neither stall a stream
 * nor let it pass the client's window. */
Test(llm, credit_is_a_sum_and_asks_where_it_is_no_news)
{
    const struct http_answer answer = { .text = OK_SSE EVENT(PIECE) EVENT(PIECE)
                                            EVENT(PIECE),
                                        .hold = true };
    struct llm_world *w = llm_world_new(&answer, 1);
    struct llm_test_call call = llm_test_chat(",\"stream\":true");
    struct sp_timer timer = { .expired = say_again, .arg = w };

    call.m.credit = 50;
    sp_loop_start(w->loop, &timer, 100);
    llm_test_run(w, &call);
    cr_expect_eq(sp_executor_count(w->llm.executor), 1);
    llm_world_stop(w);
    llm_world_free(&w);
}

/* Ends the loop once the server can send no more. */
struct watcher {
    struct llm_world *w;
    struct sp_timer timer;
    size_t seen;
    unsigned same;
};

static void
watch(void *arg)
{
    struct watcher *look = arg;
    size_t sent = look->w->server->sent;

    look->same = sent > 0 && look->seen == sent ? look->same + 1 : 0;
    look->seen = sent;
    if (look->same == 10) {
        sp_loop_end(look->w->loop);
        return;
    }
    sp_loop_start(look->w->loop, &look->timer, 10);
}

Test(llm, lets_a_slow_client_slow_the_upstream)
{
    static char block[65537];
    const struct http_answer answer = { .text = block, .repeat = 1000 };
    struct llm_world *w = NULL;
    struct watcher look = { 0 };
    struct llm_test_call call = llm_test_chat(",\"stream\":true");
    size_t len = strlen(OK_SSE);

    memset(block, '\n', sizeof(block) - 1);
    memcpy(block, OK_SSE, len);
    while (len + sizeof(EVENT(PIECE)) < sizeof(block) - 1) {
        memcpy(block + len, EVENT(PIECE), strlen(EVENT(PIECE)));
        len += strlen(EVENT(PIECE));
    }
    w = llm_world_new(&answer, 1);
    w->llm.config->limits.stream_bytes = 1u << 30;
    call.m.credit = 1000;
    look =
        (struct watcher){ .w = w, .timer = { .expired = watch, .arg = &look } };
    sp_loop_start(w->loop, &look.timer, 10);
    llm_test_run(w, &call);
    cr_expect_eq(look.same, 10);
    cr_expect_lt(look.seen, 32u * 1024 * 1024, "%zu bytes left", look.seen);
    cr_expect_eq(w->body.len, 1000);
    llm_world_stop(w);
    cr_expect_lt(w->figures.parts, 20);
    cr_expect_eq(w->figures.pauses, 1);
    llm_world_free(&w);
}

Test(llm, asks_nothing_where_the_edge_does_not_take_started)
{
    const struct http_answer answer = { .text = OK_JSON ANSWER };
    struct llm_world *w = llm_world_new(&answer, 1);
    struct llm_test_call call = llm_test_chat("");

    w->refuse_started = SP_EFULL;
    w->end_when_idle = true;
    llm_test_run(w, &call);
    llm_world_stop(w);
    cr_expect_eq(w->server->connections, 0);
    cr_expect_eq(w->sent_count, 0);
    cr_expect_eq(w->figures.unplaced, 1);
    llm_world_free(&w);
}

Test(llm, tries_a_full_link_again_and_loses_nothing)
{
    const struct http_answer answer = { .text = OK_SSE EVENT(PIECE) DONE };
    struct llm_world *w = llm_world_new(&answer, 1);
    struct llm_test_call call = llm_test_chat(",\"stream\":true");

    w->refuse_parts = 3;
    llm_test_run(w, &call);
    llm_world_stop(w);
    cr_expect_eq(w->refuse_parts, 0);
    cr_expect(body_is(w, EVENT(PIECE) DONE));
    cr_expect_eq(llm_test_sent(w, SP_MSG_RESULT, 0)->seq, 0);
    llm_world_free(&w);
}

static void
cancel(void *arg)
{
    const struct sp_cancel m = { .request_id =
                                     SP_VIEW_LITERAL("0123456789abcdef") };
    const struct sp_cancel other = { .request_id =
                                         SP_VIEW_LITERAL("fedcba9876543210") };
    struct llm_world *w = arg;

    sp_executor_cancel(w->llm.executor, &other);
    cr_expect_eq(sp_executor_count(w->llm.executor), 1);
    sp_executor_cancel(w->llm.executor, &m);
}

Test(llm, ends_the_fetch_when_the_client_is_gone)
{
    const struct http_answer answer = { .text = OK_SSE EVENT(PIECE),
                                        .hold = true };
    struct llm_world *w = llm_world_new(&answer, 1);
    struct llm_test_call call = llm_test_chat(",\"stream\":true");
    struct sp_timer timer = { .expired = cancel, .arg = w };

    w->end_when_idle = true;
    sp_loop_start(w->loop, &timer, 100);
    llm_test_run(w, &call);
    /* The server's thread ends only if its connection was closed. */
    http_script_stop(w->server);
    http_script_free(&w->server);
    cr_expect_str_eq(w->events, "call_cancelled ");
    cr_expect_null(llm_test_sent(w, SP_MSG_DENIAL, 0));
    llm_world_stop(w);
    cr_expect_eq(w->figures.ends[SP_EXECUTOR_CANCELLED], 1);
    llm_world_free(&w);
}

Test(llm, ends_at_the_deadline_in_silence)
{
    const struct http_answer answer = { .text = "", .hold = true };
    struct llm_world *w = llm_world_new(&answer, 1);
    struct llm_test_call call = llm_test_chat("");

    call.m.deadline_ms = 50;
    w->end_when_idle = true;
    llm_test_run(w, &call);
    llm_world_stop(w);
    cr_expect_str_eq(w->events, "call_expired ");
    cr_expect_eq(w->sent_count, 1, "STARTED alone");
    llm_world_free(&w);
}

static void
look_and_end(void *arg)
{
    struct llm_world *w = arg;

    cr_expect_eq(sp_executor_count(w->llm.executor), 1);
    sp_loop_end(w->loop);
}

/* The deadline is for its first part; the upstream has the operator's time. */
Test(llm, a_stream_outlives_the_deadline)
{
    const struct http_answer answer = { .text = OK_SSE EVENT(PIECE),
                                        .hold = true };
    struct llm_world *w = llm_world_new(&answer, 1);
    struct llm_test_call call = llm_test_chat(",\"stream\":true");
    struct sp_timer timer = { .expired = look_and_end, .arg = w };

    call.m.deadline_ms = 200;
    sp_loop_start(w->loop, &timer, 400);
    llm_test_run(w, &call);
    cr_expect(body_is(w, EVENT(PIECE)));
    cr_expect_str_eq(w->events, "");
    llm_world_stop(w);
    llm_world_free(&w);
}

Test(llm, drops_what_came_too_late)
{
    const struct http_answer answer = { .text = OK_JSON ANSWER };
    struct llm_world *w = llm_world_new(&answer, 1);
    struct llm_test_call call = llm_test_chat("");

    call.m.deadline_ms = 0;
    w->end_when_idle = true;
    llm_test_run(w, &call);
    llm_world_stop(w);
    cr_expect_eq(w->sent_count, 0);
    cr_expect_eq(w->server->connections, 0);
    llm_world_free(&w);
}

Test(llm, runs_a_repeated_call_once)
{
    const struct http_answer answer = { .text = OK_JSON ANSWER };
    struct llm_world *w = llm_world_new(&answer, 1);
    struct llm_test_call call = llm_test_chat("");

    llm_test_seal(w, &call);
    sp_executor_take(w->llm.executor, &call.m);
    call.m.attempt = 1;
    sp_executor_take(w->llm.executor, &call.m);
    cr_expect_eq(sp_executor_count(w->llm.executor), 1);
    sp_loop_run(w->loop);
    cr_expect_eq(sp_executor_count(w->llm.executor), 0);
    sp_executor_take(w->llm.executor, &call.m);
    cr_expect_eq(sp_executor_count(w->llm.executor), 0);
    llm_test_end_call(&call);
    llm_world_stop(w);
    cr_expect_eq(w->server->connections, 1);
    cr_expect_eq(w->figures.repeated, 2);
    cr_expect_not_null(llm_test_sent(w, SP_MSG_STARTED, 2));
    cr_expect_null(llm_test_sent(w, SP_MSG_RESULT, 1));
    llm_world_free(&w);
}

Test(llm, takes_no_more_calls_than_configured)
{
    const struct http_answer answer = { .text = "", .hold = true };
    struct llm_world *w = llm_world_new(&answer, 1);
    struct llm_test_call call = llm_test_chat("");
    char id[] = "0123456789abcdeX";

    sp_executor_limit(w->llm.executor, 2);
    call.m.request_id = sp_view_of(id);
    for (char c = '0'; c < '3'; c++) {
        id[15] = c;
        llm_test_seal(w, &call);
        sp_executor_take(w->llm.executor, &call.m);
        llm_test_end_call(&call);
    }
    cr_expect_eq(sp_executor_count(w->llm.executor), 2);
    cr_expect_str_eq(w->sent[2].code, "llm_busy");
    cr_expect_eq(w->sent[2].status, 503);
    cr_expect_eq(w->sent[2].retry_after_s, 1);
    cr_expect_str_eq(w->events, "llm_busy ");
    llm_world_stop(w);
    llm_world_free(&w);
}

Test(llm, lists_models)
{
    const struct http_answer answer = {
        .text = OK_JSON "{\"data\":[{\"id\":\"m\"},{\"id\":\"secret\"}]}"
    };
    static const char *const methods[] = { "GET", "HEAD" };

    for (size_t i = 0; i < SP_COUNT(methods); i++) {
        struct llm_world *w = llm_world_new(&answer, 1);
        struct llm_test_call call = llm_test_call(methods[i], "/v1/models", "");

        llm_test_run(w, &call);
        llm_world_stop(w);
        cr_expect(body_has(w, "\"id\":\"m\""));
        cr_expect_not(body_has(w, "secret"));
        cr_expect_not_null(strstr(w->server->request, "GET /v1/models "));
        llm_world_free(&w);
    }
}

Test(llm, refuses_what_it_does_not_serve)
{
    static const struct {
        const char *method;
        const char *path;
        const char *body;
        unsigned status;
        const char *code;
    } rows[] = {
        { "POST", "/v1/embeddings", "{}", 404, "not_found" },
        { "GET", "/v1/chat/completions", "", 404, "not_found" },
        { "POST", "/v1/models", "{}", 404, "not_found" },
        { "GET", "/v1/models/m", "", 404, "not_found" },
        { "POST", "/v1/chat/completions", "", 400, "invalid_request" },
        { "POST", "/v1/chat/completions", "{}", 400, "invalid_request" },
        { "POST", "/v1/chat/completions",
          "{\"model\":\"other\",\"messages\":[]}", 404, "model_not_found" },
    };
    const struct http_answer answer = { .text = OK_JSON ANSWER };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct llm_world *w = llm_world_new(&answer, 1);
        struct llm_test_call call =
            llm_test_call(rows[i].method, rows[i].path, rows[i].body);

        llm_test_run(w, &call);
        llm_world_stop(w);
        cr_assert_eq(w->sent_count, 1, "%zu", i);
        cr_expect_eq(w->sent[0].id, SP_MSG_DENIAL);
        cr_expect_eq(w->sent[0].status, rows[i].status, "%zu", i);
        cr_expect_str_eq(w->sent[0].code, rows[i].code);
        cr_expect_eq(w->server->connections, 0);
        cr_expect_eq(w->figures.ends[SP_EXECUTOR_REFUSED], 1);
        cr_expect_neq(w->events[0], '\0');
        llm_world_free(&w);
    }
}

Test(llm, tells_an_upstream_that_is_not_there)
{
    struct llm_world *w = llm_world_new(NULL, 0);
    struct llm_test_call call = llm_test_chat(",\"stream\":true");

    llm_test_run(w, &call);
    llm_world_stop(w);
    cr_assert_eq(w->sent_count, 2);
    cr_expect_eq(w->sent[1].id, SP_MSG_DENIAL);
    cr_expect_eq(w->sent[1].status, 502);
    cr_expect_str_eq(w->sent[1].code, "upstream_unreachable");
    cr_expect_str_eq(w->events, "model_failed ");
    llm_world_free(&w);
}

Test(llm, passes_the_upstreams_wait_on)
{
    const struct http_answer answer = {
        .text = "HTTP/1.1 429 Too Many\r\nRetry-After: 7\r\n"
                "Content-Length: 0\r\n\r\n"
    };
    struct llm_world *w = llm_world_new(&answer, 1);
    struct llm_test_call call = llm_test_chat("");

    llm_test_run(w, &call);
    llm_world_stop(w);
    cr_assert_eq(w->sent_count, 2);
    cr_expect_eq(w->sent[1].status, 429);
    cr_expect_eq(w->sent[1].retry_after_s, 7);
    llm_world_free(&w);
}

Test(llm, passes_on_no_wait_that_is_not_for_the_client)
{
    const struct http_answer answer = {
        .text = "HTTP/1.1 401 No\r\nRetry-After: 7\r\n"
                "Content-Length: 0\r\n\r\n"
    };
    struct llm_world *w = llm_world_new(&answer, 1);
    struct llm_test_call call = llm_test_chat("");

    llm_test_run(w, &call);
    llm_world_stop(w);
    cr_assert_eq(w->sent_count, 2);
    cr_expect_eq(w->sent[1].status, 502);
    cr_expect_eq(w->sent[1].retry_after_s, 0);
    llm_world_free(&w);
}

/* What real servers send between and behind the words. */
Test(llm, a_stream_bears_what_it_need_not_understand)
{
    static const struct {
        const char *text;
        bool wants_usage;
        const char *want;
    } rows[] = {
        { EVENT("") EVENT(PIECE) EVENT("") DONE, false, EVENT(PIECE) DONE },
        { EVENT(PIECE) "data\n\ndata:\ndata:\n\n" DONE, false,
          EVENT(PIECE) DONE },
        { EVENT(PIECE) EVENT("{\"type\":\"ping\"}") EVENT("{}") DONE, false,
          EVENT(PIECE) DONE },
        { EVENT(PIECE) EVENT(BARE_USAGE) DONE, false, EVENT(PIECE) DONE },
        { EVENT(PIECE) EVENT(BARE_USAGE) DONE, true,
          EVENT(PIECE) EVENT(BARE_USAGE) DONE },
        { EVENT(PIECE) EVENT(NULL_USAGE) DONE, false, EVENT(PIECE) DONE },
        { EVENT(PIECE) EVENT(NULL_USAGE) DONE, true,
          EVENT(PIECE) EVENT(NULL_USAGE) DONE },
        { EVENT(PIECE) EVENT(NULL_USAGE) "data: [DONE] \n\n", false,
          EVENT(PIECE) DONE },
        { EVENT(PIECE) EVENT(NULL_USAGE) "data: [DONE]", false,
          EVENT(PIECE) DONE },
        { EVENT(PIECE) EVENT(NULL_USAGE) "data: [DONE]\n", false,
          EVENT(PIECE) DONE },
    };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        char text[1024];
        const struct http_answer answer = { .text = text };
        struct llm_world *w = NULL;
        struct llm_test_call call = llm_test_chat(
            rows[i].wants_usage ? ",\"stream\":true,\"stream_options\":{"
                                  "\"include_usage\":true}"
                                : ",\"stream\":true");

        (void)snprintf(text, sizeof(text), OK_SSE "%s", rows[i].text);
        w = llm_world_new(&answer, 1);
        llm_test_run(w, &call);
        llm_world_stop(w);
        cr_expect(body_is(w, rows[i].want), "%zu: %.*s", i,
                  SP_VIEW(sp_buf_view(&w->body)));
        cr_expect_eq(w->llm.figures.failed, 0, "%zu", i);
        cr_expect_eq(w->llm.figures.tokens_out, i < 3 ? 0 : 3, "%zu", i);
        llm_world_free(&w);
    }
}

/* Whatever the status and the type say, and whatever was asked for. */
Test(llm, knows_a_failure_that_comes_with_200)
{
    static const struct {
        const char *body;
        unsigned status;
        const char *code;
    } rows[] = {
        { "{\"error\":{\"message\":\"m\",\"code\":429}}", 429,
          "upstream_rate_limited" },
        { "{\"error\":{\"code\":\"context_length_exceeded\"}}", 400,
          "context_length_exceeded" },
        { "{\"error\":\"busy\"}", 502, "upstream_error" },
        { "{\"object\":\"error\",\"message\":\"m\",\"code\":400}", 400,
          "upstream_refused" },
        { "{\"data\":null,\"error\":{\"type\":\"overloaded_error\"}}", 503,
          "upstream_busy" },
    };
    static const char *const heads[] = { OK_JSON, OK_JSON, OK_JSON,
                                         OK_SSE "data: " };

    for (size_t i = 0; i < SP_COUNT(heads) * SP_COUNT(rows); i++) {
        const char *head = heads[i % SP_COUNT(heads)];
        size_t row = i / SP_COUNT(heads);
        char text[512];
        const struct http_answer answer = { .text = text };
        struct llm_world *w = NULL;
        struct llm_test_call call =
            i % SP_COUNT(heads) == 1
                ? llm_test_call("GET", "/v1/models", "")
                : llm_test_chat(i % SP_COUNT(heads) == 0 ? ""
                                                         : ",\"stream\":true");

        (void)snprintf(text, sizeof(text), "%s%s", head, rows[row].body);
        w = llm_world_new(&answer, 1);
        llm_test_run(w, &call);
        llm_world_stop(w);
        cr_assert_eq(w->sent_count, 2, "%zu", i);
        cr_expect_str_eq(w->sent[1].code, rows[row].code, "%zu: %s", i,
                         w->sent[1].code);
        cr_expect_eq(w->sent[1].status, rows[row].status, "%zu", i);
        llm_world_free(&w);
    }
}

/* The connection is reset, where `reset`, or closed in order. */
Test(llm, tells_how_an_answer_ended)
{
    static const struct {
        const char *text;
        const char *code;
        unsigned status;
        bool reset;
    } rows[] = {
        { "", "upstream_unreachable", 502, false },
        { "", "upstream_unreachable", 502, true },
        { OK_JSON "{\"choices\":", "upstream_malformed", 502, false },
        { OK_JSON "{\"choices\":", "upstream_cut", 502, true },
        { "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{}", "upstream_cut",
          502, false },
        { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
          "upstream_cut", 502, false },
        { "HTTP/1.1 429 No\r\nContent-Length: 99\r\n\r\n{}",
          "upstream_rate_limited", 429, false },
        { "HTTP/1.1 401 No\r\n\r\n{\"error\":", "upstream_auth", 502, true },
        { "HTTP/1.1 503 No\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
          "upstream_busy", 503, false },
    };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        const struct http_answer answer = { .text = rows[i].text,
                                            .reset = rows[i].reset };
        struct llm_world *w = llm_world_new(&answer, 1);
        struct llm_test_call call = llm_test_chat("");

        llm_test_run(w, &call);
        llm_world_stop(w);
        cr_assert_eq(w->sent_count, 2, "%zu", i);
        cr_expect_str_eq(w->sent[1].code, rows[i].code, "%zu: %s", i,
                         w->sent[1].code);
        cr_expect_eq(w->sent[1].status, rows[i].status, "%zu", i);
        llm_world_free(&w);
    }
}

Test(llm, answers_probes_through_validation)
{
    const struct http_answer answer = { .text = "" };
    struct llm_world *w = llm_world_new(&answer, 1);
    const struct sp_probe probe = {
        .request_id = SP_VIEW_LITERAL("0123456789abcdef"),
        .reply_to = SP_VIEW_LITERAL("edge-0"),
    };

    sp_executor_probe(w->llm.executor, &probe);
    sp_executor_peer(w->llm.executor, SP_SERVICE_VALIDATION, sp_view_of("x"),
                     false);
    cr_assert_eq(w->sent_count, 2);
    cr_expect_eq(w->sent[0].id, SP_MSG_PROBE_ANSWER);
    cr_expect_eq(w->sent[0].to, SP_SERVICE_VALIDATION);
    cr_expect_eq(w->sent[1].id, SP_MSG_PEER_LOST);
    cr_expect_eq(w->sent[1].place, SP_PLACE_ALL);
    llm_world_stop(w);
    llm_world_free(&w);
}

Test(llm, writes_its_figures)
{
    const struct llm_figures figures = { .answered = 3, .tokens_out = 9 };
    struct sp_buf out = sp_buf_new(8192);

    llm_figures_write(&figures, &out);
    cr_assert_eq(out.error, 0);
    (void)sp_buf_add(&out, "", 1);
    cr_expect_not_null(strstr(
        out.data, "\nsallyport_llm_tokens_total{direction=\"out\"} 9\n"));
    cr_expect_not_null(
        strstr(out.data, "sallyport_llm_calls_total{outcome=\"answered\"} 3"));
    sp_buf_free(&out);
}

#define RELOADED(name, url, models)                                            \
    "upstream:\n  name: " name "\n  kind: openai\n  url: " url "\n"            \
    "models: [" models "]\n"                                                   \
    "limits: {calls: 4, answer_bytes: 1024, stream_bytes: 1024}\n"             \
    "times: {connect_ms: 5000, idle_ms: 10000, total_ms: 10000}\n"

/* llm.yaml with this text read by llm: the error, and what it said. */
static int
reload_text(struct llm_world *w, const char *text, char said[1024])
{
    char directory[] = "/tmp/sp-llm-XXXXXX";
    char path[64];
    struct sp_buf why = sp_buf_new(8192);
    FILE *file = NULL;
    int error = 0;

    cr_assert_not_null(mkdtemp(directory));
    (void)snprintf(path, sizeof(path), "%s/llm.yaml", directory);
    file = fopen(path, "w");
    cr_assert_not_null(file);
    cr_assert_geq(fputs(text, file), 0);
    cr_assert_eq(fclose(file), 0);
    error = llm_reload(&w->llm, directory, &why);
    sp_view_copy_text(said, 1024, sp_buf_view(&why));
    sp_buf_free(&why);
    (void)unlink(path);
    (void)rmdir(directory);
    return error;
}

/* The fixture's upstream, by the port that the system gave it. */
static const char *
reloaded(const struct llm_world *w, const char *models, char text[1024])
{
    (void)snprintf(
        text, 1024,
        "upstream:\n  name: %s\n  kind: openai\n  url: %s\n"
        "models: [%s]\n"
        "limits: {calls: 4, answer_bytes: 1024, stream_bytes: 1024}\n"
        "times: {connect_ms: 5000, idle_ms: 10000, total_ms: "
        "10000}\n",
        w->llm.config->upstream.name, w->url, models);
    return text;
}

/* The answer is longer than the new limit allows, and no model of the new list
 * is the call's: it goes on as it began. */
Test(llm, a_call_in_hand_ends_with_the_configuration_that_it_began_with)
{
    static char long_answer[4096];
    const struct http_answer answer = { .text = long_answer };
    static char plain[] = "plain";
    struct llm_world *w = NULL;
    struct llm_test_call call = llm_test_chat("");
    struct llm_test_call late = llm_test_chat("");
    char text[1024];
    char said[1024];

    (void)snprintf(long_answer, sizeof(long_answer),
                   OK_JSON "{\"id\":\"%02000d\",\"choices\":[]}", 7);
    w = llm_world_new(&answer, 1);
    w->llm.config->upstream.name = plain;
    llm_test_seal(w, &call);
    sp_executor_take(w->llm.executor, &call.m);
    cr_assert_eq(reload_text(w, reloaded(w, "other", text), said), 0, "%s",
                 said);
    cr_expect_str_eq(w->llm.config->models[0], "other");
    sp_loop_run(w->loop);
    cr_expect_eq(w->sent[w->sent_count - 1].status, 200);
    cr_expect_gt(w->body.len, 2000);
    /* And the next one is held against the new list. */
    late.m.request_id = SP_VIEW_LITERAL("fedcba9876543210");
    llm_test_seal(w, &late);
    sp_executor_take(w->llm.executor, &late.m);
    cr_expect_eq(w->sent[w->sent_count - 1].id, SP_MSG_DENIAL);
    llm_test_end_call(&call);
    llm_test_end_call(&late);
    llm_world_stop(w);
    llm_world_free(&w);
}

Test(llm, refuses_what_only_a_start_can_change)
{
    static const struct {
        const char *text;
        const char *says;
    } rows[] = {
        { RELOADED("other", "http://127.0.0.1:1/v1", "m"),
          "llm.yaml:2: upstream.name cannot change" },
        { RELOADED("plain", "http://127.0.0.1:1/v1", "m"),
          "llm.yaml:4: upstream.url names another port" },
        { RELOADED("plain", "http://127.0.0.1:1/v1", ""), "llm.yaml:5" },
        { "", "llm.yaml" },
    };
    static char plain[] = "plain";
    struct llm_world *w = llm_world_new(NULL, 0);
    const struct llm_config *before = w->llm.config;

    w->llm.config->upstream.name = plain;
    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        char said[1024];

        cr_expect_eq(reload_text(w, rows[i].text, said), SP_ECONFIG);
        cr_expect_not_null(strstr(said, rows[i].says), "row %zu: %s", i, said);
        cr_expect_eq(w->llm.config, before);
    }
    llm_world_stop(w);
    llm_world_free(&w);
}
