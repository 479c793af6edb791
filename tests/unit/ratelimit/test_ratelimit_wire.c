/* The ratelimit process's messages, with the runtime replaced by a record. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "common/base/alloc.h"
#include "common/base/error.h"
#include "services/ratelimit/ratelimit.h"
#include "services/ratelimit/wire.h"

static const unsigned char seed[LIMIT_STATES_SEED_BYTES] = { 3 };

static char standard[] = "standard";
static struct tier_config tiers[] = {
    { standard, { 9, 60, 9 }, { 9, 60, 9 }, { 2, 60, 2 } },
};
static struct ratelimit_config config = {
    .entries = 64,
    .default_tier = standard,
    .tiers = tiers,
    .tiers_count = 1,
};

struct sent {
    enum sp_service_id to;
    enum sp_message_id id;
    enum sp_place_kind kind;
    char key[16];
    struct sp_answer answer;
    struct sp_admitted_call admitted;
    char headers[2048];
};

/* What stands behind the handlers instead of the real runtime. */
struct sp_runtime {
    struct sp_loop *loop;
    int result; /* of the next sends to executors */
    struct sent sent[16];
    size_t count;
    size_t events;
    char kind[64];
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
    *s = (struct sent){ .to = to, .id = id, .kind = place.kind };
    sp_view_copy_text(s->key, sizeof(s->key), place.key);
    if (id == SP_MSG_ANSWER) {
        s->answer = *(const struct sp_answer *)message;
        memcpy(s->headers, s->answer.headers.ptr, s->answer.headers.len);
    } else if (id == SP_MSG_ADMITTED_CALL) {
        s->admitted = *(const struct sp_admitted_call *)message;
    }
    rt->count++;
    return 0;
}

struct sp_loop *
sp_runtime_loop(struct sp_runtime *rt)
{
    return rt->loop;
}

void
sp_runtime_trouble(struct sp_runtime *rt, const char *event, const char *format,
                   ...)
{
    (void)rt;
    (void)format;
    cr_assert_fail("trouble: %s", event);
}

static void
hear(void *arg, const struct sp_occurrence *what)
{
    struct sp_runtime *rt = arg;

    rt->events++;
    (void)snprintf(rt->kind, sizeof(rt->kind), "%s", what->kind);
}

struct stage {
    struct sp_runtime rt;
    struct ratelimit rl;
};

static void
stage_open(struct stage *s)
{
    memset(s, 0, sizeof(*s));
    s->rt.loop = sp_loop_new();
    s->rl = (struct ratelimit){
        .rt = &s->rt,
        .config = &config,
        .admission = admission_new(&config, seed),
        .hush = hush_new((struct hush_sink){ hear, &s->rt }),
        .refused = ratelimit_refused_new(),
        .headers = sp_buf_new(8192),
        .body = sp_buf_new(8192),
    };
}

static void
stage_close(struct stage *s)
{
    hush_free(&s->rl.hush);
    sp_table_free(&s->rl.refused);
    admission_free(&s->rl.admission);
    sp_buf_free(&s->rl.headers);
    sp_buf_free(&s->rl.body);
    sp_loop_free(&s->rt.loop);
}

static struct sp_msg
call(void)
{
    struct sp_msg m = { .id = SP_MSG_CHECKED_CALL,
                        .from = SP_SERVICE_VALIDATION };

    m.u.checked_call = (struct sp_checked_call){
        .request_id = SP_VIEW_LITERAL("0123456789abcdef"),
        .reply_to = SP_VIEW_LITERAL("edge-0"),
        .deadline_ms = 5000,
        .birth_ms = 77,
        .address = SP_VIEW_LITERAL("192.0.2.1"),
        .subject = SP_VIEW_LITERAL("anna"),
        .client = SP_VIEW_LITERAL("app"),
        .passport = SP_VIEW_LITERAL("sealed"),
        .target = SP_SERVICE_TOOLS,
        .name = SP_VIEW_LITERAL("get_customer_info"),
        .rpc_id = SP_VIEW_LITERAL("7"),
        .method = SP_VIEW_LITERAL("POST"),
        .path = SP_VIEW_LITERAL("/mcp"),
        .body = SP_VIEW_LITERAL("{}"),
    };
    return m;
}

