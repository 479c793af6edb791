/* A request is owed an answer: sent, sent again within bounds, and never twice
 * where an executor has it. */
#include "common/text/headers.h"
#include "tests/support/edge_stage.h"

#define KEY "routekey"
#define OTHER_KEY "otherkey"

/* ----------------------------------------------------------------- sending */

Test(edge_pipeline, sends_what_the_client_sent)
{
    struct stage s;
    struct request *r = NULL;
    const struct sp_http_request *m = NULL;

    stage_open(&s);
    r = stage_request(&s, "/mcp");
    r->query = SP_VIEW_LITERAL("a=b");
    pipeline_send(r);
    cr_assert_eq(s.rt.count, 1);
    m = &s.rt.sent[0].request;
    cr_expect(sp_view_is(m->reply_to, "edge-0"));
    cr_expect(sp_view_is(m->address, "192.0.2.1"));
    cr_expect(sp_view_is(m->credentials, "authorization: Bearer x\n"));
    cr_expect(sp_view_is(m->headers, "accept: text/event-stream\n"));
    cr_expect(sp_view_is(m->method, "POST"));
    cr_expect(sp_view_is(m->path, "/mcp"));
    cr_expect(sp_view_is(m->query, "a=b"));
    cr_expect(sp_view_is(m->body, "{}"));
    cr_expect_eq(m->attempt, 0);
    cr_expect_eq(m->deadline_ms, STAGE_DEADLINE_MS);
    cr_expect_eq(m->credit, STAGE_WINDOW);
    cr_expect_eq(r->state, REQUEST_WAITING);
    stage_answer_whole(&s, r);
    pipeline_end(r);
    stage_close(&s);
}

Test(edge_pipeline, head_travels_as_get_and_each_class_has_its_deadline)
{
    static const struct {
        const char *path;
        unsigned method;
        const char *name;
        uint64_t deadline_ms;
    } rows[] = {
        { "/jwks", SP_METHOD_HEAD, "GET", 2000 },
        { "/v1/models", SP_METHOD_GET, "GET", 60000 },
        { "/mcp", SP_METHOD_DELETE, "DELETE", STAGE_DEADLINE_MS },
        { "/mcp", SP_METHOD_PUT, "PUT", STAGE_DEADLINE_MS },
        { "/mcp", SP_METHOD_OPTIONS, "OPTIONS", STAGE_DEADLINE_MS },
    };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct stage s;
        struct request *r = NULL;

        stage_open(&s);
        r = stage_request(&s, rows[i].path);
        r->method = rows[i].method;
        pipeline_send(r);
        cr_expect(sp_view_is(s.rt.sent[0].request.method, rows[i].name), "%s",
                  rows[i].path);
        cr_expect_eq(s.rt.sent[0].deadline_ms, rows[i].deadline_ms, "%s",
                     rows[i].path);
        stage_answer_whole(&s, r);
        pipeline_end(r);
        stage_close(&s);
    }
}

Test(edge_pipeline, answers_503_where_nobody_takes_it)
{
    static const struct {
        int error;
        const char *events;
    } rows[] = {
        { SP_ENOPEER, "request_unplaced 503 reason=no_peer\n" },
        { SP_EFULL, "request_unplaced 503 reason=full\n" },
    };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct stage s;
        struct request *r = NULL;

        stage_open(&s);
        s.rt.result = rows[i].error;
        r = stage_request(&s, "/mcp");
        pipeline_send(r);
        cr_expect_eq(r->state, REQUEST_ANSWERED);
        cr_expect_eq(r->status, 503);
        cr_expect_str_eq(stage_header(r, "Retry-After"), "1");
        cr_expect_str_eq(s.rt.events, rows[i].events);
        cr_expect_eq(s.edge.figures.unplaced, 1);
        cr_expect_eq(s.edge.body_bytes, 0, "the body is not kept");
        pipeline_end(r);
        stage_close(&s);
    }
}

Test(edge_pipeline, answers_503_beyond_its_table)
{
    struct stage s;
    struct request *requests[16];
    struct request *r = NULL;

    stage_open(&s);
    for (size_t i = 0; i < SP_COUNT(requests); i++) {
        requests[i] = stage_send(&s, "/mcp");
    }
    r = stage_request(&s, "/mcp");
    pipeline_send(r);
    cr_expect_eq(r->status, 503);
    cr_expect_str_eq(s.rt.events, "request_unplaced 503 reason=full\n");
    cr_expect_eq(s.rt.count, 16);
    pipeline_end(r);
    for (size_t i = 0; i < SP_COUNT(requests); i++) {
        stage_answer_whole(&s, requests[i]);
        pipeline_end(requests[i]);
    }
    stage_close(&s);
}

/* ----------------------------------------------------------------- answers */

Test(edge_pipeline, a_whole_answer_ends_it)
{
    struct stage s;
    struct request *r = NULL;

    stage_open(&s);
    r = stage_send(&s, "/mcp");
    stage_started(&s, r, SP_SERVICE_TOOLS, KEY);
    stage_answer_whole(&s, r);
    cr_expect_eq(r->state, REQUEST_ANSWERED);
    cr_expect_eq(r->status, 200);
    cr_expect_str_eq(stage_header(r, "Content-Type"), "application/json");
    cr_expect_str_eq(stage_header(r, "X-Content-Type-Options"), "nosniff");
    cr_expect_eq(s.client.resumed, 1);
    cr_expect_eq(request_table_count(s.edge.table), 0);
    stage_wait(&s, 2 * STAGE_DEADLINE_MS);
    pipeline_end(r);
    cr_expect_eq(s.rt.count, 1, "neither repeated nor cancelled");
    cr_expect_str_empty(s.rt.events);
    stage_close(&s);
}

static struct request *
answer_with(struct stage *s, const char *path, struct sp_view headers)
{
    struct request *r = NULL;
    struct sp_answer answer = { .last = true, .status = 200 };

    stage_open(s);
    r = stage_send(s, path);
    answer.request_id = stage_id(r);
    answer.headers = headers;
    stage_answer(s, &answer);
    return r;
}

