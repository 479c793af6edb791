/* Attacks on the examination: other paths and methods, calls without the right,
 * two readings of one request, values that a careless reader lets through, and
 * work without end. */
#include <stdlib.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "tests/support/validation_fixture.h"

#define CALL(name, arguments)                                                  \
    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{"     \
    "\"name\":" name ",\"arguments\":" arguments "}}"
#define AMOUNTS(list)                                                          \
    CALL("\"calculate_account_value\"",                                        \
         "{\"customer_id\":\"ABCDE1\",\"amounts\":" list "}")
#define CUSTOMER(text)                                                         \
    CALL("\"get_customer_info\"", "{\"customer_id\":" text "}")
#define TICKET(subject)                                                        \
    CALL("\"create_support_ticket\"",                                          \
         "{\"customer_id\":\"ABCDE1\",\"subject\":" subject                    \
         ",\"description\":\"d\"}")

Test(validation_attack, what_has_no_row_has_no_way)
{
    static const struct {
        const char *method;
        const char *path;
        unsigned status;
    } rows[] = {
        { "GET", "/mcp", 405 },
        { "PUT", "/mcp", 405 },
        { "post", "/mcp", 405 },
        { "POST", "/mcp/", 404 },
        { "POST", "/MCP", 404 },
        { "POST", "/v1/chat/completions/", 404 },
        { "GET", "/v1/chat/completions", 405 },
        { "POST", "/v1/models", 405 },
        { "POST", "/v1/embeddings", 404 },
        { "GET", "/console", 404 },
        { "POST", "", 404 },
    };
    struct gate g;

    gate_open(&g);
    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        const struct sp_call call = {
            .method = sp_view_of(rows[i].method),
            .path = sp_view_of(rows[i].path),
            .headers = SP_VIEW_LITERAL(LEGACY_HEADERS),
            .body = SP_VIEW_LITERAL("{}"),
            .scopes = SP_VIEW_LITERAL(ALL_SCOPES),
        };

        cr_assert_eq(gate_ask(&g, &call), SP_EDENIED);
        cr_assert_eq(g.verdict.status, rows[i].status, "%s %s", rows[i].method,
                     rows[i].path);
        cr_assert_eq(strstr(g.headers, "allow: ") != NULL,
                     rows[i].status == 405);
    }
    gate_close(&g);
}

Test(validation_attack, no_tool_runs_without_its_own_scope)
{
    static const char *const scopes[] = {
        "",
        "ticket:creat",
        "ticket:create2",
        "TICKET:CREATE",
        "customer:read account:calculate security:read admin:manage",
        "ticket:create,customer:read",
        "*",
    };
    struct gate g;

    gate_open(&g);
    for (size_t i = 0; i < SP_COUNT(scopes); i++) {
        const struct sp_call call = {
            .method = SP_VIEW_LITERAL("POST"),
            .path = SP_VIEW_LITERAL("/mcp"),
            .headers = SP_VIEW_LITERAL(LEGACY_HEADERS),
            .body = SP_VIEW_LITERAL(TICKET("\"s\"")),
            .scopes = sp_view_of(scopes[i]),
        };

        cr_assert_eq(gate_ask(&g, &call), SP_EDENIED, "%s", scopes[i]);
        cr_assert_eq(g.verdict.status, 403, "%s", scopes[i]);
        cr_assert_str_eq(g.verdict.kind, "scope_missing");
    }
    gate_close(&g);
}

/* The scope is looked at before the arguments: who may not call a tool learns
 * nothing of its schema. */
Test(validation_attack, no_schema_is_probed_without_the_scope)
{
    const struct sp_call call = {
        .method = SP_VIEW_LITERAL("POST"),
        .path = SP_VIEW_LITERAL("/mcp"),
        .headers = SP_VIEW_LITERAL(LEGACY_HEADERS),
        .body = SP_VIEW_LITERAL(TICKET("7")),
        .scopes = SP_VIEW_LITERAL("customer:read"),
    };
    struct gate g;

    gate_open(&g);
    cr_assert_eq(gate_ask(&g, &call), SP_EDENIED);
    cr_assert_eq(g.verdict.status, 403);
    cr_assert_null(strstr(g.body, "subject"));
    gate_close(&g);
}

