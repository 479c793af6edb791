/* The validation process's messages, with the runtime replaced by a record. */
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "proto/passport.h"
#include "services/validation/validation.h"
#include "services/validation/wire.h"
#include "tests/support/validation_fixture.h"

#define ID "0123456789abcdef"
#define CALL_BODY                                                              \
    "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"tools/call\",\"params\":{"     \
    "\"name\":\"get_customer_info\",\"arguments\":{\"customer_id\":"           \
    "\"ABCDE1\"}}}"
#define LIST_BODY "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"tools/list\"}"

struct sent {
    enum sp_service_id to;
    enum sp_message_id id;
    enum sp_place_kind kind;
    char key[64];
    struct sp_answer answer;
    struct sp_checked_call checked;
    char headers[1024];
    char body[2048];
};

/* What stands behind the handlers instead of the real runtime. */
struct sp_runtime {
    struct sp_loop *loop;
    int result; /* of the next sends, but to the edge */
    struct sent sent[16];
    size_t count;
    size_t events;
    char kind[64];
    char detail[256];
    unsigned status;
};

int
sp_runtime_send(struct sp_runtime *rt, enum sp_service_id to,
                enum sp_message_id id, const void *message,
                struct sp_place place)
{
    struct sent *s = &rt->sent[rt->count];

    if (rt->result != 0 && to != SP_SERVICE_EDGE) {
        return rt->result;
    }
    cr_assert_lt(rt->count, SP_COUNT(rt->sent));
    cr_assert(sp_route_exists(id, SP_SERVICE_VALIDATION, to));
    *s = (struct sent){ .to = to, .id = id, .kind = place.kind };
    (void)snprintf(s->key, sizeof(s->key), "%.*s", SP_VIEW(place.key));
    if (id == SP_MSG_ANSWER) {
        s->answer = *(const struct sp_answer *)message;
        (void)snprintf(s->headers, sizeof(s->headers), "%.*s",
                       SP_VIEW(s->answer.headers));
        (void)snprintf(s->body, sizeof(s->body), "%.*s",
                       SP_VIEW(s->answer.body));
    } else if (id == SP_MSG_CHECKED_CALL) {
        s->checked = *(const struct sp_checked_call *)message;
    }
    rt->count++;
    return 0;
}

struct sp_loop *
sp_runtime_loop(struct sp_runtime *rt)
{
    return rt->loop;
}

struct sp_view
sp_runtime_own_name(struct sp_runtime *rt)
{
    (void)rt;
    return SP_VIEW_LITERAL("validation-3");
}

void
sp_runtime_trouble(struct sp_runtime *rt, const char *event, const char *format,
                   ...)
{
    (void)rt;
    (void)format;
    cr_assert_str_eq(event, "result_refused");
}

void
sp_runtime_event(struct sp_runtime *rt, const struct sp_occurrence *what)
{
    rt->events++;
    rt->status = what->status;
    (void)snprintf(rt->kind, sizeof(rt->kind), "%s", what->kind);
    (void)snprintf(rt->detail, sizeof(rt->detail), "%s", what->detail);
}

struct stage {
    struct sp_runtime rt;
    struct validation v;
};

static void
stage_open(struct stage *s)
{
    struct sp_buf why = sp_buf_new(8192);

    memset(s, 0, sizeof(*s));
    cr_assert_eq(
        rules_new("deploy/config", "https://gate.example", &s->v.rules, &why),
        0, "%.*s", SP_VIEW(sp_buf_view(&why)));
    sp_buf_free(&why);
    s->rt.loop = sp_loop_new();
    s->v.rt = &s->rt;
    s->v.pending = pending_new(16);
    s->v.answer.pending = s->v.pending;
    answer_init(&s->v.answer);
    s->v.verdict = verdict_new();
    s->v.sweep = (struct sp_timer){ .expired = wire_on_sweep, .arg = &s->v };
}

static void
stage_close(struct stage *s)
{
    verdict_free(&s->v.verdict);
    answer_free(&s->v.answer);
    pending_free(&s->v.pending);
    sp_loop_free(&s->rt.loop);
    rules_release(&s->v.previous);
    rules_release(&s->v.rules);
}

