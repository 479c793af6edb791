/* The one event loop of a process: epoll for file descriptors, a heap for
 * timers, hooks for work that must be done once per turn. One thread. */
#ifndef SP_COMMON_PROCESS_LOOP_H
#define SP_COMMON_PROCESS_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/compiler.h"

struct sp_loop;

/* Called with the epoll events (EPOLLIN, ...) that came. */
struct sp_watch {
    void (*ready)(void *arg, uint32_t events);
    void *arg;
    int fd;
};

/* A timer lives in its owner; zero it before first use. */
struct sp_timer {
    void (*expired)(void *arg);
    void *arg;
    int64_t due_ms; /* CLOCK_MONOTONIC */
    uint32_t slot;  /* place in the heap plus one, 0: not running */
};

/* Called once per turn, after the events, before the loop waits. Returns true
 * where work is left over, so that the loop must not wait. */
struct sp_turn {
    bool (*turn)(void *arg);
    void *arg;
};

struct sp_loop *
sp_loop_new(void);

void
sp_loop_free(struct sp_loop **loop);

/* Watches watch->fd for `events`; `watch` must stay in place until removed. 0
 * or SP_ESYSTEM. */
SP_MUST_CHECK int
sp_loop_add(struct sp_loop *loop, struct sp_watch *watch, uint32_t events);

/* Changes the events of a watch, or re-arms EPOLLONESHOT. 0 or SP_ESYSTEM. */
SP_MUST_CHECK int
sp_loop_change(struct sp_loop *loop, struct sp_watch *watch, uint32_t events);

/* Ends the watch; events of this turn that were not delivered are dropped. The
 * descriptor stays open. */
void
sp_loop_remove(struct sp_loop *loop, struct sp_watch *watch);

/* Starts or restarts the timer, `delay_ms` from the loop's current time. */
void
sp_loop_start(struct sp_loop *loop, struct sp_timer *timer, int64_t delay_ms);

/* Stops the timer; harmless where it is not running. */
void
sp_loop_stop(struct sp_loop *loop, struct sp_timer *timer);

/* Registers a hook; hooks run in the order of registration, for ever. */
void
sp_loop_each_turn(struct sp_loop *loop, struct sp_turn turn);

/* CLOCK_MONOTONIC in ms as read at the start of this turn: cheap. */
int64_t
sp_loop_now_ms(const struct sp_loop *loop);

/* Runs until sp_loop_end(); may run again then. */
void
sp_loop_run(struct sp_loop *loop);

/* Makes sp_loop_run() return at the end of this turn. */
void
sp_loop_end(struct sp_loop *loop);

#endif
