/* A loop without descriptors whose clock the test moves. The linker takes these
 * functions for those of common/process/loop.c. */
#ifndef SP_TESTS_SUPPORT_CLOCK_LOOP_H
#define SP_TESTS_SUPPORT_CLOCK_LOOP_H

#include <criterion/criterion.h>

#include "common/base/compiler.h"
#include "common/process/loop.h"

#define CLOCK_LOOP_TIMERS 64

struct sp_loop {
    int64_t now_ms;
    struct sp_timer *timers[CLOCK_LOOP_TIMERS];
};

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
    while (i < CLOCK_LOOP_TIMERS && loop->timers[i] != NULL) {
        i++;
    }
    cr_assert_lt(i, CLOCK_LOOP_TIMERS);
    loop->timers[i] = timer;
    timer->slot = i + 1;
    timer->due_ms = loop->now_ms + (delay_ms > 0 ? delay_ms : 0);
}

/* The timer that is due first, at `until_ms` at the latest. */
static struct sp_timer *
clock_loop_next(const struct sp_loop *loop, int64_t until_ms)
{
    struct sp_timer *first = NULL;

    for (size_t i = 0; i < CLOCK_LOOP_TIMERS; i++) {
        struct sp_timer *timer = loop->timers[i];

        if (timer != NULL && timer->due_ms <= until_ms &&
            (first == NULL || timer->due_ms < first->due_ms)) {
            first = timer;
        }
    }
    return first;
}

/* Moves the clock, and lets every timer expire at its time. */
static SP_UNUSED void
clock_loop_wait(struct sp_loop *loop, int64_t ms)
{
    int64_t until_ms = loop->now_ms + ms;
    struct sp_timer *timer = clock_loop_next(loop, until_ms);

    while (timer != NULL) {
        loop->now_ms = timer->due_ms;
        sp_loop_stop(loop, timer);
        timer->expired(timer->arg);
        timer = clock_loop_next(loop, until_ms);
    }
    loop->now_ms = until_ms;
}

static SP_UNUSED size_t
clock_loop_timers(const struct sp_loop *loop)
{
    size_t count = 0;

    for (size_t i = 0; i < CLOCK_LOOP_TIMERS; i++) {
        count += loop->timers[i] != NULL;
    }
    return count;
}

#endif