static struct sp_msg
call(const char *body)
{
    struct sp_msg m = { .id = SP_MSG_CALL, .from = SP_SERVICE_AUTH };

    m.u.call = (struct sp_call){
        .request_id = SP_VIEW_LITERAL(ID),
        .reply_to = SP_VIEW_LITERAL("edge-0"),
        .attempt = 1,
        .deadline_ms = 5000,
        .birth_ms = 77,
        .credit = 9,
        .trace = SP_VIEW_LITERAL("t"),
        .address = SP_VIEW_LITERAL("192.0.2.1"),
        .subject = SP_VIEW_LITERAL("anna"),
        .client = SP_VIEW_LITERAL("app"),
        .scopes = SP_VIEW_LITERAL("customer:read"),
        .passport = SP_VIEW_LITERAL("sealed"),
        .method = SP_VIEW_LITERAL("POST"),
        .path = SP_VIEW_LITERAL("/mcp"),
        .query = SP_VIEW_LITERAL("q=1"),
        .headers = SP_VIEW_LITERAL(LEGACY_HEADERS),
        .body = sp_view_of(body),
    };
    return m;
}

static struct sp_msg
result(enum sp_service_id from, uint64_t seq, bool last, const char *headers,
       const char *body)
{
    struct sp_msg m = { .id = SP_MSG_RESULT, .from = from };

    m.u.result = (struct sp_result){
        .request_id = SP_VIEW_LITERAL(ID),
        .reply_to = SP_VIEW_LITERAL("edge-0"),
        .seq = seq,
        .last = last,
        .status = 200,
        .headers = sp_view_of(headers),
        .body = sp_view_of(body),
    };
    return m;
}

Test(validation_wire, a_good_call_goes_on_untouched_by_its_principal)
{
    struct stage s;
    struct sp_msg m = call(CALL_BODY);
    const struct sp_checked_call *out = &s.rt.sent[0].checked;
    unsigned char key[SP_PRINCIPAL_KEY_BYTES];

    stage_open(&s);
    wire_on_call(&s.v, &m);
    cr_assert_eq(s.rt.count, 1);
    cr_assert_eq(s.rt.sent[0].to, SP_SERVICE_RATELIMIT);
    cr_assert_eq(s.rt.sent[0].kind, SP_PLACE_KEY);
    sp_principal_key(m.u.call.subject, m.u.call.client, key);
    cr_assert_eq(strncmp(s.rt.sent[0].key, (const char *)key, sizeof(key)), 0);
    cr_assert(sp_view_is(out->request_id, ID));
    cr_assert(sp_view_is(out->reply_to, "edge-0"));
    cr_assert_eq(out->attempt, 1);
    cr_assert_eq(out->birth_ms, 77);
    cr_assert_eq(out->credit, 9);
    cr_assert_leq(out->deadline_ms, 5000);
    cr_assert_gt(out->deadline_ms, 0);
    cr_assert(sp_view_is(out->passport, "sealed"));
    cr_assert(sp_view_is(out->scopes, "customer:read"));
    cr_assert(sp_view_is(out->query, "q=1"));
    cr_assert(sp_view_is(out->headers, LEGACY_HEADERS));
    cr_assert(sp_view_is(out->body, CALL_BODY));
    cr_assert_eq(out->target, SP_SERVICE_TOOLS);
    cr_assert(sp_view_is(out->name, "get_customer_info"));
    cr_assert_eq(out->cost, 100);
    cr_assert(sp_view_is(out->rpc_id, "7"));
    cr_assert(sp_view_is(out->screen_by, "validation-3"));
    cr_assert_eq(s.rt.events, 0);
    cr_assert_eq(pending_count(s.v.pending), 1);
    stage_close(&s);
}

Test(validation_wire, a_refused_call_is_answered_and_told)
{
    struct stage s;
    struct sp_msg m = call("{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":"
                           "\"tools/call\",\"params\":{\"name\":"
                           "\"create_support_ticket\"}}");

    stage_open(&s);
    wire_on_call(&s.v, &m);
    cr_assert_eq(s.rt.count, 1);
    cr_assert_eq(s.rt.sent[0].to, SP_SERVICE_EDGE);
    cr_assert_eq(s.rt.sent[0].kind, SP_PLACE_NAMED);
    cr_assert_str_eq(s.rt.sent[0].key, "edge-0");
    cr_assert_eq(s.rt.sent[0].answer.status, 403);
    cr_assert(s.rt.sent[0].answer.last);
    cr_assert_not_null(
        strstr(s.rt.sent[0].headers,
               "scope=\"ticket:create\", "
               "resource_metadata=\"https://gate.example/.well-known/"
               "oauth-protected-resource/mcp\"\n"));
    cr_assert_not_null(strstr(s.rt.sent[0].body, "\"id\":7"));
    cr_assert_eq(s.rt.events, 1);
    cr_assert_str_eq(s.rt.kind, "scope_missing");
    cr_assert_str_eq(s.rt.detail, "code=insufficient_scope");
    cr_assert_eq(pending_count(s.v.pending), 0);
    stage_close(&s);
}