/* Browsers post a form with "Origin: null" where the policy is no-referrer. */
Test(edge_pipeline, pages_bring_policies_of_their_own)
{
    static const struct {
        const char *path;
        const char *headers;
        const char *referrer;
        const char *security;
        const char *events;
    } rows[] = {
        { "/token", "referrer-policy: same-origin\n", "same-origin",
          "default-src 'none'; frame-ancestors 'none'", "" },
        { "/token", "content-security-policy: default-src 'self'\n",
          "no-referrer", "default-src 'self'", "" },
        { "/token", "referrer-policy: unsafe-url\n", "no-referrer",
          "default-src 'none'; frame-ancestors 'none'",
          "header_withheld 0 header=referrer-policy bytes=10\n" },
        { "/mcp", "referrer-policy: same-origin\n", "no-referrer",
          "default-src 'none'; frame-ancestors 'none'",
          "header_withheld 0 header=referrer-policy bytes=11\n" },
        { "/mcp", "content-security-policy: default-src *\n", "no-referrer",
          "default-src 'none'; frame-ancestors 'none'",
          "header_withheld 0 header=content-security-policy bytes=13\n" },
        { "/v1/models", "set-cookie: a=b\n", "no-referrer",
          "default-src 'none'; frame-ancestors 'none'",
          "header_withheld 0 header=set-cookie bytes=3\n" },
    };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct stage s;
        struct request *r =
            answer_with(&s, rows[i].path, sp_view_of(rows[i].headers));

        cr_expect_eq(r->status, 200);
        cr_expect_str_eq(stage_header(r, "Referrer-Policy"), rows[i].referrer,
                         "%s: %s", rows[i].path, rows[i].headers);
        cr_expect_str_eq(stage_header(r, "Content-Security-Policy"),
                         rows[i].security, "%s: %s", rows[i].path,
                         rows[i].headers);
        cr_expect_str_empty(stage_header(r, "Set-Cookie"));
        cr_expect_str_eq(s.rt.events, rows[i].events);
        pipeline_end(r);
        stage_close(&s);
    }
}

/* All that a message holds has its place: nothing is cut, nothing dropped. */
Test(edge_pipeline, the_longest_headers_are_kept_whole)
{
    struct sp_buf text = sp_buf_new(SP_MAX_HEADERS);
    static char value[SP_MAX_HEADERS];
    struct stage s;
    struct request *r = NULL;
    size_t lines = 0;

    memset(value, 'v', sizeof(value));
    cr_assert_eq(sp_headers_add(&text, SP_VIEW_LITERAL("location"),
                                sp_view_make(value, 20000)),
                 0);
    while (sp_buf_add_str(&text, "etag: \n") == 0) {
        lines++;
    }
    r = answer_with(&s, "/token", sp_buf_view(&text));
    cr_expect_eq(r->status, 200);
    cr_expect_eq(strlen(stage_header(r, "Location")), 20000);
    for (size_t i = 0; i + 4 < r->head.len; i++) {
        lines -= memcmp(r->head.data + i, "etag", 4) == 0 ? 1 : 0;
    }
    cr_expect_eq(lines, 0);
    cr_expect_str_eq(stage_header(r, "X-Frame-Options"), "DENY");
    pipeline_end(r);
    stage_close(&s);
    sp_buf_free(&text);
}

Test(edge_pipeline, a_header_that_cannot_be_sent_is_told)
{
    static const struct {
        const char *headers;
        const char *events;
    } rows[] = {
        { "content-type: a\nlocation: a\rb\n",
          "answer_refused 502 reason=header header=\"location\" bytes=13\n" },
        { "Location: /a\n",
          "answer_refused 502 reason=header header=\"Location\" bytes=12\n" },
        { "set-cookie: a=b",
          "answer_refused 502 reason=header header=\"set-cookie\" bytes=15\n" },
        { "\n", "answer_refused 502 reason=header header=\"\" bytes=0\n" },
    };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct stage s;
        struct request *r =
            answer_with(&s, "/token", sp_view_of(rows[i].headers));

        cr_expect_eq(r->status, 502);
        cr_expect_str_eq(s.rt.events, rows[i].events);
        cr_expect_str_empty(stage_header(r, "Location"));
        pipeline_end(r);
        stage_close(&s);
    }
}

Test(edge_pipeline, an_answer_without_started_will_do)
{
    struct stage s;
    struct request *r = NULL;

    stage_open(&s);
    r = stage_send(&s, "/token");
    stage_answer_whole(&s, r);
    cr_expect_eq(r->status, 200);
    pipeline_end(r);
    cr_expect_eq(s.rt.count, 1);
    stage_close(&s);
}

Test(edge_pipeline, a_late_answer_finds_nobody)
{
    struct stage s;
    struct request *r = NULL;
    unsigned char id[REQUEST_ID_LEN];
    struct sp_answer answer = { .last = true, .status = 200 };
    struct sp_msg m = { .from = SP_SERVICE_TOOLS };

    stage_open(&s);
    r = stage_send(&s, "/mcp");
    memcpy(id, r->entry.id, sizeof(id));
    stage_answer_whole(&s, r);
    stage_answer_whole(&s, r);
    cr_expect_eq(s.edge.figures.late, 1);
    pipeline_end(r);
    answer.request_id = sp_view_make(id, sizeof(id));
    stage_answer(&s, &answer);
    m.u.started = (struct sp_started){
        .request_id = sp_view_make(id, sizeof(id)),
        .executor = sp_view_of(KEY),
        .screen_by = SP_VIEW_LITERAL(STAGE_SCREEN),
    };
    wire_on_started(&s.edge, &m);
    m.u.denial = (struct sp_denial){ .request_id = sp_view_make(id, sizeof(id)),
                                     .status = 403 };
    wire_on_denial(&s.edge, &m);
    cr_expect_eq(s.edge.figures.late, 4);
    cr_expect_eq(s.client.resumed, 1);
    cr_expect_eq(s.rt.count, 2);
    stage_expect_cancel(&s, SP_SERVICE_TOOLS, KEY); /* it works for nobody */
    stage_close(&s);
}

