/* What executors send back: parts, headers, and JSON held against what was
 * asked. */
#include "services/validation/screen/answer.h"

#include "common/base/alloc.h"
#include "tests/support/chat_answers.h"
#include "tests/support/validation_fixture.h"

#define ID "0123456789abcdef"
#define JSON "content-type: application/json\n"
#define SSE "content-type: text/event-stream\n"
#define TICKET_TEXT "\"content\":[{\"type\":\"text\",\"text\":\"x\"}]"

struct back {
    struct gate gate;
    struct pending *pending;
    struct answer_check check;
    struct answer_verdict verdict;
};

static void
back_open(struct back *b)
{
    memset(b, 0, sizeof(*b));
    gate_open(&b->gate);
    b->pending = pending_new(16);
    b->check.limits = &b->gate.config->results;
    b->check.toolbox = b->gate.toolbox;
    b->check.checker = b->gate.checker;
    b->check.pending = b->pending;
    answer_init(&b->check);
}

static void
back_close(struct back *b)
{
    answer_free(&b->check);
    pending_free(&b->pending);
    gate_close(&b->gate);
}

/* What the request was. */
static void
expect(struct back *b, enum sp_service_id target, struct expectation what)
{
    struct pending_entry *entry = NULL;

    pending_remove(b->pending, SP_VIEW_LITERAL(ID));
    entry = pending_put(b->pending, SP_VIEW_LITERAL(ID), 0);
    entry->target = target;
    entry->expect = what;
    entry->rpc_id = sp_dup("7");
    entry->scopes = sp_dup("customer:read");
    entry->ends_ms = 1000;
}

static enum answer_fate
give(struct back *b, enum sp_service_id from, struct sp_result part)
{
    part.request_id = SP_VIEW_LITERAL(ID);
    answer_part(&b->check, from, &part, 0, &b->verdict);
    if (b->verdict.ended) {
        pending_remove(b->pending, part.request_id);
    }
    return b->verdict.fate;
}

static struct sp_result
whole(unsigned status, const char *headers, const char *body)
{
    return (struct sp_result){ .last = true,
                               .status = status,
                               .headers = sp_view_of(headers),
                               .body = sp_view_of(body) };
}

struct row {
    const char *label;
    unsigned status;
    const char *headers;
    const char *body;
    const char *why; /* NULL: passes */
};

static void
run_rows(enum sp_service_id from, struct expectation what,
         const struct row *rows, size_t count)
{
    struct back b;

    back_open(&b);
    for (size_t i = 0; i < count; i++) {
        const struct row *r = &rows[i];
        enum answer_fate want = r->why == NULL ? ANSWER_PASS : ANSWER_REPLACE;

        expect(&b, from, what);
        cr_assert_eq(give(&b, from, whole(r->status, r->headers, r->body)),
                     want, "%s: %s", r->label, b.verdict.why);
        if (r->why != NULL) {
            cr_assert_str_eq(b.verdict.why, r->why, "%s", r->label);
        }
        cr_assert_eq(pending_count(b.pending), 0, "%s", r->label);
    }
    back_close(&b);
}

static const struct row any_rows[] = {
    { "result", 200, JSON, "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{}}",
      NULL },
    { "error", 200, JSON,
      "{\"jsonrpc\":\"2.0\",\"id\":7,\"error\":{\"code\":-1,\"message\":"
      "\"m\"}}",
      NULL },
    { "error without id", 400, JSON,
      "{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-1,\"message\":\"m\"}}", NULL },
    { "bare refusal", 404, "", "", NULL },
    { "nothing at all", 200, "", "", "no_answer" },
    { "result of another request", 200, JSON,
      "{\"jsonrpc\":\"2.0\",\"id\":8,\"result\":{}}", "wrong_id" },
    { "id of another type", 200, JSON,
      "{\"jsonrpc\":\"2.0\",\"id\":\"7\",\"result\":{}}", "wrong_id" },
    { "request", 200, JSON, "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"x\"}",
      "no_response" },
    { "both", 200, JSON,
      "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{},\"error\":{\"code\":1,"
      "\"message\":\"\"}}",
      "no_response" },
    { "key twice", 200, JSON,
      "{\"jsonrpc\":\"2.0\",\"id\":7,\"id\":7,\"result\":{}}", "not_json" },
    { "no JSON", 200, JSON, "<html>", "not_json" },
    { "HTML", 200, "content-type: text/html\n", "<b>", "bad_content_type" },
    { "no type", 200, "", "{}", "no_content_type" },
    { "malformed headers", 200, "content-type: a\rb\n", "{}", "bad_headers" },
    { "status 101", 101, JSON, "{}", "bad_status" },
    { "status 0", 0, JSON, "{}", "bad_status" },
    { "stream as an error", 500, SSE, "data: x\n\n", "stream_with_error" },
};

