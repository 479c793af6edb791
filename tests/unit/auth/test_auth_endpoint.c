/* POST /token, from the form to the token. */
#include "tests/support/auth_world.h"

Test(auth_endpoint, gives_a_token_to_a_right_secret)
{
    struct world world;
    const struct sent *answer = NULL;

    world_begin(&world);
    answer = world_post(&world, "", WORLD_LOGIN);
    cr_assert_eq(answer->status, 200);
    cr_assert(world_header_is(answer, "cache-control", "no-store"));
    cr_assert(world_header_is(answer, "pragma", "no-cache"));
    cr_assert_not_null(strstr(answer->body,
                              "\"token_type\":\"Bearer\",\"expires_in\":900,"
                              "\"scope\":\"customer:read ticket:create "
                              "account:calculate security:read llm:chat\"}"));
    cr_assert(world_told(&world, "token_issued 200 scope=\"customer:read "));
    cr_assert_null(memmem(world.runtime.events.data, world.runtime.events.len,
                          WORLD_SECRET, strlen(WORLD_SECRET)));
    world_end(&world);
}

/* The second time no helper is needed: the answer is there at once. */
Test(auth_endpoint, remembers_a_verified_secret)
{
    struct world world;
    struct sp_msg m =
        world_request("POST", "/token", "", WORLD_FORM, WORLD_LOGIN);

    world_begin(&world);
    wire_on_http_request(&world.auth, &m);
    cr_assert_eq(world.runtime.count, 0);
    cr_assert_eq(life_in_flight(&world.auth), 1);
    world_wait(&world, 1);
    cr_assert_eq(life_in_flight(&world.auth), 0);
    wire_on_http_request(&world.auth, &m);
    cr_assert_eq(world.runtime.count, 2);
    cr_assert_eq(world.runtime.sent[1].status, 200);
    world_end(&world);
}

/* The loop serves others while the helper works, and one verdict serves all who
 * wait with the same secret. */
Test(auth_endpoint, waits_for_the_helper_without_blocking)
{
    struct world world;
    char id[17];
    struct sp_msg login =
        world_request("POST", "/token", "", WORLD_FORM, WORLD_LOGIN);
    struct sp_msg keys = world_request("GET", "/jwks", "", "", "");

    world_begin(&world);
    for (size_t i = 0; i < 10; i++) {
        world_name(&login, id, i);
        wire_on_http_request(&world.auth, &login);
    }
    cr_assert_eq(life_in_flight(&world.auth), 10);
    wire_on_http_request(&world.auth, &keys);
    cr_assert_eq(world.runtime.count, 1);
    cr_assert_eq(world.runtime.sent[0].status, 200);
    world_wait(&world, 11);
    for (size_t i = 1; i < 11; i++) {
        cr_assert_eq(world.runtime.sent[i].status, 200);
    }
    world_end(&world);
}

Test(auth_endpoint, bounds_those_who_wait)
{
    struct world world;
    char id[17];
    struct sp_msg login =
        world_request("POST", "/token", "", WORLD_FORM, WORLD_LOGIN);

    world_begin(&world);
    for (size_t i = 0; i < 64; i++) {
        world_name(&login, id, i);
        wire_on_http_request(&world.auth, &login);
    }
    cr_assert_eq(world.runtime.count, 0);
    world_name(&login, id, 64);
    wire_on_http_request(&world.auth, &login);
    cr_assert_eq(world.runtime.count, 1);
    cr_assert_eq(world.runtime.sent[0].status, 503);
    cr_assert(world_header_is(&world.runtime.sent[0], "retry-after", "1"));
    cr_assert(world_told(&world, "client_throttled 503"));
    world_wait(&world, 65);
    world_end(&world);
}

