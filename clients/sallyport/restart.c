/* sallyport restart */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "clients/sallyport/check_config.h"
#include "clients/sallyport/commands.h"
#include "clients/sallyport/gate.h"
#include "clients/sallyport/supervise.h"
#include "common/base/log.h"

#define WHY_MAX 1024
#define UP_MAX_MS 10000
/* A replica drains for 30 s at most, and then has to start. */
#define ANEW_MAX_MS 55000
#define DOWN_AFTER_MS 15000
#define FOUND_MS 1400

static bool
fail(struct replica replica, const char *what)
{
    (void)printf("FAIL %s.%u %s; see its log lines\n",
                 sp_service_name(replica.service), replica.number, what);
    return false;
}

/* The replicas of one service, and the first number that none of them has. */
static struct replica
list_service(enum sp_service_id service, struct replicas *ret_replicas)
{
    struct replicas all = { .count = 0 };
    struct replica spare = { service, 0 };

    supervise_list(&all);
    ret_replicas->count = 0;
    for (size_t i = 0; i < all.count; i++) {
        if (all.list[i].service == service) {
            ret_replicas->list[ret_replicas->count++] = all.list[i];
            /* The list is sorted. */
            spare.number += all.list[i].number == spare.number;
        }
    }
    return spare;
}

static void
rescan(void)
{
    if (supervise_rescan() != 0) {
        sp_refuse("s6-svscanctl failed; is s6 installed?");
    }
}

/* One replica more of each service, for as long as the others are away by
 * turns. The monitor has none, and a service with all replicas needs none. */
static void
choose_spares(const bool wanted[SP_SERVICE_COUNT], struct replicas *ret_spares)
{
    ret_spares->count = 0;
    for (int i = 0; i < SP_SERVICE_COUNT; i++) {
        enum sp_service_id service = (enum sp_service_id)i;
        struct replicas old = { .count = 0 };
        struct replica spare = list_service(service, &old);

        if (wanted[i] && supervise_scales(service) && old.count > 0 &&
            spare.number < SUPERVISE_MAX_REPLICAS) {
            ret_spares->list[ret_spares->count++] = spare;
        }
    }
}

/* Neighbours look for each other once a second: before that they do not know
 * who has come. */
static void
let_be_found(const struct replicas *some)
{
    const struct timespec pause = { .tv_sec = FOUND_MS / 1000,
                                    .tv_nsec = FOUND_MS % 1000 * 1000000L };

    if (some->count > 0) {
        (void)nanosleep(&pause, NULL);
    }
}

static bool
add_spares(const struct gate *gate, const struct replicas *spares)
{
    struct sp_buf why = sp_buf_new(WHY_MAX);
    bool ok = true;

    for (size_t i = 0; i < spares->count; i++) {
        if (supervise_add(gate->programs, gate->settings.drain_ms,
                          spares->list[i], &why) != 0) {
            sp_refuse("%.*s", SP_VIEW(sp_buf_view(&why)));
        }
    }
    sp_buf_free(&why);
    rescan();
    for (size_t i = 0; ok && i < spares->count; i++) {
        ok = supervise_await_ready(spares->list[i], UP_MAX_MS) ||
             fail(spares->list[i], "does not start; nothing else was touched");
    }
    if (ok) {
        let_be_found(spares);
    }
    return ok;
}

static bool
remove_spares(const struct gate *gate, const struct replicas *spares)
{
    struct sp_buf why = sp_buf_new(WHY_MAX);
    bool ok = true;

    for (size_t i = 0; i < spares->count; i++) {
        if (supervise_remove(spares->list[i], &why) != 0) {
            sp_refuse("%.*s", SP_VIEW(sp_buf_view(&why)));
        }
    }
    sp_buf_free(&why);
    rescan();
    for (size_t i = 0; i < spares->count; i++) {
        ok = (supervise_await_down(spares->list[i],
                                   gate->settings.drain_ms + DOWN_AFTER_MS) ||
              fail(spares->list[i], "does not end")) &&
             ok;
    }
    return ok;
}

static bool
start_anew(struct replica replica)
{
    struct replica_state state;

    supervise_look(replica, &state);
    if (state.up) {
        supervise_restart(replica);
    } else {
        supervise_revive(replica);
    }
    if (!supervise_await_ready(replica, ANEW_MAX_MS)) {
        return fail(replica, "does not start");
    }
    (void)printf("ok   %s.%u\n", sp_service_name(replica.service),
                 replica.number);
    (void)fflush(stdout);
    return true;
}

static bool
restart_all(const struct gate *gate, const bool wanted[SP_SERVICE_COUNT])
{
    struct replicas spares = { .count = 0 };
    struct replicas all[SP_SERVICE_COUNT];
    bool ok = true;

    choose_spares(wanted, &spares);
    /* Before the spares are among them. */
    for (int i = 0; i < SP_SERVICE_COUNT; i++) {
        (void)list_service((enum sp_service_id)i, &all[i]);
    }
    ok = add_spares(gate, &spares);
    for (int i = 0; i < SP_SERVICE_COUNT; i++) {
        for (size_t n = 0; ok && wanted[i] && n < all[i].count; n++) {
            ok = start_anew(all[i].list[n]);
        }
    }
    if (ok) {
        let_be_found(&spares);
    }
    return remove_spares(gate, &spares) && ok;
}

static int
restart(const struct gate *gate, const bool wanted[SP_SERVICE_COUNT])
{
    if (!check_config(gate, true)) {
        (void)fprintf(stderr, "sallyport: nothing was restarted; the gate goes "
                              "on as it was\n");
        return EXIT_FAILURE;
    }
    gate_enter_state(gate);
    if (!supervise_running()) {
        sp_refuse("no gate that `sallyport run` started runs on SP_STATE=%s; "
                  "below systemd: systemctl restart 'sallyport-*'",
                  gate->settings.state);
    }
    return restart_all(gate, wanted) ? EXIT_SUCCESS : EXIT_FAILURE;
}

int
command_restart(int argc, char **argv)
{
    struct gate gate = { .programs = NULL };
    bool wanted[SP_SERVICE_COUNT] = { false };
    int status = 0;

    for (int i = 0; i < SP_SERVICE_COUNT; i++) {
        wanted[i] = argc == 0;
    }
    for (int i = 0; i < argc; i++) {
        enum sp_service_id service = SP_SERVICE_EDGE;

        if (sp_service_find(sp_view_of(argv[i]), &service) != 0) {
            (void)fprintf(stderr, "usage: sallyport restart [SERVICE ...]\n");
            return 2;
        }
        wanted[service] = true;
    }
    gate_open(&gate);
    status = restart(&gate, wanted);
    gate_close(&gate);
    return status;
}
