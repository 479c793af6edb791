/* An executor with a service of the test behind it and a record of what it
 * sends before it; the clock is the test's. */
#ifndef SP_TESTS_SUPPORT_EXECUTOR_STAGE_H
#define SP_TESTS_SUPPORT_EXECUTOR_STAGE_H

#include <stdio.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/error.h"
#include "common/stage/executor.h"
#include "common/stage/occurrence.h"
#include "tests/support/clock_loop.h"

#define STAGE_MAX 160
#define STAGE_WALL_MS INT64_C(1000000)
#define ID_A "aaaaaaaaaaaaaaaa"
#define ID_B "bbbbbbbbbbbbbbbb"
#define HEADERS "content-type: text/plain\n"

static const char stage_key[SP_PASSPORT_KEY_BYTES] =
    "a key of the tests, 32 bytes...";
static int64_t stage_wall_ms;

static const struct sp_refusal stage_refusal = {
    .kind = "work_refused",
    .status = 418,
    .code = "teapot",
    .text = "No.",
    .retry_after_s = 7,
};

struct sent {
    enum sp_message_id id;
    enum sp_service_id to;
    enum sp_place_kind place;
    char key[24];
    char reply_to[24];
    char screen[24];
    char text[160]; /* body of a part, code of a refusal */
    char headers[64];
    uint64_t seq;
    uint64_t status;
    bool last;
    struct sp_started started; /* its views are gone */
    char owner[64];            /* "subject client token_id" */
};

struct stage;

/* What the service of the test keeps of a call. */
struct work {
    struct stage *s;
    struct sp_executor_call *call;
    bool paused;
    bool ended;
    bool released;
    enum sp_executor_end how;
};

struct stage {
    struct sp_loop loop;
    struct sp_executor *x;
    struct sp_secret *key;
    struct sent sent[STAGE_MAX];
    size_t count;
    char events[512]; /* "kind status subject object\n" each */
    char down[24];    /* the validation replica that is not found */
    int parts_error;  /* what the link says to RESULT */
    int started_error;
    struct work work[8];
    size_t taken; /* calls that the hook has had */
    int begun;    /* what sp_executor_begin() said last */
    void (*act)(struct stage *s, struct sp_executor_call *call);
};

static SP_UNUSED void
stage_copy(char *to, size_t size, struct sp_view v)
{
    (void)snprintf(to, size, "%.*s", SP_VIEW(v));
}

#define STAGE_COPY(member, view) stage_copy((member), sizeof(member), (view))

static void
stage_note(struct sent *s, enum sp_message_id id, const void *message)
{
    const struct sp_result *part = message;
    const struct sp_denial *denial = message;
    const struct sp_started *started = message;

    if (id == SP_MSG_RESULT) {
        STAGE_COPY(s->reply_to, part->reply_to);
        STAGE_COPY(s->text, part->body);
        STAGE_COPY(s->headers, part->headers);
        s->seq = part->seq;
        s->last = part->last;
        s->status = part->status;
    } else if (id == SP_MSG_DENIAL) {
        STAGE_COPY(s->reply_to, denial->reply_to);
        STAGE_COPY(s->screen, denial->screen_by);
        STAGE_COPY(s->text, denial->code);
        STAGE_COPY(s->headers, denial->rpc_id);
        s->status = denial->status;
    } else if (id == SP_MSG_STARTED) {
        STAGE_COPY(s->reply_to, started->reply_to);
        STAGE_COPY(s->screen, started->screen_by);
        STAGE_COPY(s->text, started->executor);
        s->started = *started;
        (void)snprintf(s->owner, sizeof(s->owner), "%.*s %.*s %.*s",
                       SP_VIEW(started->subject), SP_VIEW(started->client),
                       SP_VIEW(started->token_id));
    }
}

static int
stage_send(void *arg, enum sp_service_id to, enum sp_message_id id,
           const void *message, struct sp_place place)
{
    struct stage *s = arg;
    struct sent *sent = &s->sent[s->count];

    cr_assert(sp_route_exists((uint64_t)id, SP_SERVICE_LLM, to));
    if (id == SP_MSG_RESULT && sp_view_is(place.key, s->down)) {
        return SP_ENOPEER;
    }
    if (id == SP_MSG_RESULT && s->parts_error != 0) {
        return s->parts_error;
    }
    if (id == SP_MSG_STARTED && s->started_error != 0) {
        return s->started_error;
    }
    cr_assert_lt(s->count, STAGE_MAX);
    *sent = (struct sent){ .id = id, .to = to, .place = place.kind };
    STAGE_COPY(sent->key, place.key);
    stage_note(sent, id, message);
    s->count++;
    return 0;
}