Test(validation_wire, broken_arguments_are_told_with_the_rule_alone)
{
    struct stage s;
    struct sp_msg m = call("{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":"
                           "\"tools/call\",\"params\":{\"name\":"
                           "\"get_customer_info\",\"arguments\":{"
                           "\"customer_id\":\"'; DROP\"}}}");

    stage_open(&s);
    wire_on_call(&s.v, &m);
    cr_assert_eq(s.rt.sent[0].answer.status, 200);
    cr_assert_str_eq(s.rt.kind, "arguments_refused");
    cr_assert_eq(strncmp(s.rt.detail, "code=bad_arguments rule=", 24), 0);
    cr_assert_null(strstr(s.rt.detail, "DROP"));
    cr_assert_null(strstr(s.rt.sent[0].body, "DROP"));
    stage_close(&s);
}

Test(validation_wire, a_missing_stage_is_503_and_an_expired_call_nothing)
{
    struct stage s;
    struct sp_msg m = call(CALL_BODY);

    stage_open(&s);
    s.rt.result = SP_ENOPEER;
    m.u.call.attempt = 0;
    wire_on_call(&s.v, &m);
    cr_assert_eq(s.rt.count, 1);
    cr_assert_eq(s.rt.sent[0].answer.status, 503);
    cr_assert_not_null(strstr(s.rt.sent[0].headers, "retry-after: 1\n"));
    cr_assert_not_null(strstr(s.rt.sent[0].body, "\"id\":7"));
    cr_assert_str_eq(s.rt.kind, "stage_unavailable");
    cr_assert_eq(pending_count(s.v.pending), 0);
    m.u.call.deadline_ms = 0;
    wire_on_call(&s.v, &m);
    cr_assert_eq(s.rt.count, 1);
    cr_assert_eq(s.v.figures.expired, 1);
    stage_close(&s);
}

Test(validation_wire, a_notification_is_taken_without_an_event)
{
    struct stage s;
    struct sp_msg m =
        call("{\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\"}");

    stage_open(&s);
    wire_on_call(&s.v, &m);
    cr_assert_eq(s.rt.sent[0].answer.status, 202);
    cr_assert_eq(s.rt.events, 0);
    cr_assert_eq(s.v.figures.accepted, 1);
    stage_close(&s);
}

Test(validation_wire, an_answer_goes_to_the_edge_that_waits)
{
    struct stage s;
    struct sp_msg m = call(LIST_BODY);
    struct sp_msg r =
        result(SP_SERVICE_TOOLS, 0, true, "content-type: application/json\n",
               "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"tools\":[{\"name\":"
               "\"get_customer_info\"}]}}");

    stage_open(&s);
    wire_on_call(&s.v, &m);
    wire_on_result(&s.v, &r);
    cr_assert_eq(s.rt.count, 2);
    cr_assert_eq(s.rt.sent[1].to, SP_SERVICE_EDGE);
    cr_assert_str_eq(s.rt.sent[1].key, "edge-0");
    cr_assert_eq(s.rt.sent[1].answer.status, 200);
    cr_assert(s.rt.sent[1].answer.last);
    cr_assert_str_eq(s.rt.sent[1].body, r.u.result.body.ptr);
    cr_assert_eq(pending_count(s.v.pending), 0);
    cr_assert_eq(s.rt.events, 0);
    stage_close(&s);
}

Test(validation_wire, a_bad_answer_is_withheld_and_told)
{
    struct stage s;
    struct sp_msg m = call(LIST_BODY);
    struct sp_msg r =
        result(SP_SERVICE_TOOLS, 0, true, "content-type: application/json\n",
               "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"tools\":[{\"name\":"
               "\"create_support_ticket\"}]}}");

    stage_open(&s);
    wire_on_call(&s.v, &m);
    wire_on_result(&s.v, &r);
    cr_assert_eq(s.rt.sent[1].answer.status, 502);
    cr_assert_not_null(strstr(s.rt.sent[1].body, "\"id\":7"));
    cr_assert_null(strstr(s.rt.sent[1].body, "create_support_ticket"));
    cr_assert_str_eq(s.rt.kind, "result_refused");
    cr_assert_str_eq(s.rt.detail, "from=tools reason=tool_not_allowed");
    stage_close(&s);
}

