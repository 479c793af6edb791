/* The links between well-behaved ends: placement, coalescing, peers that come
 * and go, queues that fill. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/error.h"
#include "common/link/link.h"
#include "common/link/link_parts.h"

#define PATIENCE_MS 5000

/* A sender (edge) and receivers (auth replicas) in one process. */
struct end {
    struct sp_links *links;
    struct world *world;
    size_t messages;
    uint64_t last_seq;
};

struct world {
    char directory[64];
    char before[512];
    struct sp_loop *loop;
    struct end sender;
    struct end receivers[2];
    size_t ups;
    size_t downs;
    size_t want_ups;
    size_t want_downs;
    size_t want_messages;
    bool drained; /* the loop ended because all was there */
};

static void
write_secret(const char *owner)
{
    char path[128];
    FILE *file = NULL;

    (void)snprintf(path, sizeof(path), "keys/%s/links/edge-auth", owner);
    file = fopen(path, "w");
    cr_assert_not_null(file);
    cr_assert_eq(fchmod(fileno(file), 0600), 0);
    cr_assert_geq(fputs("0123456789abcdef", file), 0);
    cr_assert_eq(fclose(file), 0);
}

/* Every other link's secret exists too, with any content: only this one is
 * used here. */
static void
write_keys(void)
{
    (void)mkdir("keys", 0700);
    for (int owner = 0; owner < SP_SERVICE_COUNT; owner++) {
        char path[128];

        (void)snprintf(path, sizeof(path), "keys/%s",
                       sp_service_name((enum sp_service_id)owner));
        (void)mkdir(path, 0700);
        (void)snprintf(path, sizeof(path), "keys/%s/links",
                       sp_service_name((enum sp_service_id)owner));
        (void)mkdir(path, 0700);
        for (int i = 0; i < SP_SERVICE_COUNT * SP_SERVICE_COUNT; i++) {
            FILE *file = NULL;

            (void)snprintf(
                path, sizeof(path), "keys/%s/links/%s-%s",
                sp_service_name((enum sp_service_id)owner),
                sp_service_name((enum sp_service_id)(i / SP_SERVICE_COUNT)),
                sp_service_name((enum sp_service_id)(i % SP_SERVICE_COUNT)));
            file = fopen(path, "w");
            cr_assert_not_null(file);
            cr_assert_eq(fchmod(fileno(file), 0600), 0);
            cr_assert_geq(fputs("fedcba9876543210", file), 0);
            cr_assert_eq(fclose(file), 0);
        }
    }
    write_secret("edge");
    write_secret("auth");
}

static void
look(struct world *world)
{
    size_t messages =
        world->receivers[0].messages + world->receivers[1].messages;

    if (world->ups >= world->want_ups && world->downs >= world->want_downs &&
        messages >= world->want_messages) {
        world->drained = true;
        sp_loop_end(world->loop);
    }
}

static void
on_message(void *arg, const struct sp_msg *m)
{
    struct end *end = arg;

    end->messages++;
    cr_assert_eq(m->from, SP_SERVICE_EDGE);
    end->last_seq = m->u.credit.bytes;
    look(end->world);
}

static void
on_refused(void *arg, enum sp_service_id from, uint64_t message, int error)
{
    (void)arg;
    cr_assert_fail("refused message %d from %d: %s", (int)message, (int)from,
                   sp_strerror(error));
}

static void
on_peer(void *arg, enum sp_service_id service, struct sp_view name, bool up)
{
    struct end *end = arg;

    if (service != SP_SERVICE_AUTH) {
        return;
    }
    cr_expect(sp_view_is(name, "0") || sp_view_is(name, "1"));
    end->world->ups += up ? 1 : 0;
    end->world->downs += up ? 0 : 1;
    look(end->world);
}

