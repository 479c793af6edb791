/* What captured stages, hostile clients and hostile upstreams can do to llm:
 * not much. */
#include "services/llm/llm.h"

#include "tests/support/llm_fixture.h"

#define OK_JSON "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"
#define OK_SSE "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
#define ANSWER "{\"choices\":[]}"
#define PIECE "{\"choices\":[{\"delta\":{\"content\":\"y\"}}]}"
#define EVENT(data) "data: " data "\n\n"
#define SECRET "sk-live-0123456789"

static const struct http_answer fine = { .text = OK_JSON ANSWER };

/* Gives the sealed call to llm, which must refuse it with `code`. */
static void
expect_refused(struct llm_world *w, struct llm_test_call *call,
               const char *code, const char *label)
{
    sp_executor_take(w->llm.executor, &call->m);
    cr_expect_eq(sp_executor_count(w->llm.executor), 0, "%s", label);
    cr_assert_eq(w->sent_count, 1, "%s", label);
    cr_expect_eq(w->sent[0].id, SP_MSG_DENIAL, "%s", label);
    cr_expect_eq(w->sent[0].status, 403, "%s", label);
    cr_expect_str_eq(w->sent[0].code, code, "%s", label);
    cr_expect_neq(w->events[0], '\0', "%s", label);
    llm_test_end_call(call);
    llm_world_stop(w);
    cr_expect_eq(w->server->connections, 0, "%s", label);
    llm_world_free(&w);
}

/* attack: a captured validation or ratelimit changes the call. */
Test(llm_attack, takes_only_the_call_that_auth_saw)
{
    static const char *const labels[] = { "body",     "path",    "method",
                                          "query",    "headers", "id",
                                          "passport", "none" };

    for (size_t i = 0; i < SP_COUNT(labels); i++) {
        struct llm_world *w = llm_world_new(&fine, 1);
        struct llm_test_call call = llm_test_chat("");
        struct sp_view *const parts[] = {
            &call.m.body,  &call.m.path,    &call.m.method,
            &call.m.query, &call.m.headers, &call.m.request_id,
        };

        llm_test_seal(w, &call);
        if (i < SP_COUNT(parts)) {
            *parts[i] = SP_VIEW_LITERAL("POST /v1/models ");
        } else if (i == 6) {
            call.passport.data[call.passport.len - 1] ^= 1;
        } else {
            call.m.passport = SP_VIEW_LITERAL("x");
        }
        expect_refused(w, &call, "passport_refused", labels[i]);
    }
}

Test(llm_attack, takes_no_passport_of_another_time)
{
    struct llm_world *w = llm_world_new(&fine, 1);
    struct llm_test_call call = llm_test_chat("");

    call.expires_ms = LLM_TEST_NOW_MS;
    llm_test_seal(w, &call);
    expect_refused(w, &call, "passport_expired", "expired");
}

/* attack: a captured stage sends a call again, to spend the provider's money.
 * Nothing in the message says that it is old but its id. */
Test(llm_attack, asks_once_for_a_call_that_is_sent_again)
{
    struct llm_world *w = llm_world_new(&fine, 1);
    struct llm_test_call call = llm_test_chat("");

    llm_test_seal(w, &call);
    sp_executor_take(w->llm.executor, &call.m);
    sp_loop_run(w->loop);
    for (size_t i = 0; i < 3; i++) {
        sp_executor_take(w->llm.executor, &call.m);
        cr_expect_eq(sp_executor_count(w->llm.executor), 0);
    }
    llm_test_end_call(&call);
    llm_world_stop(w);
    cr_expect_eq(w->server->connections, 1);
    cr_expect_null(llm_test_sent(w, SP_MSG_RESULT, 1));
    llm_world_free(&w);
}

/* attack: validation was captured and lets a caller without the right by. */
Test(llm_attack, checks_the_scope_itself)
{
    static const char *const scopes[] = { "",
                                          "llm",
                                          "llm:chats",
                                          "LLM:CHAT",
                                          "customer:read admin:manage",
                                          "xllm:chat" };

    for (size_t i = 0; i < SP_COUNT(scopes); i++) {
        struct llm_world *w = llm_world_new(&fine, 1);
        struct llm_test_call call = llm_test_chat("");

        call.scopes = scopes[i];
        llm_test_seal(w, &call);
        expect_refused(w, &call, "insufficient_scope", scopes[i]);
    }
}

