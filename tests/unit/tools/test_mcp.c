/* The MCP server, both eras. */
#include "tests/support/tools_fixture.h"

#define ID_A "aaaaaaaaaaaaaaaa"
#define ID_B "bbbbbbbbbbbbbbbb"
#define SESSION_MS INT64_C(43200000)
#define RPC(method, params)                                                    \
    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"" method "\"," params "}"
#define MODERN(method) RPC(method, "\"params\":{" DESK_META "}")
#define CALL(tool, arguments)                                                  \
    RPC("tools/call", "\"params\":{\"name\":\"" tool                           \
                      "\",\"arguments\":" arguments "," DESK_META "}")
#define CALCULATE                                                              \
    CALL("calculate_account_value",                                            \
         "{\"customer_id\":\"ABC12345\",\"amounts\":[1]}")
#define TICKET                                                                 \
    CALL("create_support_ticket",                                              \
         "{\"customer_id\":\"ABC12345\",\"subject\":\"s\","                    \
         "\"description\":\"d\"}")

/* A session as a client sees it: the header line to send. */
struct visitor {
    struct desk desk;
    char header[512];
    char version[64];
};

static void
begin(struct visitor *v, const char *version)
{
    char body[256];
    struct sp_view id;

    desk_open(&v->desk);
    (void)snprintf(body, sizeof(body),
                   RPC("initialize", "\"params\":{\"protocolVersion\":\"%s\"}"),
                   version);
    cr_assert_eq(desk_post(&v->desk, ID_A, body)->status, 200);
    id = sp_headers_get(sp_buf_view(&v->desk.tools.reply.headers),
                        "mcp-session-id");
    cr_assert_not_null(id.ptr);
    (void)snprintf(v->header, sizeof(v->header), "mcp-session-id: %.*s\n",
                   SP_VIEW(id));
}

static const struct mcp_reply *
ask(struct visitor *v, const char *id, const char *method, const char *body)
{
    struct mcp_request request = desk_request(&v->desk, id, body);

    request.http.method = sp_view_of(method);
    request.http.headers = sp_view_of(v->header);
    return desk_ask(&v->desk, &request);
}

/* The reply as a document; every reply with a body must be one. */
static void
check_document(const struct desk *desk)
{
    struct sp_json json = { 0 };
    struct sp_view body = sp_buf_view(&desk->tools.reply.body);

    cr_expect_eq(sp_json_parse(&json, body), 0, "%.*s", SP_VIEW(body));
    cr_expect(sp_json_equals(
        &json, sp_json_get(&json, sp_json_root(&json), "jsonrpc"), "2.0"));
    sp_json_free(&json);
}

Test(mcp, discovers_without_a_session)
{
    struct desk desk;

    desk_open(&desk);
    cr_assert_eq(desk_post(&desk, ID_A, MODERN("server/discover"))->status,
                 200);
    check_document(&desk);
    cr_expect(desk_says(&desk, "\"supportedVersions\":[\"2026-07-28\"]"));
    cr_expect(desk_says(&desk, "\"resultType\":\"complete\""));
    cr_expect(desk_says(&desk, "\"capabilities\":{\"tools\":{}}"));
    cr_expect(desk_says(&desk, "\"cacheScope\":\"public\""));
    cr_expect(desk_says(&desk, "io.modelcontextprotocol/serverInfo"));
    cr_expect_null(
        sp_headers_get(sp_buf_view(&desk.tools.reply.headers), "mcp-session-id")
            .ptr);
    desk_close(&desk);
}