static void
end_open(struct world *world, struct end *end, enum sp_service_id self,
         const char *replica)
{
    struct sp_settings settings = { .replica = sp_dup(replica) };
    const struct sp_link_events events = { on_message, on_refused, on_peer,
                                           end };
    const char *why = "";

    end->world = world;
    end->links = sp_links_new(self, &settings);
    cr_assert_eq(sp_links_prepare(end->links, &why), 0, "%s", why);
    cr_assert_eq(sp_links_open(end->links, world->loop, events), 0);
    sp_links_hook(end->links, SP_LINKS_RECEIVE);
    sp_links_hook(end->links, SP_LINKS_FLUSH);
    sp_free(settings.replica);
}

static void
on_patience(void *arg)
{
    sp_loop_end(arg);
}

/* Once per test: a loop that has ended stays so. */
static void
run(struct world *world)
{
    struct sp_timer patience = { .expired = on_patience, .arg = world->loop };

    sp_loop_start(world->loop, &patience, PATIENCE_MS);
    sp_loop_run(world->loop);
    sp_loop_stop(world->loop, &patience);
    cr_assert(world->drained,
              "not all came within %d ms: up %zu, down %zu, "
              "messages %zu + %zu",
              (int)PATIENCE_MS, world->ups, world->downs,
              world->receivers[0].messages, world->receivers[1].messages);
}

static struct world *
world_new(size_t receivers)
{
    struct world *world = sp_alloc(sizeof(*world));

    memcpy(world->directory, "/tmp/sallyport-link-XXXXXX", 27);
    cr_assert_not_null(getcwd(world->before, sizeof(world->before)));
    cr_assert_not_null(mkdtemp(world->directory));
    cr_assert_eq(chdir(world->directory), 0);
    write_keys();
    world->loop = sp_loop_new();
    end_open(world, &world->sender, SP_SERVICE_EDGE, "0");
    for (size_t i = 0; i < receivers; i++) {
        end_open(world, &world->receivers[i], SP_SERVICE_AUTH,
                 i == 0 ? "0" : "1");
    }
    world->want_ups = receivers;
    return world;
}

static void
world_free(struct world *world)
{
    pid_t child = 0;

    sp_links_free(&world->sender.links);
    sp_links_free(&world->receivers[0].links);
    sp_links_free(&world->receivers[1].links);
    sp_loop_free(&world->loop);
    cr_assert_eq(chdir(world->before), 0);
    child = fork();
    if (child == 0) {
        (void)execlp("rm", "rm", "-rf", world->directory, (char *)NULL);
        _exit(127);
    }
    cr_assert_eq(waitpid(child, NULL, 0), child);
    sp_free(world);
}

/* Sends `count` messages from inside the loop, once all peers are up. */
struct burst {
    struct world *world;
    struct sp_timer timer;
    struct sp_place place;
    size_t count;
    size_t sent;
    int last_error;
};

static void
on_burst(void *arg)
{
    struct burst *burst = arg;
    struct world *world = burst->world;

    if (sp_links_peers(world->sender.links, SP_SERVICE_AUTH) <
        world->want_ups) {
        sp_loop_start(world->loop, &burst->timer, 1);
        return;
    }
    while (burst->sent < burst->count) {
        const struct sp_credit credit = {
            .request_id = sp_view_make("0123456789abcdef", 16),
            .executor = sp_view_of("1"),
            .screen_by = sp_view_of("1"),
            .bytes = burst->sent + 1,
        };

        burst->last_error = sp_links_send(world->sender.links, SP_SERVICE_AUTH,
                                          SP_MSG_CREDIT, &credit, burst->place);
        if (burst->last_error == SP_EFULL) {
            sp_loop_start(world->loop, &burst->timer, 1);
            return;
        }
        cr_assert_eq(burst->last_error, 0);
        burst->sent++;
    }
}

static void
burst_start(struct burst *burst, struct world *world)
{
    burst->world = world;
    burst->timer = (struct sp_timer){ .expired = on_burst, .arg = burst };
    sp_loop_start(world->loop, &burst->timer, 0);
}

