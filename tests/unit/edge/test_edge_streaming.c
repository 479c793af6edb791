/* Streamed answers: parts in order, credit at the client's pace, comments, and
 * what happens when the rest does not come. */
#include "tests/support/edge_stage.h"

#define KEY "routekey"
#define EVENTS "content-type: text/event-stream\n"

static void
part_with(struct stage *s, struct request *r, uint64_t seq, bool last,
          struct sp_view body)
{
    const struct sp_answer answer = {
        .request_id = stage_id(r),
        .seq = seq,
        .last = last,
        .status = 200,
        .headers = SP_VIEW_LITERAL(EVENTS),
        .body = body,
    };

    stage_answer(s, &answer);
}

static void
part(struct stage *s, struct request *r, uint64_t seq, const char *body)
{
    part_with(s, r, seq, false, sp_view_of(body));
}

/* A part of `len` bytes that ends with an event. */
static void
part_of(struct stage *s, struct request *r, uint64_t seq, size_t len)
{
    static char bytes[STAGE_WINDOW * 32];

    cr_assert_leq(len, sizeof(bytes));
    memset(bytes, '\n', sizeof(bytes));
    part_with(s, r, seq, false, sp_view_make(bytes, len));
}

/* The client takes up to `max` bytes, as reply.c does it for the library. */
static size_t
client_takes(struct request *r, size_t max)
{
    static char out[STAGE_WINDOW * 32];
    size_t n = stream_take(&r->stream, out, max < sizeof(out) ? max : 1);

    if (n > 0) {
        pipeline_grant(r);
    }
    return n;
}

static void
expect_credit(const struct stage *s, uint64_t bytes)
{
    const struct sent *last = stage_last(s);

    cr_assert_eq(last->id, SP_MSG_CREDIT);
    cr_expect_eq(last->bytes, bytes, "%d", (int)last->bytes);
    cr_expect_eq(last->target, SP_SERVICE_TOOLS);
    cr_expect_str_eq(last->executor, KEY);
    cr_expect_str_eq(last->screen, STAGE_SCREEN);
}

/* A stream whose executor has shown, after its first event. */
static struct request *
begin_on(struct stage *s)
{
    struct request *r = stage_send(s, "/mcp");

    stage_started(s, r, SP_SERVICE_TOOLS, KEY);
    part(s, r, 0, "data: 1\n\n");
    cr_assert(r->streaming && r->events);
    cr_assert_eq(r->state, REQUEST_ANSWERED);
    cr_assert_eq(client_takes(r, 100), 9);
    return r;
}

static struct request *
begin(struct stage *s)
{
    stage_open(s);
    return begin_on(s);
}

static void
expect_broken(const struct stage *s, const struct request *r, const char *event)
{
    cr_expect(r->stream.broken, "%s", event);
    cr_expect_str_eq(s->rt.events, event);
    cr_expect_eq(s->edge.figures.broken, 1);
    stage_expect_cancel(s, SP_SERVICE_TOOLS, KEY);
    cr_expect_eq(request_table_count(s->edge.table), 0);
}

Test(edge_streaming, parts_reach_the_client_until_the_last)
{
    struct stage s;
    struct request *r = begin(&s);
    unsigned resumed = s.client.resumed;

    cr_expect_eq(r->status, 200);
    cr_expect_str_eq(stage_header(r, "Content-Type"), "text/event-stream");
    cr_expect_eq(s.edge.body_bytes, 0);
    part(&s, r, 1, "data: 2\n\n");
    cr_expect_eq(s.client.resumed, resumed + 1);
    part_with(&s, r, 2, true, SP_VIEW_LITERAL("data: 3\n\n"));
    cr_expect_eq(client_takes(r, 100), 18);
    cr_expect(r->stream.last);
    part(&s, r, 3, "data: 4\n\n");
    cr_expect_eq(s.edge.figures.late, 1);
    stage_wait(&s, 2 * STAGE_DEADLINE_MS);
    pipeline_end(r);
    cr_expect_eq(s.rt.count, 1, "nothing to repeat, grant or cancel");
    cr_expect_str_empty(s.rt.events);
    stage_close(&s);
}