/* A question to a model is on its way. */
static void
expect_stream(struct stage *s)
{
    struct pending_entry *entry =
        pending_put(s->v.pending, SP_VIEW_LITERAL(ID), 0);

    entry->target = SP_SERVICE_LLM;
    entry->expect.kind = EXPECT_MODEL;
    entry->ends_ms = INT64_MAX;
}

/* Of an answer whose question another replica knows nothing passes here, in
 * whatever order it comes. */
Test(validation_wire, an_answer_without_its_question_does_not_pass)
{
    struct stage s;
    struct sp_msg parts[] = {
        result(SP_SERVICE_TOOLS, 0, true, "content-type: application/json\n",
               "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{}}"),
        result(SP_SERVICE_LLM, 0, false, "content-type: text/event-stream\n",
               "a"),
        result(SP_SERVICE_LLM, 1, true, "", "b"),
    };

    stage_open(&s);
    for (size_t i = 0; i < SP_COUNT(parts); i++) {
        wire_on_result(&s.v, &parts[i]);
    }
    cr_assert_eq(s.rt.count, 0);
    cr_assert_eq(s.v.figures.discarded, SP_COUNT(parts));
    cr_assert_eq(pending_count(s.v.pending), 0);
    stage_close(&s);
}

/* Where no room is left for what an answer is checked against, the call does
 * not go on; a stream never makes room for it. */
Test(validation_wire, without_room_for_its_answer_no_call_goes_on)
{
    struct stage s;
    struct sp_msg m = call(CALL_BODY);

    stage_open(&s);
    m.u.call.attempt = 0;
    for (unsigned char i = 0; i < 16; i++) {
        char id[PENDING_ID_BYTES] = { (char)i };
        struct pending_entry *entry =
            pending_put(s.v.pending, sp_view_make(id, sizeof(id)), 0);

        entry->streaming = true;
        entry->ends_ms = INT64_MAX;
    }
    wire_on_call(&s.v, &m);
    cr_assert_eq(s.rt.count, 1);
    cr_assert_eq(s.rt.sent[0].answer.status, 503);
    cr_assert_eq(pending_count(s.v.pending), 16);
    stage_close(&s);
}

/* The edge's question keeps a stream alive; without it the entry ends. */
Test(validation_wire, credit_renews_the_lease_of_a_stream)
{
    struct stage s;
    struct sp_msg first = result(SP_SERVICE_LLM, 0, false,
                                 "content-type: text/event-stream\n", "a");
    struct sp_msg credit = { .from = SP_SERVICE_AUTH };
    struct pending_entry *entry = NULL;

    stage_open(&s);
    expect_stream(&s);
    wire_on_result(&s.v, &first);
    entry = pending_find(s.v.pending, SP_VIEW_LITERAL(ID));
    cr_assert_not_null(entry);
    entry->ends_ms = 0;
    credit.u.credit.request_id = SP_VIEW_LITERAL(ID);
    wire_on_credit(&s.v, &credit);
    cr_assert_eq(entry->ends_ms, sp_loop_now_ms(s.rt.loop) + SP_LEASE_MS);
    entry->ends_ms = 0;
    wire_on_sweep(&s.v);
    cr_assert_eq(pending_count(s.v.pending), 0);
    sp_loop_stop(s.rt.loop, &s.v.sweep);
    stage_close(&s);
}

Test(validation_wire, a_cancelled_request_is_forgotten)
{
    struct stage s;
    struct sp_msg cancel = { .from = SP_SERVICE_AUTH };

    stage_open(&s);
    cancel.u.cancel.request_id = SP_VIEW_LITERAL(ID);
    cancel.u.cancel.screen_by = SP_VIEW_LITERAL("validation-3");
    expect_stream(&s);
    wire_on_cancel(&s.v, &cancel);
    cr_assert_eq(pending_count(s.v.pending), 0);
    cr_assert_eq(s.rt.count, 0, "no executor has to be told");
    stage_close(&s);
}

/* It came by here because the one that it names is gone: this one may be the
 * one that has taken over. */
Test(validation_wire, a_cancel_for_another_replica_forgets_nothing)
{
    struct stage s;
    struct sp_msg cancel = { .from = SP_SERVICE_AUTH };

    stage_open(&s);
    cancel.u.cancel.request_id = SP_VIEW_LITERAL(ID);
    cancel.u.cancel.screen_by = SP_VIEW_LITERAL("validation-2");
    cancel.u.cancel.executor = SP_VIEW_LITERAL("llm-1");
    expect_stream(&s);
    wire_on_cancel(&s.v, &cancel);
    cr_assert_eq(pending_count(s.v.pending), 1);
    cr_assert_eq(s.rt.count, 1, "the executor is told");
    stage_close(&s);
}

