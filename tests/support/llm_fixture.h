/* The llm process without its links: what it sends is recorded, what it asks
 * goes to a server of the test. */
#ifndef SP_TESTS_SUPPORT_LLM_FIXTURE_H
#define SP_TESTS_SUPPORT_LLM_FIXTURE_H

#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>
#include <sodium.h>

#include "common/base/alloc.h"
#include "common/base/compiler.h"
#include "common/base/error.h"
#include "common/stage/occurrence.h"
#include "services/llm/llm.h"
#include "services/llm/wire.h"
#include "tests/support/http_script.h"

#define LLM_TEST_NOW_MS 1000000
#define LLM_TEST_MESSAGES 256
#define LLM_TEST_PATIENCE_MS 20000
#define LLM_TEST_CREDIT 262144

/* A message that left, with what the tests look at copied. */
struct llm_sent {
    enum sp_service_id to;
    enum sp_message_id id;
    enum sp_place_kind place;
    char key[64];
    size_t key_len;
    uint64_t seq;
    bool last;
    unsigned status;
    char code[65];
    char text[257];
    uint64_t retry_after_s;
    size_t body_len;
    bool has_headers;
};

struct llm_world {
    struct llm llm;
    struct sp_executor_figures figures; /* at the end */
    struct sp_loop *loop;
    struct sp_timer patience;
    struct http_script *server;
    char url[64];
    char model[32];
    char *models[1];
    struct llm_sent sent[LLM_TEST_MESSAGES];
    size_t sent_count;
    struct sp_buf body;        /* of all parts */
    struct sp_buf headers;     /* of the first */
    char events[1024];         /* kinds, each followed by a blank */
    char detail[1024];         /* of the last event */
    int refuse_started;        /* what the edge's link says to STARTED */
    unsigned refuse_parts;     /* so many RESULTs find the link full */
    enum sp_message_id end_at; /* the loop ends at this message... */
    bool end_when_last;        /* ...or at a last part, or a refusal */
    bool end_when_idle;        /* ...or when no call is left */
};

static inline void
llm_test_hangs(void *arg)
{
    (void)arg;
    cr_assert_fail("the call hangs");
}

static inline void
llm_test_copy(char *to, size_t size, struct sp_view v)
{
    cr_assert_lt(v.len, size);
    if (v.len > 0) {
        memcpy(to, v.ptr, v.len);
    }
    to[v.len] = '\0';
}

static inline void
llm_test_note_part(struct llm_world *w, struct llm_sent *sent,
                   const struct sp_result *part)
{
    sent->seq = part->seq;
    sent->last = part->last;
    sent->status = (unsigned)part->status;
    sent->body_len = part->body.len;
    sent->has_headers = part->headers.len > 0;
    (void)sp_buf_add_view(&w->body, part->body);
    (void)sp_buf_add_view(&w->headers, part->headers);
}

static inline void
llm_test_note_denial(struct llm_sent *sent, const struct sp_denial *denial)
{
    sent->status = (unsigned)denial->status;
    sent->retry_after_s = denial->retry_after_s;
    sent->last = true;
    llm_test_copy(sent->code, sizeof(sent->code), denial->code);
    llm_test_copy(sent->text, sizeof(sent->text), denial->text);
}

static inline int
llm_test_send(void *arg, enum sp_service_id to, enum sp_message_id id,
              const void *message, struct sp_place place)
{
    struct llm_world *w = arg;
    struct llm_sent *sent = &w->sent[w->sent_count];

    if (id == SP_MSG_STARTED && w->refuse_started != 0) {
        return w->refuse_started;
    }
    if (id == SP_MSG_RESULT && w->refuse_parts > 0) {
        w->refuse_parts--;
        return SP_EFULL;
    }
    cr_assert_lt(w->sent_count, LLM_TEST_MESSAGES);
    cr_assert(sp_route_exists((uint64_t)id, SP_SERVICE_LLM, to));
    w->sent_count++;
    *sent = (struct llm_sent){ .to = to, .id = id, .place = place.kind };
    llm_test_copy(sent->key, sizeof(sent->key), place.key);
    sent->key_len = place.key.len;
    if (id == SP_MSG_RESULT) {
        llm_test_note_part(w, sent, message);
    }
    if (id == SP_MSG_DENIAL) {
        llm_test_note_denial(sent, message);
    }
    if (id == w->end_at || (w->end_when_last && sent->last)) {
        sp_loop_end(w->loop);
    }
    return 0;
}