Test(mcp, each_era_has_its_own_methods)
{
    static const char *const modern[] = {
        MODERN("initialize"),
        MODERN("ping"),
        MODERN("logging/setLevel"),
        MODERN("resources/subscribe"),
        MODERN("notifications/unknown"),
        MODERN("tasks/list"),
    };
    struct visitor v;

    begin(&v, "2025-11-25");
    for (size_t i = 0; i < SP_COUNT(modern); i++) {
        cr_expect_eq(desk_post(&v.desk, ID_A, modern[i])->status, 404, "%s",
                     modern[i]);
        cr_expect(desk_says(&v.desk, "\"code\":-32601"));
        cr_expect(desk_says(&v.desk, "\"id\":1"));
        check_document(&v.desk);
    }
    cr_expect_eq(
        ask(&v, ID_A, "POST", RPC("server/discover", "\"params\":{}"))->status,
        200);
    cr_expect(desk_says(&v.desk, "\"code\":-32601"));
    desk_close(&v.desk);
}

Test(mcp, lists_what_the_scopes_allow)
{
    static const struct {
        const char *scopes;
        bool customer;
        bool ticket;
        bool value;
    } rows[] = {
        { DESK_ALL, true, true, true },
        { "ticket:create", false, true, false },
        { "account:calculate customer:read", true, false, true },
        { "customer:rea customer:readx", false, false, false },
        { "", false, false, false },
    };
    struct desk desk;

    desk_open(&desk);
    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct mcp_request request =
            desk_request(&desk, ID_A, MODERN("tools/list"));

        request.scopes = sp_view_of(rows[i].scopes);
        cr_assert_eq(desk_ask(&desk, &request)->status, 200);
        check_document(&desk);
        cr_expect_eq(desk_says(&desk, "\"get_customer_info\""),
                     rows[i].customer, "%s", rows[i].scopes);
        cr_expect_eq(desk_says(&desk, "\"create_support_ticket\""),
                     rows[i].ticket, "%s", rows[i].scopes);
        cr_expect_eq(desk_says(&desk, "\"calculate_account_value\""),
                     rows[i].value, "%s", rows[i].scopes);
        cr_expect(desk_says(&desk, "\"cacheScope\":\"private\""));
    }
    desk_close(&desk);
}

Test(mcp, publishes_the_constraints_of_the_arguments)
{
    struct desk desk;

    desk_open(&desk);
    (void)desk_post(&desk, ID_A, MODERN("tools/list"));
    cr_expect(desk_says(&desk, "\"pattern\":\"^[A-Z0-9]{5,10}$\""));
    cr_expect(desk_says(&desk, "\"maxLength\":2000"));
    cr_expect(desk_says(&desk, "\"maximum\":1000000"));
    cr_expect(desk_says(&desk, "\"additionalProperties\":false"));
    cr_expect(desk_says(&desk, "\"destructiveHint\":false"));
    cr_expect(desk_says(&desk, "\"outputSchema\""));
    desk_close(&desk);
}

Test(mcp, no_cursor_is_ours)
{
    struct desk desk;

    desk_open(&desk);
    cr_expect_eq(desk_post(&desk, ID_A,
                           RPC("tools/list",
                               "\"params\":{\"cursor\":\"x\"," DESK_META "}"))
                     ->status,
                 200);
    cr_expect(desk_says(&desk, "\"code\":-32602"));
    check_document(&desk);
    desk_close(&desk);
}

Test(mcp, calls_give_text_and_structure)
{
    struct desk desk;

    desk_open(&desk);
    cr_assert_eq(desk_post(&desk, ID_A, CALCULATE)->status, 200);
    check_document(&desk);
    cr_expect(desk_says(&desk, "\"structuredContent\":{\"customer_id\""));
    cr_expect(desk_says(&desk, "\"text\":\"{\\\"customer_id\\\""));
    cr_expect(desk_says(&desk, "\"isError\":false"));
    cr_expect_not(desk.tools.reply.deferred, "nothing was changed");
    cr_expect_eq(desk.starts, 0);
    desk_close(&desk);
}

