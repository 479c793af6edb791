/* What auth does with requests: documents, tokens at the door, and on to
 * validation with a sealed passport. */
#include <time.h>

#include "tests/support/auth_world.h"

Test(auth_access, serves_the_documents_without_a_token)
{
    static const struct {
        const char *path;
        const char *part;
    } rows[] = {
        { "/.well-known/oauth-protected-resource",
          "{\"resource\":\"" FIXTURE_URL "\"," },
        { "/.well-known/oauth-protected-resource/mcp",
          "{\"resource\":\"" FIXTURE_URL "/mcp\"," },
        { "/.well-known/oauth-authorization-server",
          "{\"issuer\":\"" FIXTURE_URL "\"," },
        { "/.well-known/jwks.json", "\"alg\":\"ES256\"" },
        { "/jwks", "\"alg\":\"ES256\"" },
    };
    struct world world;

    world_begin(&world);
    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        const struct sent *answer =
            world_ask(&world, "GET", rows[i].path, "", "");

        cr_expect_eq(answer->status, 200, "%s", rows[i].path);
        cr_expect(strstr(answer->body, rows[i].part) != NULL, "%s: %s",
                  rows[i].path, answer->body);
        cr_expect(world_header_is(answer, "content-type", "application/json"));
    }
    world_end(&world);
}

Test(auth_access, knows_no_other_document_and_no_other_method)
{
    struct world world;
    const struct sent *answer = NULL;

    world_begin(&world);
    answer =
        world_ask(&world, "GET", "/.well-known/openid-configuration", "", "");
    cr_assert_eq(answer->status, 404);
    answer = world_ask(&world, "POST", "/jwks", "", "");
    cr_assert_eq(answer->status, 405);
    cr_assert(world_header_is(answer, "allow", "GET, HEAD"));
    answer = world_ask(&world, "GET", "/token", "", "");
    cr_assert_eq(answer->status, 405);
    cr_assert(world_header_is(answer, "allow", "POST"));
    world_end(&world);
}

/* Deny by default: whatever the path and the method. */
Test(auth_access, every_other_path_needs_a_token)
{
    static const char *const paths[] = {
        "/mcp",
        "/mcp/",
        "/v1/chat/completions",
        "/v1/models",
        "/",
        "/console",
        "/introspect",
        "/token/",
        "/TOKEN",
        "/.well-known",
        "/jwks/",
        "/jwks.json",
        "/tokenx",
        "/v1",
        "/healthz",
        "/.well-knownx/a",
    };
    static const char *const methods[] = { "GET", "POST", "DELETE", "PUT" };
    struct world world;

    world_begin(&world);
    for (size_t i = 0; i < SP_COUNT(paths) * SP_COUNT(methods); i++) {
        const char *path = paths[i / SP_COUNT(methods)];
        const struct sent *answer =
            world_ask(&world, methods[i % SP_COUNT(methods)], path, "", "");

        cr_expect_eq(answer->status, 401, "%s", path);
        cr_expect(world_told(&world, "token_missing 401"));
    }
    world_end(&world);
}