static inline void
llm_test_tell(void *arg, const struct sp_occurrence *what)
{
    struct llm_world *w = arg;
    size_t len = strlen(w->events);

    (void)snprintf(w->events + len, sizeof(w->events) - len, "%s ", what->kind);
    (void)snprintf(w->detail, sizeof(w->detail), "%.*s %.*s %.*s %u %s",
                   SP_VIEW(what->subject), SP_VIEW(what->client),
                   SP_VIEW(what->object), what->status,
                   what->detail == NULL ? "" : what->detail);
}

static inline struct sp_view
llm_test_name(void *arg)
{
    (void)arg;
    return SP_VIEW_LITERAL("llm-0");
}

static inline void
llm_test_trouble(void *arg, const char *event, const char *detail)
{
    (void)arg;
    (void)event;
    (void)detail;
}

static inline bool
llm_test_is_replica(void *arg, struct sp_view name, struct sp_view peer)
{
    (void)arg;
    return sp_view_equal(name, peer);
}

static inline int64_t
llm_test_now(void)
{
    return LLM_TEST_NOW_MS;
}

static inline bool
llm_test_turn(void *arg)
{
    struct llm_world *w = arg;

    if (w->end_when_idle && sp_executor_count(w->llm.executor) == 0) {
        sp_loop_end(w->loop);
    }
    return false;
}

/* The fixture's own: not from YAML. */
static inline void
llm_test_config_end(struct sp_snapshot *snapshot)
{
    sp_free(SP_CONTAINER_OF(snapshot, struct llm_config, snapshot));
}

static inline struct llm_config *
llm_test_config(struct llm_world *w, const char *model)
{
    struct llm_config *config = sp_alloc(sizeof(*config));

    (void)snprintf(w->model, sizeof(w->model), "%s", model);
    w->models[0] = w->model;
    sp_snapshot_begin(&config->snapshot, llm_test_config_end);
    config->upstream.name = w->url; /* any text will do */
    config->upstream.kind = LLM_OPENAI;
    config->upstream.url = w->url;
    config->models = w->models;
    config->models_count = 1;
    config->limits = (struct llm_limits){ .calls = 4,
                                          .answer_bytes = 1024 * 1024,
                                          .stream_bytes = 4 * 1024 * 1024 };
    config->times = (struct llm_times){ .connect_ms = 5000,
                                        .idle_ms = 10000,
                                        .total_ms = 10000 };
    return config;
}

/* `answers` NULL: nothing listens at the upstream's address. */
static inline struct llm_world *
llm_world_new(const struct http_answer *answers, size_t count)
{
    static const char key[SP_PASSPORT_KEY_BYTES] =
        "a key of the tests, 32 bytes...";
    struct llm_world *w = sp_alloc(sizeof(*w));
    static const struct http_answer none = { .text = "" };
    struct sp_port port = {
        .send = llm_test_send,
        .event = llm_test_tell,
        .trouble = llm_test_trouble,
        .own_name = llm_test_name,
        .is_replica = llm_test_is_replica,
        .wall_ms = llm_test_now,
        .arg = w,
    };

    w->loop = sp_loop_new();
    port.loop = w->loop;
    w->patience = (struct sp_timer){ .expired = llm_test_hangs };
    w->body = sp_buf_new(8 * 1024 * 1024);
    w->headers = sp_buf_new(4096);
    w->end_when_last = true;
    w->server = http_script_start(answers != NULL ? answers : &none,
                                  answers != NULL ? count : 1);
    (void)snprintf(w->url, sizeof(w->url), "http://127.0.0.1:%u/v1",
                   w->server->port);
    if (answers == NULL) {
        http_script_stop(w->server);
        http_script_free(&w->server);
    }
    w->llm = (struct llm){
        .config = llm_test_config(w, "m"),
        .loop = w->loop,
        .fetcher = sp_fetcher_new(w->loop),
        .passport_key = sp_secret_new(sp_view_make(key, sizeof(key))),
        .upstream_key = sp_secret_new(SP_VIEW_LITERAL("sk-upstream")),
    };
    llm_prepare(&w->llm);
    wire_open(&w->llm, &port);
    sp_loop_each_turn(w->loop, (struct sp_turn){ llm_test_turn, w });
    sp_loop_start(w->loop, &w->patience, LLM_TEST_PATIENCE_MS);
    return w;
}

