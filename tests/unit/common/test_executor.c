/* What every executor does: a call from its message to its end. */
#include "common/base/alloc.h"
#include "tests/support/executor_stage.h"

/* The links find no replica of this name. */
static void
lose(struct stage *s, const char *name)
{
    (void)snprintf(s->down, sizeof(s->down), "%s", name);
}

/* ------------------------------------------------------------- the messages */

Test(executor, a_call_that_is_answered_at_once_needs_no_started)
{
    struct stage s;
    const struct stage_call call = stage_call(ID_A);

    stage_open(&s, stage_act_answer);
    stage_deliver(&s, &call);
    cr_assert_eq(s.count, 1);
    cr_expect_eq(s.sent[0].id, SP_MSG_RESULT);
    cr_expect_eq(s.sent[0].to, SP_SERVICE_VALIDATION);
    cr_expect_eq(s.sent[0].place, SP_PLACE_NAMED);
    cr_expect_str_eq(s.sent[0].key, "validation-0");
    cr_expect_str_eq(s.sent[0].reply_to, "edge-0");
    cr_expect_str_eq(s.sent[0].text, "whole");
    cr_expect_str_eq(s.sent[0].headers, HEADERS);
    cr_expect_eq(s.sent[0].status, 200);
    cr_expect(s.sent[0].last);
    cr_expect_eq(sp_executor_count(s.x), 0);
    stage_deliver(&s, &call);
    cr_expect_eq(s.taken, 2, "its repetition simply runs again");
    cr_expect_str_eq(s.events, "");
    stage_close(&s);
}

Test(executor, a_begun_call_says_whose_it_is_and_answers_later)
{
    struct stage s;
    struct stage_call call = stage_call(ID_A);
    const struct sent *started = NULL;

    call.passport.token_expires_ms = (uint64_t)STAGE_WALL_MS + 100000;
    stage_open(&s, stage_act_begin);
    stage_deliver(&s, &call);
    cr_assert_eq(s.count, 1);
    started = &s.sent[0];
    cr_expect_eq(started->id, SP_MSG_STARTED);
    cr_expect_eq(started->place, SP_PLACE_NAMED);
    cr_expect_str_eq(started->key, "edge-0");
    cr_expect_str_eq(started->text, "llm-1");
    cr_expect_str_eq(started->screen, "validation-0");
    cr_expect_str_eq(started->owner, "anna app token");
    cr_expect(started->started.repeatable);
    cr_expect_eq(started->started.token_expires_ms, STAGE_WALL_MS + 100000);
    cr_expect_eq(sp_executor_count(s.x), 1);
    clock_loop_wait(&s.loop, 4000);
    cr_assert_eq(s.count, 1);
    sp_executor_answer(s.work[0].call, 200, SP_VIEW_LITERAL(HEADERS),
                       SP_VIEW_LITERAL("late"));
    cr_expect_str_eq(stage_last(&s)->text, "late");
    cr_expect_str_eq(stage_last(&s)->key, "validation-0");
    cr_expect(stage_last(&s)->last);
    cr_expect(s.work[0].ended);
    cr_expect_eq(s.work[0].how, SP_EXECUTOR_ANSWERED);
    cr_expect_eq(sp_executor_count(s.x), 0);
    stage_close(&s);
}

Test(executor, drops_what_came_too_late)
{
    struct stage s;
    struct stage_call call = stage_call(ID_A);

    call.m.deadline_ms = 0;
    stage_open(&s, stage_act_answer);
    stage_deliver(&s, &call);
    cr_expect_eq(s.count, 0);
    cr_expect_eq(s.taken, 0);
    cr_expect_eq(sp_executor_figures(s.x)->late, 1);
    stage_close(&s);
}

/* attack: a captured stage changes the call, or keeps it for later. */
Test(executor, takes_only_what_a_passport_covers)
{
    static const struct {
        const char *label;
        const char *body;
        const char *passport;
        int64_t life_ms;
        const char *code;
    } rows[] = {
        { "forged", NULL, "x", 1, "passport_refused" },
        { "of another time", NULL, NULL, 0, "passport_expired" },
    };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct stage s;
        struct stage_call call = stage_call(ID_A);
        char event[64];

        call.m.passport = sp_view_of(rows[i].passport);
        call.passport.expires_ms = (uint64_t)(STAGE_WALL_MS + rows[i].life_ms);
        stage_open(&s, stage_act_answer);
        stage_deliver(&s, &call);
        cr_assert_eq(s.count, 1, "%s", rows[i].label);
        cr_expect_eq(s.sent[0].id, SP_MSG_DENIAL, "%s", rows[i].label);
        cr_expect_eq(s.sent[0].status, 403);
        cr_expect_str_eq(s.sent[0].text, rows[i].code);
        (void)snprintf(event, sizeof(event), "%s 403  /path\n", rows[i].code);
        cr_expect_str_eq(s.events, event);
        cr_expect_eq(s.taken, 0, "%s", rows[i].label);
        cr_expect_eq(sp_executor_figures(s.x)->passports_refused, 1);
        stage_close(&s);
    }
}