/* validation reads names so, and the stages must not disagree. */
Test(mcp, escapes_in_a_tools_name_are_only_spelling)
{
    struct desk desk;

    desk_open(&desk);
    cr_assert_eq(desk_post(&desk, ID_A,
                           CALL("get\\u005fcustomer\\u005finfo",
                                "{\"customer_id\":\"ABC12345\"}"))
                     ->status,
                 200);
    cr_expect(desk_says(&desk, "Ada Byron"));
    cr_expect_eq(desk_post(&desk, ID_A,
                           CALL("get_customer_info\\u0000",
                                "{\"customer_id\":\"ABC12345\"}"))
                     ->status,
                 200);
    cr_expect(desk_says(&desk, "\"code\":-32602"));
    desk_close(&desk);
}

Test(mcp, the_id_comes_back_as_it_was)
{
    static const char *const ids[] = { "0", "-7", "9007199254740991",
                                       "\"a\\u2028\\\"b\"", "\"\"" };
    struct desk desk;

    desk_open(&desk);
    for (size_t i = 0; i < SP_COUNT(ids); i++) {
        char body[512];
        char want[64];

        (void)snprintf(body, sizeof(body),
                       "{\"jsonrpc\":\"2.0\",\"id\":%s,\"method\":"
                       "\"server/discover\",\"params\":{" DESK_META "}}",
                       ids[i]);
        (void)snprintf(want, sizeof(want), "\"id\":%s,", ids[i]);
        cr_expect_eq(desk_post(&desk, ID_A, body)->status, 200);
        cr_expect(desk_says(&desk, want), "%s", ids[i]);
    }
    desk_close(&desk);
}

Test(mcp, refuses_what_is_no_message)
{
    static const struct {
        const char *body;
        unsigned status;
        const char *says;
    } rows[] = {
        { "", 400, "-32700" },
        { "{", 400, "-32700" },
        { "{\"id\":1,\"id\":2}", 400, "-32700" },
        { "[]", 400, "-32600" },
        { "7", 400, "-32600" },
        { "{\"id\":null,\"method\":\"ping\"}", 400, "-32600" },
        { "{\"id\":{},\"method\":\"ping\"}", 400, "-32600" },
        { RPC("tools/call", "\"params\":{" DESK_META "}"), 200, "-32602" },
        { RPC("tools/call", "\"params\":{\"name\":7," DESK_META "}"), 200,
          "-32602" },
        { RPC("tools/call", "\"params\":{\"name\":\"get_customer_info\","
                            "\"arguments\":[]," DESK_META "}"),
          200, "-32602" },
        { CALL("drop_everything", "{}"), 200, "-32602" },
        { CALL("", "{}"), 200, "-32602" },
    };
    struct desk desk;

    desk_open(&desk);
    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        cr_expect_eq(desk_post(&desk, ID_A, rows[i].body)->status,
                     rows[i].status, "%s", rows[i].body);
        cr_expect(desk_says(&desk, rows[i].says), "%s", rows[i].body);
        cr_expect_not(desk_says(&desk, "drop_everything"), "no echo");
        check_document(&desk);
    }
    desk_close(&desk);
}

Test(mcp, an_unknown_modern_version_is_refused)
{
    struct desk desk;

    desk_open(&desk);
    cr_expect_eq(
        desk_post(&desk, ID_A,
                  RPC("tools/list",
                      "\"params\":{\"_meta\":{\"io.modelcontextprotocol/"
                      "protocolVersion\":\"v999.0.0\"}}"))
            ->status,
        400);
    cr_expect(desk_says(&desk, "-32022"));
    cr_expect(desk_says(&desk, "\"supported\":[\"2026-07-28\"]"));
    desk_close(&desk);
}

Test(mcp, only_post_and_delete)
{
    struct desk desk;
    struct mcp_request request;

    desk_open(&desk);
    request = desk_request(&desk, ID_A, "");
    request.http.method = SP_VIEW_LITERAL("GET");
    cr_expect_eq(desk_ask(&desk, &request)->status, 405);
    cr_expect(sp_view_is(
        sp_headers_get(sp_buf_view(&desk.tools.reply.headers), "allow"),
        "POST, DELETE"));
    desk_close(&desk);
}

/* --------------------------------------------------------------- sessions */

