/* What a captured stage before tools can try: invent a caller, widen scopes,
 * swap the request, use it again, use another's session. Each is refused, and
 * each refusal is an event. */
#include "tests/support/tools_stage.h"

#define ID_A "aaaaaaaaaaaaaaaa"
#define ID_B "bbbbbbbbbbbbbbbb"
#define OTHER_KEY "1123456789abcdef0123456789abcdef"
#define CALL(tool, arguments)                                                  \
    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{"     \
    "\"name\":\"" tool "\",\"arguments\":" arguments "," DESK_META "}}"
#define TICKET_FOR(customer)                                                   \
    CALL("create_support_ticket",                                              \
         "{\"customer_id\":\"" customer "\",\"subject\":\"s\","                \
         "\"description\":\"d\"}")
#define TICKET TICKET_FOR("ABC12345")
#define INITIALIZE                                                             \
    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\",\"params\":{}}"
#define PING "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}"

/* Delivers, ends the turn, and expects one denial, its event and no ticket. */
static void
expect_denied(struct stage *s, const struct stage_call *call, unsigned status,
              const char *code)
{
    char event[64];

    (void)snprintf(event, sizeof(event), "%s ", code);
    s->rt.count = 0;
    s->rt.events[0] = '\0';
    stage_deliver(s, call);
    (void)wire_turn(&s->desk.tools);
    cr_assert_eq(s->rt.count, 1, "%s: %zu messages", code, s->rt.count);
    cr_expect_eq(s->rt.sent[0].id, SP_MSG_DENIAL);
    cr_expect_eq(s->rt.sent[0].to, SP_SERVICE_EDGE);
    cr_expect_eq(s->rt.sent[0].status, status);
    cr_expect_str_eq(s->rt.sent[0].text, code);
    cr_expect_str_eq(s->rt.events, event);
    cr_expect_eq(desk_tickets(&s->desk), 0);
}

Test(tools_attack, a_forged_passport_opens_nothing)
{
    struct stage s;
    struct stage_call call = stage_call(ID_A, "", TICKET);

    stage_open(&s);
    call.key = OTHER_KEY;
    expect_denied(&s, &call, 403, "passport_refused");
    call.key = DESK_KEY;
    call.sent.passport = SP_VIEW_LITERAL("x");
    expect_denied(&s, &call, 403, "passport_refused");
    call.sent.passport = SP_VIEW_LITERAL(
        "0000000000000000000000000000000000000000000000000000000000000000000");
    expect_denied(&s, &call, 403, "passport_refused");
    stage_close(&s);
}

/* The passport is genuine, and for something else. */
Test(tools_attack, no_part_of_a_request_can_be_swapped)
{
    static const char body[] = TICKET_FOR("DEF67890");
    struct stage s;
    const struct stage_call good = stage_call(ID_A, "a: b\n", TICKET);
    struct stage_call bad[6];

    stage_open(&s);
    for (size_t i = 0; i < SP_COUNT(bad); i++) {
        bad[i] = good;
    }
    bad[0].sent.body = sp_view_of(body);
    bad[1].sent.headers = SP_VIEW_LITERAL("a: c\n");
    bad[2].sent.method = SP_VIEW_LITERAL("DELETE");
    bad[3].sent.path = SP_VIEW_LITERAL("/mcq");
    bad[4].sent.query = SP_VIEW_LITERAL("a");
    bad[5].sent.request_id = SP_VIEW_LITERAL(ID_B);
    for (size_t i = 0; i < SP_COUNT(bad); i++) {
        expect_denied(&s, &bad[i], 403, "passport_refused");
    }
    stage_deliver(&s, &good);
    (void)wire_turn(&s.desk.tools);
    cr_expect_eq(desk_tickets(&s.desk), 1, "the genuine one runs");
    stage_close(&s);
}

Test(tools_attack, an_expired_passport_is_worth_nothing)
{
    struct stage s;
    struct stage_call call = stage_call(ID_A, "", TICKET);

    stage_open(&s);
    call.passport.expires_ms = (uint64_t)sp_clock_wall_ms();
    expect_denied(&s, &call, 403, "passport_expired");
    stage_close(&s);
}

/* validation let it pass, or was made to. */
Test(tools_attack, a_scope_is_looked_for_again)
{
    static const struct {
        const char *body;
        const char *scopes;
    } rows[] = {
        { TICKET, "customer:read account:calculate" },
        { TICKET, "" },
        { TICKET, "ticket:creat ticket:created ticket create" },
        { CALL("get_customer_info", "{\"customer_id\":\"ABC12345\"}"),
          "ticket:create" },
        { CALL("calculate_account_value",
               "{\"customer_id\":\"ABC12345\",\"amounts\":[1]}"),
          "customer:read ticket:create" },
    };
    struct stage s;

    stage_open(&s);
    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct stage_call call = stage_call(ID_A, "", rows[i].body);

        call.passport.scopes = sp_view_of(rows[i].scopes);
        s.rt.events[0] = '\0';
        s.rt.count = 0;
        stage_deliver(&s, &call);
        (void)wire_turn(&s.desk.tools);
        cr_expect_eq(stage_last(&s)->id, SP_MSG_DENIAL);
        cr_expect_eq(stage_last(&s)->status, 403);
        cr_expect_str_eq(stage_last(&s)->text, "insufficient_scope");
        cr_expect_str_eq(s.rt.events, "scope_refused ");
    }
    cr_expect_eq(desk_tickets(&s.desk), 0);
    stage_close(&s);
}