Test(executor, refuses_in_the_words_of_the_service)
{
    struct stage s;
    const struct stage_call call = stage_call(ID_A);

    stage_open(&s, stage_act_refuse);
    stage_deliver(&s, &call);
    cr_assert_eq(s.count, 1);
    cr_expect_eq(s.sent[0].id, SP_MSG_DENIAL);
    cr_expect_eq(s.sent[0].to, SP_SERVICE_EDGE);
    cr_expect_str_eq(s.sent[0].key, "edge-0");
    cr_expect_str_eq(s.sent[0].screen, "validation-0",
                     "so that it can be forgotten there");
    cr_expect_str_eq(s.sent[0].headers, "7", "the id of the JSON-RPC call");
    cr_expect_eq(s.sent[0].status, 418);
    cr_expect_str_eq(s.events, "work_refused 418 anna /path\n");
    stage_close(&s);
}

/* One that has no key opens nothing: it can only refuse. */
Test(executor, without_a_key_it_can_refuse)
{
    struct stage s;
    const struct stage_call call = stage_call(ID_A);
    const struct sp_executor_service service = {
        .id = SP_SERVICE_LLM, .self = &s, .max = 1, .take = stage_take
    };
    const struct sp_port port = { .send = stage_send,
                                  .event = stage_event,
                                  .own_name = stage_own_name,
                                  .loop = &s.loop,
                                  .arg = &s };

    stage_open(&s, stage_act_refuse);
    sp_executor_free(&s.x);
    s.x = sp_executor_new(&service, &port, NULL);
    stage_deliver(&s, &call);
    cr_assert_eq(s.count, 1);
    cr_expect_eq(s.sent[0].id, SP_MSG_DENIAL);
    stage_close(&s);
}

/* The edge will send it again: nothing may have been done by then. */
Test(executor, begins_nothing_where_the_edge_does_not_take_started)
{
    struct stage s;
    const struct stage_call call = stage_call(ID_A);

    stage_open(&s, stage_act_begin);
    s.started_error = SP_EFULL;
    stage_deliver(&s, &call);
    cr_expect_eq(s.begun, SP_ENOPEER);
    cr_expect_eq(s.count, 0);
    cr_expect_eq(sp_executor_count(s.x), 0);
    cr_expect_eq(sp_executor_figures(s.x)->unplaced, 1);
    s.started_error = 0;
    stage_deliver(&s, &call);
    cr_expect_eq(s.begun, 0);
    cr_expect_eq(sp_executor_count(s.x), 1);
    stage_close(&s);
}

Test(executor, takes_no_more_in_hand_than_it_is_told)
{
    struct stage s;
    char id[] = "0123456789abcdeX";

    stage_open(&s, stage_act_begin);
    for (char c = '0'; c < '5'; c++) {
        const struct stage_call call = stage_call(id);

        id[15] = c;
        stage_deliver(&s, &call);
    }
    cr_expect_eq(sp_executor_count(s.x), 4);
    cr_expect_eq(s.begun, SP_EFULL);
    cr_expect_eq(stage_last(&s)->id, SP_MSG_DENIAL);
    sp_executor_limit(s.x, 1000);
    stage_cancel(&s, "0123456789abcde0");
    sp_executor_limit(s.x, 3);
    {
        const struct stage_call call = stage_call(ID_A);

        stage_deliver(&s, &call);
    }
    cr_expect_eq(s.begun, SP_EFULL);
    cr_expect_eq(sp_executor_count(s.x), 3);
    stage_close(&s);
}

Test(executor, answers_probes_and_tells_edges_of_a_lost_validation)
{
    struct stage s;
    const struct sp_probe probe = { .request_id = SP_VIEW_LITERAL(ID_A),
                                    .reply_to = SP_VIEW_LITERAL("edge-0") };
    struct sp_view name = SP_VIEW_LITERAL("validation-0");

    stage_open(&s, stage_act_begin);
    sp_executor_probe(s.x, &probe);
    cr_expect_eq(stage_last(&s)->id, SP_MSG_PROBE_ANSWER);
    cr_expect_eq(stage_last(&s)->to, SP_SERVICE_VALIDATION);
    sp_executor_peer(s.x, SP_SERVICE_VALIDATION, name, true);
    sp_executor_peer(s.x, SP_SERVICE_MONITOR, name, false);
    cr_expect_eq(s.count, 1);
    sp_executor_peer(s.x, SP_SERVICE_VALIDATION, name, false);
    cr_expect_eq(s.count, 2);
    cr_expect_eq(stage_last(&s)->id, SP_MSG_PEER_LOST);
    cr_expect_eq(stage_last(&s)->place, SP_PLACE_ALL);
    stage_close(&s);
}

/* -------------------------------------------------------------- repetitions */

