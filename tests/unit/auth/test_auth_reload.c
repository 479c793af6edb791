/* Another auth.yaml for a process that runs: clients and scopes that are taken
 * away are out at once, and a bad file changes nothing. */
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "tests/support/auth_world.h"

/* The shipped file, less or more a piece of it, in config/ of the world. */
static void
write_changed(const struct world *world, const char *from, const char *to)
{
    char text[16384];
    char path[PATH_MAX + 16];
    FILE *file = NULL;
    size_t len = 0;
    char *at = NULL;

    (void)snprintf(path, sizeof(path), "%s/auth.yaml",
                   world->runtime.settings.config);
    file = fopen(path, "r");
    cr_assert_not_null(file);
    len = fread(text, 1, sizeof(text) - 1, file);
    text[len] = '\0';
    (void)fclose(file);
    at = strstr(text, from);
    cr_assert_not_null(at, "%s", from);
    (void)mkdir("config", 0700);
    file = fopen("config/auth.yaml", "w");
    cr_assert_not_null(file);
    cr_assert_geq(fprintf(file, "%.*s%s%s", (int)(at - text), text, to,
                          at + strlen(from)),
                  0);
    cr_assert_eq(fclose(file), 0);
}

static int
reload(struct world *world, const char *from, const char *to, char said[1024])
{
    struct sp_buf why = sp_buf_new(8192);
    int error = 0;

    write_changed(world, from, to);
    error = life_reload(&world->auth, "config", &why);
    sp_view_copy_text(said, 1024, sp_buf_view(&why));
    sp_buf_free(&why);
    cr_assert_eq(unlink("config/auth.yaml"), 0);
    cr_assert_eq(rmdir("config"), 0);
    return error;
}

static unsigned
ask_mcp(struct world *world, const char *line)
{
    return (unsigned)world_ask(world, "POST", "/mcp", line, "")->status;
}

#define NEW_SECRET "another-secret"
#define DEMO "  - id: demo\n"
#define AS_GONE "  - id: bench2\n"

/* A file in which nothing that matters is different. */
#define SAME "  lifetime_s: 900", "  lifetime_s: 901"

Test(life_reload, a_client_that_is_taken_away_is_out_and_can_come_back)
{
    struct world world;
    char said[1024];
    char *line = NULL;
    size_t sent = 0;

    world_begin(&world);
    line = world_login(&world, WORLD_LOGIN);
    cr_assert_eq(ask_mcp(&world, line), 0, "it goes on to validation");
    cr_assert_eq(reload(&world, "  - id: demo\n    scopes:\n",
                        "  - id: bench\n    scopes: [llm:chat]\n"
                        "  - id: demo\n    scopes:\n",
                        said),
                 SP_ECONFIG, "bench is there twice");
    cr_assert_eq(ask_mcp(&world, line), 0);
    /* The whole entry of demo, up to the next comment. */
    cr_assert_eq(reload(&world,
                        "  - id: demo\n    scopes:\n"
                        "      - customer:read\n      - ticket:create\n"
                        "      - account:calculate\n      - security:read\n"
                        "      - llm:chat\n",
                        "", said),
                 0, "%s", said);
    cr_assert_eq(world.runtime.sent[world.runtime.count - 1].id, SP_MSG_REVOKED,
                 "every edge cuts its streams");
    cr_assert_eq(ask_mcp(&world, line), 401);
    cr_assert(world_told(&world, "token_refused 401 reason=unknown_client"));
    cr_assert_eq(world_post(&world, "", WORLD_LOGIN)->status, 401);
    sent = world.runtime.count;
    cr_assert_eq(reload(&world, SAME, said), 0, "%s", said);
    cr_assert_eq(world.runtime.count, sent, "nobody else is cut");
    cr_assert_eq(ask_mcp(&world, line), 0);
    sp_free(line);
    world_end(&world);
}

/* attack: a token that is remembered keeps a scope that its client lost. */
Test(life_reload, a_remembered_token_loses_and_regains_a_scope)
{
    struct world world;
    char said[1024];
    char *line = NULL;

    world_begin(&world);
    line = world_login(&world, WORLD_LOGIN);
    cr_assert_eq(ask_mcp(&world, line), 0);
    cr_assert_eq(reload(&world, "      - customer:read\n", "", said), 0, "%s",
                 said);
    (void)world_ask(&world, "POST", "/mcp", line, "");
    cr_assert_null(strstr(world.runtime.sent[0].who, "customer:read"));
    cr_assert_not_null(strstr(world.runtime.sent[0].who, "ticket:create"));
    cr_assert_eq(reload(&world, SAME, said), 0, "%s", said);
    (void)world_ask(&world, "POST", "/mcp", line, "");
    cr_assert_not_null(strstr(world.runtime.sent[0].who, "customer:read"));
    cr_assert_gt(world.auth.counts.cached, 0);
    sp_free(line);
    world_end(&world);
}