Test(validation_wire, a_stream_that_breaks_is_shown_to_the_edge_as_a_gap)
{
    struct stage s;
    struct sp_msg first = result(SP_SERVICE_LLM, 0, false,
                                 "content-type: text/event-stream\n", "a");
    struct sp_msg third = result(SP_SERVICE_LLM, 2, true, "", "c");

    stage_open(&s);
    expect_stream(&s);
    wire_on_result(&s.v, &first);
    cr_assert_eq(wire_in_flight(&s.v), 1);
    cr_assert_eq(s.rt.sent[0].answer.covers, 1);
    wire_on_result(&s.v, &third);
    cr_assert_eq(s.rt.count, 2);
    cr_assert_eq(s.rt.sent[1].answer.seq, SP_MAX_UINT);
    cr_assert(s.rt.sent[1].answer.last);
    cr_assert_str_empty(s.rt.sent[1].body);
    cr_assert_eq(wire_in_flight(&s.v), 0);
    stage_close(&s);
}

Test(validation_wire, the_rest_is_forwarded_by_its_rows)
{
    struct stage s;
    struct sp_msg m = { .from = SP_SERVICE_AUTH };
    struct sp_msg answer = { .from = SP_SERVICE_TOOLS };

    stage_open(&s);
    m.u.cancel.request_id = SP_VIEW_LITERAL(ID);
    m.u.cancel.executor = SP_VIEW_LITERAL("tools-1");
    wire_on_cancel(&s.v, &m);
    wire_on_credit(&s.v, &m);
    wire_on_probe(&s.v, &m);
    for (size_t i = 0; i < 3; i++) {
        cr_assert_eq(s.rt.sent[i].to, SP_SERVICE_RATELIMIT);
        cr_assert_eq(s.rt.sent[i].kind, SP_PLACE_ANY);
    }
    answer.u.probe_answer.reply_to = SP_VIEW_LITERAL("edge-0");
    answer.u.probe_answer.service = SP_SERVICE_TOOLS;
    wire_on_probe_answer(&s.v, &answer);
    cr_assert_eq(s.rt.sent[3].to, SP_SERVICE_EDGE);
    cr_assert_str_eq(s.rt.sent[3].key, "edge-0");
    /* attack: one executor that says that another is well. */
    answer.u.probe_answer.service = SP_SERVICE_LLM;
    wire_on_probe_answer(&s.v, &answer);
    cr_assert_eq(s.rt.count, 4);
    wire_peer(&s.v, SP_SERVICE_RATELIMIT, sp_view_of("x"), true);
    wire_peer(&s.v, SP_SERVICE_EDGE, sp_view_of("x"), false);
    cr_assert_eq(s.rt.count, 4);
    wire_peer(&s.v, SP_SERVICE_RATELIMIT, sp_view_of("x"), false);
    cr_assert_eq(s.rt.sent[4].id, SP_MSG_PEER_LOST);
    cr_assert_eq(s.rt.sent[4].kind, SP_PLACE_ALL);
    stage_close(&s);
}

Test(validation_wire, metrics_are_one_line_each)
{
    struct stage s;
    struct sp_buf out = sp_buf_new(4096);

    stage_open(&s);
    s.v.figures.passed = 3;
    wire_metrics(&s.v, &out);
    cr_assert_not_null(
        strstr(out.data, "sallyport_validation_passed_total 3\n"));
    cr_assert_eq(out.error, 0);
    sp_buf_free(&out);
    stage_close(&s);
}

/* A directory with the shipped validation.yaml and this tools.yaml. */
struct files {
    char directory[32];
};

static void
copy_to(const struct files *files, const char *name, const char *text)
{
    char path[96];
    FILE *file = NULL;

    (void)snprintf(path, sizeof(path), "%s/%s", files->directory, name);
    file = fopen(path, "w");
    cr_assert_not_null(file);
    cr_assert_geq(fputs(text, file), 0);
    cr_assert_eq(fclose(file), 0);
}