Test(mcp, agrees_on_a_version)
{
    static const struct {
        const char *wanted;
        const char *says;
    } rows[] = {
        { "2025-03-26", "\"protocolVersion\":\"2025-03-26\"" },
        { "2025-06-18", "\"protocolVersion\":\"2025-06-18\"" },
        { "2025-11-25", "\"protocolVersion\":\"2025-11-25\"" },
        { "1999-01-01", "\"protocolVersion\":\"2025-11-25\"" },
        { "2026-07-28", "\"protocolVersion\":\"2025-11-25\"" },
    };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct visitor v;

        begin(&v, rows[i].wanted);
        cr_expect(desk_says(&v.desk, rows[i].says), "%s", rows[i].wanted);
        cr_expect_not(desk_says(&v.desk, "resultType"));
        check_document(&v.desk);
        desk_close(&v.desk);
    }
}

Test(mcp, serves_a_session)
{
    struct visitor v;

    begin(&v, "2025-06-18");
    cr_expect_eq(ask(&v, ID_A, "POST",
                     "{\"jsonrpc\":\"2.0\",\"method\":"
                     "\"notifications/initialized\"}")
                     ->status,
                 202);
    cr_expect_eq(v.desk.tools.reply.body.len, 0);
    cr_expect_eq(ask(&v, ID_A, "POST", RPC("ping", "\"params\":{}"))->status,
                 200);
    cr_expect(desk_says(&v.desk, "\"result\":{}"));
    cr_expect_eq(
        ask(&v, ID_A, "POST", RPC("tools/list", "\"params\":{}"))->status, 200);
    cr_expect(desk_says(&v.desk, "outputSchema"));
    cr_expect_not(desk_says(&v.desk, "ttlMs"));
    cr_expect_eq(
        ask(&v, ID_A, "POST", "{\"jsonrpc\":\"2.0\",\"id\":5,\"result\":{}}")
            ->status,
        202, "a response is taken and forgotten");
    desk_close(&v.desk);
}

Test(mcp, the_first_version_knows_no_structure)
{
    struct visitor v;

    begin(&v, "2025-03-26");
    (void)ask(&v, ID_A, "POST", RPC("tools/list", "\"params\":{}"));
    cr_expect_not(desk_says(&v.desk, "outputSchema"));
    cr_expect_not(desk_says(&v.desk, "\"title\""));
    (void)ask(&v, ID_A, "POST",
              RPC("tools/call",
                  "\"params\":{\"name\":\"get_customer_info\",\"arguments\":"
                  "{\"customer_id\":\"ABC12345\"}}"));
    cr_expect(desk_says(&v.desk, "Ada Byron"));
    cr_expect_not(desk_says(&v.desk, "structuredContent"));
    desk_close(&v.desk);
}

Test(mcp, without_a_session_nothing_but_initialize)
{
    struct visitor v;

    begin(&v, "2025-11-25");
    (void)snprintf(v.header, sizeof(v.header), "accept: */*\n");
    cr_expect_eq(ask(&v, ID_A, "POST", RPC("ping", "\"params\":{}"))->status,
                 400);
    cr_expect_eq(
        ask(&v, ID_A, "POST", "{\"jsonrpc\":\"2.0\",\"method\":\"n\"}")->status,
        400);
    cr_expect_eq(ask(&v, ID_A, "DELETE", "")->status, 400);
    (void)snprintf(v.header, sizeof(v.header), "mcp-session-id: x\n");
    cr_expect_eq(ask(&v, ID_A, "POST", RPC("ping", "\"params\":{}"))->status,
                 404);
    cr_expect_eq(v.desk.tools.reply.outcome, MCP_SESSION_REFUSED);
    desk_close(&v.desk);
}