/* Reference faults 21, 22 and 24: coercion, blanks, what a pattern misses. */
Test(validation_attack, no_value_slips_through_a_schema)
{
    static const char *const bodies[] = {
        AMOUNTS("[NaN]"),
        AMOUNTS("[\"1\"]"),
        AMOUNTS("[true]"),
        AMOUNTS("[null]"),
        AMOUNTS("[-0.000001]"),
        AMOUNTS("[1000000.000001]"),
        AMOUNTS("[1e6000]"),
        AMOUNTS("[1000000.0000001]"),
        AMOUNTS("[]"),
        AMOUNTS("{}"),
        CUSTOMER("\"ABCDE1\\n\""),
        CUSTOMER("\"ABCDE1\\u0000\""),
        CUSTOMER("\"abcde1\""),
        CUSTOMER("\"\\uff21BCDE1\""),
        CUSTOMER("\"ABCD\""),
        CUSTOMER("\"ABCDEFGHIJK\""),
        CUSTOMER("\"ABCDE' OR '1'='1\""),
        CUSTOMER("\"$(id)\""),
        CUSTOMER("[\"ABCDE1\"]"),
        CUSTOMER("\"ABCDE1\",\"x\":1"),
        TICKET("\"\""),
        CALL("\"get_customer_info\"", "{}"),
        CALL("\"get_customer_info\"", "{\"__proto__\":{}}"),
    };
    struct gate g;

    gate_open(&g);
    for (size_t i = 0; i < SP_COUNT(bodies); i++) {
        cr_assert_eq(gate_post(&g, LEGACY_HEADERS, bodies[i]), SP_EDENIED, "%s",
                     bodies[i]);
        cr_assert(g.verdict.status == 400 ||
                      strstr(g.body, "\"isError\":true") != NULL,
                  "%s: %s", bodies[i], g.body);
    }
    gate_close(&g);
}

/* Ordinary text that a list of bad words would refuse. */
Test(validation_attack, harmless_text_is_not_an_attack)
{
    static const char *const bodies[] = {
        TICKET("\"`make check` fails; DROP TABLE is in the log\""),
        TICKET("\"O'Brien said: {{name}} & <b>\""),
        TICKET("\"\\u00fcber \\ud83d\\ude00\""),
        AMOUNTS("[0, 1000000, 0.1, 1e2, 1.50]"),
    };
    struct gate g;

    gate_open(&g);
    for (size_t i = 0; i < SP_COUNT(bodies); i++) {
        cr_assert_eq(gate_post(&g, LEGACY_HEADERS, bodies[i]), 0, "%s: %s",
                     bodies[i], g.body);
    }
    gate_close(&g);
}

Test(validation_attack, no_tool_name_is_read_in_two_ways)
{
    static const char *const names[] = {
        "\"get_customer_info \"",
        "\" get_customer_info\"",
        "\"get_customer_info\\u0000\"",
        "\"get_customer_inf\\u043e\"",
        "\"Get_customer_info\"",
        "\"../get_customer_info\"",
        "\"\"",
        "7",
        "null",
        "[\"get_customer_info\"]",
    };
    struct gate g;
    char body[512];

    gate_open(&g);
    for (size_t i = 0; i < SP_COUNT(names); i++) {
        (void)snprintf(body, sizeof(body),
                       CALL("%s", "{\"customer_id\":\"ABCDE1\"}"), names[i]);
        cr_assert_eq(gate_post(&g, LEGACY_HEADERS, body), SP_EDENIED, "%s",
                     names[i]);
        cr_assert_not_null(strstr(g.body, "-32602"), "%s: %s", names[i],
                           g.body);
    }
    gate_close(&g);
}

/* attack: the era that is checked must be the era that runs. Marking a request
 * for both must not find the weaker rules of either. */
