/* The messages of the tools process: what goes where, and when. */
#include <signal.h>
#include <sys/resource.h>

#include "tests/support/tools_stage.h"

#define ID_A "aaaaaaaaaaaaaaaa"
#define ID_B "bbbbbbbbbbbbbbbb"
#define CALL(tool, arguments)                                                  \
    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{"     \
    "\"name\":\"" tool "\",\"arguments\":" arguments "," DESK_META "}}"
#define CUSTOMER CALL("get_customer_info", "{\"customer_id\":\"ABC12345\"}")
#define TICKET                                                                 \
    CALL("create_support_ticket",                                              \
         "{\"customer_id\":\"ABC12345\",\"subject\":\"s\","                    \
         "\"description\":\"d\"}")

Test(tools_wire, a_reading_call_is_answered_at_once)
{
    struct stage s;
    const struct stage_call call = stage_call(ID_A, "", CUSTOMER);

    stage_open(&s);
    stage_deliver(&s, &call);
    cr_assert_eq(s.rt.count, 1);
    cr_expect_eq(s.rt.sent[0].to, SP_SERVICE_VALIDATION);
    cr_expect_eq(s.rt.sent[0].id, SP_MSG_RESULT);
    cr_expect_eq(s.rt.sent[0].place, SP_PLACE_NAMED);
    cr_expect_str_eq(s.rt.sent[0].key, "validation-0");
    cr_expect_eq(s.rt.sent[0].status, 200);
    cr_expect_not_null(strstr(s.rt.sent[0].text, "Ada Byron"));
    cr_expect_not(wire_turn(&s.desk.tools));
    cr_expect_eq(s.rt.count, 1);
    cr_expect_str_eq(s.rt.events, "");
    stage_close(&s);
}

Test(tools_wire, a_change_is_started_committed_and_then_answered)
{
    struct stage s;
    const struct stage_call call = stage_call(ID_A, "", TICKET);

    stage_open(&s);
    stage_deliver(&s, &call);
    cr_assert_eq(s.rt.count, 1, "the answer waits");
    cr_expect_eq(s.rt.sent[0].id, SP_MSG_STARTED);
    cr_expect_eq(s.rt.sent[0].to, SP_SERVICE_EDGE);
    cr_expect_eq(s.rt.sent[0].place, SP_PLACE_NAMED);
    cr_expect_str_eq(s.rt.sent[0].key, "edge-0");
    cr_expect_eq(desk_tickets(&s.desk), 0);
    (void)wire_turn(&s.desk.tools);
    cr_assert_eq(s.rt.count, 2);
    cr_expect_eq(s.rt.sent[1].id, SP_MSG_RESULT);
    cr_expect_eq(s.rt.sent[1].status, 200);
    cr_expect_eq(desk_tickets(&s.desk), 1);
    stage_close(&s);
}

Test(tools_wire, the_calls_of_a_turn_share_a_commit)
{
    struct stage s;
    const struct stage_call first = stage_call(ID_A, "", TICKET);
    const struct stage_call second = stage_call(ID_B, "", TICKET);

    stage_open(&s);
    stage_deliver(&s, &first);
    stage_deliver(&s, &second);
    stage_deliver(&s, &first);
    cr_expect_eq(s.rt.count, 3, "STARTED, and again for the repetition");
    (void)wire_turn(&s.desk.tools);
    cr_expect_eq(desk_tickets(&s.desk), 2);
    cr_expect_eq(s.desk.tools.figures.groups, 1);
    cr_assert_eq(s.rt.count, 5, "one answer for each");
    cr_expect_str_neq(s.rt.sent[3].text, s.rt.sent[4].text);
    cr_expect_str_eq(s.rt.events, "");
    stage_deliver(&s, &first);
    (void)wire_turn(&s.desk.tools);
    cr_assert_eq(s.rt.count, 7);
    cr_expect_str_eq(s.rt.sent[3].text, s.rt.sent[6].text);
    cr_expect_str_eq(s.rt.events, "request_repeated ");
    cr_expect_eq(desk_tickets(&s.desk), 2);
    stage_close(&s);
}

Test(tools_wire, expired_requests_are_dropped)
{
    struct stage s;
    struct stage_call call = stage_call(ID_A, "", TICKET);

    stage_open(&s);
    call.sent.deadline_ms = 0;
    stage_deliver(&s, &call);
    (void)wire_turn(&s.desk.tools);
    cr_expect_eq(s.rt.count, 0);
    cr_expect_eq(sp_executor_figures(s.desk.tools.executor)->late, 1);
    cr_expect_eq(desk_tickets(&s.desk), 0);
    stage_close(&s);
}

/* The edge repeats the call by way of another replica, and the answer goes
 * there: it is not made twice. */
Test(tools_wire, without_validation_an_answer_waits)
{
    static const int errors[] = { SP_ENOPEER, SP_EFULL };

    for (size_t i = 0; i < SP_COUNT(errors); i++) {
        struct stage s;
        struct stage_call call = stage_call(ID_A, "", CUSTOMER);

        stage_open(&s);
        s.rt.result = errors[i];
        stage_deliver(&s, &call);
        cr_assert_eq(s.rt.count, 1);
        cr_expect_eq(s.rt.sent[0].id, SP_MSG_STARTED);
        cr_expect_eq(wire_in_flight(&s.desk.tools), 1);
        s.rt.result = 0;
        call.sent.attempt = 1;
        call.sent.screen_by = SP_VIEW_LITERAL("validation-1");
        stage_deliver(&s, &call);
        cr_assert_eq(s.rt.count, 3);
        cr_expect_eq(s.rt.sent[1].id, SP_MSG_STARTED);
        cr_expect_eq(s.rt.sent[2].id, SP_MSG_RESULT);
        cr_expect_str_eq(s.rt.sent[2].key, "validation-1");
        cr_expect_not_null(strstr(s.rt.sent[2].text, "Ada Byron"));
        cr_expect_eq(s.desk.tools.figures.outcomes[MCP_ANSWERED], 1);
        cr_expect_eq(wire_in_flight(&s.desk.tools), 0);
        stage_close(&s);
    }
}

Test(tools_wire, an_answer_that_breaks_the_limits_is_refused)
{
    struct stage s;
    const struct stage_call call = stage_call(ID_A, "", CUSTOMER);

    stage_open(&s);
    s.rt.result = SP_ELIMIT;
    stage_deliver(&s, &call);
    cr_expect_eq(stage_last(&s)->id, SP_MSG_DENIAL);
    cr_expect_eq(stage_last(&s)->status, 500);
    cr_expect_str_neq(s.rt.events, "");
    stage_close(&s);
}

/* A client that is told to try again would open a second ticket. */
Test(tools_wire, without_validation_a_change_waits)
{
    struct stage s;
    struct stage_call call = stage_call(ID_A, "", TICKET);

    stage_open(&s);
    s.rt.result = SP_ENOPEER;
    stage_deliver(&s, &call);
    (void)wire_turn(&s.desk.tools);
    cr_expect_eq(s.rt.count, 1, "only STARTED");
    cr_expect_eq(wire_in_flight(&s.desk.tools), 1);
    cr_expect_eq(desk_tickets(&s.desk), 1);
    s.rt.result = 0;
    call.sent.attempt = 1;
    stage_deliver(&s, &call);
    cr_expect_eq(s.rt.count, 3);
    cr_expect_eq(stage_last(&s)->id, SP_MSG_RESULT);
    cr_expect_eq(stage_last(&s)->status, 200);
    cr_expect_eq(desk_tickets(&s.desk), 1);
    stage_close(&s);
}

/* The edge does not know that the call is here, and will send it to another
 * replica: nothing may have been done by then. */
Test(tools_wire, where_the_edge_is_not_told_nothing_is_done)
{
    struct stage s;
    const struct stage_call call = stage_call(ID_A, "", TICKET);

    stage_open(&s);
    s.rt.edge_result = SP_EFULL;
    stage_deliver(&s, &call);
    (void)wire_turn(&s.desk.tools);
    cr_expect_eq(s.rt.count, 0);
    cr_expect_eq(desk_tickets(&s.desk), 0);
    cr_expect_str_eq(s.rt.events, "");
    s.rt.edge_result = 0;
    stage_deliver(&s, &call);
    (void)wire_turn(&s.desk.tools);
    cr_expect_eq(stage_last(&s)->id, SP_MSG_RESULT);
    cr_expect_eq(desk_tickets(&s.desk), 1);
    stage_close(&s);
}

/* An effect whose answer has no room would be told as "nothing was done". */
Test(tools_wire, where_no_answer_can_wait_nothing_is_done)
{
    struct stage s;
    struct stage_call call = stage_call(ID_A, "", TICKET);

    stage_open(&s);
    sp_executor_limit(s.desk.tools.executor, 0);
    stage_deliver(&s, &call);
    call.sent.attempt = 1;
    stage_deliver(&s, &call);
    cr_assert_eq(s.rt.count, 2);
    cr_expect_eq(s.rt.sent[0].id, SP_MSG_DENIAL);
    cr_expect_eq(s.rt.sent[0].status, 503);
    cr_expect_str_eq(s.rt.sent[0].text, "store_busy");
    cr_expect_str_eq(s.rt.sent[1].text, "outcome_unknown");
    cr_expect_str_eq(s.rt.events, "store_busy outcome_unknown ");
    (void)wire_turn(&s.desk.tools);
    cr_expect_eq(desk_tickets(&s.desk), 0);
    stage_close(&s);
}

/* No file may grow any more: a full disk. */
static void
fill_disk(void)
{
    const struct sigaction ignore = { .sa_handler = SIG_IGN };
    struct rlimit limit;

    cr_assert_eq(sigaction(SIGXFSZ, &ignore, NULL), 0);
    cr_assert_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = 1;
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

Test(tools_wire, a_commit_that_fails_is_told_to_all_of_its_group)
{
    struct stage s;
    const struct stage_call first = stage_call(ID_A, "", TICKET);
    const struct stage_call second = stage_call(ID_B, "", TICKET);

    stage_open(&s);
    stage_deliver(&s, &first);
    stage_deliver(&s, &second);
    fill_disk();
    (void)wire_turn(&s.desk.tools);
    cr_assert_eq(s.rt.count, 4);
    for (size_t i = 2; i < 4; i++) {
        cr_expect_eq(s.rt.sent[i].id, SP_MSG_DENIAL);
        cr_expect_eq(s.rt.sent[i].status, 503);
        cr_expect_str_eq(s.rt.sent[i].text, "store_busy");
    }
    cr_expect_str_eq(s.rt.events, "store_busy store_busy ");
    cr_expect_eq(wire_in_flight(&s.desk.tools), 0);
    cr_expect_eq(desk_tickets(&s.desk), 0);
    stage_close(&s);
}

/* The first answer is true, whatever becomes of the group that it is repeated
 * in. */
Test(tools_wire, a_commit_that_fails_says_nothing_of_what_was_done_before)
{
    struct stage s;
    const struct stage_call first = stage_call(ID_A, "", TICKET);
    const struct stage_call second = stage_call(ID_B, "", TICKET);

    stage_open(&s);
    stage_deliver(&s, &first);
    (void)wire_turn(&s.desk.tools);
    stage_deliver(&s, &first);
    stage_deliver(&s, &second);
    fill_disk();
    (void)wire_turn(&s.desk.tools);
    cr_assert_eq(s.rt.count, 6);
    cr_expect_str_eq(s.rt.sent[4].key, "edge-0");
    cr_expect_str_eq(s.rt.sent[4].text, "outcome_unknown");
    cr_expect_eq(s.rt.sent[4].status, 409);
    cr_expect_str_eq(s.rt.sent[5].text, "store_busy");
    cr_expect_eq(desk_tickets(&s.desk), 1);
    stage_close(&s);
}

Test(tools_wire, probes_are_answered_by_the_way_of_results)
{
    struct stage s;
    const struct sp_msg m = {
        .id = SP_MSG_PROBE,
        .from = SP_SERVICE_RATELIMIT,
        .u.probe = { .request_id = SP_VIEW_LITERAL(ID_A),
                     .reply_to = SP_VIEW_LITERAL("edge-0") },
    };

    stage_open(&s);
    wire_on_probe(&s.desk.tools, &m);
    cr_expect_eq(s.rt.count, 1);
    cr_expect_eq(stage_last(&s)->to, SP_SERVICE_VALIDATION);
    cr_expect_eq(stage_last(&s)->id, SP_MSG_PROBE_ANSWER);
    stage_close(&s);
}

Test(tools_wire, a_lost_validation_is_told_to_every_edge)
{
    struct stage s;

    stage_open(&s);
    wire_peer(&s.desk.tools, SP_SERVICE_VALIDATION, sp_view_of("x"), true);
    wire_peer(&s.desk.tools, SP_SERVICE_MONITOR, sp_view_of("x"), false);
    cr_expect_eq(s.rt.count, 0);
    wire_peer(&s.desk.tools, SP_SERVICE_VALIDATION, sp_view_of("x"), false);
    cr_assert_eq(s.rt.count, 1);
    cr_expect_eq(s.rt.sent[0].id, SP_MSG_PEER_LOST);
    cr_expect_eq(s.rt.sent[0].place, SP_PLACE_ALL);
    stage_close(&s);
}

Test(tools_wire, figures_tell_what_happened)
{
    struct stage s;
    const struct stage_call call = stage_call(ID_A, "", CUSTOMER);
    struct sp_buf out = sp_buf_new(32768);

    stage_open(&s);
    stage_deliver(&s, &call);
    wire_metrics(&s.desk.tools, &out);
    cr_assert_eq(sp_buf_add(&out, "", 1), 0);
    cr_expect_not_null(strstr(
        out.data, "sallyport_tools_calls_total{tool=\"get_customer_info\"} "
                  "1\n"));
    cr_expect_not_null(strstr(
        out.data, "sallyport_tools_answers_total{outcome=\"answered\"} 1\n"));
    cr_expect_null(strstr(
        out.data, "sallyport_tools_answers_total{outcome=\"answered\"} 0\n"));
    cr_expect_not_null(
        strstr(out.data, "sallyport_tools_requests_total{outcome=\"answered\"} "
                         "1\n"));
    sp_buf_free(&out);
    stage_close(&s);
}