Test(edge_pipeline, a_damaged_answer_is_a_502)
{
    static const struct {
        const char *label;
        uint64_t seq;
        uint64_t status;
        const char *events;
    } rows[] = {
        { "first part missing", 1, 200,
          "answer_refused 502 reason=first_part_missing\n" },
        { "no status", 0, 0, "answer_refused 502 reason=status\n" },
        { "an interim status", 0, 101, "answer_refused 502 reason=status\n" },
        { "no status of HTTP", 0, 600, "answer_refused 502 reason=status\n" },
    };

    for (size_t i = 0; i < 2 * SP_COUNT(rows); i++) {
        bool started = i % 2 != 0;
        struct sp_answer answer = { .seq = rows[i / 2].seq,
                                    .status = rows[i / 2].status,
                                    .last = true };
        struct stage s;
        struct request *r = NULL;

        stage_open(&s);
        r = stage_send(&s, "/mcp");
        if (started) {
            stage_started(&s, r, SP_SERVICE_TOOLS, KEY);
        }
        answer.request_id = stage_id(r);
        stage_answer(&s, &answer);
        cr_expect_eq(r->status, 502, "%s", rows[i / 2].label);
        cr_expect_str_eq(s.rt.events, rows[i / 2].events);
        cr_expect_eq(stage_count(&s, SP_MSG_CANCEL), started ? 1 : 0);
        pipeline_end(r);
        stage_close(&s);
    }
}

/* ----------------------------------------------------------------- denials */

Test(edge_pipeline, a_denial_is_told_in_its_words)
{
    char code[64];
    char text[256];
    struct sp_denial denial = { .status = 429,
                                .code = sp_view_make(code, sizeof(code)),
                                .text = sp_view_make(text, sizeof(text)),
                                .rpc_id = SP_VIEW_LITERAL("7"),
                                .retry_after_s = 12 };
    struct stage s;
    struct request *r = NULL;

    /* As long as the schema lets them be. */
    memset(code, 'c', sizeof(code));
    memset(text, 't', sizeof(text));
    stage_open(&s);
    r = stage_send(&s, "/mcp");
    stage_deny(&s, r, &denial);
    cr_expect_eq(r->status, 429);
    cr_expect_str_eq(stage_header(r, "Retry-After"), "12");
    cr_expect_eq(s.client.resumed, 1);
    stage_deny(&s, r, &denial);
    cr_expect_eq(s.edge.figures.late, 1);
    stage_wait(&s, 2 * STAGE_DEADLINE_MS);
    cr_expect_eq(s.rt.count, 1);
    pipeline_end(r);
    stage_close(&s);
}

/* -------------------------------------------------------- silence, deadline */

Test(edge_pipeline, silence_is_repeated_until_the_attempts_are_used_up)
{
    static const struct {
        int64_t at_ms;
        uint64_t attempt;
    } want[] = { { 0, 0 }, { 250, 1 }, { 250 + 500, 2 } };
    struct stage s;
    struct request *r = NULL;

    stage_open(&s);
    r = stage_send(&s, "/mcp");
    stage_wait(&s, STAGE_DEADLINE_MS - 1);
    cr_assert_eq(s.rt.count, SP_COUNT(want));
    for (size_t i = 0; i < SP_COUNT(want); i++) {
        const struct sent *sent = &s.rt.sent[i];

        cr_expect_eq(sent->at_ms - STAGE_START_MS, want[i].at_ms, "%zu", i);
        cr_expect_eq(sent->attempt, want[i].attempt, "%zu", i);
        cr_expect_eq(sent->deadline_ms,
                     (uint64_t)(STAGE_DEADLINE_MS - want[i].at_ms), "%zu", i);
        cr_expect_arr_eq(sent->request_id, r->entry.id, REQUEST_ID_LEN);
    }
    cr_expect_eq(s.edge.figures.repeated, 2);
    cr_expect_eq(r->state, REQUEST_WAITING);
    stage_wait(&s, 1);
    cr_expect_eq(r->status, 504);
    cr_expect_str_eq(s.rt.events, "deadline_exceeded 504 started=no\n");
    cr_expect_eq(s.edge.figures.deadlines, 1);
    cr_expect_eq(s.client.resumed, 1);
    pipeline_end(r);
    cr_expect_eq(stage_count(&s, SP_MSG_CANCEL), 0, "nobody to tell");
    stage_close(&s);
}

Test(edge_pipeline, a_repeated_request_may_still_be_answered)
{
    struct stage s;
    struct request *r = NULL;

    stage_open(&s);
    r = stage_send(&s, "/mcp");
    stage_wait(&s, 300);
    stage_answer_whole(&s, r);
    cr_expect_eq(r->status, 200);
    pipeline_end(r);
    stage_wait(&s, 1000);
    cr_expect_eq(s.rt.count, 2);
    stage_close(&s);
}

Test(edge_pipeline, started_ends_the_repetitions)
{
    struct stage s;
    struct request *r = NULL;

    stage_open(&s);
    r = stage_send(&s, "/mcp");
    stage_wait(&s, 249);
    stage_started(&s, r, SP_SERVICE_TOOLS, KEY);
    stage_wait(&s, STAGE_DEADLINE_MS - 250);
    cr_expect_eq(s.rt.count, 1);
    stage_wait(&s, 1);
    cr_expect_eq(r->status, 504);
    cr_expect_str_eq(s.rt.events, "deadline_exceeded 504 started=yes\n");
    cr_expect_eq(s.rt.count, 2);
    stage_expect_cancel(&s, SP_SERVICE_TOOLS, KEY);
    pipeline_end(r);
    cr_expect_eq(s.rt.count, 2, "cancelled once");
    stage_close(&s);
}