Test(answer, holds_mcp_answers_to_the_request)
{
    run_rows(SP_SERVICE_TOOLS, (struct expectation){ .kind = EXPECT_RPC },
             any_rows, SP_COUNT(any_rows));
}

static const struct row list_rows[] = {
    { "own tools", 200, JSON,
      "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"tools\":[{\"name\":"
      "\"get_customer_info\"}]}}",
      NULL },
    { "none", 200, JSON,
      "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"tools\":[]}}", NULL },
    { "not this caller's", 200, JSON,
      "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"tools\":[{\"name\":"
      "\"get_customer_info\"},{\"name\":\"create_support_ticket\"}]}}",
      "tool_not_allowed" },
    { "in no catalogue", 200, JSON,
      "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"tools\":[{\"name\":"
      "\"shell\"}]}}",
      "tool_unknown" },
    { "nameless", 200, JSON,
      "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"tools\":[{}]}}",
      "tool_without_name" },
    { "no list", 200, JSON, "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{}}",
      "no_tools" },
};

Test(answer, a_list_shows_only_what_the_caller_may_call)
{
    run_rows(SP_SERVICE_TOOLS,
             (struct expectation){ .kind = EXPECT_RPC, .tool_list = true },
             list_rows, SP_COUNT(list_rows));
}

static const struct row tool_rows[] = {
    { "conforms", 200, JSON,
      "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{" TICKET_TEXT
      ",\"structuredContent\":{\"customer_id\":\"ABCDE1\",\"total\":1,"
      "\"average\":1,\"count\":1,\"max\":1,\"min\":1,\"tier\":\"gold\"}}}",
      NULL },
    { "failed tool", 200, JSON,
      "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{" TICKET_TEXT
      ",\"isError\":true}}",
      NULL },
    { "no structured content", 200, JSON,
      "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{" TICKET_TEXT "}}",
      "no_structured_content" },
    { "more than it declares", 200, JSON,
      "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{" TICKET_TEXT
      ",\"structuredContent\":{\"customer_id\":\"ABCDE1\",\"total\":1,"
      "\"average\":1,\"count\":1,\"max\":1,\"min\":1,\"tier\":\"gold\","
      "\"card\":\"4111\"}}}",
      "output_schema" },
    { "no content", 200, JSON,
      "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"structuredContent\":{}}}",
      "no_content" },
};

Test(answer, a_tool_gives_what_its_output_schema_declares)
{
    struct gate g;

    gate_open(&g);
    run_rows(SP_SERVICE_TOOLS,
             (struct expectation){
                 .kind = EXPECT_RPC,
                 .structured = true,
                 .tool = toolbox_find(
                     g.toolbox, SP_VIEW_LITERAL("calculate_account_value")) },
             tool_rows, SP_COUNT(tool_rows));
    gate_close(&g);
}

Test(answer, models_answer_with_an_object)
{
    static const struct row rows[] = {
        { "object", 200, JSON, "{\"choices\":[]}", NULL },
        { "error", 429, JSON, "{\"error\":{}}", NULL },
        { "array", 200, JSON, "[]", "not_an_object" },
        { "cut", 200, JSON, "{\"choices\":[", "not_json" },
        { "event stream at once", 200, SSE, "data: [DONE]\n\n", NULL },
    };

    run_rows(SP_SERVICE_LLM, (struct expectation){ .kind = EXPECT_MODEL }, rows,
             SP_COUNT(rows));
}

Test(answer, only_known_headers_pass)
{
    struct back b;

    back_open(&b);
    expect(&b, SP_SERVICE_LLM, (struct expectation){ .kind = EXPECT_MODEL });
    cr_assert_eq(
        give(&b, SP_SERVICE_LLM,
             whole(200,
                   JSON "set-cookie: a=b\naccess-control-allow-origin: *\n"
                        "location: http://a\ncache-control: no-store\n",
                   "{}")),
        ANSWER_PASS);
    cr_assert(sp_view_is(sp_buf_view(&b.check.headers),
                         JSON "cache-control: no-store\n"),
              "%.*s", SP_VIEW(sp_buf_view(&b.check.headers)));
    back_close(&b);
}