static bool
says(const struct llm_world *w, const char *word)
{
    for (size_t i = 0; i < w->sent_count; i++) {
        if (strstr(w->sent[i].text, word) != NULL) {
            return true;
        }
    }
    return (w->body.len > 0 &&
            memmem(w->body.data, w->body.len, word, strlen(word)) != NULL) ||
           strstr(w->detail, word) != NULL;
}

/* attack: the upstream's error text names the operator's key. */
Test(llm_attack, passes_no_word_of_the_upstreams_errors)
{
    static const char *const answers[] = {
        "HTTP/1.1 401 U\r\n\r\n{\"error\":{\"message\":\"bad key " SECRET
        "\"}}",
        "HTTP/1.1 500 " SECRET "\r\n\r\n" SECRET,
        "HTTP/1.1 302 F\r\nLocation: http://127.0.0.1/" SECRET "\r\n\r\n",
        "HTTP/1.1 400 B\r\n\r\n{\"error\":{\"code\":\"" SECRET "\"}}",
        OK_JSON "{\"error\":\"" SECRET "\"}",
        OK_JSON "<html>" SECRET,
        OK_SSE EVENT("{\"error\":{\"message\":\"" SECRET "\"}}"),
        OK_SSE EVENT(PIECE) EVENT("{\"error\":{\"message\":\"" SECRET "\"}}"),
        OK_SSE EVENT(PIECE) EVENT("{\"broken\":\"" SECRET),
        OK_SSE EVENT(PIECE) "data: {\"cut\":\"" SECRET,
    };

    for (size_t i = 0; i < 2 * SP_COUNT(answers); i++) {
        const struct http_answer answer = { .text = answers[i / 2] };
        struct llm_world *w = llm_world_new(&answer, 1);
        struct llm_test_call call =
            llm_test_chat(i % 2 == 0 ? "" : ",\"stream\":true");

        llm_test_run(w, &call);
        llm_world_stop(w);
        cr_expect_not(says(w, SECRET), "%s", answer.text);
        cr_expect_not(says(w, "sk-upstream"), "%s", answer.text);
        cr_expect_str_eq(w->events, "model_failed ", "%s", answer.text);
        cr_expect_eq(w->llm.figures.failed, 1);
        llm_world_free(&w);
    }
}

/* attack: a stream is cut so that the client takes half an answer for all. */
Test(llm_attack, never_ends_a_broken_stream_as_if_it_were_whole)
{
    static const struct {
        const char *rest;
        const char *code;
    } rows[] = {
        { "", "upstream_cut" },
        { "data: {\"choices\":", "upstream_cut" },
        { EVENT("{\"choices\":1}"), "upstream_malformed" },
        { EVENT("{\"error\":\"x\"}"), "upstream_error" },
        { EVENT("done"), "upstream_malformed" },
        { EVENT("{\"choices\":[],\"choices\":[]}"), "upstream_malformed" },
    };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        char text[512];
        const struct http_answer answer = { .text = text };
        struct llm_world *w = NULL;
        struct llm_test_call call = llm_test_chat(",\"stream\":true");
        const char *tail = NULL;

        (void)snprintf(text, sizeof(text), "%s%s", OK_SSE EVENT(PIECE),
                       rows[i].rest);
        w = llm_world_new(&answer, 1);
        llm_test_run(w, &call);
        llm_world_stop(w);
        cr_assert(w->sent[w->sent_count - 1].last);
        (void)sp_buf_add(&w->body, "", 1);
        tail = strstr(w->body.data, "data: {\"error\":");
        cr_expect(tail != NULL && strstr(tail, rows[i].code) != NULL, "%s: %s",
                  rows[i].rest, w->body.data);
        cr_expect_null(strstr(w->body.data, "[DONE]"));
        llm_world_free(&w);
    }
}