/* Ten requests at once earn two repetitions. */
Test(edge_pipeline, of_all_requests_only_some_are_repeated)
{
    const struct retry_config tight = {
        .floor_ms = 250, .factor = 4, .attempts = 3, .percent = 20
    };
    struct stage s;
    struct request *requests[10];

    stage_open(&s);
    retry_begin(&s.edge.retry, &tight, STAGE_START_MS);
    for (size_t i = 0; i < SP_COUNT(requests); i++) {
        requests[i] = stage_send(&s, "/mcp");
    }
    stage_wait(&s, STAGE_DEADLINE_MS - 1);
    cr_expect_eq(s.rt.count, SP_COUNT(requests) + 2);
    cr_expect_eq(s.edge.figures.repeated, 2);
    cr_expect_gt(s.edge.retry.withheld, 0);
    stage_wait(&s, 1);
    for (size_t i = 0; i < SP_COUNT(requests); i++) {
        cr_expect_eq(requests[i]->status, 504, "%zu", i);
        pipeline_end(requests[i]);
    }
    stage_close(&s);
}

Test(edge_pipeline, what_the_budget_withheld_is_asked_for_again)
{
    const struct retry_config tight = {
        .floor_ms = 250, .factor = 4, .attempts = 3, .percent = 100
    };
    struct stage s;
    struct request *r = NULL;
    struct request *other = NULL;

    stage_open(&s);
    retry_begin(&s.edge.retry, &tight, STAGE_START_MS);
    r = stage_send(&s, "/mcp");
    s.edge.retry.tokens = 0;
    stage_wait(&s, 260);
    cr_expect_eq(s.rt.count, 1);
    other = stage_send(&s, "/mcp");
    stage_answer_whole(&s, other);
    pipeline_end(other);
    stage_wait(&s, 240);
    cr_expect_eq(s.rt.count, 3);
    cr_expect_eq(stage_last(&s)->attempt, 1);
    stage_answer_whole(&s, r);
    pipeline_end(r);
    stage_close(&s);
}

/* A repetition that finds nobody is no attempt, costs nothing, and is tried
 * until somebody comes. */
Test(edge_pipeline, a_repetition_that_nobody_takes_is_tried_on)
{
    struct stage s;
    struct request *r = NULL;

    stage_open(&s);
    r = stage_send(&s, "/mcp");
    s.rt.result = SP_EFULL;
    stage_wait(&s, 5000);
    cr_expect_eq(s.rt.count, 1);
    cr_expect_eq(r->state, REQUEST_WAITING);
    s.rt.result = 0;
    stage_wait(&s, 250);
    cr_expect_eq(s.rt.count, 2);
    cr_expect_eq(stage_last(&s)->attempt, 1);
    cr_expect_eq(s.edge.retry.repeated, 1);
    stage_started(&s, r, SP_SERVICE_TOOLS, KEY);
    stage_answer_whole(&s, r);
    pipeline_end(r);
    stage_close(&s);
}

Test(edge_pipeline, while_nobody_takes_it_the_deadline_stands)
{
    struct stage s;
    struct request *r = NULL;

    stage_open(&s);
    r = stage_send(&s, "/mcp");
    s.rt.result = SP_ENOPEER;
    stage_wait(&s, STAGE_DEADLINE_MS);
    cr_expect_eq(r->status, 504);
    pipeline_end(r);
    stage_close(&s);
}

/* -------------------------------------------------------------- lost peers */

/* Who has the request decides what a loss means for it. */
Test(edge_pipeline, a_loss_repeats_what_the_lost_one_may_have_held)
{
    static const struct {
        const char *label;
        const char *path;
        bool started;
        enum sp_service_id executor;
        enum sp_service_id lost;
        const char *name; /* of the lost replica */
        bool repeated;
    } rows[] = {
        { "nobody has it", "/mcp", false, 0, SP_SERVICE_AUTH, "a", true },
        { "nobody has it", "/mcp", false, 0, SP_SERVICE_VALIDATION,
          STAGE_SCREEN, true },
        { "nobody has it", "/mcp", false, 0, SP_SERVICE_RATELIMIT, "a", true },
        { "nobody has it", "/mcp", false, 0, SP_SERVICE_LLM, KEY, true },
        { "tools has it", "/mcp", true, SP_SERVICE_TOOLS, SP_SERVICE_AUTH, KEY,
          false },
        { "tools has it", "/mcp", true, SP_SERVICE_TOOLS, SP_SERVICE_RATELIMIT,
          KEY, false },
        { "tools has it", "/mcp", true, SP_SERVICE_TOOLS, SP_SERVICE_LLM, KEY,
          false },
        { "another tools is lost", "/mcp", true, SP_SERVICE_TOOLS,
          SP_SERVICE_TOOLS, OTHER_KEY, false },
        { "tools is lost", "/mcp", true, SP_SERVICE_TOOLS, SP_SERVICE_TOOLS,
          KEY, true },
        { "another screen is lost", "/mcp", true, SP_SERVICE_TOOLS,
          SP_SERVICE_VALIDATION, OTHER_KEY, false },
        { "the result is lost", "/mcp", true, SP_SERVICE_TOOLS,
          SP_SERVICE_VALIDATION, STAGE_SCREEN, true },
        { "a model's answer is lost", "/v1/models", true, SP_SERVICE_LLM,
          SP_SERVICE_VALIDATION, STAGE_SCREEN, true },
        { "a model has it", "/v1/models", true, SP_SERVICE_LLM,
          SP_SERVICE_RATELIMIT, KEY, false },
        { "the model is lost", "/v1/models", true, SP_SERVICE_LLM,
          SP_SERVICE_LLM, KEY, true },
    };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct stage s;
        struct request *r = NULL;

        stage_open(&s);
        r = stage_send(&s, rows[i].path);
        if (rows[i].started) {
            stage_started(&s, r, rows[i].executor, KEY);
        }
        stage_lost_replica(&s, rows[i].lost, rows[i].name);
        cr_expect_eq(s.rt.count, rows[i].repeated ? 2 : 1, "%s: %s lost",
                     rows[i].label, sp_service_name(rows[i].lost));
        cr_expect_eq(stage_last(&s)->id, SP_MSG_HTTP_REQUEST);
        cr_expect_eq(stage_last(&s)->attempt, rows[i].repeated ? 1 : 0);
        cr_expect_eq(r->started, rows[i].started && !rows[i].repeated, "%s",
                     rows[i].label);
        stage_answer_whole(&s, r);
        pipeline_end(r);
        stage_close(&s);
    }
}