Test(executor, a_repetition_of_what_is_in_hand_joins_it)
{
    struct stage s;
    struct stage_call call = stage_call(ID_A);

    stage_open(&s, stage_act_begin);
    stage_deliver(&s, &call);
    call.m.attempt = 1;
    call.m.reply_to = SP_VIEW_LITERAL("edge-1");
    call.m.screen_by = SP_VIEW_LITERAL("validation-1");
    call.m.deadline_ms = 1000;
    stage_deliver(&s, &call);
    cr_expect_eq(s.taken, 1, "it runs once");
    cr_expect_eq(sp_executor_figures(s.x)->repeated, 1);
    cr_assert_eq(s.count, 2);
    cr_expect_eq(s.sent[1].id, SP_MSG_STARTED);
    cr_expect_str_eq(s.sent[1].key, "edge-1");
    cr_expect_str_eq(s.sent[1].screen, "validation-1");
    cr_expect_str_eq(s.sent[1].owner, "anna app token");
    cr_expect(s.sent[1].started.repeatable);
    sp_executor_answer(s.work[0].call, 200, SP_VIEW_LITERAL(""),
                       SP_VIEW_LITERAL("x"));
    cr_expect_str_eq(stage_last(&s)->key, "validation-1");
    cr_expect_str_eq(stage_last(&s)->reply_to, "edge-1");
    stage_close(&s);
}

Test(executor, a_repetition_brings_its_own_time)
{
    struct stage s;
    struct stage_call call = stage_call(ID_A);

    stage_open(&s, stage_act_begin);
    stage_deliver(&s, &call);
    call.m.deadline_ms = 1000;
    stage_deliver(&s, &call);
    clock_loop_wait(&s.loop, 999);
    cr_expect_not(s.work[0].ended);
    clock_loop_wait(&s.loop, 1);
    cr_expect_eq(s.work[0].how, SP_EXECUTOR_EXPIRED);
    stage_close(&s);
}

/* attack: a captured edge or ratelimit gives another request, or another
 * caller's, the id of one in hand, to get its answer. */
Test(executor, joins_only_the_same_request_of_the_same_caller)
{
    struct stage s;
    const struct stage_call good = stage_call(ID_A);
    struct stage_call bad[3];

    stage_open(&s, stage_act_begin);
    stage_deliver(&s, &good);
    bad[0] = bad[1] = bad[2] = good;
    bad[0].m.body = SP_VIEW_LITERAL("another body");
    bad[1].passport.subject = SP_VIEW_LITERAL("mallory");
    bad[2].passport.client = SP_VIEW_LITERAL("other");
    for (size_t i = 0; i < SP_COUNT(bad); i++) {
        bad[i].m.screen_by = SP_VIEW_LITERAL("validation-1");
        stage_deliver(&s, &bad[i]);
        cr_expect_eq(stage_last(&s)->id, SP_MSG_DENIAL, "%zu", i);
        cr_expect_eq(stage_last(&s)->status, 409, "%zu", i);
        cr_expect_str_eq(stage_last(&s)->text, "request_id_reused");
    }
    cr_expect_eq(s.taken, 1);
    sp_executor_answer(s.work[0].call, 200, SP_VIEW_LITERAL(""),
                       SP_VIEW_LITERAL("x"));
    cr_expect_str_eq(stage_last(&s)->key, "validation-0");
    stage_close(&s);
}

/* attack: a captured stage sends a call again, to spend the operator's money.
 * Nothing in the message says that it is old but its id. */
Test(executor, one_that_remembers_runs_nothing_twice)
{
    struct stage s;
    const struct stage_call call = stage_call(ID_A);

    stage_open_as(&s,
                  (struct sp_executor_service){ .max = 4, .remembers = true },
                  stage_act_begin);
    stage_deliver(&s, &call);
    sp_executor_answer(s.work[0].call, 200, SP_VIEW_LITERAL(""),
                       SP_VIEW_LITERAL("x"));
    cr_assert_eq(s.count, 2);
    stage_deliver(&s, &call);
    cr_expect_eq(s.taken, 1);
    cr_assert_eq(s.count, 3);
    cr_expect_eq(s.sent[2].id, SP_MSG_STARTED, "the edge asks nobody else");
    cr_expect_str_eq(s.sent[2].owner, "anna app token");
    cr_expect_eq(sp_executor_figures(s.x)->repeated, 1);
    stage_close(&s);
}

/* The validation replica dies with the answer in its hands: what cost money is
 * there still, and is not made again. */