Test(auth_endpoint, takes_basic_credentials)
{
    /* demo:a+right+secret; both halves are form-encoded (RFC 6749 2.3.1). */
    static const char right[] =
        "authorization: Basic ZGVtbzphK3JpZ2h0K3NlY3JldA==\n";
    struct world world;

    world_begin(&world);
    cr_assert_eq(
        world_post(&world, right, "grant_type=client_credentials")->status,
        200);
    cr_assert_eq(world_post(&world, right,
                            "grant_type=client_credentials&client_id=demo")
                     ->status,
                 200);
    cr_assert_eq(world_post(&world, right,
                            "grant_type=client_credentials&client_id=bench")
                     ->status,
                 400);
    cr_assert_eq(world_post(&world, right, WORLD_LOGIN)->status, 400);
    world_end(&world);
}

#define GRANT "grant_type=client_credentials"
#define WHO "client_id=demo&client_secret=a+right+secret"

static const struct {
    const char *credentials;
    const char *form;
    unsigned status;
    const char *code;
} refusals[] = {
    { "", "", 401, "invalid_client" },
    { "", GRANT, 401, "invalid_client" },
    { "", GRANT "&client_id=demo", 401, "invalid_client" },
    { "", GRANT "&client_id=demo&client_secret=", 401, "invalid_client" },
    { "", GRANT "&client_secret=x", 401, "invalid_client" },
    { "", GRANT "&client_id=nobody&client_secret=x", 401, "invalid_client" },
    { "", GRANT "&client_id=demo&client_secret=wrong", 401, "invalid_client" },
    { "authorization: Bearer x\n", GRANT, 401, "invalid_client" },
    { "authorization: Basic !\n", GRANT, 401, "invalid_client" },
    { "authorization: Basic ZGVtbw==\n", GRANT, 401, "invalid_client" },
    { "", WHO, 400, "invalid_request" },
    { "", WHO "&grant_type=", 400, "invalid_request" },
    { "", WHO "&" GRANT "&" GRANT, 400, "invalid_request" },
    { "", WHO "&" GRANT "&scope=%", 400, "invalid_request" },
    { "", WHO "&grant_type=password", 400, "unsupported_grant_type" },
    { "", WHO "&grant_type=authorization_code", 400, "unsupported_grant_type" },
    { "", WHO "&" GRANT "&scope=admin:manage", 400, "invalid_scope" },
    { "", WHO "&" GRANT "&scope=customer:read+nothing", 400, "invalid_scope" },
    { "", WHO "&" GRANT "&scope=+customer:read", 400, "invalid_scope" },
    { "", WHO "&" GRANT "&scope=a%22b", 400, "invalid_scope" },
    { "", WHO "&" GRANT "&resource=https://evil.test", 400, "invalid_target" },
    { "", WHO "&" GRANT "&resource=/", 400, "invalid_target" },
    { "", WHO "&" GRANT "&resource=" FIXTURE_URL "/v1", 400, "invalid_target" },
};

Test(auth_endpoint, refuses_in_the_words_of_the_rfc)
{
    struct world world;

    world_begin(&world);
    for (size_t i = 0; i < SP_COUNT(refusals); i++) {
        const struct sent *answer =
            world_post(&world, refusals[i].credentials, refusals[i].form);
        struct sp_buf want = sp_buf_new(128);

        (void)sp_buf_addf(&want, "{\"error\":\"%s\",", refusals[i].code);
        (void)sp_buf_add(&want, "", 1);
        cr_expect_eq(answer->status, refusals[i].status, "row %zu: %s", i,
                     answer->body);
        cr_expect(strstr(answer->body, want.data) == answer->body,
                  "row %zu: %s", i, answer->body);
        cr_expect(world_header_is(answer, "cache-control", "no-store"));
        cr_expect_eq(world_header_is(answer, "www-authenticate",
                                     "Basic realm=\"sallyport\""),
                     refusals[i].status == 401, "row %zu", i);
        cr_expect(world_told(&world, "client_refused"), "row %zu", i);
        sp_buf_free(&want);
    }
    world_end(&world);
}