/* A repetition goes to the replica that has the call; one that is lost is not
 * looked for. */
Test(edge_pipeline, a_repetition_names_the_executor_that_has_it)
{
    static const struct {
        enum sp_service_id lost;
        const char *name;
        const char *executor;
    } rows[] = {
        { SP_SERVICE_VALIDATION, STAGE_SCREEN, KEY },
        { SP_SERVICE_TOOLS, KEY, "" },
    };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct stage s;
        struct request *r = NULL;

        stage_open(&s);
        r = stage_send(&s, "/mcp");
        cr_expect_str_empty(stage_last(&s)->executor);
        stage_started(&s, r, SP_SERVICE_TOOLS, KEY);
        stage_lost_replica(&s, rows[i].lost, rows[i].name);
        cr_expect_eq(stage_last(&s)->attempt, 1);
        cr_expect_str_eq(stage_last(&s)->executor, rows[i].executor);
        stage_answer_whole(&s, r);
        pipeline_end(r);
        stage_close(&s);
    }
}

/* What may not run again is not sent again: its outcome is not known. */
Test(edge_pipeline, what_cannot_be_repeated_is_told_as_lost)
{
    const struct sp_started started = {
        .executor = SP_VIEW_LITERAL(KEY),
        .screen_by = SP_VIEW_LITERAL(STAGE_SCREEN),
    };
    struct stage s;
    struct request *r = NULL;

    stage_open(&s);
    r = stage_send(&s, "/mcp");
    stage_started_as(&s, r, SP_SERVICE_TOOLS, &started);
    stage_lost_replica(&s, SP_SERVICE_TOOLS, OTHER_KEY);
    cr_expect_eq(r->state, REQUEST_WAITING);
    stage_lost_replica(&s, SP_SERVICE_TOOLS, KEY);
    cr_expect_eq(r->status, 502);
    cr_expect_eq(stage_count(&s, SP_MSG_HTTP_REQUEST), 1);
    cr_expect_str_eq(s.rt.events, "answer_lost 502 reason=executor_lost\n");
    pipeline_end(r);
    stage_close(&s);
}

/* A stage that waits on purpose is left alone, until it is lost itself. */
Test(edge_pipeline, what_is_in_hand_is_not_repeated)
{
    struct stage s;
    struct request *r = NULL;
    struct sp_msg m = {
        .id = SP_MSG_IN_HAND,
        .from = SP_SERVICE_AUTH,
        .u.in_hand = { .holder = SP_VIEW_LITERAL("auth-1"), .wait_ms = 1500 },
    };

    stage_open(&s);
    r = stage_send(&s, "/mcp");
    m.u.in_hand.request_id = stage_id(r);
    wire_on_in_hand(&s.edge, &m);
    stage_wait(&s, 1499);
    stage_lost_replica(&s, SP_SERVICE_AUTH, "auth-2");
    stage_lost_replica(&s, SP_SERVICE_RATELIMIT, "auth-1");
    cr_expect_eq(s.rt.count, 1);
    stage_lost_replica(&s, SP_SERVICE_AUTH, "auth-1");
    cr_expect_eq(s.rt.count, 2);
    wire_on_in_hand(&s.edge, &m);
    stage_wait(&s, 1499);
    cr_expect_eq(s.rt.count, 2);
    stage_wait(&s, 1);
    cr_expect_eq(s.rt.count, 3, "it said how long it waits");
    stage_answer_whole(&s, r);
    pipeline_end(r);
    stage_close(&s);
}

/* The validation replica that examined a request must not wait for an answer
 * that will not come. */
Test(edge_pipeline, what_was_refused_elsewhere_is_forgotten)
{
    struct sp_denial denial = { .status = 403,
                                .screen_by = SP_VIEW_LITERAL(STAGE_SCREEN),
                                .code = SP_VIEW_LITERAL("no"),
                                .text = SP_VIEW_LITERAL("No.") };
    struct sp_msg limit = {
        .id = SP_MSG_ANSWER,
        .from = SP_SERVICE_RATELIMIT,
        .u.answer = { .last = true,
                      .status = 429,
                      .screen_by = SP_VIEW_LITERAL(STAGE_SCREEN) },
    };

    for (int i = 0; i < 3; i++) {
        struct stage s;
        struct request *r = NULL;

        stage_open(&s);
        r = stage_send(&s, "/mcp");
        if (i == 0) {
            stage_deny(&s, r, &denial);
        } else if (i == 1) {
            limit.u.answer.request_id = stage_id(r);
            wire_on_answer(&s.edge, &limit);
        } else {
            stage_started(&s, r, SP_SERVICE_TOOLS, KEY);
            stage_started_as(&s, r, SP_SERVICE_TOOLS,
                             &(struct sp_started){
                                 .executor = SP_VIEW_LITERAL(KEY),
                                 .screen_by = SP_VIEW_LITERAL("screen-8") });
        }
        cr_assert_eq(s.rt.count, 2, "%d", i);
        stage_expect_cancel(&s, SP_SERVICE_TOOLS, "");
        stage_answer_whole(&s, r);
        pipeline_end(r);
        stage_close(&s);
    }
}

/* ------------------------------------------- refusals of some of several */

/* "Try again" of a stage, for this sending. */
static void
refuse_sending(struct stage *s, struct request *r, enum sp_service_id from,
               uint64_t attempt)
{
    const struct sp_msg m = {
        .id = SP_MSG_ANSWER,
        .from = from,
        .u.answer = { .request_id = stage_id(r),
                      .attempt = attempt,
                      .last = true,
                      .status = 503,
                      .headers = SP_VIEW_LITERAL("retry-after: 1\n"),
                      .body = SP_VIEW_LITERAL("{}") },
    };

    wire_on_answer(&s->edge, &m);
}

