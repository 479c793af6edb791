/* The three tools, and how they are bound to the catalogue. */
#include <regex.h>

#include "tests/support/tools_fixture.h"

#define CALCULATE "calculate_account_value"
#define CUSTOMER "get_customer_info"
#define TICKET "create_support_ticket"

/* Runs a tool outside of any protocol. The text stays until the next run. */
struct bench {
    struct desk desk;
    struct sp_json json;
    struct tool_result result;
};

static void
bench_open(struct bench *bench)
{
    *bench = (struct bench){ .result = { .text = sp_buf_new(1 << 20) } };
    desk_open(&bench->desk);
}

static void
bench_close(struct bench *bench)
{
    desk_close(&bench->desk);
    sp_json_free(&bench->json);
    sp_buf_free(&bench->result.text);
}

static int
run(struct bench *bench, const char *name, const char *arguments)
{
    const struct tools *tools = &bench->desk.tools;
    struct tool_call call = {
        .tool = sp_catalogue_find(tools->offer->catalogue, sp_view_of(name)),
        .subject = SP_VIEW_LITERAL("anna"),
        .client = SP_VIEW_LITERAL("app"),
        .now_ms = DESK_NOW,
    };

    cr_assert_not_null(call.tool);
    cr_assert_eq(sp_json_parse(&bench->json, sp_view_of(arguments)), 0, "%s",
                 arguments);
    call.arguments = (struct arguments){ .json = &bench->json,
                                         .object = sp_json_root(&bench->json) };
    bench->result.failed = false;
    sp_buf_reset(&bench->result.text);
    return toolset_run(tools->offer->toolset, &call, &bench->result);
}

static bool
gave(const struct bench *bench, const char *text)
{
    return sp_view_is(sp_buf_view(&bench->result.text), text);
}

Test(toolset, sums_are_exact_and_tiers_begin_above_their_bounds)
{
    static const struct {
        const char *amounts;
        const char *want; /* behind the customer_id */
    } rows[] = {
        { "[0.1,0.2]", "\"total\":0.3,\"average\":0.15,\"count\":2,"
                       "\"max\":0.2,\"min\":0.1,\"tier\":\"bronze\"}" },
        { "[10000]", "\"total\":10000,\"average\":10000,\"count\":1,"
                     "\"max\":10000,\"min\":10000,\"tier\":\"bronze\"}" },
        { "[10000,0.000001]",
          "\"total\":10000.000001,\"average\":5000.0000005,\"count\":2,"
          "\"max\":10000,\"min\":0.000001,\"tier\":\"silver\"}" },
        { "[5e4]", "\"total\":50000,\"average\":50000,\"count\":1,"
                   "\"max\":50000,\"min\":50000,\"tier\":\"silver\"}" },
        { "[0.30000000000000004,1e-20]",
          "\"total\":0.30000000000000004001,"
          "\"average\":0.150000000000000020005,\"count\":2,"
          "\"max\":0.30000000000000004,\"min\":0.00000000000000000001,"
          "\"tier\":\"bronze\"}" },
        { "[50000.01,0]", "\"total\":50000.01,\"average\":25000.005,"
                          "\"count\":2,\"max\":50000.01,\"min\":0,"
                          "\"tier\":\"gold\"}" },
    };
    struct bench bench;

    bench_open(&bench);
    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        char arguments[128];
        char want[256];

        (void)snprintf(arguments, sizeof(arguments),
                       "{\"customer_id\":\"ABC12345\",\"amounts\":%s}",
                       rows[i].amounts);
        (void)snprintf(want, sizeof(want), "{\"customer_id\":\"ABC12345\",%s",
                       rows[i].want);
        cr_assert_eq(run(&bench, CALCULATE, arguments), 0);
        cr_expect_not(bench.result.failed, "%s", rows[i].amounts);
        cr_expect(gave(&bench, want), "%.*s",
                  SP_VIEW(sp_buf_view(&bench.result.text)));
    }
    bench_close(&bench);
}