static const struct row page_rows[] = {
    { "HTML", 200, "content-type: text/html\n", "<b>", NULL },
    { "with a charset", 200, "content-type: text/html; charset=utf-8\n", "<b>",
      NULL },
    { "CSS", 200, "content-type: text/css\n", "a {}", NULL },
    { "an error page", 404, "content-type: text/html\n", "<b>", NULL },
    { "JSON", 200, JSON, "{}", NULL },
    { "a script", 200, "content-type: text/javascript\n", "a()",
      "bad_content_type" },
    { "XHTML", 200, "content-type: application/xhtml+xml\n", "<b/>",
      "bad_content_type" },
    { "SVG", 200, "content-type: image/svg+xml\n", "<svg/>",
      "bad_content_type" },
};

Test(answer, the_console_shows_pages)
{
    run_rows(SP_SERVICE_MONITOR, (struct expectation){ .kind = EXPECT_ANY },
             page_rows, SP_COUNT(page_rows));
}

Test(answer, nobody_else_shows_pages)
{
    static const struct row rows[] = {
        { "HTML", 200, "content-type: text/html\n", "<b>", "bad_content_type" },
        { "CSS", 200, "content-type: text/css\n", "a {}", "bad_content_type" },
    };

    run_rows(SP_SERVICE_TOOLS, (struct expectation){ .kind = EXPECT_RPC }, rows,
             SP_COUNT(rows));
    run_rows(SP_SERVICE_LLM, (struct expectation){ .kind = EXPECT_MODEL }, rows,
             SP_COUNT(rows));
}

Test(answer, a_page_comes_whole)
{
    struct sp_result page = whole(200, "content-type: text/html\n", "<b>");
    struct results_config small = { .remembered = 16,
                                    .json_bytes = 2,
                                    .stream_bytes = 8 };
    struct back b;

    back_open(&b);
    page.last = false;
    expect(&b, SP_SERVICE_MONITOR, (struct expectation){ .kind = EXPECT_ANY });
    cr_assert_eq(give(&b, SP_SERVICE_MONITOR, page), ANSWER_REPLACE);
    cr_assert_str_eq(b.verdict.why, "page_in_parts");
    page.last = true;
    b.check.limits = &small;
    expect(&b, SP_SERVICE_MONITOR, (struct expectation){ .kind = EXPECT_ANY });
    cr_assert_eq(give(&b, SP_SERVICE_MONITOR, page), ANSWER_REPLACE);
    cr_assert_str_eq(b.verdict.why, "too_long");
    back_close(&b);
}

Test(answer, only_pages_bring_policies)
{
    static const char policies[] =
        "referrer-policy: same-origin\n"
        "content-security-policy: default-src 'self'\n";
    static const struct {
        enum sp_service_id from;
        const char *want;
    } rows[] = {
        { SP_SERVICE_MONITOR, policies },
        { SP_SERVICE_LLM, "" },
        { SP_SERVICE_TOOLS, "" },
    };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct back b;

        back_open(&b);
        expect(&b, rows[i].from, (struct expectation){ .kind = EXPECT_ANY });
        (void)give(&b, rows[i].from, whole(404, policies, ""));
        cr_expect(sp_view_is(sp_buf_view(&b.check.headers), rows[i].want),
                  "from %d: %.*s", (int)rows[i].from,
                  SP_VIEW(sp_buf_view(&b.check.headers)));
        back_close(&b);
    }
}

static struct sp_result
piece(uint64_t seq, bool last, const char *body)
{
    return (struct sp_result){
        .seq = seq,
        .last = last,
        .status = seq == 0 ? 200 : 0,
        .headers = seq == 0 ? SP_VIEW_LITERAL(SSE) : SP_VIEW_LITERAL(""),
        .body = sp_view_of(body),
    };
}

Test(answer, a_stream_passes_piece_by_piece)
{
    struct back b;

    back_open(&b);
    expect(&b, SP_SERVICE_LLM, (struct expectation){ .kind = EXPECT_MODEL });
    cr_assert_eq(give(&b, SP_SERVICE_LLM, piece(0, false, "data: {\"a")),
                 ANSWER_PASS);
    cr_assert_eq(pending_find(b.pending, SP_VIEW_LITERAL(ID))->ends_ms,
                 SP_LEASE_MS, "its lease has begun");
    cr_assert_eq(give(&b, SP_SERVICE_LLM, piece(1, false, "\":1}\n\n")),
                 ANSWER_PASS);
    cr_assert_eq(give(&b, SP_SERVICE_LLM, piece(1, true, "again")),
                 ANSWER_DROP);
    cr_assert_eq(pending_count(b.pending), 1);
    cr_assert_eq(give(&b, SP_SERVICE_LLM, piece(2, true, "data: [DONE]\n\n")),
                 ANSWER_PASS);
    cr_assert_eq(pending_count(b.pending), 0);
    back_close(&b);
}