/* A captured ratelimit sends the same call again and again. */
Test(tools_attack, a_replayed_call_changes_nothing_more)
{
    struct stage s;
    const struct stage_call call = stage_call(ID_A, "", TICKET);

    stage_open(&s);
    for (int i = 0; i < 5; i++) {
        stage_deliver(&s, &call);
        (void)wire_turn(&s.desk.tools);
    }
    cr_expect_eq(desk_tickets(&s.desk), 1);
    stage_close(&s);
}

/* A captured edge gives two requests one id, to read the other's answer. */
Test(tools_attack, an_id_used_twice_tells_nothing)
{
    struct stage s;
    const struct stage_call first = stage_call(ID_A, "", TICKET);
    const struct stage_call second =
        stage_call(ID_A, "", TICKET_FOR("DEF67890"));

    stage_open(&s);
    stage_deliver(&s, &first);
    (void)wire_turn(&s.desk.tools);
    stage_deliver(&s, &second);
    (void)wire_turn(&s.desk.tools);
    cr_expect_eq(stage_last(&s)->id, SP_MSG_DENIAL);
    cr_expect_eq(stage_last(&s)->status, 409);
    cr_expect_eq(desk_tickets(&s.desk), 1);
    stage_close(&s);
}

/* The same, with the very same bytes by another caller: the answer is the
 * first caller's, and stays with it. */
Test(tools_attack, an_answer_belongs_to_its_caller)
{
    struct stage s;
    const struct stage_call first = stage_call(ID_A, "", TICKET);
    struct stage_call second = first;

    stage_open(&s);
    stage_deliver(&s, &first);
    (void)wire_turn(&s.desk.tools);
    second.passport.subject = SP_VIEW_LITERAL("mallory");
    stage_deliver(&s, &second);
    (void)wire_turn(&s.desk.tools);
    cr_expect_eq(stage_last(&s)->id, SP_MSG_DENIAL);
    cr_expect_eq(stage_last(&s)->status, 409);
    cr_expect_eq(desk_tickets(&s.desk), 1);
    stage_close(&s);
}

Test(tools_attack, anothers_session_is_an_unknown_one)
{
    struct stage s;
    struct stage_call call = stage_call(ID_A, "", INITIALIZE);
    char headers[512];

    stage_open(&s);
    stage_deliver(&s, &call);
    (void)snprintf(
        headers, sizeof(headers), "mcp-session-id: %.*s\n",
        SP_VIEW(sp_headers_get(sp_buf_view(&s.desk.tools.reply.headers),
                               "mcp-session-id")));
    call = stage_call(ID_B, headers, PING);
    stage_deliver(&s, &call);
    cr_expect_eq(stage_last(&s)->status, 200);
    call.passport.subject = SP_VIEW_LITERAL("mallory");
    stage_deliver(&s, &call);
    cr_expect_eq(stage_last(&s)->status, 404);
    call.passport.subject = SP_VIEW_LITERAL("anna");
    call.passport.client = SP_VIEW_LITERAL("other");
    stage_deliver(&s, &call);
    cr_expect_eq(stage_last(&s)->status, 404);
    call.sent.method = SP_VIEW_LITERAL("DELETE");
    call.covered.method = SP_VIEW_LITERAL("DELETE");
    stage_deliver(&s, &call);
    (void)wire_turn(&s.desk.tools);
    cr_expect_eq(stage_last(&s)->status, 404, "nor can it be ended");
    call = stage_call("cccccccccccccccc", headers, PING);
    stage_deliver(&s, &call);
    cr_expect_eq(stage_last(&s)->status, 200, "it lives on");
    stage_close(&s);
}

/* SQL, JSON and control characters in every text that is stored. */
Test(tools_attack, texts_stay_texts)
{
    static const char body[] = CALL(
        "create_support_ticket",
        "{\"customer_id\":\"ABC12345\","
        "\"subject\":\"'); DROP TABLE tickets;--\","
        "\"description\":\"\\u0000\\u001b[2J\\\"}],\\\"isError\\\":true\"}");
    struct stage s;
    struct sp_json json = { 0 };
    const struct stage_call call = stage_call(ID_A, "", body);
    const struct sp_json_token *text = NULL;

    stage_open(&s);
    stage_deliver(&s, &call);
    (void)wire_turn(&s.desk.tools);
    cr_assert_eq(sp_json_parse(&json, sp_view_of(stage_last(&s)->text)), 0);
    text = sp_json_get(&json, sp_json_root(&json), "result");
    cr_expect(sp_json_is(sp_json_get(&json, text, "isError"), SP_JSON_FALSE));
    text = sp_json_get(&json, text, "structuredContent");
    cr_expect(sp_json_equals(&json, sp_json_get(&json, text, "subject"),
                             "'); DROP TABLE tickets;--"));
    cr_expect_eq(desk_tickets(&s.desk), 1);
    sp_json_free(&json);
    stage_close(&s);
}
