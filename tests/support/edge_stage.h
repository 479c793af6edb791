/* The edge's handlers with the runtime, the loop and the HTTP library's
 * connections replaced by records: the clock stands still until it is moved.
 * One test program may include it. */
#ifndef SP_TESTS_SUPPORT_EDGE_STAGE_H
#define SP_TESTS_SUPPORT_EDGE_STAGE_H

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <criterion/criterion.h>

#include "common/base/clock.h"
#include "common/base/compiler.h"
#include "common/base/error.h"
#include "services/edge/addresses.h"
#include "services/edge/connection.h"
#include "services/edge/edge.h"
#include "services/edge/edge_config.h"
#include "services/edge/pipeline.h"
#include "services/edge/request.h"
#include "services/edge/wire.h"

#define STAGE_START_MS 1000000
#define STAGE_DEADLINE_MS 10000
#define STAGE_MAX_SENT 64
#define STAGE_MAX_TIMERS 64
#define STAGE_WINDOW 4096

/* ------------------------------------------------------------- the runtime */

struct sent {
    enum sp_message_id id;
    int64_t at_ms;
    char request_id[REQUEST_ID_LEN];
    uint64_t attempt;     /* of an HTTP_REQUEST */
    uint64_t deadline_ms; /* the same */
    uint64_t target;      /* of CANCEL and CREDIT */
    char executor[16];    /* the same */
    char screen[16];      /* the same */
    uint64_t bytes;       /* of CREDIT */
    struct sp_http_request request;
};

struct sp_loop {
    int64_t now_ms;
    struct sp_timer *timers[STAGE_MAX_TIMERS];
};

struct sp_runtime {
    struct sp_loop loop;
    int result; /* of the next sends */
    struct sent sent[STAGE_MAX_SENT];
    size_t count;
    char events[1024]; /* "kind status detail\n" each */
    unsigned ids;      /* request ids given */
};

int
sp_runtime_send(struct sp_runtime *rt, enum sp_service_id to,
                enum sp_message_id id, const void *message,
                struct sp_place place)
{
    struct sent *s = &rt->sent[rt->count];
    const union {
        const void *any;
        const struct sp_http_request *request;
        const struct sp_cancel *cancel;
        const struct sp_credit *credit;
    } m = { .any = message };

    cr_assert(sp_route_exists(id, SP_SERVICE_EDGE, to));
    cr_assert_eq(place.kind, SP_PLACE_ANY);
    if (rt->result != 0) {
        return rt->result;
    }
    cr_assert_lt(rt->count, STAGE_MAX_SENT);
    *s = (struct sent){ .id = id, .at_ms = rt->loop.now_ms };
    /* All three begin with the id. */
    memcpy(s->request_id, m.request->request_id.ptr, REQUEST_ID_LEN);
    if (id == SP_MSG_HTTP_REQUEST) {
        s->request = *m.request;
        sp_view_copy_text(s->executor, sizeof(s->executor),
                          m.request->executor);
        s->attempt = m.request->attempt;
        s->deadline_ms = m.request->deadline_ms;
    } else if (id == SP_MSG_CANCEL) {
        s->target = m.cancel->target;
        sp_view_copy_text(s->executor, sizeof(s->executor), m.cancel->executor);
        sp_view_copy_text(s->screen, sizeof(s->screen), m.cancel->screen_by);
    } else {
        cr_assert_eq(id, SP_MSG_CREDIT);
        s->target = m.credit->target;
        s->bytes = m.credit->bytes;
        sp_view_copy_text(s->executor, sizeof(s->executor), m.credit->executor);
        sp_view_copy_text(s->screen, sizeof(s->screen), m.credit->screen_by);
    }
    rt->count++;
    return 0;
}

struct sp_view
sp_runtime_own_name(struct sp_runtime *rt)
{
    (void)rt;
    return SP_VIEW_LITERAL("edge-0");
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

    cr_assert(sp_view_is(what->address, "192.0.2.1"));
    cr_assert_eq(what->request_id.len, REQUEST_ID_LEN);
    (void)snprintf(rt->events + len, sizeof(rt->events) - len, "%s %u %s\n",
                   what->kind, what->status, what->detail);
}

/* Ids that can be told apart. */
void
sp_random_take(struct sp_random *random, unsigned char *out, size_t len)
{
    struct edge *edge = SP_CONTAINER_OF(random, struct edge, random);

    memset(out, 'i', len);
    edge->rt->ids++;
    memcpy(out, &edge->rt->ids, sizeof(edge->rt->ids));
}

/* ---------------------------------------------------------------- the loop */

int64_t
sp_loop_now_ms(const struct sp_loop *loop)
{
    return loop->now_ms;
}

void
sp_loop_stop(struct sp_loop *loop, struct sp_timer *timer)
{
    if (timer->slot != 0) {
        cr_assert_eq(loop->timers[timer->slot - 1], timer);
        loop->timers[timer->slot - 1] = NULL;
        timer->slot = 0;
    }
}