Test(answer, a_stream_that_goes_wrong_is_broken_off)
{
    struct sp_result late = piece(1, false, "x");
    struct back b;

    back_open(&b);
    late.headers = SP_VIEW_LITERAL(JSON);
    expect(&b, SP_SERVICE_LLM, (struct expectation){ .kind = EXPECT_MODEL });
    cr_assert_eq(give(&b, SP_SERVICE_LLM, piece(0, false, "a")), ANSWER_PASS);
    cr_assert_eq(give(&b, SP_SERVICE_LLM, piece(2, false, "c")), ANSWER_BREAK);
    cr_assert_str_eq(b.verdict.why, "part_missing");
    expect(&b, SP_SERVICE_LLM, (struct expectation){ .kind = EXPECT_MODEL });
    cr_assert_eq(give(&b, SP_SERVICE_LLM, piece(3, false, "d")), ANSWER_BREAK);
    cr_assert_str_eq(b.verdict.why, "part_without_beginning");
    expect(&b, SP_SERVICE_LLM, (struct expectation){ .kind = EXPECT_MODEL });
    cr_assert_eq(give(&b, SP_SERVICE_LLM, piece(0, false, "a")), ANSWER_PASS);
    cr_assert_eq(give(&b, SP_SERVICE_LLM, late), ANSWER_BREAK);
    cr_assert_str_eq(b.verdict.why, "late_headers");
    expect(&b, SP_SERVICE_LLM, (struct expectation){ .kind = EXPECT_MODEL });
    cr_assert_eq(give(&b, SP_SERVICE_LLM, piece(0, false, "a")), ANSWER_PASS);
    back_close(&b);
}

/* attack: an executor that knows the id of another's request, as the monitor
 * does by events, must not be able to end it. */
Test(answer, only_the_executor_that_was_asked_may_end_a_stream)
{
    struct back b;

    back_open(&b);
    expect(&b, SP_SERVICE_LLM, (struct expectation){ .kind = EXPECT_MODEL });
    cr_assert_eq(give(&b, SP_SERVICE_LLM, piece(0, false, "a")), ANSWER_PASS);
    cr_assert_eq(give(&b, SP_SERVICE_TOOLS, piece(1, true, "b")), ANSWER_DROP);
    cr_assert_str_eq(b.verdict.why, "wrong_sender");
    cr_assert_eq(give(&b, SP_SERVICE_LLM, piece(1, true, "c")), ANSWER_PASS);
    back_close(&b);
}

static struct sp_result
piece_of(uint64_t attempt, uint64_t seq, bool last, const char *body)
{
    struct sp_result part = piece(seq, last, body);

    part.attempt = attempt;
    return part;
}

/* A replica was thought to be lost, another one runs the request, and the first
 * goes on: their parts have the same numbers. */
Test(answer, parts_of_two_runs_are_never_mixed)
{
    struct back b;

    back_open(&b);
    expect(&b, SP_SERVICE_LLM, (struct expectation){ .kind = EXPECT_MODEL });
    cr_assert_eq(give(&b, SP_SERVICE_LLM, piece_of(0, 2, false, "c0")),
                 ANSWER_BREAK, "nothing else is known yet");
    expect(&b, SP_SERVICE_LLM, (struct expectation){ .kind = EXPECT_MODEL });
    pending_find(b.pending, SP_VIEW_LITERAL(ID))->attempt = 1;
    cr_assert_eq(give(&b, SP_SERVICE_LLM, piece_of(0, 2, false, "c0")),
                 ANSWER_DROP, "it began elsewhere");
    cr_assert_eq(give(&b, SP_SERVICE_LLM, piece_of(1, 0, false, "a1")),
                 ANSWER_PASS);
    cr_assert_eq(give(&b, SP_SERVICE_LLM, piece_of(0, 0, false, "a0")),
                 ANSWER_DROP);
    cr_assert_eq(give(&b, SP_SERVICE_LLM, piece_of(0, 1, true, "b0")),
                 ANSWER_DROP);
    cr_assert_eq(give(&b, SP_SERVICE_LLM, piece_of(2, 1, false, "b2")),
                 ANSWER_DROP, "of the later one the beginning is missing");
    cr_assert_eq(give(&b, SP_SERVICE_LLM, piece_of(1, 1, false, "b1")),
                 ANSWER_PASS);
    cr_assert_eq(give(&b, SP_SERVICE_LLM, piece_of(2, 0, false, "a2")),
                 ANSWER_PASS, "the later sending counts");
    cr_assert_eq(give(&b, SP_SERVICE_LLM, piece_of(1, 2, true, "c1")),
                 ANSWER_DROP);
    cr_assert_eq(give(&b, SP_SERVICE_LLM, piece_of(2, 1, true, "b2")),
                 ANSWER_PASS);
    cr_assert_eq(pending_count(b.pending), 0);
    back_close(&b);
}