static const enum sp_service_id refusers[] = {
    SP_SERVICE_AUTH,
    SP_SERVICE_VALIDATION,
    SP_SERVICE_RATELIMIT,
};

/* attack: the client would do again what the first sending may do. */
Test(edge_pipeline, a_repetition_that_is_refused_is_tried_again)
{
    for (size_t i = 0; i < SP_COUNT(refusers); i++) {
        struct stage s;
        struct request *r = NULL;

        stage_open(&s);
        r = stage_send(&s, "/mcp");
        stage_wait(&s, 250);
        refuse_sending(&s, r, refusers[i], 1);
        cr_assert_eq(r->state, REQUEST_WAITING);
        stage_wait(&s, 999);
        cr_assert_eq(stage_count(&s, SP_MSG_HTTP_REQUEST), 2);
        stage_wait(&s, 1);
        cr_assert_eq(stage_last(&s)->attempt, 1);
        stage_answer_whole(&s, r);
        cr_assert_eq(r->status, 200);
        pipeline_end(r);
        stage_close(&s);
    }
}

Test(edge_pipeline, where_trying_again_does_not_help_the_outcome_is_unknown)
{
    struct stage s;
    struct request *r = NULL;

    stage_open(&s);
    r = stage_send(&s, "/mcp");
    stage_wait(&s, 250);
    for (int i = 0; i < 6; i++) {
        cr_assert_eq(r->state, REQUEST_WAITING);
        refuse_sending(&s, r, SP_SERVICE_RATELIMIT, 1);
        stage_wait(&s, 1000);
    }
    cr_expect_eq(r->status, 502);
    cr_expect_str_eq(stage_header(r, "Retry-After"), "");
    cr_expect_str_eq(s.rt.events, "outcome_unknown 502 reason=refused\n");
    pipeline_end(r);
    stage_close(&s);
}

Test(edge_pipeline, what_was_refused_at_every_sending_was_not_done)
{
    struct stage s;
    struct request *r = NULL;

    stage_open(&s);
    r = stage_send(&s, "/mcp");
    stage_wait(&s, 250);
    refuse_sending(&s, r, SP_SERVICE_RATELIMIT, 0);
    /* attack: one that never was. */
    refuse_sending(&s, r, SP_SERVICE_RATELIMIT, 7);
    cr_assert_eq(r->state, REQUEST_WAITING);
    refuse_sending(&s, r, SP_SERVICE_AUTH, 1);
    cr_expect_eq(r->status, 503);
    cr_expect_str_eq(stage_header(r, "Retry-After"), "1");
    pipeline_end(r);
    stage_close(&s);
}

Test(edge_pipeline, what_is_in_hand_is_refused_by_nobody_else)
{
    const struct sp_denial denial = { .attempt = 1,
                                      .status = 403,
                                      .screen_by =
                                          SP_VIEW_LITERAL(STAGE_SCREEN),
                                      .code = SP_VIEW_LITERAL("no"),
                                      .text = SP_VIEW_LITERAL("No.") };

    for (size_t i = 0; i <= SP_COUNT(refusers); i++) {
        struct stage s;
        struct request *r = NULL;

        stage_open(&s);
        r = stage_send(&s, "/mcp");
        stage_wait(&s, 250);
        stage_started(&s, r, SP_SERVICE_TOOLS, KEY);
        if (i < SP_COUNT(refusers)) {
            refuse_sending(&s, r, refusers[i], 1);
        } else {
            stage_deny(&s, r, &denial);
        }
        cr_assert_eq(r->state, REQUEST_WAITING);
        cr_assert_eq(stage_count(&s, SP_MSG_CANCEL), 0, "both by one screen");
        stage_answer_whole(&s, r);
        cr_assert_eq(r->status, 200);
        pipeline_end(r);
        stage_close(&s);
    }
}

/* ------------------------------------------------- who has a say in what */

/* attack: the monitor learns the ids of requests by events, and each executor
 * may say that a validation replica is lost. */
Test(edge_pipeline, an_executor_has_no_say_in_the_calls_of_another)
{
    const struct sp_denial denial = { .status = 403,
                                      .code = SP_VIEW_LITERAL("no"),
                                      .text = SP_VIEW_LITERAL("No.") };
    const struct {
        enum sp_service_id from;
        enum sp_service_id lost;
    } rows[] = {
        { SP_SERVICE_MONITOR, SP_SERVICE_VALIDATION },
        { SP_SERVICE_MONITOR, SP_SERVICE_TOOLS },
        { SP_SERVICE_LLM, SP_SERVICE_VALIDATION },
        { SP_SERVICE_TOOLS, SP_SERVICE_TOOLS },
        { SP_SERVICE_VALIDATION, SP_SERVICE_TOOLS },
        { SP_SERVICE_RATELIMIT, SP_SERVICE_VALIDATION },
        { SP_SERVICE_AUTH, SP_SERVICE_TOOLS },
    };
    struct stage s;
    struct request *r = NULL;
    struct sp_msg m = { .id = SP_MSG_DENIAL,
                        .from = SP_SERVICE_MONITOR,
                        .u.denial = denial };

    stage_open(&s);
    r = stage_send(&s, "/mcp");
    m.u.denial.request_id = stage_id(r);
    wire_on_denial(&s.edge, &m);
    stage_started(&s, r, SP_SERVICE_MONITOR, "0");
    cr_assert_not(r->started);
    stage_started(&s, r, SP_SERVICE_TOOLS, KEY);
    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        m = (struct sp_msg){ .id = SP_MSG_PEER_LOST, .from = rows[i].from };
        m.u.peer_lost.service = (uint64_t)rows[i].lost;
        m.u.peer_lost.name = rows[i].lost == SP_SERVICE_TOOLS
                                 ? sp_view_of(KEY)
                                 : SP_VIEW_LITERAL(STAGE_SCREEN);
        wire_on_peer_lost(&s.edge, &m);
        cr_assert_eq(s.rt.count, 1, "%zu", i);
    }
    cr_assert_eq(r->state, REQUEST_WAITING);
    m.from = SP_SERVICE_TOOLS;
    wire_on_peer_lost(&s.edge, &m);
    stage_answer_whole(&s, r);
    pipeline_end(r);
    stage_close(&s);
}