Test(auth_access, tells_where_to_get_a_token)
{
    static const struct {
        const char *path;
        const char *credentials;
        const char *challenge;
        const char *event;
        unsigned status;
    } rows[] = {
        { "/mcp", "",
          "Bearer resource_metadata=\"" FIXTURE_URL
          "/.well-known/oauth-protected-resource/mcp\", "
          "scope=\"customer:read ticket:create account:calculate\"",
          "token_missing", 401 },
        { "/v1/models", "",
          "Bearer resource_metadata=\"" FIXTURE_URL
          "/.well-known/oauth-protected-resource\", scope=\"llm:chat\"",
          "token_missing", 401 },
        { "/mcp", "authorization: Basic ZGVtbzp4\n",
          "Bearer resource_metadata=\"" FIXTURE_URL
          "/.well-known/oauth-protected-resource/mcp\", "
          "scope=\"customer:read ticket:create account:calculate\"",
          "token_missing", 401 },
        { "/v1/models", "authorization: Bearer e30.e30.AA\n",
          "Bearer resource_metadata=\"" FIXTURE_URL
          "/.well-known/oauth-protected-resource\", scope=\"llm:chat\", "
          "error=\"invalid_token\", error_description=\"the token is not a "
          "signed JWT\"",
          "token_refused 401 reason=malformed", 401 },
        { "/v1/models", "authorization: Bearer \n",
          "Bearer resource_metadata=\"" FIXTURE_URL
          "/.well-known/oauth-protected-resource\", scope=\"llm:chat\", "
          "error=\"invalid_request\", error_description=\"the Authorization "
          "header is malformed or there twice\"",
          "token_refused 400 reason=header", 400 },
        { "/v1/models", "authorization: Bearer a\nauthorization: Bearer b\n",
          "Bearer resource_metadata=\"" FIXTURE_URL
          "/.well-known/oauth-protected-resource\", scope=\"llm:chat\", "
          "error=\"invalid_request\", error_description=\"the Authorization "
          "header is malformed or there twice\"",
          "token_refused 400 reason=header", 400 },
    };
    struct world world;

    world_begin(&world);
    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        const struct sent *answer =
            world_ask(&world, "POST", rows[i].path, rows[i].credentials, "");

        cr_expect_eq(answer->status, rows[i].status, "row %zu", i);
        cr_expect(
            world_header_is(answer, "www-authenticate", rows[i].challenge),
            "row %zu: %s", i, answer->headers);
        cr_expect(world_told(&world, rows[i].event), "row %zu", i);
    }
    world_end(&world);
}

Test(auth_access, refusals_have_the_form_of_their_path)
{
    struct world world;
    const struct sent *answer = NULL;

    world_begin(&world);
    answer = world_ask(&world, "POST", "/mcp", "", "{}");
    cr_assert_eq(strncmp(answer->body, "{\"jsonrpc\":\"2.0\",\"error\":{", 26),
                 0);
    answer = world_ask(&world, "POST", "/v1/chat/completions", "", "{}");
    cr_assert_eq(strncmp(answer->body, "{\"error\":{\"message\":", 20), 0);
    world_end(&world);
}

static int
open_passport(const struct sent *call, const struct sp_http_request *request,
              const char *body)
{
    struct sp_secret *key = NULL;
    struct sp_buf plain = sp_buf_new(SP_MAX_PASSPORT);
    struct sp_passport passport;
    const struct sp_passport_request covered = {
        .method = request->method,
        .path = request->path,
        .query = request->query,
        .headers = request->headers,
        .body = sp_view_of(body),
    };
    int error = 0;

    cr_assert_eq(sp_secret_load_hex("keys/auth/passport.key",
                                    SP_PASSPORT_KEY_BYTES, &key),
                 0);
    error = sp_passport_open(key, sp_buf_view(&call->passport), &covered,
                             request->request_id, 1, &plain, &passport);
    if (error == 0) {
        cr_assert(sp_view_is(passport.subject, "demo"));
        cr_assert(sp_view_is(passport.client, "demo"));
        cr_assert(sp_view_is(passport.scopes, "customer:read"));
        cr_assert_gt(passport.token_expires_ms, passport.expires_ms);
    }
    sp_secret_free(&key);
    sp_buf_free(&plain);
    return error;
}

/* Never cut, never dropped: a cookie that does not fit ends the answer. */
Test(auth_access, an_answer_with_too_long_headers_is_refused)
{
    static char text[SP_MAX_HEADERS + 64];
    const struct auth_return to = { SP_VIEW_LITERAL("0123456789abcdef"),
                                    SP_VIEW_LITERAL("edge-0"), 0 };
    struct world world;
    const struct sent *answer = NULL;
    size_t len = 0;

    world_begin(&world);
    for (size_t over = 0; over <= 1; over++) {
        len =
            (size_t)snprintf(text, sizeof(text), "location: /a\nset-cookie: ");
        memset(text + len, 'v', SP_MAX_HEADERS + over - len - 1);
        text[SP_MAX_HEADERS + over - 1] = '\n';
        auth_answer(&world.auth, to, 303,
                    sp_view_make(text, SP_MAX_HEADERS + over),
                    SP_VIEW_LITERAL("{}"));
        answer = &world.runtime.sent[world.runtime.count - 1];
        cr_expect_eq(answer->status, over == 0 ? 303 : 502);
    }
    (void)snprintf(text, sizeof(text),
                   "header_too_long 502 header=set-cookie bytes=%zu\n",
                   SP_MAX_HEADERS - len);
    cr_expect(sp_view_is(sp_buf_view(&world.runtime.events), text), "%.*s",
              SP_VIEW(sp_buf_view(&world.runtime.events)));
    world_end(&world);
}