Test(edge_streaming, a_repeated_part_is_dropped)
{
    struct stage s;
    struct request *r = begin(&s);

    part(&s, r, 0, "data: 1\n\n");
    cr_expect_eq(client_takes(r, 100), 0);
    part(&s, r, 1, "data: 2\n\n");
    cr_expect_eq(client_takes(r, 100), 9);
    part_with(&s, r, 2, true, SP_VIEW_LITERAL(""));
    pipeline_end(r);
    stage_close(&s);
}

Test(edge_streaming, a_missing_part_breaks_it)
{
    struct stage s;
    struct request *r = begin(&s);

    part(&s, r, 2, "data: 3\n\n");
    expect_broken(&s, r, "stream_broken 200 reason=gap\n");
    pipeline_end(r);
    cr_expect_eq(s.rt.count, 2, "cancelled once");
    stage_close(&s);
}

Test(edge_streaming, an_executor_that_ignores_the_credit_breaks_it)
{
    struct stage s;
    struct request *r = begin(&s);

    part_of(&s, r, 1, STAGE_WINDOW + 65536 - 9); /* after the first nine */
    cr_expect_not(r->stream.broken);
    part_of(&s, r, 2, 1);
    expect_broken(&s, r, "stream_broken 200 reason=credit_ignored\n");
    pipeline_end(r);
    stage_close(&s);
}

/* The client cannot take a broken stream for a whole one: reply.c ends the
 * connection, so no answer may be put in its place. */
Test(edge_streaming, a_denial_breaks_it)
{
    const struct sp_denial denial = { .status = 500,
                                      .code = SP_VIEW_LITERAL("failed"),
                                      .text = SP_VIEW_LITERAL("Failed.") };
    struct stage s;
    struct request *r = begin(&s);

    stage_deny(&s, r, &denial);
    expect_broken(&s, r, "stream_broken 200 reason=denied\n");
    cr_expect_eq(r->status, 200);
    pipeline_end(r);
    stage_close(&s);
}

/* A stream that has begun outlives the deadline of its request; only the
 * operator's cap ends it. Its executor gives a sign when it is asked. */
Test(edge_streaming, only_the_operators_cap_ends_it)
{
    for (uint32_t total_s = 0; total_s <= 40; total_s += 40) {
        struct stage s;
        struct request *r = NULL;

        stage_open(&s);
        s.config.streams.total_s = total_s;
        r = begin_on(&s);
        for (int i = 0; i < 4; i++) {
            stage_wait(&s, 9999);
            cr_expect_not(r->stream.broken);
            stage_started(&s, r, SP_SERVICE_TOOLS, KEY);
        }
        stage_wait(&s, 4);
        if (total_s > 0) {
            expect_broken(&s, r, "stream_broken 200 reason=deadline\n");
        } else {
            cr_expect_not(r->stream.broken);
        }
        pipeline_end(r);
        stage_close(&s);
    }
}

/* The lease of a stream is renewed in time, however busy the stream is with
 * parts too small to be worth credit. */
Test(edge_streaming, the_lease_is_renewed_while_parts_come)
{
    struct stage s;
    struct request *r = begin(&s);
    int64_t renewals = 0;

    for (uint64_t seq = 1; seq <= 60; seq++) {
        stage_wait(&s, 1000);
        part(&s, r, seq, ":\n\n");
        (void)client_takes(r, 100);
        if (s.rt.count > (size_t)renewals + 1) {
            expect_credit(&s, STAGE_WINDOW);
            renewals++;
            stage_started(&s, r, SP_SERVICE_TOOLS, KEY);
        }
    }
    cr_expect_eq(renewals, 60000 / SP_LEASE_RENEW_MS);
    part_with(&s, r, 61, true, SP_VIEW_LITERAL(""));
    pipeline_end(r);
    stage_close(&s);
}