/* Ends llm and the server; what was recorded can still be read. */
static inline void
llm_world_stop(struct llm_world *w)
{
    w->figures = *sp_executor_figures(w->llm.executor);
    llm_release(&w->llm);
    sp_loop_free(&w->loop);
    if (w->server != NULL) {
        http_script_stop(w->server);
    }
}

static inline void
llm_world_free(struct llm_world **w)
{
    http_script_free(&(*w)->server);
    sp_buf_free(&(*w)->body);
    sp_buf_free(&(*w)->headers);
    sp_free(*w);
    *w = NULL;
}

/* A call, and what its passport says; the caller changes what it is about. */
struct llm_test_call {
    struct sp_admitted_call m;
    const char *scopes;
    uint64_t expires_ms;
    struct sp_buf passport;
};

static inline struct llm_test_call
llm_test_call(const char *method, const char *path, const char *body)
{
    return (struct llm_test_call){
        .m = { .request_id = SP_VIEW_LITERAL("0123456789abcdef"),
               .reply_to = SP_VIEW_LITERAL("edge-0"),
               .screen_by = SP_VIEW_LITERAL("validation-0"),
               .deadline_ms = 10000,
               .credit = LLM_TEST_CREDIT,
               .method = sp_view_of(method),
               .path = sp_view_of(path),
               .headers = SP_VIEW_LITERAL("content-type: application/json\n"
                                          "x-client: yes\n"),
               .body = sp_view_of(body) },
        .scopes = "llm:chat",
        .expires_ms = LLM_TEST_NOW_MS + 60000,
    };
}

static inline struct llm_test_call
llm_test_chat(const char *more)
{
    static char body[256];

    (void)snprintf(body, sizeof(body),
                   "{\"model\":\"m\",\"messages\":[{\"role\":\"user\","
                   "\"content\":\"hi\"}]%s}",
                   more);
    return llm_test_call("POST", "/v1/chat/completions", body);
}

/* Seals the passport for the call as it stands. */
static inline void
llm_test_seal(struct llm_world *w, struct llm_test_call *call)
{
    const struct sp_passport passport = {
        .request_id = call->m.request_id,
        .subject = SP_VIEW_LITERAL("sub"),
        .client = SP_VIEW_LITERAL("demo"),
        .scopes = sp_view_of(call->scopes),
        .expires_ms = call->expires_ms,
    };
    const struct sp_passport_request request = {
        .method = call->m.method,
        .path = call->m.path,
        .query = call->m.query,
        .headers = call->m.headers,
        .body = call->m.body,
    };
    struct sp_random random = { 0 };

    call->passport = sp_buf_new(SP_MAX_PASSPORT_BYTES);
    cr_assert_eq(sp_passport_seal(w->llm.passport_key, &random, &passport,
                                  &request, &call->passport),
                 0);
    call->m.passport = sp_buf_view(&call->passport);
}

static inline void
llm_test_end_call(struct llm_test_call *call)
{
    sp_buf_free(&call->passport);
}

/* Seals and gives the call to llm, and runs the loop to its end. */
static inline void
llm_test_run(struct llm_world *w, struct llm_test_call *call)
{
    llm_test_seal(w, call);
    sp_executor_take(w->llm.executor, &call->m);
    sp_loop_run(w->loop);
    llm_test_end_call(call);
}

/* The message number `i` that left with this id, or NULL. */
static inline const struct llm_sent *
llm_test_sent(const struct llm_world *w, enum sp_message_id id, size_t i)
{
    for (size_t at = 0; at < w->sent_count; at++) {
        if (w->sent[at].id == id && i-- == 0) {
            return &w->sent[at];
        }
    }
    return NULL;
}

#endif