void
sp_loop_start(struct sp_loop *loop, struct sp_timer *timer, int64_t delay_ms)
{
    uint32_t i = 0;

    sp_loop_stop(loop, timer);
    while (i < STAGE_MAX_TIMERS && loop->timers[i] != NULL) {
        i++;
    }
    cr_assert_lt(i, STAGE_MAX_TIMERS);
    loop->timers[i] = timer;
    timer->slot = i + 1;
    timer->due_ms = loop->now_ms + (delay_ms > 0 ? delay_ms : 0);
}

/* The timer that is due first, at `until_ms` at the latest. */
static struct sp_timer *
next_timer(const struct sp_loop *loop, int64_t until_ms)
{
    struct sp_timer *first = NULL;

    for (size_t i = 0; i < STAGE_MAX_TIMERS; i++) {
        struct sp_timer *timer = loop->timers[i];

        if (timer != NULL && timer->due_ms <= until_ms &&
            (first == NULL || timer->due_ms < first->due_ms)) {
            first = timer;
        }
    }
    return first;
}

/* ------------------------------------------------------------- connections */

struct client {
    struct connection connection;
    unsigned resumed;
};

void
connection_resume(struct connection *c)
{
    struct client *client = SP_CONTAINER_OF(c, struct client, connection);

    client->resumed++;
}

void
connection_suspend(struct connection *c)
{
    c->suspended = true;
}

/* --------------------------------------------------------------- the stage */

struct stage {
    struct sp_runtime rt;
    struct edge_config config;
    struct edge edge;
    struct client client; /* one for all requests */
};

static SP_UNUSED void
stage_open(struct stage *s)
{
    const unsigned char key[8] = "readines";
    const struct retry_config retries = {
        .floor_ms = 250, .factor = 4, .attempts = 3, .percent = 10, .spare = 10
    };

    *s = (struct stage){
        .rt.loop.now_ms = STAGE_START_MS,
        .config = {
            .limits = { .body_bytes = 65536,
                        .bodies_bytes = 1 << 20,
                        .connection_bytes = 8192,
                        .stream_credit_bytes = STAGE_WINDOW },
            .times = { .comment_ms = 1500 },
            .deadlines = { .auth_ms = 2000,
                           .mcp_ms = STAGE_DEADLINE_MS,
                           .model_ms = 60000 },
            .retries = { .after_ms = 250 },
        },
    };
    s->edge.rt = &s->rt;
    s->edge.loop = &s->rt.loop;
    s->edge.config = &s->config;
    s->edge.table = request_table_new(16);
    s->edge.addresses = addresses_new(16);
    cr_assert_eq(addresses_add(s->edge.addresses, &s->client.connection.key),
                 0);
    retry_begin(&s->edge.retry, &retries, STAGE_START_MS);
    readiness_begin(&s->edge.readiness, key);
    s->client.connection.edge = &s->edge;
    (void)snprintf(s->client.connection.address,
                   sizeof(s->client.connection.address), "192.0.2.1");
}

/* Every request must have been ended, and nothing may be left running. */
static SP_UNUSED void
stage_close(struct stage *s)
{
    cr_expect_eq(request_table_count(s->edge.table), 0);
    cr_expect_null(next_timer(&s->rt.loop, INT64_MAX));
    cr_expect_eq(s->edge.serving, 0);
    cr_expect_eq(s->edge.body_bytes, 0);
    cr_expect_eq(addresses_held(s->edge.addresses, &s->client.connection.key),
                 0);
    addresses_free(&s->edge.addresses);
    request_free_spare(&s->edge);
    request_table_free(&s->edge.table);
}

/* Moves the clock, and lets every timer expire at its time. */
static SP_UNUSED void
stage_wait(struct stage *s, int64_t ms)
{
    struct sp_loop *loop = &s->rt.loop;
    int64_t until_ms = loop->now_ms + ms;
    struct sp_timer *timer = next_timer(loop, until_ms);

    while (timer != NULL) {
        loop->now_ms = timer->due_ms;
        sp_loop_stop(loop, timer);
        timer->expired(timer->arg);
        timer = next_timer(loop, until_ms);
    }
    loop->now_ms = until_ms;
}

/* A request whose body has come, as intake.c hands it on. */
static SP_UNUSED struct request *
stage_request(struct stage *s, const char *path)
{
    struct request *r = request_new(&s->edge, &s->client.connection);

    (void)sp_buf_add_str(&r->path, path);
    (void)sp_buf_add_str(&r->headers, "accept: text/event-stream\n");
    (void)sp_buf_add_str(&r->credentials, "authorization: Bearer x\n");
    cr_assert_eq(request_add_body(r, SP_VIEW_LITERAL("{}")), 0);
    r->rule = sp_path_find(sp_view_of(path));
    r->method = SP_METHOD_POST;
    r->minor = 1;
    r->state = REQUEST_BODY;
    return r;
}

static SP_UNUSED struct request *
stage_send(struct stage *s, const char *path)
{
    struct request *r = stage_request(s, path);

    pipeline_send(r);
    cr_assert_eq(r->state, REQUEST_WAITING);
    return r;
}

static SP_UNUSED struct sp_view
stage_id(const struct request *r)
{
    return sp_view_make(r->entry.id, REQUEST_ID_LEN);
}