Test(executor, an_answer_that_was_lost_on_its_way_leaves_once_more)
{
    struct stage s;
    struct stage_call call = stage_call(ID_A);
    struct sp_view name = SP_VIEW_LITERAL("validation-0");

    stage_open_as(&s,
                  (struct sp_executor_service){ .max = 1, .remembers = true },
                  stage_act_begin);
    stage_deliver(&s, &call);
    sp_executor_answer(s.work[0].call, 200, SP_VIEW_LITERAL(HEADERS),
                       SP_VIEW_LITERAL("x"));
    cr_expect(s.work[0].ended);
    cr_expect_eq(sp_executor_count(s.x), 0, "it is over");
    call.m.attempt = 1;
    call.m.screen_by = SP_VIEW_LITERAL("validation-1");
    stage_deliver(&s, &call);
    cr_expect_eq(s.taken, 1);
    cr_assert_eq(stage_sent(&s, SP_MSG_RESULT), 2);
    cr_expect_str_eq(stage_last(&s)->key, "validation-1");
    cr_expect_str_eq(stage_last(&s)->text, "x");
    cr_expect_str_eq(stage_last(&s)->headers, HEADERS);
    cr_expect_eq(stage_last(&s)->seq, 0);
    stage_cancel(&s, ID_A);
    stage_credit(&s, ID_A, 1000);
    stage_deliver(&s, &call);
    cr_expect_eq(stage_sent(&s, SP_MSG_RESULT), 2, "it was not lost again");
    /* A replica of the same name, which knows nothing of the first answer. */
    sp_executor_peer(s.x, SP_SERVICE_VALIDATION,
                     SP_VIEW_LITERAL("validation-1"), false);
    sp_executor_peer(s.x, SP_SERVICE_VALIDATION, name, false);
    stage_deliver(&s, &call);
    cr_expect_eq(stage_sent(&s, SP_MSG_RESULT), 3);
    clock_loop_wait(&s.loop, 10000);
    cr_expect_eq(clock_loop_timers(&s.loop), 0);
    call.m.screen_by = name;
    stage_deliver(&s, &call);
    cr_expect_eq(stage_sent(&s, SP_MSG_RESULT), 3, "it is kept no longer");
    cr_expect_eq(stage_last(&s)->id, SP_MSG_STARTED);
    cr_expect_eq(s.taken, 1);
    cr_expect_str_eq(s.events, "");
    cr_expect_eq(sp_executor_figures(s.x)->ends[SP_EXECUTOR_CANCELLED], 0);
    stage_close(&s);
}

/* ---------------------------------------------------- the way of the answer */

/* A new replica is found within a second or so. */
Test(executor, finds_a_validation_replica_that_has_just_come)
{
    struct stage s;
    const struct stage_call call = stage_call(ID_A);

    stage_open(&s, stage_act_answer);
    lose(&s, "validation-0");
    stage_deliver(&s, &call);
    cr_assert_eq(s.count, 1);
    cr_expect_eq(s.sent[0].id, SP_MSG_STARTED, "it waits, and says so");
    cr_expect(s.sent[0].started.repeatable);
    clock_loop_wait(&s.loop, 1000);
    cr_expect_eq(s.count, 1);
    s.down[0] = '\0';
    clock_loop_wait(&s.loop, SP_EXECUTOR_RETRY_MS);
    cr_assert_eq(s.count, 2);
    cr_expect_str_eq(s.sent[1].text, "whole");
    cr_expect_str_eq(s.sent[1].headers, HEADERS);
    cr_expect_str_eq(s.sent[1].key, "validation-0");
    cr_expect_eq(sp_executor_count(s.x), 0);
    stage_close(&s);
}

/* The replica that holds what the answer is checked against is gone: the edge
 * repeats the call, and the answer goes to the replica that this one names. */
Test(executor, a_whole_answer_waits_for_a_repetition_that_names_another_screen)
{
    struct stage s;
    struct stage_call call = stage_call(ID_A);

    stage_open(&s, stage_act_answer);
    lose(&s, "validation-0");
    stage_deliver(&s, &call);
    clock_loop_wait(&s.loop, 3000);
    cr_expect_eq(stage_sent(&s, SP_MSG_RESULT), 0, "to no other");
    cr_expect_eq(clock_loop_timers(&s.loop), 1, "its deadline alone");
    call.m.attempt = 1;
    call.m.screen_by = SP_VIEW_LITERAL("validation-1");
    stage_deliver(&s, &call);
    cr_expect_eq(s.taken, 1, "it did not run again");
    cr_assert_eq(s.count, 3);
    cr_expect_eq(s.sent[1].id, SP_MSG_STARTED);
    cr_expect_str_eq(s.sent[1].screen, "validation-1");
    cr_expect_eq(s.sent[2].id, SP_MSG_RESULT);
    cr_expect_str_eq(s.sent[2].key, "validation-1");
    cr_expect_str_eq(s.sent[2].text, "whole");
    cr_expect_str_eq(s.sent[2].headers, HEADERS);
    cr_expect_eq(sp_executor_count(s.x), 0);
    stage_close(&s);
}

/* It restarts under the same name and knows nothing of the question: what is
 * sent to it would be lost. */
Test(executor, sends_nothing_to_the_successor_of_a_lost_screen)
{
    struct stage s;
    const struct stage_call call = stage_call(ID_A);
    struct sp_view name = SP_VIEW_LITERAL("validation-0");

    stage_open(&s, stage_act_begin);
    stage_deliver(&s, &call);
    sp_executor_peer(s.x, SP_SERVICE_VALIDATION, name, false);
    sp_executor_peer(s.x, SP_SERVICE_VALIDATION, name, true);
    sp_executor_answer(s.work[0].call, 200, SP_VIEW_LITERAL(HEADERS),
                       SP_VIEW_LITERAL("whole"));
    clock_loop_wait(&s.loop, 1000);
    cr_expect_eq(stage_sent(&s, SP_MSG_RESULT), 0);
    stage_deliver(&s, &call);
    cr_assert_eq(stage_sent(&s, SP_MSG_RESULT), 1);
    cr_expect_str_eq(stage_text(&s), "whole");
    cr_expect_eq(s.work[0].how, SP_EXECUTOR_ANSWERED);
    stage_close(&s);
}