Test(auth_access, sends_good_requests_on_with_a_passport)
{
    struct world world;
    char *line = NULL;
    const struct sent *call = NULL;
    struct sp_msg m;

    world_begin(&world);
    line = world_login(&world, WORLD_LOGIN "&scope=customer:read");
    for (int i = 0; i < 2; i++) { /* verified first, then remembered */
        call = world_ask(&world, "POST", "/mcp", line, "{\"a\":1}");
        cr_assert_eq(call->id, SP_MSG_CALL);
        cr_assert_eq(call->to, SP_SERVICE_VALIDATION);
        cr_assert_str_eq(call->who, "demo demo: customer:read");
        m = world_request("POST", "/mcp", line, "", "{\"a\":1}");
        cr_assert_eq(open_passport(call, &m.u.http_request, "{\"a\":1}"), 0);
        cr_assert_eq(open_passport(call, &m.u.http_request, "{\"a\":2}"),
                     SP_EAUTH);
    }
    cr_assert_eq(world.auth.counts.verified, 1);
    cr_assert_eq(world.auth.counts.cached, 1);
    sp_free(line);
    world_end(&world);
}

Test(auth_access, knows_no_path_but_those_of_the_pipeline)
{
    struct world world;
    char *line = NULL;

    world_begin(&world);
    line = world_login(&world, WORLD_LOGIN);
    cr_assert_eq(world_ask(&world, "GET", "/console", line, "")->status, 404);
    cr_assert_eq(world_ask(&world, "POST", "/mcp/", line, "")->status, 404);
    cr_assert_eq(world_ask(&world, "DELETE", "/mcp", line, "")->id,
                 SP_MSG_CALL);
    cr_assert_eq(world_ask(&world, "GET", "/v1/models", line, "")->id,
                 SP_MSG_CALL);
    sp_free(line);
    world_end(&world);
}

Test(auth_access, says_so_when_validation_is_away)
{
    static const int errors[] = { SP_ENOPEER, SP_EFULL };
    struct world world;
    char *line = NULL;

    world_begin(&world);
    line = world_login(&world, WORLD_LOGIN);
    for (size_t i = 0; i < SP_COUNT(errors); i++) {
        const struct sent *answer = NULL;

        world.runtime.send_error = errors[i];
        answer = world_ask(&world, "POST", "/mcp", line, "{}");
        cr_assert_eq(answer->status, 503);
        cr_assert(world_header_is(answer, "retry-after", "1"));
        cr_assert(world_told(&world, "call_undelivered 503"));
    }
    sp_free(line);
    world_end(&world);
}

/* A token signed by our own key that the endpoint would not give. */
static char *
own_token(struct world *world, const char *client, const char *scopes)
{
    const struct token_content content = {
        .issuer = FIXTURE_URL,
        .audience = FIXTURE_URL "/mcp",
        .subject = client,
        .client = client,
        .scopes = scopes,
        .id = "1",
        .issued_s = (int64_t)time(NULL),
        .lifetime_s = 900,
    };
    struct sp_buf line = sp_buf_new(16384);
    char *text = NULL;

    (void)sp_buf_add_str(&line, "authorization: Bearer ");
    cr_assert_eq(token_make(world->auth.policy->signer, &content, &line), 0);
    (void)sp_buf_add_str(&line, "\n");
    text = sp_dup_view(sp_buf_view(&line));
    sp_buf_free(&line);
    return text;
}

/* attack: a token outlives what the operator has since taken away. */
Test(auth_access, tokens_do_only_what_their_client_still_may)
{
    static const struct {
        const char *client;
        const char *scopes;
        const char *who;   /* of the CALL, or NULL */
        const char *event; /* of the refusal, or NULL */
        unsigned status;
    } rows[] = {
        { "demo", "admin:manage customer:read", "demo demo: customer:read",
          NULL, 0 },
        { "demo", "admin:manage", NULL, "scope_missing 403", 403 },
        { "demo", "", NULL, "scope_missing 403", 403 },
        { "gone", "customer:read", NULL,
          "token_refused 401 reason=unknown_client", 401 },
    };
    struct world world;

    world_begin(&world);
    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        char *line = own_token(&world, rows[i].client, rows[i].scopes);
        const struct sent *sent = world_ask(&world, "POST", "/mcp", line, "");

        cr_expect_eq(sent->status, rows[i].status, "row %zu", i);
        cr_expect(rows[i].who == NULL || strcmp(sent->who, rows[i].who) == 0,
                  "row %zu", i);
        cr_expect(rows[i].event == NULL || world_told(&world, rows[i].event),
                  "row %zu", i);
        sp_free(line);
    }
    world_end(&world);
}