/* As if validation had let them pass. */
Test(toolset, checks_what_its_safety_rests_on_by_itself)
{
    static const struct {
        const char *tool;
        const char *arguments;
    } rows[] = {
        { CALCULATE, "{}" },
        { CALCULATE, "{\"customer_id\":\"ABC12345\"}" },
        { CALCULATE, "{\"customer_id\":\"ABC12345\",\"amounts\":[]}" },
        { CALCULATE, "{\"customer_id\":\"ABC12345\",\"amounts\":1}" },
        { CALCULATE, "{\"customer_id\":\"ABC12345\",\"amounts\":[\"1\"]}" },
        { CALCULATE, "{\"customer_id\":\"ABC12345\",\"amounts\":[true]}" },
        { CALCULATE, "{\"customer_id\":\"ABC12345\",\"amounts\":[-1]}" },
        { CALCULATE, "{\"customer_id\":\"ABC12345\",\"amounts\":[1e7]}" },
        { CALCULATE, "{\"customer_id\":\"ABC12345\",\"amounts\":[1e-351]}" },
        { CALCULATE, "{\"customer_id\":\"ABC12345\",\"amounts\":[1e400]}" },
        { CALCULATE, "{\"customer_id\":\"abc12345\",\"amounts\":[1]}" },
        { CALCULATE, "{\"customer_id\":12345,\"amounts\":[1]}" },
        { CALCULATE, "{\"customer_id\":\"ZZZ99999\",\"amounts\":[1]}" },
        { CUSTOMER, "{}" },
        { CUSTOMER, "{\"customer_id\":null}" },
        { CUSTOMER, "{\"customer_id\":[\"ABC12345\"]}" },
        { CUSTOMER, "{\"customer_id\":{\"a\":1}}" },
        { CUSTOMER, "{\"customer_id\":\"ZZZ99999\"}" },
        { CUSTOMER, "{\"customer_id\":\"x' OR '1'='1\"}" },
        { CUSTOMER, "{\"customer_id\":\"ABC12345\\u0000\"}" },
        { CUSTOMER, "{\"customer_id\":\"ABC1234_\"}" },
        { CUSTOMER, "{\"customer_id\":\"%\"}" },
    };
    struct bench bench;

    bench_open(&bench);
    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        cr_expect_eq(run(&bench, rows[i].tool, rows[i].arguments), 0);
        cr_expect(bench.result.failed, "%s", rows[i].arguments);
        cr_expect_gt(bench.result.text.len, 0);
        cr_expect_neq(bench.result.text.data[0], '{');
    }
    bench_close(&bench);
}

Test(toolset, a_hundred_amounts_are_enough)
{
    struct bench bench;
    struct sp_buf arguments = sp_buf_new(4096);

    bench_open(&bench);
    for (size_t count = 100; count <= 101; count++) {
        sp_buf_reset(&arguments);
        (void)sp_buf_add_str(&arguments, "{\"customer_id\":\"ABC12345\","
                                         "\"amounts\":[1000000");
        for (size_t i = 1; i < count; i++) {
            (void)sp_buf_add_str(&arguments, ",1000000");
        }
        cr_assert_eq(sp_buf_add(&arguments, "]}", 3), 0);
        cr_assert_eq(run(&bench, CALCULATE, arguments.data), 0);
        cr_expect_eq(bench.result.failed, count == 101);
    }
    sp_buf_free(&arguments);
    bench_close(&bench);
}

Test(toolset, customers_are_seeded_once)
{
    struct bench bench;

    bench_open(&bench);
    cr_assert_eq(run(&bench, CUSTOMER, "{\"customer_id\":\"DEF67890\"}"), 0);
    cr_expect(gave(&bench,
                   "{\"customer_id\":\"DEF67890\",\"name\":\"Daniel Evans\","
                   "\"status\":\"active\",\"account_type\":\"standard\","
                   "\"last_activity\":\"2026-11-18T09:15:00Z\","
                   "\"contact\":\"daniel.evans@example.com\"}"),
              "%.*s", SP_VIEW(sp_buf_view(&bench.result.text)));
    cr_assert_eq(run(&bench, CUSTOMER, "{\"customer_id\":\"ABC12345\"}"), 0);
    cr_expect_not(bench.result.failed);
    desk_leave(&bench.desk);
    desk_enter(&bench.desk);
    cr_expect_eq(desk_count(&bench.desk, "customers.db",
                            "SELECT count(*) FROM customers"),
                 5);
    bench_close(&bench);
}

/* Between claim and keep, as the server does it. */
static bool
open_ticket(struct bench *bench, const char *arguments)
{
    const struct ledger_claim claim = {
        .request_id = SP_VIEW_LITERAL("0123456789abcdef"),
        .digest = SP_VIEW_LITERAL("d"),
    };
    const struct ledger_answer answer = { .status = 200 };
    struct ledger_answer known = { 0 };
    struct ledger *ledger = bench->desk.tools.ledger;

    cr_assert_eq(ledger_claim(ledger, &claim, &known), 0);
    cr_assert_eq(run(bench, TICKET, arguments), 0);
    if (bench->result.failed) {
        ledger_drop(ledger);
    } else {
        cr_assert_eq(ledger_keep(ledger, &answer), 0);
    }
    cr_assert_eq(ledger_commit(ledger), 0);
    return !bench->result.failed;
}

