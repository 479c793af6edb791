/* The tools process's handlers with the runtime replaced by a record of what
 * was sent. One test program may include it. */
#ifndef SP_TESTS_SUPPORT_TOOLS_STAGE_H
#define SP_TESTS_SUPPORT_TOOLS_STAGE_H

#include <stdarg.h>

#include "common/base/clock.h"
#include "proto/passport.h"
#include "services/tools/wire.h"
#include "tests/support/tools_fixture.h"

#define STAGE_MAX 32

struct sent {
    enum sp_service_id to;
    enum sp_message_id id;
    enum sp_place_kind place;
    unsigned status;
    char key[32];
    char text[2048]; /* body of a result, code of a denial */
};

struct sp_runtime {
    struct sp_loop *loop;
    int result;      /* of the next sends to validation */
    int edge_result; /* and to the edge */
    struct sent sent[STAGE_MAX];
    size_t count;
    char events[256]; /* their kinds, each with a blank behind it */
};

static void
stage_note(struct sent *s, enum sp_message_id id, const void *message)
{
    struct sp_view text = { 0 };

    if (id == SP_MSG_RESULT) {
        const struct sp_result *result = message;

        s->status = (unsigned)result->status;
        text = result->body;
        cr_assert(result->last);
        cr_assert_eq(result->seq, 0);
    } else if (id == SP_MSG_DENIAL) {
        const struct sp_denial *denial = message;

        s->status = (unsigned)denial->status;
        text = denial->code;
    }
    (void)snprintf(s->text, sizeof(s->text), "%.*s", SP_VIEW(text));
}

int
sp_runtime_send(struct sp_runtime *rt, enum sp_service_id to,
                enum sp_message_id id, const void *message,
                struct sp_place place)
{
    struct sent *s = &rt->sent[rt->count];

    cr_assert(sp_route_exists(id, SP_SERVICE_TOOLS, to));
    if (rt->result != 0 && to == SP_SERVICE_VALIDATION) {
        return rt->result;
    }
    if (rt->edge_result != 0 && to == SP_SERVICE_EDGE) {
        return rt->edge_result;
    }
    cr_assert_lt(rt->count, STAGE_MAX);
    *s = (struct sent){ .to = to, .id = id, .place = place.kind };
    (void)snprintf(s->key, sizeof(s->key), "%.*s", SP_VIEW(place.key));
    stage_note(s, id, message);
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
    return SP_VIEW_LITERAL("tools-0");
}

bool
sp_runtime_is_replica(struct sp_runtime *rt, struct sp_view name,
                      struct sp_view peer)
{
    (void)rt;
    return sp_view_equal(name, peer);
}

void
sp_runtime_event(struct sp_runtime *rt, const struct sp_occurrence *what)
{
    size_t len = strlen(rt->events);

    (void)snprintf(rt->events + len, sizeof(rt->events) - len, "%s ",
                   what->kind);
}

void
sp_runtime_trouble(struct sp_runtime *rt, const char *event, const char *format,
                   ...)
{
    (void)rt;
    (void)event;
    (void)format;
}

struct stage {
    struct sp_runtime rt;
    struct desk desk;
};

static SP_UNUSED void
stage_open(struct stage *s)
{
    struct sp_port port;

    *s = (struct stage){ 0 };
    s->rt.loop = sp_loop_new();
    desk_open(&s->desk);
    s->desk.tools.rt = &s->rt;
    port = sp_port_of(&s->rt);
    wire_open(&s->desk.tools, &port);
}

static SP_UNUSED void
stage_close(struct stage *s)
{
    desk_close(&s->desk);
    sp_loop_free(&s->rt.loop);
}

/* A call as it comes from ratelimit. What the passport says may differ from
 * what is sent: that is what the attacks are about. */
struct stage_call {
    struct sp_admitted_call sent;
    struct sp_passport passport;
    struct sp_passport_request covered;
    const char *key; /* the passport is sealed with it */
};

/* A call that is in order, by anna with every scope. `id` has 16 characters. */
static SP_UNUSED struct stage_call
stage_call(const char *id, const char *headers, const char *body)
{
    return (struct stage_call){
        .sent = { .request_id = sp_view_of(id),
                  .reply_to = SP_VIEW_LITERAL("edge-0"),
                  .screen_by = SP_VIEW_LITERAL("validation-0"),
                  .deadline_ms = 5000,
                  .rpc_id = SP_VIEW_LITERAL("1"),
                  .method = SP_VIEW_LITERAL("POST"),
                  .path = SP_VIEW_LITERAL("/mcp"),
                  .query = SP_VIEW_LITERAL(""),
                  .headers = sp_view_of(headers),
                  .body = sp_view_of(body) },
        .passport = { .request_id = sp_view_of(id),
                      .subject = SP_VIEW_LITERAL("anna"),
                      .client = SP_VIEW_LITERAL("app"),
                      .scopes = SP_VIEW_LITERAL(DESK_ALL),
                      .expires_ms = (uint64_t)sp_clock_wall_ms() + 30000 },
        .covered = { .method = SP_VIEW_LITERAL("POST"),
                     .path = SP_VIEW_LITERAL("/mcp"),
                     .query = SP_VIEW_LITERAL(""),
                     .headers = sp_view_of(headers),
                     .body = sp_view_of(body) },
        .key = DESK_KEY,
    };
}

/* Seals the passport and hands the call to the handler; the turn's commit is
 * wire_turn(). */
static SP_UNUSED void
stage_deliver(struct stage *s, const struct stage_call *call)
{
    struct sp_msg m = { .id = SP_MSG_ADMITTED_CALL,
                        .from = SP_SERVICE_RATELIMIT };
    struct sp_secret *key = sp_secret_new(sp_view_of(call->key));
    struct sp_random random = { 0 };
    struct sp_buf sealed = sp_buf_new(SP_MAX_PASSPORT_BYTES);

    cr_assert_eq(sp_passport_seal(key, &random, &call->passport, &call->covered,
                                  &sealed),
                 0);
    m.u.admitted_call = call->sent;
    if (call->sent.passport.ptr == NULL) {
        m.u.admitted_call.passport = sp_buf_view(&sealed);
    }
    wire_on_admitted_call(&s->desk.tools, &m);
    sp_buf_free(&sealed);
    sp_secret_free(&key);
}

/* The last thing sent; the same for all that were sent before is on the
 * record. */
static SP_UNUSED const struct sent *
stage_last(const struct stage *s)
{
    cr_assert_gt(s->rt.count, 0);
    return &s->rt.sent[s->rt.count - 1];
}

#endif
