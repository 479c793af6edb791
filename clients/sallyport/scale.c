/* sallyport scale */
#include <stdio.h>
#include <stdlib.h>

#include "clients/sallyport/commands.h"
#include "clients/sallyport/gate.h"
#include "clients/sallyport/supervise.h"
#include "common/base/log.h"

#define WHY_MAX 1024
#define UP_MAX_MS 10000
/* A replica that is taken away finishes what it has, 30 s at most. */
#define DOWN_AFTER_MS 15000
#define UNCHANGED SUPERVISE_MAX

static bool
listed(const struct replicas *all, struct replica wanted)
{
    for (size_t i = 0; i < all->count; i++) {
        if (all->list[i].service == wanted.service &&
            all->list[i].number == wanted.number) {
            return true;
        }
    }
    return false;
}

/* What changes: one entry in `added` or `removed` for each replica. */
static void
compare(const struct replica_counts *counts, struct replicas *added,
        struct replicas *removed)
{
    struct replicas all = { .count = 0 };

    supervise_list(&all);
    for (int i = 0; i < SP_SERVICE_COUNT; i++) {
        for (unsigned n = 0; n < SUPERVISE_MAX_REPLICAS; n++) {
            const struct replica one = { (enum sp_service_id)i, n };
            bool there = listed(&all, one);

            if (counts->of[i] == UNCHANGED) {
                continue;
            }
            if (n < counts->of[i] && !there) {
                added->list[added->count++] = one;
            }
            if (n >= counts->of[i] && there) {
                removed->list[removed->count++] = one;
            }
        }
    }
}

static void
apply(const struct gate *gate, const struct replicas *added,
      const struct replicas *removed)
{
    struct sp_buf why = sp_buf_new(WHY_MAX);
    int error = 0;

    for (size_t i = 0; error == 0 && i < added->count; i++) {
        error = supervise_add(gate->programs, gate->settings.drain_ms,
                              added->list[i], &why);
    }
    for (size_t i = 0; error == 0 && i < removed->count; i++) {
        error = supervise_remove(removed->list[i], &why);
    }
    if (error != 0) {
        sp_refuse("%.*s", SP_VIEW(sp_buf_view(&why)));
    }
    if (supervise_rescan() != 0) {
        sp_refuse("s6-svscanctl failed; is s6 installed?");
    }
    sp_buf_free(&why);
}

static bool
await(const struct replicas *some,
      bool (*done)(struct replica replica, int64_t max_ms), int64_t max_ms,
      const char *state)
{
    for (size_t i = 0; i < some->count; i++) {
        if (!done(some->list[i], max_ms)) {
            (void)fprintf(stderr,
                          "sallyport: %s.%u is not %s; see its log lines\n",
                          sp_service_name(some->list[i].service),
                          some->list[i].number, state);
            return false;
        }
    }
    return true;
}

static int
change(const struct gate *gate, const struct replica_counts *counts)
{
    struct replicas added = { .count = 0 };
    struct replicas removed = { .count = 0 };

    gate_enter_state(gate);
    if (!supervise_running()) {
        sp_refuse("no gate runs on SP_STATE=%s; start it by `sallyport run`",
                  gate->settings.state);
    }
    compare(counts, &added, &removed);
    apply(gate, &added, &removed);
    return await(&added, supervise_await_ready, UP_MAX_MS, "ready") &&
                   await(&removed, supervise_await_down,
                         gate->settings.drain_ms + DOWN_AFTER_MS, "down")
               ? EXIT_SUCCESS
               : EXIT_FAILURE;
}

int
command_scale(int argc, char **argv)
{
    struct gate gate = { .programs = NULL };
    struct replica_counts counts;
    struct sp_buf why = sp_buf_new(WHY_MAX);
    int status = 0;

    if (argc == 0) {
        (void)fprintf(stderr, "usage: sallyport scale SERVICE=N ...\n");
        return 2;
    }
    for (int i = 0; i < SP_SERVICE_COUNT; i++) {
        counts.of[i] = UNCHANGED;
    }
    for (int i = 0; i < argc; i++) {
        if (supervise_parse(argv[i], &counts, &why) != 0) {
            sp_refuse("%.*s", SP_VIEW(sp_buf_view(&why)));
        }
    }
    gate_open(&gate);
    status = change(&gate, &counts);
    sp_buf_free(&why);
    gate_close(&gate);
    return status;
}