Test(edge_streaming, it_ends_with_the_token_of_its_caller)
{
    const struct sp_started started = {
        .executor = SP_VIEW_LITERAL(KEY),
        .screen_by = SP_VIEW_LITERAL(STAGE_SCREEN),
        .token_expires_ms = (uint64_t)sp_clock_wall_ms() + 20000,
    };
    struct stage s;
    struct request *r = begin(&s);

    stage_started_as(&s, r, SP_SERVICE_TOOLS, &started);
    stage_wait(&s, 19000);
    cr_expect_not(r->stream.broken);
    stage_wait(&s, 1001);
    expect_broken(&s, r, "stream_broken 200 reason=deadline\n");
    pipeline_end(r);
    stage_close(&s);
}

Test(edge_streaming, a_revoked_token_cuts_its_streams_alone)
{
    static const struct {
        const char *subject;
        const char *client;
        const char *token_id;
        bool cut;
    } rows[] = {
        { "", "", "", false },
        { "anna", "", "", true },
        { "bert", "", "", false },
        { "", "demo", "", true },
        { "", "other", "", false },
        { "", "", "token-1", true },
        { "", "", "token-2", false },
        { "anna", "demo", "token-1", true },
        { "anna", "demo", "token-2", false },
        { "anna", "other", "", false },
    };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        const struct sp_msg m = {
            .id = SP_MSG_REVOKED,
            .from = SP_SERVICE_AUTH,
            .u.revoked = { .subject = sp_view_of(rows[i].subject),
                           .client = sp_view_of(rows[i].client),
                           .token_id = sp_view_of(rows[i].token_id) },
        };
        struct stage s;
        struct request *r = begin(&s);

        wire_on_revoked(&s.edge, &m);
        cr_expect_eq(r->stream.broken, rows[i].cut, "%zu", i);
        if (rows[i].cut) {
            expect_broken(&s, r, "stream_broken 200 reason=revoked\n");
        }
        pipeline_end(r);
        stage_close(&s);
    }
}

/* Its executor or the replica that screens it is lost, and so is the rest. */
Test(edge_streaming, a_loss_on_its_way_breaks_it)
{
    static const struct {
        enum sp_service_id service;
        const char *name;
        const char *event;
    } rows[] = {
        { SP_SERVICE_TOOLS, KEY, "stream_broken 200 reason=executor_lost\n" },
        { SP_SERVICE_VALIDATION, STAGE_SCREEN,
          "stream_broken 200 reason=screen_lost\n" },
    };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct stage s;
        struct request *r = begin(&s);

        stage_lost_replica(&s, rows[i].service, rows[i].name);
        expect_broken(&s, r, rows[i].event);
        pipeline_end(r);
        stage_close(&s);
    }
}

/* What has begun cannot be begun again; but its executor is asked for a sign,
 * once for all losses of the moment. */
Test(edge_streaming, a_loss_repeats_no_stream)
{
    struct stage s;
    struct request *r = begin(&s);

    for (uint64_t lost = 0; lost < SP_SERVICE_COUNT; lost++) {
        stage_lost(&s, lost);
    }
    wire_peer(&s.edge, SP_SERVICE_AUTH, sp_view_of("a"), false);
    wire_peer(&s.edge, SP_SERVICE_AUTH, sp_view_of("a"), true);
    cr_expect_eq(s.rt.count, 2);
    expect_credit(&s, STAGE_WINDOW);
    part_with(&s, r, 1, true, SP_VIEW_LITERAL(""));
    pipeline_end(r);
    stage_close(&s);
}

Test(edge_streaming, a_client_that_goes_cancels_it)
{
    struct stage s;
    struct request *r = begin(&s);

    pipeline_end(r);
    cr_expect_eq(s.rt.count, 2);
    stage_expect_cancel(&s, SP_SERVICE_TOOLS, KEY);
    stage_close(&s);
}

/* STARTED comes straight from the executor, parts come through validation: on
 * two ways, in any order. */
