/* The whole of auth with a runtime that writes down what is sent. */
#include "tests/support/auth_world.h"

#include <limits.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "services/auth/access.h"

static const char world_passport_key[] =
    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

/* ------------------------------------------------------ the runtime's place */

const struct sp_settings *
sp_runtime_settings(struct sp_runtime *rt)
{
    return &rt->settings;
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
    return SP_VIEW_LITERAL("auth-0");
}

bool
sp_runtime_is_replica(struct sp_runtime *rt, struct sp_view name,
                      struct sp_view peer)
{
    (void)rt;
    return sp_view_equal(name, peer);
}

char *
sp_runtime_key_path(struct sp_runtime *rt, const char *name)
{
    char path[128];

    (void)rt;
    (void)snprintf(path, sizeof(path), "keys/auth/%s", name);
    return sp_dup(path);
}

static void
world_note_call(struct sent *sent, const struct sp_call *call)
{
    struct sp_buf who = sp_buf_new(4096);

    (void)sp_buf_addf(&who, "%.*s %.*s: %.*s", SP_VIEW(call->subject),
                      SP_VIEW(call->client), SP_VIEW(call->scopes));
    sent->who = sp_dup_view(sp_buf_view(&who));
    sp_buf_free(&who);
    sent->body = sp_dup_view(call->body);
    sent->passport = sp_buf_new(SP_MAX_PASSPORT);
    cr_assert_eq(sp_buf_add_view(&sent->passport, call->passport), 0);
}

int
sp_runtime_send(struct sp_runtime *rt, enum sp_service_id to,
                enum sp_message_id id, const void *message,
                struct sp_place place)
{
    struct sent *sent = &rt->sent[rt->count];

    if (id == SP_MSG_IN_HAND) {
        const struct sp_in_hand *in_hand = message;

        cr_assert_eq(place.kind, SP_PLACE_NAMED);
        cr_assert(sp_view_is(place.key, "edge-0"));
        cr_assert(sp_view_is(in_hand->holder, "auth-0"));
        rt->in_hand++;
        rt->wait_ms = in_hand->wait_ms;
        return 0;
    }
    if (to == SP_SERVICE_VALIDATION && rt->gone &&
        place.kind == SP_PLACE_NAMED) {
        return SP_ENOPEER;
    }
    if (to == SP_SERVICE_VALIDATION && rt->send_error != 0) {
        return rt->send_error;
    }
    cr_assert_lt(rt->count, SP_COUNT(rt->sent));
    cr_assert(sp_route_exists(id, SP_SERVICE_AUTH, to));
    sent->to = to;
    sent->id = id;
    if (id == SP_MSG_ANSWER) {
        const struct sp_answer *answer = message;

        cr_assert(answer->last);
        cr_assert(sp_view_is(answer->reply_to, "edge-0"));
        sent->status = answer->status;
        sent->headers = sp_dup_view(answer->headers);
        sent->body = sp_dup_view(answer->body);
    } else if (id == SP_MSG_CALL) {
        world_note_call(sent, message);
    }
    rt->count++;
    if (rt->count == rt->want) {
        sp_loop_end(rt->loop);
    }
    return 0;
}

void
sp_runtime_event(struct sp_runtime *rt, const struct sp_occurrence *what)
{
    (void)sp_buf_addf(&rt->events, "%s %u %s\n", what->kind, what->status,
                      what->detail == NULL ? "" : what->detail);
}

void
sp_runtime_trouble(struct sp_runtime *rt, const char *event, const char *format,
                   ...)
{
    (void)rt;
    (void)event;
    (void)format;
}

/* ---------------------------------------------------------------- a world */

void
world_write(const char *name, const char *text)
{
    char path[128];
    FILE *file = NULL;

    (void)snprintf(path, sizeof(path), "keys/auth/%s", name);
    file = fopen(path, "w");
    cr_assert_not_null(file);
    cr_assert_geq(fputs(text, file), 0);
    cr_assert_eq(fchmod(fileno(file), 0600), 0);
    cr_assert_eq(fclose(file), 0);
}

static void
world_write_keys(void)
{
    char hash[crypto_pwhash_STRBYTES];
    char *es = fixture_pem(EVP_EC_gen("P-256"), true);

    cr_assert_eq(mkdir("keys", 0700), 0);
    cr_assert_eq(mkdir("keys/auth", 0700), 0);
    cr_assert_eq(mkdir("keys/auth/clients", 0700), 0);
    cr_assert_eq(crypto_pwhash_str_alg(hash, WORLD_SECRET, strlen(WORLD_SECRET),
                                       crypto_pwhash_argon2id_OPSLIMIT_MIN,
                                       crypto_pwhash_argon2id_MEMLIMIT_MIN,
                                       crypto_pwhash_ALG_ARGON2ID13),
                 0);
    world_write("es256.key", es);
    world_write("passport.key", world_passport_key);
    world_write("clients/demo.hash", hash);
    world_write("clients/bench.hash", hash);
    sp_free(es);
}

static const char *const world_files[] = {
    "keys/auth/es256.key",
    "keys/auth/passport.key",
    "keys/auth/clients/demo.hash",
    "keys/auth/clients/bench.hash",
};