static void
stage_event(void *arg, const struct sp_occurrence *what)
{
    struct stage *s = arg;
    size_t len = strlen(s->events);

    (void)snprintf(s->events + len, sizeof(s->events) - len,
                   "%s %u %.*s %.*s\n", what->kind, what->status,
                   SP_VIEW(what->subject), SP_VIEW(what->object));
}

static void
stage_trouble(void *arg, const char *event, const char *detail)
{
    (void)arg;
    (void)event;
    (void)detail;
}

static struct sp_view
stage_own_name(void *arg)
{
    (void)arg;
    return SP_VIEW_LITERAL("llm-1");
}

static bool
stage_is_replica(void *arg, struct sp_view name, struct sp_view peer)
{
    (void)arg;
    return sp_view_equal(name, peer);
}

static int64_t
stage_wall(void)
{
    return stage_wall_ms;
}

/* ------------------------------------------------------------- the service */

static void
stage_take(void *self, struct sp_executor_call *call,
           const struct sp_admitted_call *m, const struct sp_passport *passport)
{
    struct stage *s = self;

    (void)m;
    s->taken++;
    cr_assert(passport == NULL || sp_view_is(passport->scopes, "a b"));
    s->act(s, call);
}

static void
stage_room(void *work, bool room)
{
    struct work *w = work;

    cr_assert_eq(w->paused, room, "told what it knows");
    w->paused = !room;
}

static void
stage_released(void *work)
{
    struct work *w = work;

    w->released = true;
}

static void
stage_ended(void *work, enum sp_executor_end how)
{
    struct work *w = work;

    cr_assert_not(w->ended, "told twice");
    w->ended = true;
    w->how = how;
    w->call = NULL;
}

/* Takes the call in hand; its work is the one of its number. */
static SP_UNUSED struct work *
stage_begin(struct stage *s, struct sp_executor_call *call)
{
    struct work *w = &s->work[s->taken - 1];

    *w = (struct work){ .s = s, .call = call };
    s->begun = sp_executor_begin(call, true, w);
    if (s->begun != 0) {
        w->call = NULL;
    }
    return w;
}

static SP_UNUSED void
stage_act_begin(struct stage *s, struct sp_executor_call *call)
{
    sp_executor_name(call, SP_VIEW_LITERAL("tool"));
    (void)stage_begin(s, call);
    if (s->begun == SP_EFULL) {
        sp_executor_refuse(call, &stage_refusal);
    }
}

static SP_UNUSED void
stage_act_stream(struct stage *s, struct sp_executor_call *call)
{
    stage_act_begin(s, call);
    if (s->begun == 0) {
        sp_executor_stream(call, 200, HEADERS);
    }
}

static SP_UNUSED void
stage_act_hold(struct stage *s, struct sp_executor_call *call)
{
    stage_act_begin(s, call);
    if (s->begun == 0) {
        sp_executor_hold(call, &stage_refusal);
    }
}

static SP_UNUSED void
stage_act_answer(struct stage *s, struct sp_executor_call *call)
{
    (void)s;
    sp_executor_answer(call, 200, SP_VIEW_LITERAL(HEADERS),
                       SP_VIEW_LITERAL("whole"));
}

static SP_UNUSED void
stage_act_refuse(struct stage *s, struct sp_executor_call *call)
{
    (void)s;
    sp_executor_refuse(call, &stage_refusal);
}

/* --------------------------------------------------------------- the stage */

static SP_UNUSED void
stage_open_as(struct stage *s, struct sp_executor_service service,
              void (*act)(struct stage *s, struct sp_executor_call *call))
{
    const struct sp_port port = {
        .send = stage_send,
        .event = stage_event,
        .trouble = stage_trouble,
        .own_name = stage_own_name,
        .is_replica = stage_is_replica,
        .wall_ms = stage_wall,
        .loop = &s->loop,
        .arg = s,
    };

    *s = (struct stage){ .act = act };
    stage_wall_ms = STAGE_WALL_MS;
    s->key = sp_secret_new(sp_view_make(stage_key, sizeof(stage_key)));
    service.id = SP_SERVICE_LLM;
    service.self = s;
    service.take = stage_take;
    service.room = stage_room;
    service.released = stage_released;
    service.ended = stage_ended;
    s->x = sp_executor_new(&service, &port, s->key);
}

static SP_UNUSED void
stage_open(struct stage *s,
           void (*act)(struct stage *s, struct sp_executor_call *call))
{
    stage_open_as(s, (struct sp_executor_service){ .max = 4, .buffer = 100000 },
                  act);
}