Test(toolset, a_ticket_is_stored_and_told)
{
    static const char pattern[] =
        "^\\{\"ticket_id\":\"TKT-[A-Z2-7]{26}\",\"customer_id\":\"ABC12345\","
        "\"subject\":\"a \\\\\"q\\\\\" \xc3\xa4\",\"description\":\"two"
        "\\\\nlines\",\"priority\":\"normal\",\"status\":\"open\","
        "\"created\":\"2026-11-24T06:00:00Z\","
        "\"estimated_resolution\":\"2026-11-27T06:00:00Z\"\\}$";
    struct bench bench;
    regex_t wanted;

    bench_open(&bench);
    cr_assert(open_ticket(&bench, "{\"customer_id\":\"ABC12345\","
                                  "\"subject\":\"a \\\"q\\\" \\u00e4\","
                                  "\"description\":\"two\\nlines\"}"));
    cr_assert_eq(sp_buf_add(&bench.result.text, "", 1), 0);
    cr_assert_eq(regcomp(&wanted, pattern, REG_EXTENDED | REG_NOSUB), 0);
    cr_expect_eq(regexec(&wanted, bench.result.text.data, 0, NULL, 0), 0, "%s",
                 bench.result.text.data);
    regfree(&wanted);
    cr_expect_eq(desk_count(&bench.desk, "ledger.db",
                            "SELECT count(*) FROM tickets WHERE subject ="
                            " 'a \"q\" \xc3\xa4' AND caller = 'anna' AND"
                            " client = 'app' AND status = 'open'"),
                 1);
    bench_close(&bench);
}

Test(toolset, urgency_decides_when_a_ticket_should_be_solved)
{
    static const struct {
        const char *priority;
        const char *want;
    } rows[] = {
        { "urgent", "\"estimated_resolution\":\"2026-11-25T06:00:00Z\"" },
        { "high", "\"estimated_resolution\":\"2026-11-26T06:00:00Z\"" },
        { "normal", "\"estimated_resolution\":\"2026-11-27T06:00:00Z\"" },
        { "low", "\"estimated_resolution\":\"2026-12-01T06:00:00Z\"" },
    };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct bench bench;
        char arguments[128];

        bench_open(&bench);
        (void)snprintf(arguments, sizeof(arguments),
                       "{\"customer_id\":\"ABC12345\",\"subject\":\"s\","
                       "\"description\":\"d\",\"priority\":\"%s\"}",
                       rows[i].priority);
        cr_assert(open_ticket(&bench, arguments));
        cr_expect_not_null(memmem(bench.result.text.data, bench.result.text.len,
                                  rows[i].want, strlen(rows[i].want)),
                           "%s", rows[i].priority);
        bench_close(&bench);
    }
}

Test(toolset, texts_are_counted_in_characters)
{
    static const struct {
        size_t subject;
        size_t description;
        bool good;
    } rows[] = {
        { 200, 2000, true }, { 201, 1, false }, { 1, 2001, false },
        { 0, 1, false },     { 1, 0, false },
    };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct bench bench;
        struct sp_buf arguments = sp_buf_new(16384);

        bench_open(&bench);
        (void)sp_buf_add_str(&arguments, "{\"customer_id\":\"ABC12345\","
                                         "\"subject\":\"");
        for (size_t n = 0; n < rows[i].subject; n++) {
            (void)sp_buf_add_str(&arguments, "\xe2\x82\xac");
        }
        (void)sp_buf_add_str(&arguments, "\",\"description\":\"");
        for (size_t n = 0; n < rows[i].description; n++) {
            (void)sp_buf_add_str(&arguments, "\\u20ac");
        }
        cr_assert_eq(sp_buf_add(&arguments, "\"}", 3), 0);
        cr_expect_eq(open_ticket(&bench, arguments.data), rows[i].good,
                     "row %zu", i);
        cr_expect_eq(desk_tickets(&bench.desk), rows[i].good ? 1 : 0);
        sp_buf_free(&arguments);
        bench_close(&bench);
    }
}