Test(link, any_spreads_over_the_replicas_and_loses_nothing)
{
    struct world *world = world_new(2);
    struct burst burst = { .place.kind = SP_PLACE_ANY, .count = 5000 };

    world->want_messages = 5000;
    burst_start(&burst, world);
    run(world);
    cr_assert_eq(world->receivers[0].messages + world->receivers[1].messages,
                 5000);
    cr_assert_gt(world->receivers[0].messages, 1000);
    cr_assert_gt(world->receivers[1].messages, 1000);
    world_free(world);
}

Test(link, key_always_finds_the_same_replica_in_order)
{
    struct world *world = world_new(2);
    struct burst burst = {
        .place = { SP_PLACE_KEY, sp_view_make("principl", 8) }, .count = 3000
    };
    struct end *got = NULL;

    world->want_messages = 3000;
    burst_start(&burst, world);
    run(world);
    got = world->receivers[0].messages > 0 ? &world->receivers[0]
                                           : &world->receivers[1];
    cr_assert_eq(got->messages, 3000);
    cr_assert_eq(got->last_seq, 3000);
    world_free(world);
}

/* More than the queue of one replica holds at once: the other one stays
 * empty all the same, and what came behind waits. */
Test(link, a_full_replica_is_not_passed_over)
{
    struct world *world = world_new(2);
    struct burst burst = {
        .place = { SP_PLACE_KEY, sp_view_make("principl", 8) }, .count = 60000
    };

    world->want_messages = 60000;
    burst_start(&burst, world);
    run(world);
    cr_expect_eq(world->receivers[0].messages * world->receivers[1].messages,
                 0);
    cr_expect_eq(world->receivers[0].last_seq + world->receivers[1].last_seq,
                 60000);
    world_free(world);
}

/* Frames of one envelope each, until libzmq takes no more: what follows is
 * neither refused nor lost. */
static void
on_small_frames(void *arg)
{
    struct burst *burst = arg;
    struct sp_links *links = burst->world->sender.links;
    size_t behind = 0;

    if (sp_links_peers(links, SP_SERVICE_AUTH) == 0) {
        sp_loop_start(burst->world->loop, &burst->timer, 1);
        return;
    }
    while (behind < burst->count) {
        const struct sp_credit credit = {
            .request_id = sp_view_make("0123456789abcdef", 16),
            .executor = sp_view_of("1"),
            .screen_by = sp_view_of("1"),
            .bytes = ++burst->sent,
        };

        cr_assert_eq(sp_links_send(links, SP_SERVICE_AUTH, SP_MSG_CREDIT,
                                   &credit, burst->place),
                     0);
        if (behind > 0 ||
            sp_link_peer_stuck(links->out[SP_SERVICE_AUTH].peers[0])) {
            behind++;
        } else {
            (void)sp_link_flush_turn(links);
        }
    }
    burst->world->want_messages = burst->sent;
}

Test(link, a_receiver_that_pauses_is_waited_for)
{
    struct world *world = world_new(1);
    struct burst burst = { .place.kind = SP_PLACE_ANY, .count = 500 };

    world->want_messages = SIZE_MAX;
    burst_start(&burst, world);
    burst.timer.expired = on_small_frames;
    run(world);
    cr_expect_eq(world->receivers[0].messages, burst.sent);
    cr_expect_eq(world->receivers[0].last_seq, burst.sent);
    world_free(world);
}

Test(link, named_finds_the_replica_of_that_name)
{
    struct world *world = world_new(2);
    struct burst burst = { .place = { SP_PLACE_NAMED, sp_view_of("1") },
                           .count = 10 };

    world->want_messages = 10;
    burst_start(&burst, world);
    run(world);
    cr_assert_eq(world->receivers[1].messages, 10);
    world_free(world);
}

Test(link, a_name_that_nobody_has_is_not_sent_elsewhere)
{
    struct world *world = world_new(2);
    struct burst burst = { .place.kind = SP_PLACE_ALL, .count = 1 };
    const struct sp_probe probe = {
        .request_id = sp_view_make("0123456789abcdef", 16),
        .reply_to = sp_view_of("0"),
    };
    const struct sp_place nobody = { SP_PLACE_NAMED, sp_view_of("7") };

    world->want_messages = 2;
    burst_start(&burst, world);
    run(world);
    cr_assert_eq(sp_links_send(world->sender.links, SP_SERVICE_AUTH,
                               SP_MSG_PROBE, &probe, nobody),
                 SP_ENOPEER);
    world_free(world);
}