Test(ratelimit_wire, an_admitted_call_goes_on_untouched)
{
    struct stage s;
    struct sp_msg m = call();
    const struct sp_admitted_call *out = &s.rt.sent[0].admitted;

    stage_open(&s);
    wire_on_checked_call(&s.rl, &m);
    cr_assert_eq(s.rt.count, 1);
    cr_assert_eq(s.rt.sent[0].to, SP_SERVICE_TOOLS);
    cr_assert_eq(s.rt.sent[0].kind, SP_PLACE_ANY);
    cr_assert(sp_view_is(out->request_id, "0123456789abcdef"));
    cr_assert(sp_view_is(out->reply_to, "edge-0"));
    cr_assert(sp_view_is(out->passport, "sealed"));
    cr_assert(sp_view_is(out->rpc_id, "7"));
    cr_assert(sp_view_is(out->body, "{}"));
    cr_assert_eq(out->birth_ms, 77);
    cr_assert_leq(out->deadline_ms, 5000);
    cr_assert_gt(out->deadline_ms, 0);
    cr_assert_eq(s.rl.figures.admitted[0], 1);
    cr_assert_eq(s.rt.events, 0);
    stage_close(&s);
}

Test(ratelimit_wire, a_repetition_finds_the_models_replica_that_has_the_call)
{
    struct stage s;
    struct sp_msg m = call();

    m.u.checked_call.target = SP_SERVICE_LLM;
    stage_open(&s);
    wire_on_checked_call(&s.rl, &m);
    cr_assert_eq(s.rt.count, 1);
    cr_assert_eq(s.rt.sent[0].to, SP_SERVICE_LLM);
    cr_assert_eq(s.rt.sent[0].kind, SP_PLACE_KEY);
    stage_close(&s);
}

Test(ratelimit_wire, the_third_of_two_is_answered_429_and_told_once)
{
    struct stage s;
    struct sp_msg m = call();

    stage_open(&s);
    for (int i = 0; i < 6; i++) {
        wire_on_checked_call(&s.rl, &m);
    }
    cr_assert_eq(s.rt.count, 6);
    for (size_t i = 2; i < 6; i++) {
        cr_assert_eq(s.rt.sent[i].to, SP_SERVICE_EDGE);
        cr_assert_eq(s.rt.sent[i].kind, SP_PLACE_NAMED);
        cr_assert_eq(s.rt.sent[i].answer.status, 429);
        cr_assert(s.rt.sent[i].answer.last);
        cr_assert_not_null(strstr(s.rt.sent[i].headers, "retry-after: 30\n"));
    }
    cr_assert_eq(s.rt.events, 1);
    cr_assert_str_eq(s.rt.kind, "limit_reached");
    cr_assert_eq(s.rl.figures.refused[LIMIT_SUBJECT], 4);
    stage_close(&s);
}

Test(ratelimit_wire, a_repetition_is_not_charged)
{
    struct stage s;
    struct sp_msg m = call();

    stage_open(&s);
    m.u.checked_call.attempt = 1;
    for (int i = 0; i < 8; i++) {
        wire_on_checked_call(&s.rl, &m);
    }
    cr_assert_eq(s.rl.figures.uncharged, 8);
    m.u.checked_call.attempt = 0;
    wire_on_checked_call(&s.rl, &m);
    wire_on_checked_call(&s.rl, &m);
    cr_assert_eq(s.rl.figures.admitted[0], 2);
    stage_close(&s);
}

/* attack: a stage is slow, so that the edge repeats each call before its
 * refusal has come. */
Test(ratelimit_wire, what_was_refused_is_not_admitted_by_its_repetition)
{
    struct stage s;
    struct sp_msg m = call();

    stage_open(&s);
    for (int i = 0; i < 3; i++) {
        m.u.checked_call.attempt = 0;
        wire_on_checked_call(&s.rl, &m);
    }
    m.u.checked_call.attempt = 1;
    wire_on_checked_call(&s.rl, &m);
    cr_assert_eq(s.rt.count, 4);
    cr_assert_eq(s.rt.sent[3].to, SP_SERVICE_EDGE);
    cr_assert_eq(s.rt.sent[3].answer.status, 429);
    cr_assert_eq(s.rl.figures.uncharged, 0);
    stage_close(&s);
}

Test(ratelimit_wire, expired_work_is_dropped_without_a_word)
{
    struct stage s;
    struct sp_msg m = call();

    stage_open(&s);
    m.u.checked_call.deadline_ms = 0;
    wire_on_checked_call(&s.rl, &m);
    cr_assert_eq(s.rt.count, 0);
    cr_assert_eq(s.rl.figures.expired, 1);
    stage_close(&s);
}