/* Its hash was written while the process ran. */
Test(auth_reload, a_new_client_and_a_new_secret_need_no_start)
{
    static const char new_login[] = "grant_type=client_credentials&client_id="
                                    "bench2&client_secret=" NEW_SECRET;
    char hash[crypto_pwhash_STRBYTES];
    struct world world;
    char said[1024];

    world_begin(&world);
    cr_assert_eq(crypto_pwhash_str_alg(hash, NEW_SECRET, strlen(NEW_SECRET),
                                       crypto_pwhash_argon2id_OPSLIMIT_MIN,
                                       crypto_pwhash_argon2id_MEMLIMIT_MIN,
                                       crypto_pwhash_ALG_ARGON2ID13),
                 0);
    cr_assert_eq(world_post(&world, "", WORLD_LOGIN)->status, 200);
    world_write("clients/bench2.hash", hash);
    cr_assert_eq(reload(&world, DEMO,
                        "  - id: bench2\n    scopes: [llm:chat]\n" DEMO, said),
                 0, "%s", said);
    cr_assert_eq(world_post(&world, "", new_login)->status, 200);
    cr_assert_eq(world_post(&world, "", WORLD_LOGIN)->status, 200);
    /* The secret that was right before is not any more, though remembered. */
    world_write("clients/demo.hash", hash);
    cr_assert_eq(reload(&world, SAME, said), 0, "%s", said);
    cr_assert_eq(world_post(&world, "", WORLD_LOGIN)->status, 401);
    cr_assert_eq(unlink("keys/auth/clients/bench2.hash"), 0);
    world_end(&world);
}

/* The hasher is at work for a client that is gone when it answers. */
Test(life_reload, a_secret_in_hand_of_a_client_that_goes_gives_no_token)
{
    struct world world;
    struct sp_msg login =
        world_request("POST", "/token", "", WORLD_FORM, WORLD_LOGIN);
    char id[17];
    char said[1024];

    world_begin(&world);
    for (size_t i = 0; i < 2; i++) {
        world_name(&login, id, i);
        wire_on_http_request(&world.auth, &login);
    }
    cr_assert_eq(life_in_flight(&world.auth), 2);
    cr_assert_eq(reload(&world,
                        "  - id: demo\n    scopes:\n"
                        "      - customer:read\n      - ticket:create\n"
                        "      - account:calculate\n      - security:read\n"
                        "      - llm:chat\n",
                        "", said),
                 0, "%s", said);
    cr_assert_eq(world.runtime.sent[0].id, SP_MSG_REVOKED);
    world_wait(&world, 3);
    cr_assert_eq(world.runtime.sent[1].status, 401);
    cr_assert_eq(world.runtime.sent[2].status, 401);
    world_end(&world);
}

Test(life_reload, a_bad_file_changes_nothing_and_is_told_with_its_line)
{
    static const struct {
        const char *from;
        const char *to;
        const char *says;
    } rows[] = {
        { "  lifetime_s: 900", "  lifetime_s: 5",
          "auth.yaml:6: tokens.lifetime_s is 5" },
        { "  signing_key: es256", "  signing_key: rsa",
          "tokens.signing_key is rsa" },
        { DEMO, AS_GONE, "keys/auth/clients/bench2.hash" },
        { DEMO, "  - id: a/b\n", ".id is no client id" },
        { "  models: [llm:chat]", "  models: [llm:chatt]",
          "challenge.models[0] is the scope llm:chatt" },
        { "tokens:\n", "tokenz:\n", "auth.yaml:" },
    };
    struct world world;
    char *line = NULL;

    world_begin(&world);
    line = world_login(&world, WORLD_LOGIN);
    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        const struct auth_policy *before = world.auth.policy;
        char said[1024];

        cr_expect_eq(reload(&world, rows[i].from, rows[i].to, said), SP_ECONFIG,
                     "row %zu", i);
        cr_expect_not_null(strstr(said, rows[i].says), "row %zu: %s", i, said);
        cr_expect_not_null(strstr(said, "config/auth.yaml:"), "%s", said);
        cr_expect_eq(world.auth.policy, before);
        cr_expect_eq(ask_mcp(&world, line), 0);
    }
    sp_free(line);
    world_end(&world);
}

/* attack: a flood of guesses must not begin anew with each reload. */
Test(life_reload, those_who_failed_too_often_still_wait)
{
    struct world world;
    char said[1024];

    world_begin(&world);
    for (uint32_t i = 0; i <= world.auth.policy->config->failures.burst; i++) {
        (void)world_post(&world, "",
                         "grant_type=client_credentials&client_id=nobody&"
                         "client_secret=x");
    }
    cr_assert_eq(world_post(&world, "", WORLD_LOGIN)->status, 429);
    cr_assert_eq(reload(&world, SAME, said), 0, "%s", said);
    cr_assert_eq(world_post(&world, "", WORLD_LOGIN)->status, 429);
    world_end(&world);
}