/* attack: an answer, or one event, without end. */
Test(llm_attack, bounds_what_the_upstream_sends)
{
    static const struct {
        const char *head;
        const char *text;
        const char *more;
    } rows[] = {
        { OK_JSON, "                                                  ", "" },
        { OK_SSE, "::::::::::::::::::::::::::::::::::::::::::::::::::",
          ",\"stream\":true" },
        { OK_SSE, "data: a\ndata: b\ndata: c\ndata: d\ndata: e\n",
          ",\"stream\":true" },
        { OK_SSE, ": only comments, none of them long\n\n",
          ",\"stream\":true" },
    };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        const struct http_answer answer = { .head = rows[i].head,
                                            .text = rows[i].text,
                                            .repeat = 1000000 };
        struct llm_world *w = llm_world_new(&answer, 1);
        struct llm_test_call call = llm_test_chat(rows[i].more);

        llm_test_run(w, &call);
        llm_world_stop(w);
        cr_assert_eq(w->sent_count, 2, "%zu", i);
        cr_expect_str_eq(w->sent[1].code, "upstream_too_long", "%zu", i);
        llm_world_free(&w);
    }
}

/* attack: an upstream that accepts and says nothing. */
Test(llm_attack, gives_up_an_upstream_that_says_nothing)
{
    const struct http_answer answer = { .text = "", .hold = true };
    struct llm_world *w = llm_world_new(&answer, 1);
    struct llm_test_call call = llm_test_chat("");

    w->llm.config->times.idle_ms = 100;
    llm_test_run(w, &call);
    llm_world_stop(w);
    cr_assert_eq(w->sent_count, 2);
    cr_expect_eq(w->sent[1].status, 504);
    cr_expect_str_eq(w->sent[1].code, "upstream_timeout");
    llm_world_free(&w);
}

/* attack: an upstream that has said all, and holds the client all the same. */
Test(llm_attack, waits_for_nothing_behind_the_last_event)
{
    static const struct http_answer answers[] = {
        { .text = OK_SSE EVENT(PIECE) EVENT("[DONE]"), .hold = true },
        { .text = OK_SSE EVENT(PIECE) EVENT("[DONE]") "data: ", .hold = true },
        { .head = OK_SSE EVENT(PIECE) EVENT("[DONE]"),
          .text = ": and so on, and so on, and so on, and so on\n\n",
          .repeat = 100000000 },
        { .head = OK_SSE EVENT(PIECE) EVENT("[DONE]"),
          .text = "one line of more bytes than an event may have",
          .repeat = 100000 },
    };

    for (size_t i = 0; i < SP_COUNT(answers); i++) {
        struct llm_world *w = llm_world_new(&answers[i], 1);
        struct llm_test_call call = llm_test_chat(",\"stream\":true");

        /* What is not the rule would be the end by time, or none. */
        w->llm.config->times.idle_ms = 2 * LLM_TEST_PATIENCE_MS;
        w->llm.config->times.total_ms = 2 * LLM_TEST_PATIENCE_MS;
        w->llm.config->limits.stream_bytes = 0x7fffffff;
        call.m.deadline_ms = 2 * LLM_TEST_PATIENCE_MS;
        llm_test_run(w, &call);
        llm_world_stop(w);
        cr_expect(
            sp_view_is(sp_buf_view(&w->body), EVENT(PIECE) EVENT("[DONE]")),
            "%zu: %.*s", i, SP_VIEW(sp_buf_view(&w->body)));
        cr_expect(w->sent[w->sent_count - 1].last, "%zu", i);
        cr_expect_str_eq(w->events, "model_called ", "%zu", i);
        llm_world_free(&w);
    }
}

/* attack: a model name that is another field, line or path. */
Test(llm_attack, sends_no_request_that_the_client_shaped)
{
    static const char *const bodies[] = {
        "{\"model\":\"m\\r\\nX-Evil: 1\",\"messages\":[]}",
        "{\"model\":\"m\\u0000\",\"messages\":[]}",
        "{\"model\":\"../m\",\"messages\":[]}",
        "{\"model\":[\"m\"],\"messages\":[]}",
        "{\"model\":\"x\",\"model\":\"m\",\"messages\":[]}",
        "{\"model\":\"x\",\"mod\\u0065l\":\"m\",\"messages\":[]}",
        "{\"model\":\"m\",\"messages\":[]}{\"model\":\"x\"}",
    };

    for (size_t i = 0; i < SP_COUNT(bodies); i++) {
        struct llm_world *w = llm_world_new(&fine, 1);
        struct llm_test_call call =
            llm_test_call("POST", "/v1/chat/completions", bodies[i]);

        llm_test_run(w, &call);
        llm_world_stop(w);
        cr_expect_eq(w->sent[0].id, SP_MSG_DENIAL, "%s", bodies[i]);
        cr_expect_eq(w->server->connections, 0, "%s", bodies[i]);
        llm_world_free(&w);
    }
}