void
world_begin(struct world *world)
{
    struct sp_jail jail = { .paths = NULL };
    char config[PATH_MAX];

    *world = (struct world){ .directory = "/tmp/test_auth.XXXXXX" };
    cr_assert_geq(sodium_init(), 0);
    cr_assert_not_null(realpath("deploy/config", config));
    cr_assert_not_null(mkdtemp(world->directory));
    cr_assert_eq(chdir(world->directory), 0);
    world_write_keys();
    world->runtime.settings.url = sp_dup(FIXTURE_URL);
    world->runtime.settings.config = sp_dup(config);
    world->runtime.loop = sp_loop_new();
    world->runtime.events = sp_buf_new(65536);
    life_before_jail(&world->runtime, &world->auth, &jail);
    life_in_jail(&world->runtime, &world->auth);
}

void
world_forget(struct world *world)
{
    for (size_t i = 0; i < world->runtime.count; i++) {
        struct sent *sent = &world->runtime.sent[i];

        sp_free(sent->headers);
        sp_free(sent->body);
        sp_free(sent->who);
        sp_buf_free(&sent->passport);
        *sent = (struct sent){ .status = 0 };
    }
    world->runtime.count = 0;
    sp_buf_reset(&world->runtime.events);
}

void
world_end(struct world *world)
{
    world_forget(world);
    life_fini(&world->auth);
    sp_loop_free(&world->runtime.loop);
    sp_settings_free(&world->runtime.settings);
    sp_buf_free(&world->runtime.events);
    for (size_t i = 0; i < SP_COUNT(world_files); i++) {
        cr_assert_eq(unlink(world_files[i]), 0);
    }
    cr_assert_eq(rmdir("keys/auth/clients"), 0);
    cr_assert_eq(rmdir("keys/auth"), 0);
    cr_assert_eq(rmdir("keys"), 0);
    cr_assert_eq(rmdir(world->directory), 0);
}

/* ---------------------------------------------------------------- requests */

void
world_name(struct sp_msg *m, char room[17], size_t number)
{
    (void)snprintf(room, 17, "request %08zu", number);
    m->u.http_request.request_id = sp_view_of(room);
}

struct sp_msg
world_request(const char *method, const char *path, const char *credentials,
              const char *headers, const char *body)
{
    struct sp_msg m = { .id = SP_MSG_HTTP_REQUEST, .from = SP_SERVICE_EDGE };

    m.u.http_request = (struct sp_http_request){
        .request_id = sp_view_of("a request id 16b"),
        .reply_to = sp_view_of("edge-0"),
        .deadline_ms = 15000,
        .address = sp_view_of("192.0.2.1"),
        .credentials = sp_view_of(credentials),
        .method = sp_view_of(method),
        .path = sp_view_of(path),
        .query = sp_view_of(""),
        .headers = sp_view_of(headers),
        .body = sp_view_of(body),
    };
    return m;
}

const struct sent *
world_ask(struct world *world, const char *method, const char *path,
          const char *credentials, const char *body)
{
    struct sp_msg m = world_request(method, path, credentials, "", body);

    world_forget(world);
    wire_on_http_request(&world->auth, &m);
    cr_assert_eq(world->runtime.count, 1, "%s %s: %zu messages", method, path,
                 world->runtime.count);
    return &world->runtime.sent[0];
}

static void
world_lose_patience(void *arg)
{
    struct world *world = arg;

    sp_loop_end(world->runtime.loop);
}

void
world_wait(struct world *world, size_t count)
{
    struct sp_runtime *rt = &world->runtime;

    if (rt->count < count) {
        rt->want = count;
        world->patience =
            (struct sp_timer){ .expired = world_lose_patience, .arg = world };
        sp_loop_start(rt->loop, &world->patience, WORLD_PATIENCE_MS);
        sp_loop_run(rt->loop);
        sp_loop_stop(rt->loop, &world->patience);
        rt->want = 0;
    }
    cr_assert_eq(rt->count, count);
}

const struct sent *
world_post(struct world *world, const char *credentials, const char *form)
{
    struct sp_msg m =
        world_request("POST", "/token", credentials, WORLD_FORM, form);

    world_forget(world);
    wire_on_http_request(&world->auth, &m);
    world_wait(world, 1);
    return &world->runtime.sent[0];
}

char *
world_login(struct world *world, const char *form)
{
    static const char mark[] = "\"access_token\":\"";
    const struct sent *answer = world_post(world, "", form);
    const char *at = strstr(answer->body, mark);
    struct sp_buf line = sp_buf_new(16384);
    char *text = NULL;
    const char *token = NULL;

    cr_assert_eq(answer->status, 200, "%s", answer->body);
    cr_assert_not_null(at);
    token = at + sizeof(mark) - 1;
    (void)sp_buf_addf(&line, "authorization: Bearer %.*s\n",
                      (int)strcspn(token, "\""), token);
    text = sp_dup_view(sp_buf_view(&line));
    sp_buf_free(&line);
    return text;
}

bool
world_header_is(const struct sent *sent, const char *name, const char *value)
{
    struct sp_view got = sp_headers_get(sp_view_of(sent->headers), name);

    return got.ptr != NULL && sp_view_is(got, value);
}

bool
world_told(const struct world *world, const char *event)
{
    return world->runtime.events.len > 0 &&
           memmem(world->runtime.events.data, world->runtime.events.len, event,
                  strlen(event)) != NULL;
}