Test(executor, an_answer_that_nobody_takes_is_lost_at_its_deadline)
{
    struct stage s;
    const struct stage_call call = stage_call(ID_A);

    stage_open(&s, stage_act_answer);
    lose(&s, "validation-0");
    stage_deliver(&s, &call);
    clock_loop_wait(&s.loop, 5000);
    cr_expect_eq(sp_executor_count(s.x), 0);
    cr_expect_eq(s.count, 1, "the edge answers 504 by itself");
    cr_expect_str_eq(s.events, "answer_lost 0 anna /path\n");
    cr_expect_eq(sp_executor_figures(s.x)->ends[SP_EXECUTOR_LOST], 1);
    stage_close(&s);
}

Test(executor, tries_a_full_link_again_and_loses_nothing)
{
    struct stage s;
    struct stage_call call = stage_call(ID_A);

    call.m.credit = 100;
    stage_open(&s, stage_act_stream);
    stage_deliver(&s, &call);
    s.parts_error = SP_EFULL;
    stage_write(&s.work[0], "one ");
    stage_write(&s.work[0], "two ");
    clock_loop_wait(&s.loop, 3000);
    cr_expect_eq(stage_sent(&s, SP_MSG_RESULT), 0);
    cr_expect(s.work[0].paused);
    s.parts_error = 0;
    clock_loop_wait(&s.loop, SP_EXECUTOR_RETRY_MS);
    cr_expect_str_eq(stage_text(&s), "one two ");
    cr_expect_not(s.work[0].paused);
    stage_close(&s);
}

Test(executor, what_breaks_the_limits_is_refused)
{
    struct stage s;
    const struct stage_call call = stage_call(ID_A);

    stage_open(&s, stage_act_answer);
    s.parts_error = SP_ELIMIT;
    stage_deliver(&s, &call);
    cr_assert_eq(s.count, 1);
    cr_expect_eq(s.sent[0].id, SP_MSG_DENIAL);
    cr_expect_eq(s.sent[0].status, 500);
    cr_expect_str_eq(s.sent[0].text, "result_too_large");
    stage_close(&s);
}

/* ------------------------------------------------------------------ streams */

Test(executor, a_stream_goes_at_the_pace_of_the_client)
{
    struct stage s;
    const struct stage_call call = stage_call(ID_A);

    stage_open(&s, stage_act_stream);
    stage_deliver(&s, &call);
    stage_write(&s.work[0], "0123");
    cr_expect_str_eq(stage_last(&s)->headers, HEADERS);
    cr_expect_not(s.work[0].paused);
    stage_write(&s.work[0], "456789abcdef");
    cr_expect_str_eq(stage_text(&s), "0123456789", "ten bytes of credit");
    cr_expect_str_eq(stage_last(&s)->headers, "");
    cr_expect(s.work[0].paused);
    stage_credit(&s, ID_A, 13);
    cr_expect_str_eq(stage_text(&s), "0123456789abc");
    cr_expect(s.work[0].paused);
    stage_credit(&s, ID_A, 20);
    cr_expect_str_eq(stage_text(&s), "0123456789abcdef");
    cr_expect_not(s.work[0].paused);
    sp_executor_finish(s.work[0].call);
    cr_expect(stage_last(&s)->last);
    cr_expect_eq(stage_last(&s)->seq, 4);
    cr_expect_eq(s.work[0].how, SP_EXECUTOR_ANSWERED);
    cr_expect_eq(sp_executor_figures(s.x)->pauses, 1);
    for (size_t i = 0, seq = 0; i < s.count; i++) {
        if (s.sent[i].id == SP_MSG_RESULT) {
            cr_expect_eq(s.sent[i].seq, seq++);
            cr_expect_str_eq(s.sent[i].key, "validation-0");
        }
    }
    stage_close(&s);
}

Test(executor, what_waits_when_a_stream_ends_still_leaves)
{
    struct stage s;
    const struct stage_call call = stage_call(ID_A);

    stage_open(&s, stage_act_stream);
    stage_deliver(&s, &call);
    stage_write(&s.work[0], "0123456789ab");
    (void)sp_buf_add_str(sp_executor_last_words(s.work[0].call, 9), "the end");
    sp_executor_finish(s.work[0].call);
    cr_expect_not(stage_last(&s)->last);
    cr_expect_eq(sp_executor_count(s.x), 1);
    stage_credit(&s, ID_A, 15);
    cr_expect_str_eq(stage_text(&s), "0123456789abthe");
    cr_expect_not(stage_last(&s)->last);
    stage_credit(&s, ID_A, 100);
    cr_expect_str_eq(stage_text(&s), "0123456789abthe end");
    cr_expect(stage_last(&s)->last);
    cr_expect(s.work[0].ended);
    stage_close(&s);
}