Test(validation_attack, no_request_is_of_two_eras)
{
    static const struct {
        const char *headers;
        const char *params;
        unsigned status;
    } rows[] = {
        { LEGACY_HEADERS "mcp-session-id: s\n", META, 400 },
        { LEGACY_HEADERS "mcp-protocol-version: 2025-11-25\n", META, 400 },
        { MODERN_HEADERS "mcp-session-id: s\nmcp-method: initialize\n", META,
          404 },
        { MODERN_HEADERS "mcp-protocol-version: 2025-11-25\n", META, 400 },
        { MODERN_HEADERS "mcp-method: initialize\n", "\"x\":1", 400 },
    };
    struct gate g;
    char body[1024];

    gate_open(&g);
    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        (void)snprintf(body, sizeof(body),
                       "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":"
                       "\"initialize\",\"params\":{\"protocolVersion\":\"x\","
                       "\"capabilities\":{},\"clientInfo\":{\"name\":\"n\","
                       "\"version\":\"1\"},%s}}",
                       rows[i].params);
        cr_assert_eq(gate_post(&g, rows[i].headers, body), SP_EDENIED);
        cr_assert_eq(g.verdict.status, rows[i].status, "row %zu: %s", i,
                     g.body);
    }
    gate_close(&g);
}

/* A body of `open` n times, `middle`, and `close` n times. */
static char *
nest(const char *open, const char *middle, const char *close, size_t n)
{
    struct sp_buf text = sp_buf_new(8 * 1024 * 1024);
    char *copy = NULL;

    for (size_t i = 0; i < n; i++) {
        (void)sp_buf_add_str(&text, open);
    }
    (void)sp_buf_add_str(&text, middle);
    for (size_t i = 0; i < n; i++) {
        (void)sp_buf_add_str(&text, close);
    }
    cr_assert_eq(text.error, 0);
    copy = sp_dup_view(sp_buf_view(&text));
    sp_buf_free(&text);
    return copy;
}

Test(validation_attack, nesting_and_numbers_of_values_are_bounded)
{
    char *deep = nest("[", "1", "]", 100000);
    char *wide = nest("1,", "1", "", 300000);
    char *half = nest("{\"a\":", "", "", 60);
    struct gate g;
    struct sp_buf body = sp_buf_new(2 * 1024 * 1024);

    gate_open(&g);
    cr_assert_eq(gate_post(&g, LEGACY_HEADERS, deep), SP_EDENIED);
    cr_assert_eq(g.verdict.status, 400);
    cr_assert_not_null(strstr(g.body, "too_complex"), "%s", g.body);
    (void)sp_buf_addf(&body, "[%s]", wide);
    (void)sp_buf_add(&body, "", 1);
    cr_assert_eq(gate_post(&g, LEGACY_HEADERS, body.data), SP_EDENIED);
    cr_assert_not_null(strstr(g.body, "too_complex"), "%s", g.body);
    cr_assert_eq(gate_post(&g, LEGACY_HEADERS, half), SP_EDENIED);
    cr_assert_not_null(strstr(g.body, "not_json"), "%s", g.body);
    sp_buf_free(&body);
    sp_free(half);
    sp_free(wide);
    sp_free(deep);
    gate_close(&g);
}

/* A tool whose argument is mirrored in a header. */
static const char mirrored[] =
    "tools:\n"
    "  - name: region\n"
    "    description: d\n"
    "    scope: customer:read\n"
    "    cost: 1\n"
    "    changes: false\n"
    "    run: account_value\n"
    "    annotations: {read_only: true, destructive: false,\n"
    "                  idempotent: true, open_world: false}\n"
    "    input_schema: |\n"
    "      {\"type\": \"object\", \"properties\": {\"region\":\n"
    "       {\"type\": \"string\", \"x-mcp-header\": \"Region\"}}}\n";

static void
open_mirrored(struct gate *g)
{
    char directory[] = "/tmp/sp-mirror-XXXXXX";
    char path[sizeof(directory) + sizeof("/tools.yaml")];
    FILE *file = NULL;

    cr_assert_not_null(mkdtemp(directory));
    (void)snprintf(path, sizeof(path), "%s/tools.yaml", directory);
    file = fopen(path, "w");
    cr_assert_not_null(file);
    cr_assert_geq(fputs(mirrored, file), 0);
    cr_assert_eq(fclose(file), 0);
    gate_open_with(g, directory);
    (void)unlink(path);
    (void)rmdir(directory);
}

