/* sallyport reload */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clients/sallyport/check_config.h"
#include "clients/sallyport/commands.h"
#include "clients/sallyport/files.h"
#include "clients/sallyport/finding.h"
#include "clients/sallyport/gate.h"
#include "clients/sallyport/status.h"
#include "clients/sallyport/status_table.h"
#include "clients/sallyport/supervise.h"
#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/stage/pulse.h"

#define LOOK_MS 10
/* A process reads its files within milliseconds, on a machine that is free. */
#define TAKE_MAX_MS 15000
#define COMM_MAX 64

static void
pause_ms(long ms)
{
    const struct timespec time = { .tv_nsec = ms * 1000000 };

    (void)nanosleep(&time, NULL);
}

/* The number may be another program's by now. */
static bool
is_service(const struct status_row *row)
{
    struct sp_buf name = sp_buf_new(COMM_MAX);
    char path[64];
    bool same = false;

    (void)snprintf(path, sizeof(path), "/proc/%" PRIu64 "/comm", row->pid);
    if (file_read(path, &name) == 0) {
        (void)sp_buf_add(&name, "", 1);
        same = name.error == 0 &&
               strncmp(name.data, row->service, strlen(row->service)) == 0;
    }
    sp_buf_free(&name);
    return same;
}

static struct replica
replica_of(const struct status_row *row)
{
    struct replica replica = { .service = SP_SERVICE_EDGE };

    /* The table has known services and our own numbers only. */
    (void)!sp_service_find(sp_view_of(row->service), &replica.service);
    replica.number = (unsigned)strtoul(row->replica, NULL, 10);
    return replica;
}

/* 0, or SP_ESYSTEM where the process cannot be reached. */
static int
hang_up(const struct status_row *row, bool supervised)
{
    if (supervised) {
        supervise_hangup(replica_of(row));
        return 0;
    }
    return is_service(row) && kill((pid_t)row->pid, SIGHUP) == 0 ? 0
                                                                 : SP_ESYSTEM;
}

/* Waits until the process has read its configuration once more. */
static bool
await_reading(const struct status_row *row, uint64_t before,
              struct sp_pulse *ret_pulse)
{
    int64_t until_ms = sp_clock_ms() + TAKE_MAX_MS;

    for (;;) {
        (void)sp_pulse_read(row->service, row->replica, ret_pulse);
        if (ret_pulse->reloads != before && ret_pulse->state != SP_PULSE_NONE) {
            /* Once more: the first look may have met a half written one. */
            (void)sp_pulse_read(row->service, row->replica, ret_pulse);
            return true;
        }
        if (sp_clock_ms() > until_ms) {
            return false;
        }
        pause_ms(LOOK_MS);
    }
}

static void
revive(const struct status_row *row, struct findings *findings)
{
    struct replica replica = replica_of(row);
    struct sp_pulse pulse;

    supervise_revive(replica);
    if (supervise_await_ready(replica, TAKE_MAX_MS)) {
        (void)sp_pulse_read(row->service, row->replica, &pulse);
        finding_ok(findings, "%s.%s: started, configuration %s", row->service,
                   row->replica, pulse.version);
    } else {
        finding_bad(findings, "%s.%s: does not start; see its log lines",
                    row->service, row->replica);
    }
}

static void
reload_one(const struct status_row *row, bool supervised,
           struct findings *findings)
{
    struct sp_pulse pulse;

    if (row->pid == 0) {
        revive(row, findings);
        return;
    }
    if (sp_pulse_read(row->service, row->replica, &pulse) == SP_PULSE_NONE) {
        finding_bad(findings,
                    "%s.%s: shows no sign of life; run `sallyport "
                    "restart %s`",
                    row->service, row->replica, row->service);
    } else if (hang_up(row, supervised) != 0) {
        finding_bad(findings, "%s.%s: process %" PRIu64 ": %s", row->service,
                    row->replica, row->pid, strerror(errno));
    } else if (!await_reading(row, pulse.reloads, &pulse)) {
        finding_bad(findings, "%s.%s: does not answer; see its log lines",
                    row->service, row->replica);
    } else if (pulse.refusal[0] != '\0') {
        finding_bad(findings, "%s.%s: %s", row->service, row->replica,
                    pulse.refusal);
    } else {
        finding_ok(findings, "%s.%s: configuration %s", row->service,
                   row->replica, pulse.version);
    }
}

/* One after the other, in the order of the services: validation knows a new
 * tool before tools shows it. */
static int
reload_all(const struct gate *gate)
{
    struct status_table *table = sp_alloc(sizeof(*table));
    struct findings findings = { .bad = 0 };
    bool supervised = supervise_running();

    status_gather(table);
    if (table->count == 0) {
        (void)fprintf(stderr, "sallyport: no gate runs on SP_STATE=%s\n",
                      gate->settings.state);
        findings.bad++;
    }
    for (size_t i = 0; i < table->count; i++) {
        reload_one(&table->rows[i], supervised, &findings);
    }
    sp_free(table);
    return findings.bad == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int
command_reload(int argc, char **argv)
{
    struct gate gate = { .programs = NULL };
    int status = EXIT_FAILURE;

    (void)argv;
    if (argc != 0) {
        (void)fprintf(stderr, "usage: sallyport reload\n");
        return 2;
    }
    gate_open(&gate);
    if (check_config(&gate, true)) {
        gate_enter_state(&gate);
        status = reload_all(&gate);
    } else {
        (void)fprintf(stderr, "sallyport: nothing was sent; the gate goes on "
                              "as it was\n");
    }
    gate_close(&gate);
    return status;
}