Test(ratelimit_wire, a_missing_executor_is_503_and_costs_nothing)
{
    static const int errors[] = { SP_ENOPEER, SP_EFULL };

    for (size_t i = 0; i < SP_COUNT(errors); i++) {
        struct stage s;
        struct sp_msg m = call();

        stage_open(&s);
        s.rt.result = errors[i];
        for (int k = 0; k < 5; k++) {
            wire_on_checked_call(&s.rl, &m);
        }
        cr_assert_eq(s.rt.sent[4].answer.status, 503);
        cr_assert_not_null(strstr(s.rt.sent[4].headers, "retry-after: 1\n"));
        cr_assert_str_eq(s.rt.kind, "stage_unavailable");
        s.rt.result = 0;
        wire_on_checked_call(&s.rl, &m);
        wire_on_checked_call(&s.rl, &m);
        cr_assert_eq(s.rl.figures.admitted[0], 2);
        stage_close(&s);
    }
}

Test(ratelimit_wire, a_target_that_is_no_executor_is_refused)
{
    static const uint64_t targets[] = { SP_SERVICE_EDGE,
                                        SP_SERVICE_AUTH,
                                        SP_SERVICE_VALIDATION,
                                        SP_SERVICE_RATELIMIT,
                                        7,
                                        255 };

    for (size_t i = 0; i < SP_COUNT(targets); i++) {
        struct stage s;
        struct sp_msg m = call();

        stage_open(&s);
        m.u.checked_call.target = targets[i];
        wire_on_checked_call(&s.rl, &m);
        cr_assert_eq(s.rt.count, 1);
        cr_assert_eq(s.rt.sent[0].answer.status, 500);
        m.id = SP_MSG_CANCEL;
        m.u.cancel = (struct sp_cancel){ .target = targets[i] };
        wire_on_cancel(&s.rl, &m);
        m.id = SP_MSG_CREDIT;
        m.u.credit = (struct sp_credit){ .target = targets[i], .bytes = 1 };
        wire_on_credit(&s.rl, &m);
        cr_assert_eq(s.rt.count, 1);
        stage_close(&s);
    }
}

Test(ratelimit_wire, passes_on_what_follows_a_request)
{
    struct stage s;
    struct sp_msg m = { .id = SP_MSG_CANCEL,
                        .u.cancel = { .target = SP_SERVICE_LLM,
                                      .executor = SP_VIEW_LITERAL("llm-2") } };

    stage_open(&s);
    wire_on_cancel(&s.rl, &m);
    cr_assert_eq(s.rt.sent[0].to, SP_SERVICE_LLM);
    cr_assert_eq(s.rt.sent[0].kind, SP_PLACE_NAMED);
    cr_assert_str_eq(s.rt.sent[0].key, "llm-2");
    m = (struct sp_msg){ .id = SP_MSG_CREDIT,
                         .u.credit = { .target = SP_SERVICE_TOOLS,
                                       .executor = SP_VIEW_LITERAL("tools-1"),
                                       .bytes = 1 } };
    wire_on_credit(&s.rl, &m);
    cr_assert_eq(s.rt.sent[1].to, SP_SERVICE_TOOLS);
    cr_assert_eq(s.rt.sent[1].kind, SP_PLACE_NAMED);
    cr_assert_str_eq(s.rt.sent[1].key, "tools-1");
    m = (struct sp_msg){ .id = SP_MSG_PROBE };
    wire_on_probe(&s.rl, &m);
    cr_assert_eq(s.rt.count, 5);
    wire_peer(&s.rl, SP_SERVICE_TOOLS, sp_view_of("x"), true);
    wire_peer(&s.rl, SP_SERVICE_EDGE, sp_view_of("x"), false);
    cr_assert_eq(s.rt.count, 5);
    wire_peer(&s.rl, SP_SERVICE_TOOLS, sp_view_of("x"), false);
    cr_assert_eq(s.rt.sent[5].to, SP_SERVICE_EDGE);
    cr_assert_eq(s.rt.sent[5].id, SP_MSG_PEER_LOST);
    cr_assert_eq(s.rt.sent[5].kind, SP_PLACE_ALL);
    stage_close(&s);
}

Test(ratelimit_wire, shows_its_figures)
{
    struct stage s;
    struct sp_msg m = call();
    struct sp_buf out = sp_buf_new(8192);

    stage_open(&s);
    for (int i = 0; i < 3; i++) {
        wire_on_checked_call(&s.rl, &m);
    }
    wire_metrics(&s.rl, &out);
    (void)sp_buf_add(&out, "", 1);
    cr_assert_not_null(strstr(
        out.data, "sallyport_ratelimit_admitted_total{tier=\"standard\"} 2\n"));
    cr_assert_not_null(strstr(
        out.data, "sallyport_ratelimit_refused_total{limit=\"subject\"} 1\n"));
    cr_assert_not_null(strstr(out.data, "sallyport_ratelimit_states 3\n"));
    sp_buf_free(&out);
    stage_close(&s);
}