Test(edge_streaming, a_client_that_goes_before_started_cancels_it_then)
{
    struct stage s;
    struct request *r = NULL;

    stage_open(&s);
    r = stage_send(&s, "/mcp");
    part(&s, r, 0, "data: 1\n\n");
    pipeline_end(r);
    cr_expect_eq(s.rt.count, 1, "nobody to tell yet");
    cr_expect_eq(s.edge.serving, 0);
    part(&s, r, 1, "data: 2\n\n");
    stage_wait(&s, 5000);
    stage_started(&s, r, SP_SERVICE_TOOLS, KEY);
    cr_expect_eq(s.rt.count, 2);
    stage_expect_cancel(&s, SP_SERVICE_TOOLS, KEY);
    stage_close(&s);
}

Test(edge_streaming, a_deserted_stream_ends_with_its_last_part_or_deadline)
{
    for (int last = 0; last < 2; last++) {
        struct stage s;
        struct request *r = NULL;

        stage_open(&s);
        r = stage_send(&s, "/mcp");
        part(&s, r, 0, "data: 1\n\n");
        pipeline_end(r);
        if (last == 1) {
            part_with(&s, r, 1, true, SP_VIEW_LITERAL(""));
        } else {
            stage_wait(&s, STAGE_DEADLINE_MS);
        }
        cr_expect_eq(s.rt.count, 1);
        cr_expect_str_empty(s.rt.events);
        stage_close(&s);
    }
}

/* ------------------------------------------------------------------ credit */

Test(edge_streaming, what_the_client_took_is_granted_in_halves)
{
    struct stage s;
    struct request *r = begin(&s);

    part_of(&s, r, 1, STAGE_WINDOW - 9);
    cr_expect_eq(client_takes(r, STAGE_WINDOW / 2 - 10), STAGE_WINDOW / 2 - 10);
    cr_expect_eq(s.rt.count, 1);
    cr_expect_eq(client_takes(r, 1), 1);
    cr_expect_eq(s.rt.count, 2);
    expect_credit(&s, STAGE_WINDOW + STAGE_WINDOW / 2);
    cr_expect_eq(client_takes(r, STAGE_WINDOW), STAGE_WINDOW / 2);
    cr_expect_eq(s.rt.count, 3);
    expect_credit(&s, 2 * (uint64_t)STAGE_WINDOW);
    part_with(&s, r, 2, true, SP_VIEW_LITERAL(""));
    pipeline_end(r);
    stage_close(&s);
}

/* Without its key no credit finds the executor. When the window is used up
 * before STARTED has come, STARTED itself must bring it. */
Test(edge_streaming, credit_waits_for_started)
{
    struct stage s;
    struct request *r = NULL;

    stage_open(&s);
    r = stage_send(&s, "/mcp");
    part_of(&s, r, 0, STAGE_WINDOW);
    cr_expect_eq(client_takes(r, STAGE_WINDOW), STAGE_WINDOW);
    cr_expect_eq(s.rt.count, 1);
    stage_started(&s, r, SP_SERVICE_TOOLS, KEY);
    cr_expect_eq(s.rt.count, 2);
    expect_credit(&s, 2 * (uint64_t)STAGE_WINDOW);
    part_with(&s, r, 1, true, SP_VIEW_LITERAL(""));
    pipeline_end(r);
    stage_close(&s);
}

/* The executor stands still until it has credit, so that no byte comes whose
 * taking would try again: the clock must. */
Test(edge_streaming, credit_that_nobody_took_is_sent_again)
{
    static const struct {
        const char *label;
        bool events;
    } rows[] = { { "events", true }, { "no events", false } };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct stage s;
        struct request *r = begin(&s);

        r->events = rows[i].events;
        s.rt.result = i == 0 ? SP_EFULL : SP_ENOPEER;
        part_of(&s, r, 1, STAGE_WINDOW - 9);
        (void)client_takes(r, STAGE_WINDOW);
        cr_expect_eq(s.rt.count, 1);
        stage_wait(&s, 600);
        s.rt.result = 0;
        stage_wait(&s, 250);
        cr_assert_eq(s.rt.count, 2, "%s", rows[i].label);
        expect_credit(&s, 2 * (uint64_t)STAGE_WINDOW);
        stage_wait(&s, 1000);
        cr_expect_eq(s.rt.count, 2, "granted once");
        part_with(&s, r, 2, true, SP_VIEW_LITERAL(""));
        pipeline_end(r);
        stage_close(&s);
    }
}