Test(auth_access, insufficient_scope_names_what_is_wanted)
{
    struct world world;
    char *line = NULL;
    const struct sent *answer = NULL;

    world_begin(&world);
    line = own_token(&world, "demo", "");
    answer = world_ask(&world, "POST", "/v1/models", line, "");
    cr_assert(world_header_is(
        answer, "www-authenticate",
        "Bearer resource_metadata=\"" FIXTURE_URL
        "/.well-known/oauth-protected-resource\", scope=\"llm:chat\", "
        "error=\"insufficient_scope\", error_description=\"the token has no "
        "scope that its client may still use\""));
    sp_free(line);
    world_end(&world);
}

Test(auth_access, drops_what_has_no_time_left)
{
    struct world world;
    struct sp_msg m = world_request("GET", "/jwks", "", "", "");

    world_begin(&world);
    m.u.http_request.deadline_ms = 0;
    wire_on_http_request(&world.auth, &m);
    cr_assert_eq(world.runtime.count, 0);
    world_end(&world);
}

Test(auth_access, passes_on_what_is_not_for_it)
{
    static const struct {
        enum sp_message_id id;
        void (*handle)(void *self, const struct sp_msg *m);
    } rows[] = {
        { SP_MSG_PROBE, wire_on_probe },
        { SP_MSG_CANCEL, wire_on_cancel },
        { SP_MSG_CREDIT, wire_on_credit },
    };
    struct world world;

    world_begin(&world);
    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct sp_msg m = { .id = rows[i].id, .from = SP_SERVICE_EDGE };

        world_forget(&world);
        rows[i].handle(&world.auth, &m);
        cr_assert_eq(world.runtime.count, 1);
        cr_assert_eq(world.runtime.sent[0].id, rows[i].id);
        cr_assert_eq(world.runtime.sent[0].to, SP_SERVICE_VALIDATION);
    }
    world_end(&world);
}

/* Any replica has the way to the executor; what only the one that is gone had
 * to forget is nobody else's. */
Test(auth_access, where_the_screen_is_gone_only_the_executor_is_told)
{
    static const struct {
        const char *executor;
        size_t sent;
    } rows[] = { { "", 0 }, { "llm-1", 1 } };
    struct world world;

    world_begin(&world);
    world.runtime.gone = true;
    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct sp_msg m = { .id = SP_MSG_CANCEL, .from = SP_SERVICE_EDGE };

        world_forget(&world);
        m.u.cancel.screen_by = SP_VIEW_LITERAL("validation-2");
        m.u.cancel.executor = sp_view_of(rows[i].executor);
        wire_on_cancel(&world.auth, &m);
        cr_assert_eq(world.runtime.count, rows[i].sent);
    }
    world_end(&world);
}

Test(auth_access, tells_the_edge_of_a_lost_validation_only)
{
    struct world world;

    world_begin(&world);
    wire_peer(&world.auth, SP_SERVICE_VALIDATION, sp_view_of("validation-2"),
              true);
    wire_peer(&world.auth, SP_SERVICE_MONITOR, sp_view_of("validation-2"),
              false);
    wire_peer(&world.auth, SP_SERVICE_EDGE, sp_view_of("validation-2"), false);
    cr_assert_eq(world.runtime.count, 0);
    wire_peer(&world.auth, SP_SERVICE_VALIDATION, sp_view_of("validation-2"),
              false);
    cr_assert_eq(world.runtime.count, 1);
    cr_assert_eq(world.runtime.sent[0].id, SP_MSG_PEER_LOST);
    cr_assert_eq(world.runtime.sent[0].to, SP_SERVICE_EDGE);
    world_end(&world);
}