/* Lines of tools.yaml that the catalogue takes and the binding must not. */
#define ENTRY(run, changes, read_only, rest)                                   \
    "tools:\n  - name: t\n    description: d\n    scope: a:b\n    cost: 1\n"   \
    "    changes: " changes "\n    annotations: {read_only: " read_only ",\n"  \
    "      destructive: false, idempotent: false, open_world: false}\n"        \
    "    run: " run "\n" rest                                                  \
    "    input_schema: '{\"type\":\"object\",\"properties\":"                  \
    "{\"customer_id\":{}}}'\n"
#define QUERY(text) "    query: \"" text "\"\n"

/* Binds the tools of a file with this text. */
static int
bind_text(struct desk *desk, const char *text, struct sp_buf *why)
{
    struct sp_catalogue *catalogue = NULL;
    struct toolset *set = NULL;
    char path[64];
    FILE *file = NULL;
    int error = 0;

    desk_path(desk, "tools.yaml", path);
    file = fopen(path, "w");
    cr_assert_not_null(file);
    cr_assert_geq(fputs(text, file), 0);
    cr_assert_eq(fclose(file), 0);
    cr_assert_eq(sp_catalogue_load(desk->directory, &catalogue, why), 0, "%.*s",
                 SP_VIEW(sp_buf_view(why)));
    error = toolset_new(catalogue, desk->tools.customers, desk->tools.ledger,
                        &set, why);
    toolset_free(&set);
    sp_catalogue_free(&catalogue);
    return error;
}

Test(toolset, refuses_to_bind_what_it_cannot_run_safely)
{
    static const struct {
        const char *text;
        const char *says;
    } rows[] = {
        { ENTRY("ticket", "false", "true", ""), "wants changes: true" },
        { ENTRY("account_value", "true", "false", ""), "wants changes: false" },
        { ENTRY("sql", "false", "true", QUERY("SELEC 1")), "syntax error" },
        { ENTRY("sql", "false", "true", QUERY("DELETE FROM customers")),
          "write a SELECT" },
        { ENTRY("sql", "false", "true", QUERY("BEGIN")), "write a SELECT" },
        { ENTRY("sql", "false", "true", QUERY("SELECT 1; SELECT 2")),
          "exactly one" },
        { ENTRY("sql", "false", "true", QUERY("-- nothing")), "exactly one" },
        { ENTRY("sql", "false", "true", QUERY("SELECT :customer_ib")),
          ":customer_ib" },
        { ENTRY("sql", "false", "true", QUERY("SELECT ?1")), "parameter" },
        { ENTRY("sql", "false", "true", QUERY("SELECT * FROM journal")),
          "no such table" },
    };
    struct desk desk;

    desk_open(&desk);
    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct sp_buf why = sp_buf_new(4096);

        cr_expect_eq(bind_text(&desk, rows[i].text, &why), SP_ECONFIG, "%s",
                     rows[i].says);
        cr_assert_eq(sp_buf_add(&why, "", 1), 0);
        cr_expect_not_null(strstr(why.data, rows[i].says), "%s", why.data);
        cr_expect_not_null(strstr(why.data, "/tools.yaml:"), "%s", why.data);
        cr_expect_not_null(strstr(why.data, "tools[0]."), "%s", why.data);
        sp_buf_free(&why);
    }
    desk_close(&desk);
}

Test(toolset, a_query_that_never_ends_is_broken_off)
{
    static const char endless[] = ENTRY(
        "sql", "false", "true",
        QUERY("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
              " SELECT max(i) AS m FROM n"));
    struct desk desk;
    struct sp_catalogue *catalogue = NULL;
    struct toolset *set = NULL;
    struct sp_buf why = sp_buf_new(4096);
    struct sp_json json = { 0 };
    struct tool_call call = { .arguments = { .json = &json } };
    struct tool_result result = { .text = sp_buf_new(4096) };

    desk_open(&desk);
    cr_assert_eq(bind_text(&desk, endless, &why), 0);
    cr_assert_eq(sp_catalogue_load(desk.directory, &catalogue, &why), 0);
    cr_assert_eq(toolset_new(catalogue, desk.tools.customers, desk.tools.ledger,
                             &set, &why),
                 0);
    call.tool = sp_catalogue_at(catalogue, 0);
    cr_expect_eq(toolset_run(set, &call, &result), SP_ESTORE);
    cr_expect_eq(
        customers_know(desk.tools.customers, SP_VIEW_LITERAL("ABC12345")), 1,
        "and the next one runs");
    toolset_free(&set);
    sp_catalogue_free(&catalogue);
    sp_buf_free(&result.text);
    sp_buf_free(&why);
    desk_close(&desk);
}