Test(mcp, the_version_header_must_agree)
{
    static const struct {
        const char *header;
        unsigned status;
    } rows[] = {
        { "", 200 },
        { "mcp-protocol-version: 2025-06-18\n", 200 },
        { "mcp-protocol-version: 2025-11-25\n", 400 },
        { "mcp-protocol-version: 1\n", 400 },
    };
    struct visitor v;
    size_t len = 0;

    begin(&v, "2025-06-18");
    len = strlen(v.header);
    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        (void)snprintf(v.header + len, sizeof(v.header) - len, "%s",
                       rows[i].header);
        cr_expect_eq(
            ask(&v, ID_A, "POST", RPC("ping", "\"params\":{}"))->status,
            rows[i].status, "%s", rows[i].header);
    }
    desk_close(&v.desk);
}

Test(mcp, a_session_ends_once_and_for_all_replicas)
{
    struct visitor v;

    begin(&v, "2025-11-25");
    cr_expect_eq(ask(&v, ID_A, "DELETE", "")->status, 204);
    cr_expect_eq(ask(&v, ID_A, "DELETE", "")->status, 204,
                 "the edge's own repetition");
    cr_expect_eq(v.desk.tools.reply.outcome, MCP_REPEATED);
    cr_expect_eq(ask(&v, ID_B, "DELETE", "")->status, 404);
    cr_expect_eq(ask(&v, ID_B, "DELETE", "")->status, 404);
    desk_leave(&v.desk);
    desk_enter(&v.desk);
    cr_expect_eq(
        ask(&v, "cccccccccccccccc", "POST", RPC("ping", "\"params\":{}"))
            ->status,
        404);
    desk_close(&v.desk);
}

Test(mcp, a_session_expires)
{
    struct visitor v;
    struct mcp_request request;

    begin(&v, "2025-11-25");
    request = desk_request(&v.desk, ID_A, RPC("ping", "\"params\":{}"));
    request.http.headers = sp_view_of(v.header);
    request.now_ms = DESK_NOW + SESSION_MS - 1;
    cr_expect_eq(desk_ask(&v.desk, &request)->status, 200);
    request.now_ms = DESK_NOW + SESSION_MS;
    cr_expect_eq(desk_ask(&v.desk, &request)->status, 404);
    desk_close(&v.desk);
}

/* ------------------------------------------------------------ exactly once */

Test(mcp, a_repeated_ticket_is_the_same_ticket)
{
    struct desk desk;
    char *before = NULL;

    desk_open(&desk);
    cr_assert_eq(desk_post(&desk, ID_A, TICKET)->status, 200);
    cr_expect(desk.tools.reply.deferred);
    cr_expect_eq(desk.starts, 1);
    before = sp_dup_view(sp_buf_view(&desk.tools.reply.body));
    desk_leave(&desk);
    desk_enter(&desk);
    cr_assert_eq(desk_post(&desk, ID_A, TICKET)->status, 200);
    cr_expect_eq(desk.tools.reply.outcome, MCP_REPEATED);
    cr_expect(sp_view_is(sp_buf_view(&desk.tools.reply.body), before));
    cr_expect_eq(desk_tickets(&desk), 1);
    cr_assert_eq(desk_post(&desk, ID_B, TICKET)->status, 200);
    cr_expect_not(sp_view_is(sp_buf_view(&desk.tools.reply.body), before));
    cr_expect_eq(desk_tickets(&desk), 2);
    sp_free(before);
    desk_close(&desk);
}

Test(mcp, a_failed_ticket_fails_again_and_leaves_none)
{
    struct desk desk;

    desk_open(&desk);
    for (int i = 0; i < 2; i++) {
        cr_expect_eq(desk_post(&desk, ID_A,
                               CALL("create_support_ticket",
                                    "{\"customer_id\":\"ZZZ99999\","
                                    "\"subject\":\"s\",\"description\":"
                                    "\"d\"}"))
                         ->status,
                     200);
        cr_expect(desk_says(&desk, "\"isError\":true"));
        cr_expect_not(desk_says(&desk, "structuredContent"));
        cr_expect_not(desk_says(&desk, "ZZZ99999"), "no echo");
    }
    cr_expect_eq(desk_tickets(&desk), 0);
    desk_close(&desk);
}