Test(answer, a_stream_has_a_longest_length)
{
    struct results_config small = { .remembered = 16,
                                    .json_bytes = 8,
                                    .stream_bytes = 8 };
    struct back b;

    back_open(&b);
    b.check.limits = &small;
    expect(&b, SP_SERVICE_LLM, (struct expectation){ .kind = EXPECT_MODEL });
    cr_assert_eq(give(&b, SP_SERVICE_LLM, piece(0, false, "12345")),
                 ANSWER_PASS);
    cr_assert_eq(give(&b, SP_SERVICE_LLM, piece(1, false, "678")), ANSWER_PASS);
    cr_assert_eq(give(&b, SP_SERVICE_LLM, piece(2, false, "9")), ANSWER_BREAK);
    cr_assert_str_eq(b.verdict.why, "too_long");
    expect(&b, SP_SERVICE_LLM, (struct expectation){ .kind = EXPECT_MODEL });
    cr_assert_eq(give(&b, SP_SERVICE_LLM, piece(0, false, "123456789")),
                 ANSWER_REPLACE);
    expect(&b, SP_SERVICE_LLM, (struct expectation){ .kind = EXPECT_MODEL });
    cr_assert_eq(give(&b, SP_SERVICE_LLM, whole(200, JSON, "{\"a\":123}")),
                 ANSWER_REPLACE);
    cr_assert_str_eq(b.verdict.why, "too_long");
    back_close(&b);
}

Test(answer, json_comes_in_one_part)
{
    struct sp_result part = whole(200, JSON, "{\"a\":");
    struct back b;

    back_open(&b);
    part.last = false;
    expect(&b, SP_SERVICE_LLM, (struct expectation){ .kind = EXPECT_MODEL });
    cr_assert_eq(give(&b, SP_SERVICE_LLM, part), ANSWER_REPLACE);
    cr_assert_str_eq(b.verdict.why, "json_in_parts");
    back_close(&b);
}

Test(answer, only_the_executor_that_was_asked_answers)
{
    struct back b;

    back_open(&b);
    expect(&b, SP_SERVICE_TOOLS, (struct expectation){ .kind = EXPECT_RPC });
    cr_assert_eq(give(&b, SP_SERVICE_LLM, whole(200, JSON, "{}")), ANSWER_DROP);
    cr_assert_str_eq(b.verdict.why, "wrong_sender");
    cr_assert_eq(pending_count(b.pending), 1, "the right one may still come");
    back_close(&b);
}

Test(answer, what_a_forgotten_request_still_gets_is_dropped)
{
    struct back b;

    back_open(&b);
    expect(&b, SP_SERVICE_LLM, (struct expectation){ .kind = EXPECT_MODEL });
    cr_assert_eq(give(&b, SP_SERVICE_LLM, piece(0, false, "a")), ANSWER_PASS);
    pending_remove(b.pending, SP_VIEW_LITERAL(ID));
    cr_assert_eq(give(&b, SP_SERVICE_LLM, piece(1, false, "b")), ANSWER_DROP);
    cr_assert_eq(give(&b, SP_SERVICE_LLM, piece(2, true, "c")), ANSWER_DROP);
    cr_assert_eq(give(&b, SP_SERVICE_LLM, whole(200, JSON, "{}")), ANSWER_DROP);
    cr_assert_eq(pending_count(b.pending), 0);
    back_close(&b);
}

/* test_llm_shape.c has the way back. */
Test(answer, passes_what_models_say_in_any_dialect)
{
    static char message[CHAT_ANSWER_MAX];
    static char text[CHAT_ANSWER_MAX + 1024];
    struct back b;

    back_open(&b);
    for (size_t i = 0; i < SP_COUNT(chat_answers); i++) {
        (void)snprintf(text, sizeof(text), "{\"choices\":[{\"message\":%s}]}",
                       chat_answer_text(chat_answers[i], message));
        expect(&b, SP_SERVICE_LLM,
               (struct expectation){ .kind = EXPECT_MODEL });
        cr_expect_eq(give(&b, SP_SERVICE_LLM, whole(200, JSON, text)),
                     ANSWER_PASS, "%s: %s", text, b.verdict.why);
    }
    back_close(&b);
}