/* attack: a proxy counts or routes by the header, the tool runs by the body. */
Test(validation_attack, headers_say_what_the_arguments_say)
{
    static const struct {
        const char *header;
        const char *arguments;
        bool passes;
    } rows[] = {
        { "mcp-param-region: eu\n", "{\"region\":\"eu\"}", true },
        { "mcp-param-region: =?base64?ZXU=?=\n", "{\"region\":\"eu\"}", true },
        { "mcp-param-region: =?base64?ZXU=\n", "{\"region\":\"=?base64?ZXU=\"}",
          true },
        { "mcp-param-other: 1\n", "{}", true },
        { "", "{\"region\":\"eu\"}", false },
        { "mcp-param-region: us\n", "{\"region\":\"eu\"}", false },
        { "mcp-param-region: EU\n", "{\"region\":\"eu\"}", false },
        { "mcp-param-region: eu\n", "{}", false },
        { "mcp-param-region: =?base64?ZXU?=\n", "{\"region\":\"eu\"}", false },
        { "mcp-param-region: =?base64?*?=\n", "{\"region\":\"eu\"}", false },
    };
    struct gate g;
    char headers[512];
    char body[1024];

    open_mirrored(&g);
    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        (void)snprintf(headers, sizeof(headers),
                       MODERN_HEADERS
                       "mcp-method: tools/call\nmcp-name: region\n%s",
                       rows[i].header);
        (void)snprintf(body, sizeof(body),
                       "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":"
                       "\"tools/call\",\"params\":{" META
                       ",\"name\":\"region\",\"arguments\":%s}}",
                       rows[i].arguments);
        cr_assert_eq(gate_post(&g, headers, body) == 0, rows[i].passes,
                     "row %zu: %s", i, g.body);
        if (!rows[i].passes) {
            cr_assert_eq(g.verdict.status, 400, "row %zu", i);
            cr_assert_not_null(strstr(g.body, "-32020"), "row %zu", i);
        }
    }
    gate_close(&g);
}

/* Nothing of the request stands in an answer but its id, and that is JSON. */
Test(validation_attack, nothing_is_echoed_but_the_id)
{
    static const char *const bodies[] = {
        "{\"jsonrpc\":\"2.0\",\"id\":\"i\",\"method\":\"MARK\"}",
        "{\"jsonrpc\":\"2.0\",\"id\":\"i\",\"method\":\"tools/call\","
        "\"params\":{\"name\":\"MARK\"}}",
        "{\"jsonrpc\":\"2.0\",\"id\":\"i\",\"method\":\"tools/call\","
        "\"params\":{\"name\":\"get_customer_info\",\"arguments\":"
        "{\"MARK\":\"MARK\"}}}",
        "{\"jsonrpc\":\"2.0\",\"id\":\"i\",\"MARK\":1}",
        "{\"MARK",
    };
    struct gate g;

    gate_open(&g);
    for (size_t i = 0; i < SP_COUNT(bodies); i++) {
        cr_assert_eq(gate_post(&g, LEGACY_HEADERS, bodies[i]), SP_EDENIED);
        cr_assert_null(strstr(g.body, "MARK"), "%s", g.body);
        cr_assert_null(strstr(g.headers, "MARK"), "%s", g.headers);
    }
    gate_close(&g);
}

Test(validation_attack, a_long_id_or_version_is_not_carried)
{
    struct gate g;
    char body[1024];
    char headers[512];

    gate_open(&g);
    (void)snprintf(body, sizeof(body),
                   "{\"jsonrpc\":\"2.0\",\"method\":\"ping\",\"id\":"
                   "\"%0300d\"}",
                   7);
    cr_assert_eq(gate_post(&g, LEGACY_HEADERS, body), SP_EDENIED);
    cr_assert_eq(g.verdict.status, 400);
    cr_assert_null(strstr(g.body, "00000000"), "%s", g.body);
    (void)snprintf(body, sizeof(body),
                   "{\"jsonrpc\":\"2.0\",\"method\":\"x\",\"id\":1,"
                   "\"params\":{\"_meta\":{\"io.modelcontextprotocol/"
                   "protocolVersion\":\"%0100d\",\"io.modelcontextprotocol/"
                   "clientCapabilities\":{}}}}",
                   7);
    (void)snprintf(headers, sizeof(headers),
                   LEGACY_HEADERS "mcp-protocol-version: %0100d\n", 7);
    cr_assert_eq(gate_post(&g, headers, body), SP_EDENIED);
    cr_assert_not_null(strstr(g.body, "-32022"), "%s", g.body);
    cr_assert_null(strstr(g.body, "00000000"), "%s", g.body);
    gate_close(&g);
}