Test(executor, bounds_what_waits_of_a_stream)
{
    struct stage s;
    const struct stage_call call = stage_call(ID_A);
    struct sp_buf *out = NULL;

    stage_open_as(&s, (struct sp_executor_service){ .max = 1, .buffer = 8 },
                  stage_act_stream);
    stage_deliver(&s, &call);
    stage_write(&s.work[0], "01234567");
    out = sp_executor_out(s.work[0].call);
    cr_expect_eq(sp_buf_add_str(out, "89abcdef"), 0);
    sp_executor_push(s.work[0].call);
    cr_expect(s.work[0].paused, "six bytes wait");
    cr_expect_eq(sp_buf_add_str(out, "ghi"), SP_ELIMIT);
    out = sp_executor_last_words(s.work[0].call, 3);
    cr_expect_eq(sp_buf_add_str(out, "ghi"), 0);
    cr_expect(sp_executor_has_answered(s.work[0].call));
    stage_close(&s);
}

/* attack: a CREDIT that is lost, doubled or late must neither stall a stream
 * nor let it pass the client's window. */
Test(executor, credit_is_a_sum_and_a_question_where_it_is_no_news)
{
    static const struct {
        uint64_t bytes;
        const char *want; /* sent in all */
        enum sp_message_id last;
    } rows[] = {
        { 12, "0123456789ab", SP_MSG_RESULT },
        { 12, "0123456789ab", SP_MSG_STARTED },
        { 11, "0123456789ab", SP_MSG_STARTED },
        { 13, "0123456789abc", SP_MSG_RESULT },
    };
    struct stage s;
    const struct stage_call call = stage_call(ID_A);

    stage_open(&s, stage_act_stream);
    stage_deliver(&s, &call);
    stage_write(&s.work[0], "0123456789abcdef");
    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        stage_credit(&s, ID_A, rows[i].bytes);
        cr_expect_str_eq(stage_text(&s), rows[i].want, "%zu", i);
        cr_expect_eq(stage_last(&s)->id, rows[i].last, "%zu", i);
    }
    cr_expect_str_eq(s.sent[stage_sent(&s, SP_MSG_RESULT)].key, "edge-0");
    stage_credit(&s, ID_B, 1);
    cr_expect_eq(stage_last(&s)->id, SP_MSG_RESULT, "nobody knows it");
    stage_close(&s);
}

/* What has begun to pass one replica cannot go on through another. */
Test(executor, a_stream_ends_with_its_screen_and_is_sent_to_no_other)
{
    struct stage s;
    struct stage_call call = stage_call(ID_A);

    stage_open(&s, stage_act_stream);
    stage_deliver(&s, &call);
    stage_write(&s.work[0], "0123");
    call.m.screen_by = SP_VIEW_LITERAL("validation-1");
    stage_deliver(&s, &call);
    cr_expect_str_eq(stage_last(&s)->screen, "validation-0",
                     "a repetition changes nothing any more");
    stage_write(&s.work[0], "45");
    cr_expect_str_eq(stage_last(&s)->key, "validation-0");
    sp_executor_peer(s.x, SP_SERVICE_VALIDATION,
                     SP_VIEW_LITERAL("validation-1"), false);
    cr_expect_not(s.work[0].ended);
    sp_executor_peer(s.x, SP_SERVICE_VALIDATION,
                     SP_VIEW_LITERAL("validation-0"), false);
    cr_expect(s.work[0].ended);
    cr_expect_eq(s.work[0].how, SP_EXECUTOR_LOST);
    cr_expect_str_eq(stage_text(&s), "012345");
    cr_expect_str_eq(s.events, "answer_lost 0 anna tool\n");
    cr_expect_eq(stage_sent(&s, SP_MSG_DENIAL), 0, "the edge breaks it");
    stage_close(&s);
}

/* The same where the loss shows only as a replica that is not found. */
Test(executor, a_stream_waits_for_its_screen_as_long_as_discovery_takes)
{
    struct stage s;
    const struct stage_call call = stage_call(ID_A);

    stage_open(&s, stage_act_stream);
    stage_deliver(&s, &call);
    stage_write(&s.work[0], "0123");
    lose(&s, "validation-0");
    stage_write(&s.work[0], "45");
    clock_loop_wait(&s.loop, 1000);
    s.down[0] = '\0';
    clock_loop_wait(&s.loop, SP_EXECUTOR_RETRY_MS);
    cr_expect_str_eq(stage_text(&s), "012345", "it was there again in time");
    lose(&s, "validation-0");
    stage_write(&s.work[0], "67");
    clock_loop_wait(&s.loop, SP_EXECUTOR_DISCOVERY_MS - 1);
    cr_expect_not(s.work[0].ended);
    clock_loop_wait(&s.loop, 2 * SP_EXECUTOR_RETRY_MS);
    cr_expect(s.work[0].ended);
    cr_expect_eq(s.work[0].how, SP_EXECUTOR_LOST);
    cr_expect_str_eq(stage_text(&s), "012345");
    stage_close(&s);
}