Test(auth_endpoint, wants_a_form_and_no_query)
{
    static const struct {
        const char *headers;
        const char *query;
        unsigned status;
    } rows[] = {
        { WORLD_FORM, "", 200 },
        { "content-type: Application/X-WWW-Form-urlencoded; charset=utf-8\n",
          "", 200 },
        { "content-type: application/x-www-form-urlencodedx\n", "", 400 },
        { "content-type: application/json\n", "", 400 },
        { "", "", 400 },
        { WORLD_FORM, "client_secret=x", 400 },
    };
    struct world world;

    world_begin(&world);
    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct sp_msg m =
            world_request("POST", "/token", "", rows[i].headers, WORLD_LOGIN);

        world_forget(&world);
        m.u.http_request.query = sp_view_of(rows[i].query);
        wire_on_http_request(&world.auth, &m);
        world_wait(&world, 1);
        cr_expect_eq(world.runtime.sent[0].status, rows[i].status, "row %zu",
                     i);
    }
    world_end(&world);
}

Test(auth_endpoint, narrows_scopes_and_chooses_the_audience)
{
    static const struct {
        const char *more;
        const char *scope;
        const char *audience;
    } rows[] = {
        { "&scope=customer:read", "customer:read", FIXTURE_URL "/mcp" },
        { "&scope=ticket:create+customer:read", "ticket:create customer:read",
          FIXTURE_URL "/mcp" },
        { "&scope=llm:chat+llm:chat", "llm:chat", FIXTURE_URL "/mcp" },
        { "&scope=llm:chat&resource=" FIXTURE_URL, "llm:chat", FIXTURE_URL },
        { "&scope=llm:chat&resource=" FIXTURE_URL "/", "llm:chat",
          FIXTURE_URL },
        { "&scope=llm:chat&resource=https%3A%2F%2Fgate.test%2Fmcp", "llm:chat",
          FIXTURE_URL "/mcp" },
    };
    struct world world;
    struct jws *jws = jws_new();

    world_begin(&world);
    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct sp_buf form = sp_buf_new(1024);
        struct sp_buf audience = sp_buf_new(256);
        char *line = NULL;
        struct sp_view token = { 0 };

        (void)sp_buf_addf(&form, "%s%s", WORLD_LOGIN, rows[i].more);
        (void)sp_buf_add(&form, "", 1);
        line = world_login(&world, form.data);
        token =
            sp_view_skip(sp_view_of(line), strlen("authorization: Bearer "));
        token.len--;
        cr_assert_eq(jws_parse(jws, token), TOKEN_FAULT_NONE);
        (void)sp_buf_addf(&audience, "\"aud\":\"%s\",", rows[i].audience);
        cr_expect(memmem(jws->payload.data, jws->payload.len, audience.data,
                         audience.len) != NULL,
                  "row %zu: %.*s", i, SP_VIEW(sp_buf_view(&jws->payload)));
        cr_expect(strcmp(world_ask(&world, "POST", "/mcp", line, "")->who +
                             strlen("demo demo: "),
                         rows[i].scope) == 0,
                  "row %zu", i);
        sp_free(line);
        sp_buf_free(&form);
        sp_buf_free(&audience);
    }
    jws_free(&jws);
    world_end(&world);
}

/* attack: guessing. After the burst nobody at that address gets a verdict, not
 * even for the right secret; others do. */
Test(auth_endpoint, slows_down_those_who_fail)
{
    static const char wrong[] = GRANT "&client_id=demo&client_secret=wrong";
    struct world world;
    const struct sent *answer = NULL;
    struct sp_msg m =
        world_request("POST", "/token", "", WORLD_FORM, WORLD_LOGIN);

    world_begin(&world);
    cr_assert_eq(world_post(&world, "", WORLD_LOGIN)->status, 200);
    for (uint32_t i = 0; i < world.auth.policy->config->failures.burst; i++) {
        cr_assert_eq(world_post(&world, "", wrong)->status, 401);
    }
    answer = world_post(&world, "", wrong);
    cr_assert_eq(answer->status, 429);
    cr_assert(sp_headers_get(sp_view_of(answer->headers), "retry-after").len >
              0);
    cr_assert(world_told(&world, "client_throttled 429"));
    cr_assert_eq(world_post(&world, "", WORLD_LOGIN)->status, 429);
    world_forget(&world);
    m.u.http_request.address = sp_view_of("192.0.2.2");
    wire_on_http_request(&world.auth, &m);
    cr_assert_eq(world.runtime.sent[0].status, 200);
    world_end(&world);
}