/* An answer of 2 MiB of which screening removes two thirds, and a reader who
 * takes little at a time: what was removed is as good as taken, and what is
 * granted never falls behind what the executor has sent. */
Test(edge_streaming, what_screening_removes_leaks_no_credit)
{
    const uint64_t total = 2 * 1024 * 1024;
    struct stage s;
    struct request *r = begin(&s);
    uint64_t sent = 9;
    uint64_t seq = 1;

    while (sent < total) {
        uint64_t room = r->granted - sent;
        uint64_t len = room < 900 ? room : 900;
        static char kept[300];
        struct sp_answer answer = { .request_id = stage_id(r),
                                    .seq = seq,
                                    .status = 200,
                                    .covers = len,
                                    .body = sp_view_make(kept, len / 3) };

        memset(kept, 'x', sizeof(kept));
        s.rt.count = 1;
        if (len > 0) {
            sent += len;
            seq++;
            stage_answer(&s, &answer);
        }
        cr_assert_not(r->stream.broken);
        cr_assert(client_takes(r, 100) > 0 || len > 0,
                  "the executor waits for credit, the client for bytes");
    }
    s.rt.count = 1;
    while (client_takes(r, 100) > 0) {
        s.rt.count = 1;
    }
    cr_expect_geq(r->granted + STAGE_WINDOW / 2, total + STAGE_WINDOW);
    pipeline_end(r);
    stage_close(&s);
}

/* What screening adds is the gate's own and costs no credit. */
Test(edge_streaming, what_screening_adds_costs_no_credit)
{
    struct stage s;
    struct request *r = begin(&s);
    struct sp_answer answer = { .request_id = stage_id(r),
                                .seq = 1,
                                .status = 200,
                                .covers = 1,
                                .body = SP_VIEW_LITERAL(": added\n\n") };

    stage_answer(&s, &answer);
    cr_expect_eq(client_takes(r, 100), 9);
    cr_expect_eq(r->stream.owed, 9 + 1);
    pipeline_end(r);
    stage_close(&s);
}

Test(edge_streaming, the_end_of_the_stream_owes_no_credit)
{
    struct stage s;
    struct request *r = begin(&s);

    part_of(&s, r, 1, STAGE_WINDOW - 9);
    part_with(&s, r, 2, true, SP_VIEW_LITERAL(""));
    (void)client_takes(r, STAGE_WINDOW);
    cr_expect_eq(s.rt.count, 1);
    pipeline_end(r);
    stage_close(&s);
}

/* ----------------------------------------------------------------- silence */

/* When the lease must be renewed the executor is asked, then each 3 s: three
 * times in all. */
Test(edge_streaming, an_executor_that_gives_no_sign_is_given_up)
{
    struct stage s;
    struct request *r = begin(&s);

    stage_wait(&s, SP_LEASE_RENEW_MS - 1);
    cr_expect_eq(s.rt.count, 1);
    stage_wait(&s, 1);
    cr_expect_eq(s.rt.count, 2);
    expect_credit(&s, STAGE_WINDOW);
    stage_wait(&s, 6000);
    cr_expect_eq(s.rt.count, 4);
    stage_wait(&s, 1999);
    cr_expect_not(r->stream.broken);
    stage_started(&s, r, SP_SERVICE_TOOLS, KEY);
    stage_wait(&s, 400);
    cr_expect_not(r->stream.broken, "it has given a sign");
    pipeline_end(r);
    stage_close(&s);

    r = begin(&s);
    for (uint64_t lost = 0; lost < SP_SERVICE_COUNT; lost++) {
        stage_lost(&s, lost);
    }
    stage_wait(&s, 8999);
    cr_expect_not(r->stream.broken);
    stage_wait(&s, 1);
    expect_broken(&s, r, "stream_broken 200 reason=executor_silent\n");
    pipeline_end(r);
    stage_close(&s);
}