/* attack: a captured ratelimit that makes up what a tool says. */
Test(edge_pipeline, ratelimit_can_only_refuse)
{
    static const struct {
        uint64_t status;
        uint64_t seq;
        bool last;
    } rows[] = { { 200, 0, true }, { 429, 0, false }, { 429, 1, true } };
    struct stage s;
    struct request *r = NULL;

    stage_open(&s);
    r = stage_send(&s, "/mcp");
    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        const struct sp_msg m = { .id = SP_MSG_ANSWER,
                                  .from = SP_SERVICE_RATELIMIT,
                                  .u.answer = { .request_id = stage_id(r),
                                                .seq = rows[i].seq,
                                                .last = rows[i].last,
                                                .status = rows[i].status } };

        wire_on_answer(&s.edge, &m);
        cr_assert_eq(r->state, REQUEST_WAITING, "%zu", i);
    }
    stage_answer_whole(&s, r);
    pipeline_end(r);
    stage_close(&s);
}

/* At once, and without a budget: the loss is known, not guessed. */
Test(edge_pipeline, a_loss_needs_no_budget)
{
    const struct retry_config none = { .floor_ms = 250,
                                       .factor = 4,
                                       .attempts = 1 };
    struct stage s;
    struct request *r = NULL;

    stage_open(&s);
    retry_begin(&s.edge.retry, &none, STAGE_START_MS);
    r = stage_send(&s, "/mcp");
    stage_wait(&s, 5000);
    cr_expect_eq(s.rt.count, 1);
    stage_lost(&s, SP_SERVICE_RATELIMIT);
    cr_expect_eq(s.rt.count, 2);
    stage_answer_whole(&s, r);
    pipeline_end(r);
    stage_close(&s);
}

Test(edge_pipeline, after_a_loss_the_new_executor_counts)
{
    struct stage s;
    struct request *r = NULL;

    stage_open(&s);
    r = stage_send(&s, "/mcp");
    stage_started(&s, r, SP_SERVICE_TOOLS, KEY);
    stage_lost_replica(&s, SP_SERVICE_TOOLS, KEY);
    stage_started(&s, r, SP_SERVICE_TOOLS, OTHER_KEY);
    stage_wait(&s, STAGE_DEADLINE_MS);
    cr_expect_eq(s.rt.count, 3);
    stage_expect_cancel(&s, SP_SERVICE_TOOLS, OTHER_KEY);
    pipeline_end(r);
    stage_close(&s);
}

/* attack: a captured stage reports losses without end. The schema's attempt
 * ends at 15, and the deadline stands. */
Test(edge_pipeline, losses_are_believed_so_often)
{
    struct stage s;
    struct request *r = NULL;

    stage_open(&s);
    r = stage_send(&s, "/mcp");
    for (int i = 0; i < 100; i++) {
        stage_lost(&s, SP_SERVICE_TOOLS);
        stage_wait(&s, 1);
    }
    cr_expect_eq(s.rt.count, RETRY_MAX_ATTEMPTS);
    cr_expect_eq(stage_last(&s)->attempt, RETRY_MAX_ATTEMPTS - 1);
    stage_wait(&s, STAGE_DEADLINE_MS);
    cr_expect_eq(s.rt.count, RETRY_MAX_ATTEMPTS);
    cr_expect_eq(r->status, 504);
    pipeline_end(r);
    stage_close(&s);
}

/* The last attempt found nobody: it has not been made, and must not be the end
 * of the clock either. */
Test(edge_pipeline, the_last_attempt_may_wait_for_a_peer)
{
    for (int comes = 0; comes < 2; comes++) {
        struct stage s;
        struct request *r = NULL;

        stage_open(&s);
        r = stage_send(&s, "/mcp");
        for (int i = 0; i < RETRY_MAX_ATTEMPTS - 2; i++) {
            stage_lost(&s, SP_SERVICE_TOOLS);
        }
        cr_assert_eq(stage_last(&s)->attempt, RETRY_MAX_ATTEMPTS - 2);
        s.rt.result = SP_ENOPEER;
        stage_lost(&s, SP_SERVICE_TOOLS);
        stage_wait(&s, 1000);
        cr_assert_eq(s.rt.count, RETRY_MAX_ATTEMPTS - 1);
        if (comes == 1) {
            s.rt.result = 0;
            wire_peer(&s.edge, SP_SERVICE_AUTH, sp_view_of("a"), true);
            cr_expect_eq(s.rt.count, RETRY_MAX_ATTEMPTS);
            cr_expect_eq(stage_last(&s)->attempt, RETRY_MAX_ATTEMPTS - 1);
        }
        stage_wait(&s, STAGE_DEADLINE_MS);
        cr_assert_eq(r->state, REQUEST_ANSWERED, "no request ends in silence");
        cr_expect_eq(r->status, 504);
        pipeline_end(r);
        stage_close(&s);
    }
}

Test(edge_pipeline, a_service_that_is_none_is_not_lost)
{
    struct stage s;
    struct request *r = NULL;

    stage_open(&s);
    r = stage_send(&s, "/mcp");
    stage_lost(&s, SP_SERVICE_COUNT);
    stage_lost(&s, 255);
    cr_expect_eq(s.rt.count, 1);
    stage_answer_whole(&s, r);
    pipeline_end(r);
    stage_close(&s);
}