/* attack: many addresses keep the slow hash busy with one client's name. */
Test(auth_endpoint, slows_down_guesses_at_a_client_that_has_not_come_yet)
{
    struct world world;
    struct sp_msg m =
        world_request("POST", "/token", "", WORLD_FORM,
                      GRANT "&client_id=demo&client_secret=wrong");
    size_t unauthorized = 0;

    world_begin(&world);
    for (size_t i = 0; i < 20; i++) {
        char address[16];

        (void)snprintf(address, sizeof(address), "192.0.2.%zu", i + 1);
        m.u.http_request.address = sp_view_of(address);
        world_forget(&world);
        wire_on_http_request(&world.auth, &m);
        world_wait(&world, 1);
        unauthorized += world.runtime.sent[0].status == 401;
        cr_assert(world.runtime.sent[0].status == 401 ||
                  world.runtime.sent[0].status == 429);
    }
    cr_assert_eq(unauthorized, world.auth.policy->config->failures.burst);
    world_end(&world);
}

/* What takes the helper its time is not sent to another replica, and what is
 * sent again all the same is answered once. */
Test(auth_endpoint, says_that_it_has_the_request_in_hand)
{
    struct world world;
    struct sp_msg login =
        world_request("POST", "/token", "", WORLD_FORM, WORLD_LOGIN);

    world_begin(&world);
    wire_on_http_request(&world.auth, &login);
    cr_assert_eq(world.runtime.in_hand, 1);
    cr_assert_eq(world.runtime.wait_ms, 15000);
    login.u.http_request.attempt = 1;
    login.u.http_request.deadline_ms = 14000;
    wire_on_http_request(&world.auth, &login);
    cr_assert_eq(world.runtime.in_hand, 2);
    cr_assert_eq(world.runtime.wait_ms, 14000);
    cr_assert_eq(life_in_flight(&world.auth), 1);
    world_wait(&world, 1);
    cr_assert_eq(world.runtime.sent[0].status, 200);
    cr_assert_eq(world.auth.counts.issued, 1);
    cr_assert_eq(life_in_flight(&world.auth), 0);
    wire_on_http_request(&world.auth, &login);
    cr_assert_eq(world.runtime.in_hand, 2, "answered at once: not said");
    world_end(&world);
}

/* Neither does one keep its place behind others when its time is up. */
Test(auth_endpoint, waits_for_nobody_whose_time_is_up)
{
    struct world world;
    struct sp_msg first =
        world_request("POST", "/token", "", WORLD_FORM, WORLD_LOGIN);
    struct sp_msg late = first;
    char ids[2][17];

    world_begin(&world);
    world_name(&first, ids[0], 0);
    world_name(&late, ids[1], 1);
    late.u.http_request.deadline_ms = 1;
    wire_on_http_request(&world.auth, &first);
    wire_on_http_request(&world.auth, &late);
    cr_assert_eq(life_in_flight(&world.auth), 2);
    world_wait(&world, 1);
    cr_assert_eq(world.runtime.sent[0].status, 200);
    cr_assert_eq(world.auth.counts.issued, 1);
    cr_assert_eq(life_in_flight(&world.auth), 0);
    world_end(&world);
}

/* The edge has answered 504 by then: a second answer would be refused there. */
Test(auth_endpoint, does_not_answer_after_the_deadline)
{
    struct world world;
    struct sp_msg late =
        world_request("POST", "/token", "", WORLD_FORM, WORLD_LOGIN);
    struct sp_msg next = late;
    char id[17];

    world_begin(&world);
    world_name(&next, id, 1);
    late.u.http_request.deadline_ms = 0;
    token_endpoint_handle(world.auth.endpoint, &late.u.http_request);
    wire_on_http_request(&world.auth, &next);
    world_wait(&world, 1);
    cr_assert_eq(world.runtime.sent[0].status, 200);
    cr_assert_eq(world.auth.counts.issued, 1);
    world_end(&world);
}