/* While nobody takes the question, nobody is blamed for no answer. */
Test(edge_streaming, a_question_that_did_not_leave_does_not_count)
{
    struct stage s;
    struct request *r = begin(&s);

    s.rt.result = SP_ENOPEER;
    stage_lost(&s, SP_SERVICE_RATELIMIT);
    stage_wait(&s, STAGE_DEADLINE_MS - 200);
    cr_expect_not(r->stream.broken);
    cr_expect_eq(s.rt.count, 1);
    s.rt.result = 0;
    pipeline_end(r);
    stage_close(&s);
}

/* ---------------------------------------------------------------- comments */

static void
expect_waiting(struct request *r, const char *want)
{
    char out[256] = { 0 };

    (void)stream_take(&r->stream, out, sizeof(out) - 1);
    pipeline_grant(r);
    cr_expect_str_eq(out, want);
}

Test(edge_streaming, silence_gets_a_comment)
{
    struct stage s;
    struct request *r = begin(&s);
    unsigned resumed = s.client.resumed;

    stage_wait(&s, 1499);
    expect_waiting(r, "");
    stage_wait(&s, 1);
    cr_expect_eq(s.client.resumed, resumed + 1);
    expect_waiting(r, ": waiting\n\n");
    stage_wait(&s, 1500);
    expect_waiting(r, ": waiting\n\n");
    stage_wait(&s, 1000);
    part(&s, r, 1, "data: 2\n\n");
    expect_waiting(r, "data: 2\n\n");
    stage_wait(&s, 1499);
    expect_waiting(r, "");
    part_with(&s, r, 2, true, SP_VIEW_LITERAL(""));
    pipeline_end(r);
    stage_close(&s);
}

/* Each waking of a stream costs a look at all of them: those of one half second
 * are woken together. */
Test(edge_streaming, comments_come_at_moments_that_streams_share)
{
    struct stage s;
    struct request *r = begin(&s);

    stage_wait(&s, 300);
    part(&s, r, 1, "data: 2\n\n");
    expect_waiting(r, "data: 2\n\n");
    stage_wait(&s, 1699);
    expect_waiting(r, "");
    stage_wait(&s, 1);
    expect_waiting(r, ": waiting\n\n");
    part_with(&s, r, 2, true, SP_VIEW_LITERAL(""));
    pipeline_end(r);
    stage_close(&s);
}

/* What only a repetition needs is not kept for the life of a stream. */
Test(edge_streaming, a_stream_keeps_nothing_of_its_request)
{
    struct stage s;
    struct request *r = begin(&s);

    cr_expect_eq(r->target.size, 0);
    cr_expect_eq(r->headers.size, 0);
    cr_expect_eq(r->credentials.size, 0);
    cr_expect_eq(r->body.size, 0);
    part_with(&s, r, 1, true, SP_VIEW_LITERAL(""));
    pipeline_end(r);
    stage_close(&s);
}

Test(edge_streaming, no_comment_inside_an_event_or_behind_a_backlog)
{
    struct stage s;
    struct request *r = begin(&s);

    part(&s, r, 1, "data: 2\n");
    expect_waiting(r, "data: 2\n");
    stage_wait(&s, 3000);
    expect_waiting(r, "");
    part(&s, r, 2, "\n");
    stage_wait(&s, 3000);
    expect_waiting(r, "\n");
    stage_wait(&s, 1500);
    expect_waiting(r, ": waiting\n\n");
    part_with(&s, r, 3, true, SP_VIEW_LITERAL(""));
    pipeline_end(r);
    stage_close(&s);
}

Test(edge_streaming, only_events_have_comments)
{
    struct stage s;
    struct request *r = NULL;
    struct sp_answer answer = {
        .status = 200,
        .headers = SP_VIEW_LITERAL("content-type: application/json\n"),
        .body = SP_VIEW_LITERAL("{\n\n"),
    };

    stage_open(&s);
    r = stage_send(&s, "/mcp");
    stage_started(&s, r, SP_SERVICE_TOOLS, KEY);
    answer.request_id = stage_id(r);
    stage_answer(&s, &answer);
    expect_waiting(r, "{\n\n");
    stage_wait(&s, STAGE_DEADLINE_MS);
    expect_waiting(r, "");
    pipeline_end(r);
    stage_close(&s);
}