static SP_UNUSED void
stage_close(struct stage *s)
{
    sp_executor_free(&s->x);
    cr_expect_null(s->x);
    cr_expect_eq(clock_loop_timers(&s->loop), 0);
    sp_secret_free(&s->key);
    for (size_t i = 0; i < SP_COUNT(s->work); i++) {
        cr_expect(s->work[i].s == NULL || s->work[i].ended ||
                      s->work[i].call == NULL,
                  "its work is lost");
    }
}

/* A call as it comes from ratelimit, and what its passport says. */
struct stage_call {
    struct sp_admitted_call m;
    struct sp_passport passport;
};

static SP_UNUSED struct stage_call
stage_call(const char *id)
{
    return (struct stage_call){
        .m = { .request_id = sp_view_of(id),
               .reply_to = SP_VIEW_LITERAL("edge-0"),
               .deadline_ms = 5000,
               .credit = 10,
               .rpc_id = SP_VIEW_LITERAL("7"),
               .screen_by = SP_VIEW_LITERAL("validation-0"),
               .method = SP_VIEW_LITERAL("POST"),
               .path = SP_VIEW_LITERAL("/path"),
               .body = SP_VIEW_LITERAL("the body") },
        .passport = { .subject = SP_VIEW_LITERAL("anna"),
                      .client = SP_VIEW_LITERAL("app"),
                      .scopes = SP_VIEW_LITERAL("a b"),
                      .token_id = SP_VIEW_LITERAL("token"),
                      .expires_ms = (uint64_t)STAGE_WALL_MS + 600000 },
    };
}

/* Seals the passport and gives the call to the executor, in a frame that is
 * gone afterwards. */
static SP_UNUSED void
stage_deliver(struct stage *s, const struct stage_call *call)
{
    const struct sp_message_info *info = sp_message_info(SP_MSG_ADMITTED_CALL);
    struct sp_buf sealed = sp_buf_new(SP_MAX_PASSPORT_BYTES);
    struct sp_random random = { 0 };
    struct sp_admitted_call m = call->m;
    const struct sp_passport_request request = { .method = m.method,
                                                 .path = m.path,
                                                 .query = m.query,
                                                 .headers = m.headers,
                                                 .body = m.body };
    struct sp_passport passport = call->passport;
    struct sp_admitted_call *frame = NULL;
    size_t size = 0;

    passport.request_id = m.request_id;
    cr_assert_eq(
        sp_passport_seal(s->key, &random, &passport, &request, &sealed), 0);
    m.passport = m.passport.len > 0 ? m.passport : sp_buf_view(&sealed);
    size = info->size + sp_message_bytes(info, &m);
    frame = sp_message_dup(info, &m);
    sp_executor_take(s->x, frame);
    memset(frame, '?', size);
    sp_free(frame);
    sp_buf_free(&sealed);
}

static SP_UNUSED void
stage_credit(struct stage *s, const char *id, uint64_t bytes)
{
    const struct sp_credit credit = { .request_id = sp_view_of(id),
                                      .bytes = bytes };

    sp_executor_credit(s->x, &credit);
}

static SP_UNUSED void
stage_cancel(struct stage *s, const char *id)
{
    const struct sp_cancel cancel = { .request_id = sp_view_of(id) };

    sp_executor_cancel(s->x, &cancel);
}

/* Writes to the stream of a work and pushes it. */
static SP_UNUSED void
stage_write(struct work *w, const char *text)
{
    (void)sp_buf_add_str(sp_executor_out(w->call), text);
    sp_executor_push(w->call);
}

/* The last message that left. */
static SP_UNUSED const struct sent *
stage_last(const struct stage *s)
{
    cr_assert_gt(s->count, 0);
    return &s->sent[s->count - 1];
}

/* So many messages of this kind have left. */
static SP_UNUSED size_t
stage_sent(const struct stage *s, enum sp_message_id id)
{
    size_t n = 0;

    for (size_t i = 0; i < s->count; i++) {
        n += s->sent[i].id == id;
    }
    return n;
}

/* All bodies that left, one after the other. */
static SP_UNUSED const char *
stage_text(const struct stage *s)
{
    static char text[1024];

    text[0] = '\0';
    for (size_t i = 0; i < s->count; i++) {
        if (s->sent[i].id == SP_MSG_RESULT) {
            (void)strncat(text, s->sent[i].text,
                          sizeof(text) - strlen(text) - 1);
        }
    }
    return text;
}

#endif