/* A stream of which nothing has left moves like a whole answer. */
Test(executor, a_stream_that_has_not_begun_takes_another_screen)
{
    struct stage s;
    struct stage_call call = stage_call(ID_A);

    stage_open(&s, stage_act_stream);
    stage_deliver(&s, &call);
    sp_executor_peer(s.x, SP_SERVICE_VALIDATION,
                     SP_VIEW_LITERAL("validation-0"), false);
    stage_write(&s.work[0], "0123");
    cr_expect_eq(stage_sent(&s, SP_MSG_RESULT), 0);
    cr_expect(s.work[0].paused);
    call.m.screen_by = SP_VIEW_LITERAL("validation-1");
    stage_deliver(&s, &call);
    cr_expect_str_eq(stage_last(&s)->key, "validation-1");
    cr_expect_str_eq(stage_text(&s), "0123");
    cr_expect_not(s.work[0].paused);
    stage_close(&s);
}

/* ------------------------------------------------------------------ the end */

Test(executor, the_client_goes)
{
    struct stage s;
    const struct stage_call call = stage_call(ID_A);

    stage_open(&s, stage_act_begin);
    stage_deliver(&s, &call);
    stage_cancel(&s, ID_B);
    cr_expect_not(s.work[0].ended);
    stage_cancel(&s, ID_A);
    cr_expect(s.work[0].ended);
    cr_expect_eq(s.work[0].how, SP_EXECUTOR_CANCELLED);
    cr_expect_str_eq(s.events, "call_cancelled 0 anna tool\n");
    cr_expect_eq(s.count, 1, "STARTED alone");
    stage_close(&s);
}

Test(executor, a_call_without_a_first_part_ends_at_its_deadline)
{
    struct stage s;
    const struct stage_call call = stage_call(ID_A);

    stage_open(&s, stage_act_stream);
    stage_deliver(&s, &call);
    clock_loop_wait(&s.loop, 4999);
    cr_expect_not(s.work[0].ended);
    clock_loop_wait(&s.loop, 1);
    cr_expect_eq(s.work[0].how, SP_EXECUTOR_EXPIRED);
    cr_expect_str_eq(s.events, "call_expired 504 anna tool\n");
    cr_expect_eq(s.count, 1, "the edge answers 504 by itself");
    stage_close(&s);
}

/* The deadline is for the first part; a stream lives as long as the edge says
 * that somebody listens. */
Test(executor, a_stream_lives_by_its_lease)
{
    struct stage s;
    const struct stage_call call = stage_call(ID_A);

    stage_open(&s, stage_act_stream);
    stage_deliver(&s, &call);
    clock_loop_wait(&s.loop, 4000);
    stage_write(&s.work[0], "01");
    for (int i = 0; i < 100; i++) {
        clock_loop_wait(&s.loop, SP_LEASE_RENEW_MS);
        stage_credit(&s, ID_A, 10);
    }
    cr_expect_not(s.work[0].ended, "forty minutes");
    clock_loop_wait(&s.loop, SP_LEASE_MS - 1);
    cr_expect_not(s.work[0].ended);
    clock_loop_wait(&s.loop, 1);
    cr_expect_eq(s.work[0].how, SP_EXECUTOR_LEASE);
    cr_expect_str_eq(s.events, "call_lease_expired 0 anna tool\n");
    stage_close(&s);
}

/* Moves both clocks. */
static void
pass(struct stage *s, int64_t ms)
{
    for (int64_t i = 0; i < ms; i += 1000) {
        stage_wall_ms += 1000;
        clock_loop_wait(&s->loop, 1000);
    }
}

Test(executor, a_stream_ends_with_the_token)
{
    struct stage s;
    struct stage_call call = stage_call(ID_A);

    call.passport.token_expires_ms = (uint64_t)STAGE_WALL_MS + 20000;
    stage_open(&s, stage_act_stream);
    stage_deliver(&s, &call);
    stage_write(&s.work[0], "01");
    pass(&s, 19000);
    cr_expect_not(s.work[0].ended);
    pass(&s, 1000);
    cr_expect(s.work[0].ended);
    cr_expect_eq(s.work[0].how, SP_EXECUTOR_TOKEN);
    cr_expect_str_eq(s.events, "call_token_expired 403 anna tool\n");
    cr_expect_eq(stage_sent(&s, SP_MSG_DENIAL), 0);
    stage_close(&s);
}

Test(executor, work_ends_with_the_token_and_says_so)
{
    struct stage s;
    struct stage_call call = stage_call(ID_A);

    call.passport.token_expires_ms = (uint64_t)STAGE_WALL_MS + 2000;
    stage_open(&s, stage_act_begin);
    stage_deliver(&s, &call);
    pass(&s, 2000);
    cr_expect_eq(s.work[0].how, SP_EXECUTOR_TOKEN);
    cr_expect_eq(stage_last(&s)->id, SP_MSG_DENIAL);
    cr_expect_str_eq(stage_last(&s)->text, "token_expired");
    stage_close(&s);
}

/* It was asked for in time, and may have had its effect. */
Test(executor, an_answer_that_waits_outlives_the_token)
{
    struct stage s;
    struct stage_call call = stage_call(ID_A);

    call.passport.token_expires_ms = (uint64_t)STAGE_WALL_MS + 2000;
    stage_open(&s, stage_act_answer);
    lose(&s, "validation-0");
    stage_deliver(&s, &call);
    pass(&s, 3000);
    call.m.screen_by = SP_VIEW_LITERAL("validation-1");
    stage_deliver(&s, &call);
    cr_expect_str_eq(stage_text(&s), "whole");
    stage_close(&s);
}

