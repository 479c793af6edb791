/* sallyport stop */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clients/sallyport/commands.h"
#include "clients/sallyport/gate.h"
#include "clients/sallyport/run.h"
#include "clients/sallyport/supervise.h"
#include "common/base/clock.h"
#include "common/base/log.h"

#define LOOK_MS 20
/* Beyond what the processes take to drain. */
#define STOP_AFTER_MS 30000

static bool
never(void *arg)
{
    (void)arg;
    return false;
}

static void
await_end(int64_t max_ms)
{
    const struct timespec time = { .tv_nsec = LOOK_MS * 1000000L };
    int64_t until_ms = sp_clock_ms() + max_ms;

    while (run_holder() > 0 && sp_clock_ms() < until_ms) {
        (void)nanosleep(&time, NULL);
    }
}

int
command_stop(int argc, char **argv)
{
    struct gate gate = { .programs = NULL };
    pid_t holder = 0;
    int status = EXIT_SUCCESS;

    (void)argv;
    if (argc != 0) {
        (void)fprintf(stderr, "usage: sallyport stop\n");
        return 2;
    }
    gate_open(&gate);
    gate_enter_state(&gate);
    holder = run_holder();
    if (holder <= 0 && !supervise_running()) {
        (void)fprintf(stderr,
                      "sallyport: no gate runs on SP_STATE=%s; give the "
                      "SP_STATE that it was started with\n",
                      gate.settings.state);
        return EXIT_FAILURE;
    }
    if (holder > 0 && kill(holder, SIGTERM) != 0 && errno != ESRCH) {
        sp_refuse("cannot stop process %ld: %s", (long)holder, strerror(errno));
    }
    await_end(gate.settings.drain_ms + STOP_AFTER_MS);
    /* Where `run` was killed, its supervisor may have outlived it. */
    supervise_stop(gate.settings.drain_ms, never, NULL);
    if (run_holder() > 0 || supervise_running()) {
        (void)fprintf(stderr,
                      "sallyport: the gate has not ended %d s after "
                      "SP_DRAIN_S=%s\n",
                      STOP_AFTER_MS / 1000, gate.settings.drain);
        status = EXIT_FAILURE;
    }
    gate_close(&gate);
    return status;
}