static void
files_make(struct files *files, const char *tools)
{
    char text[8192];
    FILE *shipped = fopen("deploy/config/validation.yaml", "r");
    size_t len = 0;

    (void)snprintf(files->directory, sizeof(files->directory),
                   "/tmp/sp-valid-XXXXXX");
    cr_assert_not_null(mkdtemp(files->directory));
    cr_assert_not_null(shipped);
    len = fread(text, 1, sizeof(text) - 1, shipped);
    text[len] = '\0';
    (void)fclose(shipped);
    copy_to(files, "validation.yaml", text);
    copy_to(files, "tools.yaml", tools);
}

static void
files_remove(const struct files *files)
{
    static const char *const names[] = { "validation.yaml", "tools.yaml" };

    for (size_t i = 0; i < SP_COUNT(names); i++) {
        char path[96];

        (void)snprintf(path, sizeof(path), "%s/%s", files->directory, names[i]);
        cr_assert_eq(unlink(path), 0);
    }
    cr_assert_eq(rmdir(files->directory), 0);
}

#define OTHER_TOOL(schema)                                                     \
    "tools:\n  - name: other\n    description: d\n    scope: customer:read\n"  \
    "    cost: 1\n    changes: false\n"                                        \
    "    annotations: {read_only: true, destructive: false,\n"                 \
    "      idempotent: true, open_world: false}\n    run: sql\n"               \
    "    query: SELECT 1\n    input_schema: '" schema "'\n"

static int
reload(struct stage *s, const struct files *files, struct sp_buf *why)
{
    return validation_reload(&s->v, files->directory, "https://gate.example",
                             why);
}

/* The tool of the call is gone when its answer comes; the answer is still held
 * against that tool's output schema, and the next call finds no such tool. */
Test(validation_wire, an_answer_is_held_against_the_rules_of_its_request)
{
    static const char json[] = "content-type: application/json\n";
    static const struct {
        const char *body;
        unsigned status;
    } rows[] = {
        { "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"content\":[],"
          "\"structuredContent\":{\"evil\":1}}}",
          502 },
        { "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"content\":[],"
          "\"isError\":true}}",
          200 },
    };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct stage s;
        struct files files;
        struct sp_buf why = sp_buf_new(8192);
        struct sp_msg m = call(CALL_BODY);
        struct sp_msg answer =
            result(SP_SERVICE_TOOLS, 0, true, json, rows[i].body);

        stage_open(&s);
        files_make(&files, OTHER_TOOL("{\"type\":\"object\"}"));
        wire_on_call(&s.v, &m);
        cr_assert_eq(reload(&s, &files, &why), 0, "%.*s",
                     SP_VIEW(sp_buf_view(&why)));
        /* Twice, so that nothing but the request holds the first one. */
        cr_assert_eq(reload(&s, &files, &why), 0);
        wire_on_result(&s.v, &answer);
        cr_assert_eq(s.rt.sent[s.rt.count - 1].answer.status, rows[i].status,
                     "row %zu", i);
        cr_assert_eq(pending_count(s.v.pending), 0);
        m.u.call.request_id = SP_VIEW_LITERAL("another id of 16");
        wire_on_call(&s.v, &m);
        cr_assert_eq(s.rt.sent[s.rt.count - 1].to, SP_SERVICE_EDGE);
        cr_assert_eq(pending_count(s.v.pending), 0);
        stage_close(&s);
        files_remove(&files);
        sp_buf_free(&why);
    }
}

Test(validation_wire, a_bad_file_changes_nothing_and_is_told_with_its_line)
{
    static const struct {
        const char *tools;
        const char *says;
    } rows[] = {
        { OTHER_TOOL("{\"type\":\"object\",\"pattern\":7}"),
          "tools.yaml:11: tools[0].input_schema (other):" },
        { OTHER_TOOL("{\"type\":\"array\"}"),
          "tools.yaml:11: tools[0].input_schema (other):" },
        { "tools: []\n", "tools.yaml:" },
        { "", "tools.yaml:1: the file is empty" },
    };
    struct stage s;
    const struct rules *before = NULL;

    stage_open(&s);
    before = s.v.rules;
    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct files files;
        struct sp_buf why = sp_buf_new(8192);

        files_make(&files, rows[i].tools);
        cr_expect_eq(reload(&s, &files, &why), SP_ECONFIG, "row %zu", i);
        (void)sp_buf_add(&why, "", 1);
        cr_expect_not_null(strstr(why.data, rows[i].says), "row %zu: %s", i,
                           why.data);
        cr_expect_eq(s.v.rules, before);
        files_remove(&files);
        sp_buf_free(&why);
    }
    stage_close(&s);
}