Test(edge_pipeline, auth_goes_and_comes_back)
{
    struct stage s;
    struct request *waiting = NULL;
    struct request *started = NULL;

    stage_open(&s);
    waiting = stage_send(&s, "/mcp");
    started = stage_send(&s, "/mcp");
    stage_started(&s, started, SP_SERVICE_TOOLS, KEY);
    s.rt.result = SP_ENOPEER;
    wire_peer(&s.edge, SP_SERVICE_AUTH, sp_view_of("a"), false);
    cr_expect_eq(s.rt.count, 2);
    s.rt.result = 0;
    wire_peer(&s.edge, SP_SERVICE_MONITOR, sp_view_of("a"), true);
    cr_expect_eq(s.rt.count, 2, "the monitor takes no requests");
    wire_peer(&s.edge, SP_SERVICE_AUTH, sp_view_of("a"), true);
    cr_expect_eq(s.rt.count, 3);
    cr_expect_eq(stage_last(&s)->attempt, 1);
    cr_expect_arr_eq(stage_last(&s)->request_id, waiting->entry.id,
                     REQUEST_ID_LEN);
    wire_peer(&s.edge, SP_SERVICE_AUTH, sp_view_of("a"), true);
    cr_expect_eq(s.rt.count, 3, "sent once");
    stage_answer_whole(&s, waiting);
    stage_answer_whole(&s, started);
    pipeline_end(waiting);
    pipeline_end(started);
    stage_close(&s);
}

/* -------------------------------------------------------- clients that go */

Test(edge_pipeline, a_client_that_goes_cancels_what_runs)
{
    struct stage s;
    struct request *r = NULL;

    stage_open(&s);
    r = stage_send(&s, "/mcp");
    stage_started(&s, r, SP_SERVICE_TOOLS, KEY);
    pipeline_end(r);
    cr_expect_eq(s.rt.count, 2);
    stage_expect_cancel(&s, SP_SERVICE_TOOLS, KEY);
    cr_expect_eq(s.edge.figures.cancelled, 1);
    stage_close(&s);
}

/* Where no executor has shown, there is nobody to tell; once one shows, it is
 * told. Meanwhile the body is not kept, and nothing is repeated. */
Test(edge_pipeline, a_deserted_request_is_cancelled_when_it_shows)
{
    struct stage s;
    struct request *r = NULL;

    stage_open(&s);
    r = stage_send(&s, "/mcp");
    pipeline_end(r);
    cr_expect_eq(s.edge.serving, 0);
    cr_expect_eq(s.edge.body_bytes, 0);
    stage_lost(&s, SP_SERVICE_TOOLS);
    wire_peer(&s.edge, SP_SERVICE_AUTH, sp_view_of("a"), false);
    wire_peer(&s.edge, SP_SERVICE_AUTH, sp_view_of("a"), true);
    stage_wait(&s, 1000);
    cr_expect_eq(s.rt.count, 1);
    stage_started(&s, r, SP_SERVICE_TOOLS, KEY);
    cr_expect_eq(s.rt.count, 2);
    stage_expect_cancel(&s, SP_SERVICE_TOOLS, KEY);
    stage_close(&s);
}

Test(edge_pipeline, a_deserted_request_ends_with_whatever_comes)
{
    static const char *const rows[] = { "answer", "denial", "deadline" };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        const struct sp_denial denial = { .status = 403,
                                          .code = SP_VIEW_LITERAL("no"),
                                          .text = SP_VIEW_LITERAL("No.") };
        struct stage s;
        struct request *r = NULL;

        stage_open(&s);
        r = stage_send(&s, "/mcp");
        pipeline_end(r);
        if (i == 0) {
            stage_answer_whole(&s, r);
        } else if (i == 1) {
            stage_deny(&s, r, &denial);
        } else {
            stage_wait(&s, STAGE_DEADLINE_MS);
        }
        cr_expect_eq(s.rt.count, 1, "%s", rows[i]);
        cr_expect_eq(s.client.resumed, 0, "%s", rows[i]);
        cr_expect_str_empty(s.rt.events, "%s", rows[i]);
        stage_close(&s);
    }
}

/* ---------------------------------------------------------- the usual time */

/* The time to the first sign is learned from the first sign. That of a request
 * which ran for long, was lost and ran again says nothing. */
Test(edge_pipeline, the_usual_time_is_learned_once_per_request)
{
    struct stage s;
    struct request *r = NULL;
    int64_t usual_us = 0;

    stage_open(&s);
    r = stage_send(&s, "/mcp");
    r->sent_us -= 100000;
    stage_started(&s, r, SP_SERVICE_TOOLS, KEY);
    usual_us = s.edge.retry.usual_us[SP_CLASS_MCP];
    cr_expect_geq(usual_us, 100000);
    r->sent_us -= 20000000;
    stage_lost_replica(&s, SP_SERVICE_TOOLS, KEY);
    stage_started(&s, r, SP_SERVICE_TOOLS, OTHER_KEY);
    stage_answer_whole(&s, r);
    cr_expect_eq(s.edge.retry.usual_us[SP_CLASS_MCP], usual_us);
    pipeline_end(r);
    stage_close(&s);
}

/* ------------------------------------------------------------------ probes */

Test(edge_pipeline, probe_answers_prove_readiness)
{
    static const uint64_t services[] = { SP_SERVICE_COUNT, 255,
                                         SP_SERVICE_TOOLS, SP_SERVICE_LLM,
                                         SP_SERVICE_MONITOR };
    unsigned char id[REQUEST_ID_LEN];
    struct stage s;

    stage_open(&s);
    readiness_probe(&s.edge.readiness, STAGE_START_MS, id);
    for (size_t i = 0; i < SP_COUNT(services); i++) {
        const struct sp_msg m = {
            .id = SP_MSG_PROBE_ANSWER,
            .from = SP_SERVICE_VALIDATION,
            .u.probe_answer = { .request_id = sp_view_make(id, sizeof(id)),
                                .service = services[i] },
        };

        cr_expect_not(readiness_ready(&s.edge.readiness, STAGE_START_MS));
        wire_on_probe_answer(&s.edge, &m);
    }
    cr_expect(readiness_ready(&s.edge.readiness, STAGE_START_MS));
    stage_close(&s);
}
