/* The loop: timers in order, watches that can be removed, hooks each turn. */
#include <criterion/criterion.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/process/loop.h"

struct probe {
    struct sp_loop *loop;
    struct sp_timer timers[64];
    int64_t fired[64];
    size_t count;
    size_t want;
    struct sp_watch watches[2];
    int ready;
};

struct numbered {
    struct probe *probe;
    int64_t delay_ms;
};

static void
on_numbered(void *arg)
{
    struct numbered *numbered = arg;
    struct probe *probe = numbered->probe;

    probe->fired[probe->count++] = numbered->delay_ms;
    if (probe->count == probe->want) {
        sp_loop_end(probe->loop);
    }
}

Test(loop, timers_fire_in_order_and_stopped_ones_never)
{
    struct probe probe = { .loop = sp_loop_new() };
    struct numbered numbered[64];

    for (size_t i = 0; i < 64; i++) {
        numbered[i] = (struct numbered){ &probe, (int64_t)(i * 37 % 64) };
        probe.timers[i] =
            (struct sp_timer){ .expired = on_numbered, .arg = &numbered[i] };
        sp_loop_start(probe.loop, &probe.timers[i], numbered[i].delay_ms);
    }
    for (size_t i = 0; i < 64; i += 2) {
        sp_loop_stop(probe.loop, &probe.timers[i]);
        sp_loop_stop(probe.loop, &probe.timers[i]);
    }
    probe.want = 32;
    sp_loop_run(probe.loop);
    cr_assert_eq(probe.count, 32);
    for (size_t i = 1; i < probe.count; i++) {
        cr_assert_leq(probe.fired[i - 1], probe.fired[i]);
    }
    sp_loop_free(&probe.loop);
}

Test(loop, restarted_timer_fires_once_at_its_new_time)
{
    struct probe probe = { .loop = sp_loop_new(), .want = 2 };
    struct numbered early = { &probe, 1 };
    struct numbered late = { &probe, 2 };

    probe.timers[0] = (struct sp_timer){ .expired = on_numbered, .arg = &late };
    probe.timers[1] =
        (struct sp_timer){ .expired = on_numbered, .arg = &early };
    sp_loop_start(probe.loop, &probe.timers[0], 1);
    sp_loop_start(probe.loop, &probe.timers[1], 5);
    sp_loop_start(probe.loop, &probe.timers[0], 10);
    sp_loop_run(probe.loop);
    cr_assert_eq(probe.fired[0], 1);
    cr_assert_eq(probe.fired[1], 2);
    sp_loop_free(&probe.loop);
}

static void
on_ready_remove_other(void *arg, uint32_t events)
{
    struct probe *probe = arg;

    (void)events;
    probe->ready++;
    sp_loop_remove(probe->loop, &probe->watches[0]);
    sp_loop_remove(probe->loop, &probe->watches[1]);
    sp_loop_end(probe->loop);
}

/* Both descriptors are ready in the same turn; the first one's handler removes
 * both, so the second must not be called. */
Test(loop, removed_watch_is_not_called_in_the_same_turn)
{
    struct probe probe = { .loop = sp_loop_new() };

    for (size_t i = 0; i < 2; i++) {
        probe.watches[i] = (struct sp_watch){ .ready = on_ready_remove_other,
                                              .arg = &probe,
                                              .fd = eventfd(1, EFD_CLOEXEC) };
        cr_assert_eq(sp_loop_add(probe.loop, &probe.watches[i], EPOLLIN), 0);
    }
    sp_loop_run(probe.loop);
    cr_assert_eq(probe.ready, 1);
    (void)close(probe.watches[0].fd);
    (void)close(probe.watches[1].fd);
    sp_loop_free(&probe.loop);
}

static bool
on_turn(void *arg)
{
    struct probe *probe = arg;

    probe->count++;
    if (probe->count == 3) {
        sp_loop_end(probe->loop);
    }
    return true; /* more to do: the loop must not wait */
}

Test(loop, does_not_wait_while_a_hook_has_work)
{
    struct probe probe = { .loop = sp_loop_new() };

    sp_loop_each_turn(probe.loop, (struct sp_turn){ on_turn, &probe });
    sp_loop_run(probe.loop);
    cr_assert_geq(probe.count, 3);
    sp_loop_free(&probe.loop);
}
