/* The event loop: epoll, a binary heap of timers, hooks once per turn. */
#include "common/process/loop.h"

#include <errno.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/log.h"

/* Events taken from the kernel in one go. */
#define BATCH 128
#define MAX_TURNS 8

struct sp_loop {
    int epoll_fd;
    bool ended;
    int64_t now_ms;
    struct sp_timer **heap; /* earliest first; slot = index + 1 */
    uint32_t timers;
    uint32_t heap_size;
    struct sp_turn turns[MAX_TURNS];
    size_t turn_count;
    struct epoll_event events[BATCH];
    int event_count; /* events of this turn, for sp_loop_remove() */
};

struct sp_loop *
sp_loop_new(void)
{
    struct sp_loop *loop = sp_alloc(sizeof(*loop));

    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (loop->epoll_fd < 0) {
        sp_fatal("epoll_create", "errno=%d", errno);
    }
    loop->now_ms = sp_clock_ms();
    return loop;
}

void
sp_loop_free(struct sp_loop **loop)
{
    if (*loop != NULL) {
        (void)close((*loop)->epoll_fd);
        sp_free((*loop)->heap);
        sp_free(*loop);
        *loop = NULL;
    }
}

static int
control(struct sp_loop *loop, int operation, struct sp_watch *watch,
        uint32_t events)
{
    struct epoll_event event = { .events = events, .data.ptr = watch };

    return epoll_ctl(loop->epoll_fd, operation, watch->fd, &event) == 0
               ? 0
               : SP_ESYSTEM;
}

int
sp_loop_add(struct sp_loop *loop, struct sp_watch *watch, uint32_t events)
{
    return control(loop, EPOLL_CTL_ADD, watch, events);
}

int
sp_loop_change(struct sp_loop *loop, struct sp_watch *watch, uint32_t events)
{
    return control(loop, EPOLL_CTL_MOD, watch, events);
}

void
sp_loop_remove(struct sp_loop *loop, struct sp_watch *watch)
{
    (void)epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
    for (int i = 0; i < loop->event_count; i++) {
        if (loop->events[i].data.ptr == watch) {
            loop->events[i].data.ptr = NULL;
        }
    }
}

static void
place(struct sp_loop *loop, uint32_t index, struct sp_timer *timer)
{
    loop->heap[index] = timer;
    timer->slot = index + 1;
}

static void
sift_up(struct sp_loop *loop, uint32_t index)
{
    struct sp_timer *timer = loop->heap[index];

    while (index > 0) {
        uint32_t parent = (index - 1) / 2;

        if (loop->heap[parent]->due_ms <= timer->due_ms) {
            break;
        }
        place(loop, index, loop->heap[parent]);
        index = parent;
    }
    place(loop, index, timer);
}

static void
sift_down(struct sp_loop *loop, uint32_t index)
{
    struct sp_timer *timer = loop->heap[index];

    for (;;) {
        uint32_t child = index * 2 + 1;

        if (child >= loop->timers) {
            break;
        }
        if (child + 1 < loop->timers &&
            loop->heap[child + 1]->due_ms < loop->heap[child]->due_ms) {
            child++;
        }
        if (timer->due_ms <= loop->heap[child]->due_ms) {
            break;
        }
        place(loop, index, loop->heap[child]);
        index = child;
    }
    place(loop, index, timer);
}

void
sp_loop_start(struct sp_loop *loop, struct sp_timer *timer, int64_t delay_ms)
{
    sp_loop_stop(loop, timer);
    if (loop->timers == loop->heap_size) {
        loop->heap_size = loop->heap_size == 0 ? 64 : loop->heap_size * 2;
        loop->heap = sp_realloc_n(loop->heap, loop->heap_size,
                                  sizeof(struct sp_timer *));
    }
    timer->due_ms = loop->now_ms + (delay_ms > 0 ? delay_ms : 0);
    loop->timers++;
    place(loop, loop->timers - 1, timer);
    sift_up(loop, loop->timers - 1);
}

void
sp_loop_stop(struct sp_loop *loop, struct sp_timer *timer)
{
    uint32_t index = timer->slot - 1;
    struct sp_timer *last = NULL;

    if (timer->slot == 0) {
        return;
    }
    timer->slot = 0;
    loop->timers--;
    last = loop->heap[loop->timers];
    if (last == timer) {
        return;
    }
    place(loop, index, last);
    sift_down(loop, index);
    sift_up(loop, last->slot - 1);
}

void
sp_loop_each_turn(struct sp_loop *loop, struct sp_turn turn)
{
    if (loop->turn_count == MAX_TURNS) {
        sp_fatal("too_many_turn_hooks", "max=%d", MAX_TURNS);
    }
    loop->turns[loop->turn_count++] = turn;
}

int64_t
sp_loop_now_ms(const struct sp_loop *loop)
{
    return loop->now_ms;
}

/* Timers that are due now; one started by a callback waits for the next
 * turn, so that a timer of zero cannot starve the descriptors. */
static void
run_timers(struct sp_loop *loop)
{
    int64_t until_ms = loop->now_ms;
    uint32_t budget = loop->timers;

    while (budget-- > 0 && loop->timers > 0 &&
           loop->heap[0]->due_ms <= until_ms) {
        struct sp_timer *timer = loop->heap[0];

        sp_loop_stop(loop, timer);
        timer->expired(timer->arg);
    }
}

static bool
run_turns(struct sp_loop *loop)
{
    bool more = false;

    for (size_t i = 0; i < loop->turn_count; i++) {
        more |= loop->turns[i].turn(loop->turns[i].arg);
    }
    return more;
}

static int
wait_ms(const struct sp_loop *loop, bool more)
{
    int64_t left = 0;

    if (more || loop->ended) {
        return 0;
    }
    if (loop->timers == 0) {
        return -1;
    }
    left = loop->heap[0]->due_ms - sp_clock_ms();
    if (left <= 0) {
        return 0;
    }
    return left > 60000 ? 60000 : (int)left;
}

static void
take_events(struct sp_loop *loop, int timeout_ms)
{
    int count = epoll_wait(loop->epoll_fd, loop->events, BATCH, timeout_ms);

    loop->now_ms = sp_clock_ms();
    if (count < 0 && errno != EINTR) {
        sp_fatal("epoll_wait", "errno=%d", errno);
    }
    loop->event_count = count > 0 ? count : 0;
    for (int i = 0; i < loop->event_count; i++) {
        struct sp_watch *watch = loop->events[i].data.ptr;

        if (watch != NULL) {
            watch->ready(watch->arg, loop->events[i].events);
        }
    }
    loop->event_count = 0;
}

void
sp_loop_run(struct sp_loop *loop)
{
    loop->now_ms = sp_clock_ms();
    while (!loop->ended) {
        run_timers(loop);
        take_events(loop, wait_ms(loop, run_turns(loop)));
    }
    /* What the last callbacks queued still goes out. */
    (void)run_turns(loop);
    loop->ended = false;
}

void
sp_loop_end(struct sp_loop *loop)
{
    loop->ended = true;
}