/* The second receiver leaves once it is up; what follows waits until the sender
 * has seen it. */
static void
on_leaving(void *arg)
{
    struct burst *burst = arg;
    struct world *world = burst->world;
    size_t up = sp_links_peers(world->sender.links, SP_SERVICE_AUTH);

    if (up == 2) {
        sp_links_leave(world->receivers[1].links);
    }
    if (up == 1 && world->ups == 2) {
        burst->timer.expired = on_burst;
        world->want_ups = 1;
    }
    sp_loop_start(world->loop, &burst->timer, 1);
}

Test(link, a_replica_that_leaves_gets_nothing_but_what_names_it)
{
    for (int named = 0; named < 2; named++) {
        struct world *world = world_new(2);
        struct burst burst = { .place.kind = SP_PLACE_ANY, .count = 100 };

        if (named == 1) {
            burst.place = (struct sp_place){ SP_PLACE_NAMED, sp_view_of("1") };
        }
        world->want_messages = 100;
        burst_start(&burst, world);
        burst.timer.expired = on_leaving;
        run(world);
        cr_expect_eq(world->receivers[named].messages, 100);
        cr_expect_eq(world->downs, 0, "its connection stands");
        world_free(world);
    }
}

Test(link, all_reaches_every_replica)
{
    struct world *world = world_new(2);
    struct burst burst = { .place.kind = SP_PLACE_ALL, .count = 7 };

    world->want_messages = 14;
    burst_start(&burst, world);
    run(world);
    cr_assert_eq(world->receivers[0].messages, 7);
    cr_assert_eq(world->receivers[1].messages, 7);
    world_free(world);
}

Test(link, says_at_once_that_nobody_is_there)
{
    struct world *world = world_new(0);
    const struct sp_place any = { .kind = SP_PLACE_ANY };
    const struct sp_probe probe = {
        .request_id = sp_view_make("0123456789abcdef", 16),
        .reply_to = sp_view_of("0"),
    };

    cr_assert_eq(sp_links_send(world->sender.links, SP_SERVICE_AUTH,
                               SP_MSG_PROBE, &probe, any),
                 SP_ENOPEER);
    cr_assert_eq(sp_links_pending(world->sender.links), 0);
    world_free(world);
}

/* Kills the receiver's process as soon as it is up. */
static void
on_look_and_kill(void *arg)
{
    struct burst *killer = arg;

    if (killer->world->ups == 0) {
        sp_loop_start(killer->world->loop, &killer->timer, 1);
        return;
    }
    cr_assert_eq(kill((pid_t)killer->count, SIGKILL), 0);
}

/* A receiver in a process of its own, until it is killed. */
static pid_t
fork_receiver(const char *directory)
{
    pid_t child = fork();

    if (child == 0) {
        struct world world = { .loop = sp_loop_new(), .want_messages = 1 };

        if (chdir(directory) != 0) {
            _exit(1);
        }
        end_open(&world, &world.receivers[0], SP_SERVICE_AUTH, "0");
        sp_loop_run(world.loop);
        _exit(0);
    }
    return child;
}

Test(link, notices_a_peer_that_dies)
{
    struct world *world = world_new(0);
    pid_t child = fork_receiver(world->directory);
    struct burst killer = { .world = world, .count = (size_t)child };

    killer.timer =
        (struct sp_timer){ .expired = on_look_and_kill, .arg = &killer };
    world->want_ups = 1;
    world->want_downs = 1;
    sp_loop_start(world->loop, &killer.timer, 0);
    run(world);
    cr_assert_eq(sp_links_peers(world->sender.links, SP_SERVICE_AUTH), 0);
    cr_assert_eq(waitpid(child, NULL, 0), child);
    world_free(world);
}