Test(executor, ends_its_calls_in_silence_when_it_is_freed)
{
    struct stage s;
    const struct stage_call a = stage_call(ID_A);
    const struct stage_call b = stage_call(ID_B);

    stage_open(&s, stage_act_begin);
    stage_deliver(&s, &a);
    stage_deliver(&s, &b);
    sp_executor_hold(s.work[1].call, &stage_refusal);
    stage_close(&s);
    cr_expect_eq(s.work[0].how, SP_EXECUTOR_STOPPED);
    cr_expect_eq(s.work[1].how, SP_EXECUTOR_STOPPED);
    cr_expect_eq(s.count, 2);
    cr_expect_str_eq(s.events, "");
}

/* --------------------------------------------------------------- held calls */

/* An answer may not leave before the commit that makes it true. */
Test(executor, what_is_held_leaves_with_the_release)
{
    struct stage s;
    const struct stage_call a = stage_call(ID_A);
    const struct stage_call b = stage_call(ID_B);

    stage_open(&s, stage_act_hold);
    stage_deliver(&s, &a);
    stage_deliver(&s, &b);
    sp_executor_answer(s.work[0].call, 200, SP_VIEW_LITERAL(HEADERS),
                       SP_VIEW_LITERAL("first"));
    cr_expect_eq(stage_sent(&s, SP_MSG_RESULT), 0);
    stage_deliver(&s, &a);
    cr_expect_eq(stage_sent(&s, SP_MSG_RESULT), 0, "nor by a repetition");
    sp_executor_release_all(s.x);
    cr_expect_str_eq(stage_text(&s), "first");
    cr_expect_str_eq(stage_last(&s)->headers, HEADERS);
    cr_expect(s.work[1].released, "it may begin now");
    cr_expect_not(s.work[1].ended);
    sp_executor_answer(s.work[1].call, 200, SP_VIEW_LITERAL(HEADERS),
                       SP_VIEW_LITERAL("second"));
    cr_expect_str_eq(stage_text(&s), "firstsecond");
    stage_close(&s);
}

Test(executor, what_is_abandoned_is_refused)
{
    struct stage s;
    const struct stage_call a = stage_call(ID_A);
    const struct stage_call b = stage_call(ID_B);

    stage_open(&s, stage_act_hold);
    stage_deliver(&s, &a);
    stage_deliver(&s, &b);
    sp_executor_answer(s.work[0].call, 200, SP_VIEW_LITERAL(HEADERS),
                       SP_VIEW_LITERAL("first"));
    stage_cancel(&s, ID_B);
    sp_executor_abandon_all(s.x);
    cr_expect_eq(stage_sent(&s, SP_MSG_RESULT), 0);
    cr_expect_eq(stage_sent(&s, SP_MSG_DENIAL), 1);
    cr_expect_eq(stage_last(&s)->status, 418);
    cr_expect_eq(s.work[0].how, SP_EXECUTOR_REFUSED);
    cr_expect_eq(s.work[1].how, SP_EXECUTOR_CANCELLED);
    cr_expect_eq(sp_executor_count(s.x), 0);
    stage_close(&s);
}

/* A committed answer waits for its screen as any other does. */
Test(executor, what_was_released_is_abandoned_no_more)
{
    struct stage s;
    struct stage_call call = stage_call(ID_A);

    stage_open(&s, stage_act_hold);
    stage_deliver(&s, &call);
    lose(&s, "validation-0");
    sp_executor_answer(s.work[0].call, 200, SP_VIEW_LITERAL(HEADERS),
                       SP_VIEW_LITERAL("first"));
    sp_executor_release_all(s.x);
    sp_executor_abandon_all(s.x);
    cr_expect_eq(stage_sent(&s, SP_MSG_DENIAL), 0);
    call.m.screen_by = SP_VIEW_LITERAL("validation-1");
    stage_deliver(&s, &call);
    cr_expect_str_eq(stage_text(&s), "first");
    stage_close(&s);
}

Test(executor, writes_its_figures)
{
    struct stage s;
    const struct stage_call call = stage_call(ID_A);
    struct sp_buf out = sp_buf_new(8192);

    stage_open(&s, stage_act_begin);
    stage_deliver(&s, &call);
    stage_deliver(&s, &call);
    sp_executor_write_metrics(s.x, &out);
    cr_assert_eq(sp_buf_add(&out, "", 1), 0);
    cr_expect_not_null(strstr(
        out.data, "sallyport_llm_requests_total{outcome=\"repeated\"} 1\n"));
    cr_expect_not_null(strstr(
        out.data, "sallyport_llm_requests_total{outcome=\"answered\"} 0\n"));
    cr_expect_not_null(strstr(out.data, "sallyport_llm_in_flight 1\n"));
    sp_buf_free(&out);
    stage_close(&s);
}