/* The validation replica that waits for every answer. */
#define STAGE_SCREEN "screen-7"

static SP_UNUSED void
stage_started_as(struct stage *s, struct request *r, enum sp_service_id from,
                 const struct sp_started *started)
{
    struct sp_msg m = {
        .id = SP_MSG_STARTED,
        .from = from,
        .u.started = *started,
    };

    m.u.started.request_id = stage_id(r);
    wire_on_started(&s->edge, &m);
}

/* By an executor of that name, whose work may be repeated. */
static SP_UNUSED void
stage_started(struct stage *s, struct request *r, enum sp_service_id from,
              const char *executor)
{
    const struct sp_started started = {
        .executor = sp_view_of(executor),
        .screen_by = SP_VIEW_LITERAL(STAGE_SCREEN),
        .repeatable = true,
        .subject = SP_VIEW_LITERAL("anna"),
        .client = SP_VIEW_LITERAL("demo"),
        .token_id = SP_VIEW_LITERAL("token-1"),
    };

    stage_started_as(s, r, from, &started);
}

/* It stands for as many bytes as it has, unless the answer says otherwise. */
static SP_UNUSED void
stage_answer(struct stage *s, const struct sp_answer *answer)
{
    struct sp_msg m = { .id = SP_MSG_ANSWER,
                        .from = SP_SERVICE_VALIDATION,
                        .u.answer = *answer };

    if (m.u.answer.covers == 0) {
        m.u.answer.covers = answer->body.len;
    }
    wire_on_answer(&s->edge, &m);
}

/* A whole answer of 200. */
static SP_UNUSED void
stage_answer_whole(struct stage *s, struct request *r)
{
    const struct sp_answer answer = {
        .request_id = stage_id(r),
        .last = true,
        .status = 200,
        .headers = SP_VIEW_LITERAL("content-type: application/json\n"),
        .body = SP_VIEW_LITERAL("{}"),
    };

    stage_answer(s, &answer);
}

static SP_UNUSED void
stage_deny(struct stage *s, struct request *r, const struct sp_denial *denial)
{
    struct sp_msg m = { .id = SP_MSG_DENIAL,
                        .from = SP_SERVICE_TOOLS,
                        .u.denial = *denial };

    m.u.denial.request_id = stage_id(r);
    wire_on_denial(&s->edge, &m);
}

static SP_UNUSED void
stage_lost_replica(struct stage *s, uint64_t service, const char *name)
{
    struct sp_msg m = { .id = SP_MSG_PEER_LOST,
                        .from = SP_SERVICE_RATELIMIT,
                        .u.peer_lost = { .service = service,
                                         .name = sp_view_of(name) } };

    if (service == SP_SERVICE_AUTH) {
        wire_peer(&s->edge, SP_SERVICE_AUTH, sp_view_of(name), false);
        return;
    }
    if (service == SP_SERVICE_VALIDATION) {
        m.from = SP_SERVICE_AUTH;
    } else if (service == SP_SERVICE_RATELIMIT) {
        m.from = SP_SERVICE_VALIDATION;
    }
    wire_on_peer_lost(&s->edge, &m);
}

/* A replica that has nothing of what an executor STARTED. */
static SP_UNUSED void
stage_lost(struct stage *s, uint64_t service)
{
    stage_lost_replica(s, service, "another");
}

static SP_UNUSED const struct sent *
stage_last(const struct stage *s)
{
    cr_assert_gt(s->rt.count, 0);
    return &s->rt.sent[s->rt.count - 1];
}

static SP_UNUSED size_t
stage_count(const struct stage *s, enum sp_message_id id)
{
    size_t count = 0;

    for (size_t i = 0; i < s->rt.count; i++) {
        count += s->rt.sent[i].id == id ? 1 : 0;
    }
    return count;
}

/* The last thing sent is a CANCEL for this executor. */
static SP_UNUSED void
stage_expect_cancel(const struct stage *s, enum sp_service_id executor,
                    const char *name)
{
    const struct sent *last = stage_last(s);

    cr_expect_eq(last->id, SP_MSG_CANCEL);
    cr_expect_eq(last->target, (uint64_t)executor);
    cr_expect_str_eq(last->executor, name);
    cr_expect_str_eq(last->screen, STAGE_SCREEN);
}

/* A header of the answer that is ready, or "". It lives until the next call. */
static SP_UNUSED const char *
stage_header(const struct request *r, const char *name)
{
    static char value[REQUEST_HEAD_MAX];
    struct sp_view head = sp_buf_view(&r->head);

    cr_assert_not_null(r->response);
    while (head.len > 0) {
        const char *end = memmem(head.ptr, head.len, "\r\n", 2);
        size_t len = (size_t)(end - head.ptr);
        size_t at = strlen(name) + 2;

        cr_assert_not_null(end);
        if (len >= at && head.ptr[at - 2] == ':' &&
            strncasecmp(head.ptr, name, at - 2) == 0) {
            memcpy(value, head.ptr + at, len - at);
            value[len - at] = '\0';
            return value;
        }
        head = sp_view_skip(head, len + 2);
    }
    return "";
}

#endif