Test(mcp, while_another_replica_writes_nothing_is_done)
{
    struct desk desk;
    struct ledger *other = NULL;
    const struct ledger_claim claim = {
        .request_id = SP_VIEW_LITERAL(ID_B),
        .digest = SP_VIEW_LITERAL("d"),
    };
    struct ledger_answer known = { 0 };
    struct mcp_request repeated;
    char path[64];

    desk_open(&desk);
    desk_path(&desk, "ledger.db", path);
    cr_assert_eq(ledger_open(path, &other), 0);
    cr_assert_eq(ledger_claim(other, &claim, &known), 0);
    (void)desk_post(&desk, ID_A, TICKET);
    cr_expect_eq(desk.tools.reply.outcome, MCP_STORE_BUSY);
    repeated = desk_request(&desk, ID_A, TICKET);
    repeated.repeated = true;
    (void)desk_ask(&desk, &repeated);
    cr_expect_eq(desk.tools.reply.outcome, MCP_OUTCOME_UNKNOWN,
                 "the first one may have been done, whoever holds the store");
    cr_expect_eq(mcp_refusal_of(MCP_STORE_BUSY)->status, 503);
    cr_expect_eq(desk_post(&desk, ID_A, CALCULATE)->status, 200,
                 "reading goes on");
    ledger_close(&other);
    (void)desk_post(&desk, ID_A, TICKET);
    cr_expect_eq(desk.tools.reply.outcome, MCP_ANSWERED);
    cr_expect_eq(desk_tickets(&desk), 1);
    desk_close(&desk);
}

/* Begun by a run that is gone: nobody may say that nothing was done, and it is
 * not done again. */
Test(mcp, what_was_begun_and_not_finished_is_not_run_again)
{
    struct desk desk;
    struct mcp_request request;
    struct sp_buf identity = sp_buf_new(1024);
    unsigned char digest[SP_PASSPORT_DIGEST_BYTES];
    struct ledger_claim claim = { .request_id = SP_VIEW_LITERAL(ID_A),
                                  .keep_until_ms = DESK_NOW + 60000 };
    struct ledger_answer known = { 0 };

    desk_open(&desk);
    request = desk_request(&desk, ID_A, TICKET);
    sp_passport_digest(&request.http, digest);
    (void)sp_buf_add(&identity, digest, sizeof(digest));
    (void)sp_buf_add_str(&identity, "4:annaapp");
    claim.digest = sp_buf_view(&identity);
    cr_assert_eq(ledger_begin(desk.tools.ledger, &claim, &known), 0);
    cr_assert_eq(ledger_commit(desk.tools.ledger), 0);
    desk_leave(&desk);
    desk_enter(&desk);
    (void)desk_ask(&desk, &request);
    cr_expect_eq(desk.tools.reply.outcome, MCP_OUTCOME_UNKNOWN);
    cr_expect_eq(mcp_refusal_of(MCP_OUTCOME_UNKNOWN)->status, 409);
    cr_expect_eq(desk_tickets(&desk), 0);
    sp_buf_free(&identity);
    desk_close(&desk);
}

/* The executor could not say STARTED, or has no room. */
Test(mcp, changes_nothing_that_is_not_begun)
{
    static const struct {
        int error;
        enum mcp_outcome outcome;
    } rows[] = { { SP_EFULL, MCP_STORE_BUSY }, { SP_ENOPEER, MCP_UNPLACED } };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct desk desk;

        desk_open(&desk);
        desk.begin_error = rows[i].error;
        (void)desk_post(&desk, ID_A, TICKET);
        cr_expect_eq(desk.tools.reply.outcome, rows[i].outcome);
        cr_expect_not(desk.tools.reply.deferred);
        cr_expect_eq(desk_tickets(&desk), 0);
        desk.begin_error = 0;
        cr_expect_eq(desk_post(&desk, ID_A, TICKET)->status, 200);
        cr_expect_eq(desk_tickets(&desk), 1);
        desk_close(&desk);
    }
}