/* -------------------------------------------------- two runs of one request */

static void
started_as(struct stage *s, struct request *r, uint64_t attempt,
           const char *executor, const char *screen)
{
    const struct sp_started started = { .attempt = attempt,
                                        .executor = sp_view_of(executor),
                                        .screen_by = sp_view_of(screen) };

    stage_started_as(s, r, SP_SERVICE_TOOLS, &started);
}

static void
part_of_run(struct stage *s, struct request *r, uint64_t attempt, uint64_t seq,
            const char *body)
{
    const struct sp_answer answer = {
        .request_id = stage_id(r),
        .attempt = attempt,
        .seq = seq,
        .status = 200,
        .headers = SP_VIEW_LITERAL(EVENTS),
        .body = sp_view_of(body),
    };

    stage_answer(s, &answer);
}

static void
expect_declined(const struct stage *s, const char *executor, const char *screen)
{
    const struct sent *last = stage_last(s);

    cr_expect_eq(last->id, SP_MSG_CANCEL);
    cr_expect_eq(last->target, SP_SERVICE_TOOLS);
    cr_expect_str_eq(last->executor, executor);
    cr_expect_str_eq(last->screen, screen);
}

/* The first replica was thought to be lost, stopped in truth, and goes on. */
Test(edge_streaming, a_second_run_does_not_mix_with_the_stream)
{
    struct stage s;
    struct request *r = NULL;
    char out[64];

    stage_open(&s);
    r = stage_send(&s, "/mcp");
    stage_wait(&s, 250);
    started_as(&s, r, 1, "b", STAGE_SCREEN);
    part_of_run(&s, r, 1, 0, "b0");
    started_as(&s, r, 0, "a", STAGE_SCREEN);
    expect_declined(&s, "a", "");
    started_as(&s, r, 0, "a", "screen-8");
    expect_declined(&s, "a", "screen-8");
    part_of_run(&s, r, 0, 0, "a0");
    part_of_run(&s, r, 0, 1, "a1");
    part_of_run(&s, r, 1, 1, "b1");
    cr_expect_eq(stream_take(&r->stream, out, sizeof(out)), 4);
    cr_expect_eq(memcmp(out, "b0b1", 4), 0);
    pipeline_end(r);
    expect_declined(&s, "b", STAGE_SCREEN);
    stage_close(&s);
}

/* Until something has come, the later sending counts: the earlier one may be
 * heard of after its replica has gone. */
Test(edge_streaming, the_later_run_counts_while_nothing_has_come)
{
    struct stage s;
    struct request *r = NULL;

    stage_open(&s);
    r = stage_send(&s, "/mcp");
    stage_wait(&s, 250);
    started_as(&s, r, 0, "a", STAGE_SCREEN);
    started_as(&s, r, 1, "b", "screen-8");
    expect_declined(&s, "a", STAGE_SCREEN);
    part_of_run(&s, r, 0, 0, "a0");
    cr_assert_not(r->streaming, "its run has been cancelled");
    started_as(&s, r, 0, "a", STAGE_SCREEN);
    expect_declined(&s, "a", STAGE_SCREEN);
    part_of_run(&s, r, 1, 0, "b0");
    cr_assert(r->streaming);
    pipeline_end(r);
    expect_declined(&s, "b", "screen-8");
    stage_close(&s);
}

/* Its executor died behind its first part. Nobody can be asked. */
Test(edge_streaming, one_that_nobody_started_is_broken_off)
{
    struct stage s;
    struct request *r = NULL;

    stage_open(&s);
    r = stage_send(&s, "/mcp");
    part(&s, r, 0, "data: 1\n\n");
    stage_wait(&s, 9999);
    cr_expect_not(r->stream.broken);
    stage_wait(&s, 1);
    cr_expect(r->stream.broken);
    cr_expect_str_eq(s.rt.events, "stream_broken 200 reason=not_started\n");
    pipeline_end(r);
    stage_close(&s);
}
