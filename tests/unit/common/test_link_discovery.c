/* Discovery by names: what the links make of the resolver's answers. The helper
 * here is a real one whose answers the test has chosen. */
#include <criterion/criterion.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <zmq.h>

#include "common/base/alloc.h"
#include "common/base/compiler.h"
#include "common/base/error.h"
#include "common/link/link_parts.h"

#define QUESTION_BYTES 260
#define SENTINEL 99
#define PATIENCE_MS 5000

/* In the helper: auth is at an address, then the resolver is out of order, then
 * auth is gone. Everything else has no address. */
static void
answer_from_script(void *asked, void *answered)
{
    static unsigned turn;
    struct sp_resolved *answer = answered;

    memset(answer, 0, sizeof(*answer));
    memcpy(&answer->tag, asked, sizeof(answer->tag));
    if (answer->tag != SP_SERVICE_AUTH) {
        return;
    }
    answer->count = turn == 0 ? 1 : 0;
    answer->failed = turn == 1 ? 1 : 0;
    memcpy(answer->address[0], "\x7f\0\0\1", 4);
    turn++;
}

static void
write_key(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    cr_assert_not_null(file, "%s", path);
    cr_assert_eq(fchmod(fileno(file), 0600), 0);
    cr_assert_geq(fputs(text, file), 0);
    cr_assert_eq(fclose(file), 0);
}

static struct sp_link_keys *
make_keys(char directory[64])
{
    static const char *const paths[] = {
        "keys/edge/curve.secret",           "keys/edge/curve.public",
        "keys/edge/peers/auth.public",      "keys/edge/peers/validation.public",
        "keys/edge/peers/ratelimit.public", "keys/edge/peers/tools.public",
        "keys/edge/peers/llm.public",       "keys/edge/peers/monitor.public"
    };
    struct sp_link_keys *keys = NULL;
    const char *why = "";
    char secret[41];
    char text[41];

    (void)snprintf(directory, 64, "/tmp/sallyport-names-XXXXXX");
    cr_assert_not_null(mkdtemp(directory));
    cr_assert_eq(chdir(directory), 0);
    cr_assert_eq(mkdir("keys", 0700) | mkdir("keys/edge", 0700) |
                     mkdir("keys/edge/peers", 0700),
                 0);
    cr_assert_eq(zmq_curve_keypair(text, secret), 0);
    for (size_t i = 0; i < SP_COUNT(paths); i++) {
        write_key(paths[i], i == 0 ? secret : text);
    }
    cr_assert_eq(sp_link_keys_load(SP_SERVICE_EDGE, true, &keys, &why), 0, "%s",
                 why);
    return keys;
}

static struct sp_links *
links_new(char directory[64])
{
    const struct sp_jail jail = { .path_count = 0 };
    const struct sp_helper_work work = {
        .name = "script",
        .jail = &jail,
        .question_size = QUESTION_BYTES,
        .answer_size = sizeof(struct sp_resolved),
        .answer = answer_from_script,
    };
    struct sp_links *links = sp_alloc(sizeof(*links));

    links->self = SP_SERVICE_EDGE;
    links->tcp = true;
    links->lock_fd = -1;
    links->keys = make_keys(directory);
    links->loop = sp_loop_new();
    links->context = zmq_ctx_new();
    links->refresh.expired = sp_link_on_refresh;
    links->refresh.arg = links;
    cr_assert_eq(sp_helper_start(&work, &links->resolver), 0);
    for (int i = 0; i < SP_SERVICE_COUNT; i++) {
        links->out[i].links = links;
        links->out[i].to = (enum sp_service_id)i;
        links->out[i].used =
            sp_link_exists(SP_SERVICE_EDGE, (enum sp_service_id)i);
    }
    return links;
}

static void
links_end(struct sp_links *links, const char *directory)
{
    struct sp_loop *loop = links->loop;
    pid_t child = fork();

    if (child == 0) {
        (void)execlp("rm", "rm", "-rf", directory, (char *)NULL);
        _exit(127);
    }
    cr_assert_eq(waitpid(child, NULL, 0), child);
    sp_links_free(&links);
    sp_loop_free(&loop);
}

/* Asks as the timer does, and waits until all have been answered. */
static void
refresh(struct sp_links *links)
{
    struct pollfd wait = { .fd = sp_helper_fd(links->resolver),
                           .events = POLLIN };

    sp_link_on_refresh(links);
    while (links->out[SP_SERVICE_AUTH].asked) {
        cr_assert_eq(poll(&wait, 1, PATIENCE_MS), 1);
        sp_link_on_resolved(links, POLLIN);
    }
}

/* A hiccup of the DNS must not cut every link that stands. */
Test(link_discovery, keeps_peers_while_the_resolver_is_out_of_order)
{
    char directory[64];
    struct sp_links *links = links_new(directory);
    const struct sp_link_out *auth = &links->out[SP_SERVICE_AUTH];

    refresh(links);
    cr_assert_eq(auth->count, 1);
    refresh(links);
    cr_assert_eq(auth->count, 1, "dropped by a failed question");
    refresh(links);
    cr_assert_eq(auth->count, 0, "kept after the name has gone");
    links_end(links, directory);
}

/* Each name that cannot be found costs the resolver seconds: questions must not
 * pile up before it. */
Test(link_discovery, asks_one_question_at_a_time_about_a_name)
{
    char directory[64];
    struct sp_links *links = links_new(directory);
    struct pollfd wait = { .fd = sp_helper_fd(links->resolver),
                           .events = POLLIN };
    struct sp_resolved answer = { 0 };
    size_t answers = 0;

    for (int i = 0; i < 50; i++) {
        sp_link_on_refresh(links);
    }
    cr_assert_eq(sp_resolver_ask(links->resolver, SENTINEL, "end"), 0);
    while (answer.tag != SENTINEL) {
        cr_assert_eq(poll(&wait, 1, PATIENCE_MS), 1);
        cr_assert_eq(sp_resolver_take(links->resolver, &answer), 0);
        answers++;
    }
    cr_assert_eq(answers, 3, "auth, monitor and the end: %zu", answers);
    links_end(links, directory);
}

/* The real resolver, with a name that every system knows. */
Test(link_discovery, takes_a_name_that_is_there_for_no_failure)
{
    struct sp_helper *resolver = NULL;
    struct sp_resolved answer = { 0 };
    struct pollfd wait = { .events = POLLIN };

    cr_assert_eq(sp_resolver_start(&resolver), 0);
    wait.fd = sp_helper_fd(resolver);
    cr_assert_eq(sp_resolver_ask(resolver, 7, "localhost"), 0);
    cr_assert_eq(poll(&wait, 1, PATIENCE_MS), 1);
    cr_assert_eq(sp_resolver_take(resolver, &answer), 0);
    cr_assert_eq(answer.tag, 7);
    cr_assert_eq(answer.failed, 0);
    cr_assert_geq(answer.count, 1);
    sp_helper_free(&resolver);
}
