/* sallyport status */
#include "clients/sallyport/status.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "clients/sallyport/commands.h"
#include "clients/sallyport/files.h"
#include "clients/sallyport/gate.h"
#include "clients/sallyport/status_table.h"
#include "clients/sallyport/supervise.h"
#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/stage/pulse.h"

#define STATUS_FILE "store/monitor/status.json"
#define STATUS_MAX (2 * 1024 * 1024)
/* The monitor writes once a second. */
#define FRESH_MS 5000
#define PROC_STAT_MAX 4096

/* False where the monitor is away: what it wrote last is of no worth then. */
static bool
read_heard(struct status_table *heard)
{
    struct sp_buf text = sp_buf_new(STATUS_MAX);
    struct stat st;
    bool fresh =
        stat(STATUS_FILE, &st) == 0 &&
        st.st_mtim.tv_sec + FRESH_MS / 1000 > sp_clock_wall_ms() / 1000 &&
        file_read(STATUS_FILE, &text) == 0 &&
        status_table_read(sp_buf_view(&text), heard) == 0;

    if (!fresh) {
        heard->count = 0;
    }
    sp_buf_free(&text);
    return fresh;
}

/* False for a process that has ended, and for one that somebody has stopped:
 * the monitor misses either only after seconds. */
static bool
is_running(uint64_t pid)
{
    struct sp_buf text = sp_buf_new(PROC_STAT_MAX);
    char path[48];
    const char *name_end = NULL;
    bool running = false;

    (void)snprintf(path, sizeof(path), "/proc/%" PRIu64 "/stat", pid);
    if (file_read(path, &text) == 0) {
        name_end = memrchr(text.data, ')', text.len);
    }
    if (name_end != NULL && name_end + 2 < text.data + text.len) {
        running = strchr("TtZX", name_end[2]) == NULL;
    }
    sp_buf_free(&text);
    return running;
}

/* The process's own word, and the monitor's where it is at work. */
static void
look(struct replica replica, const struct status_table *heard, bool fresh,
     struct status_row *row)
{
    struct replica_state state;
    struct sp_pulse pulse;
    const struct status_row *known = NULL;

    supervise_look(replica, &state);
    *row = (struct status_row){ .pid = (uint64_t)state.pid };
    (void)snprintf(row->service, sizeof(row->service), "%s",
                   sp_service_name(replica.service));
    (void)snprintf(row->replica, sizeof(row->replica), "%u", replica.number);
    known = state.up
                ? status_table_find(heard, row->service, row->replica, row->pid)
                : NULL;
    if (known != NULL) {
        *row = *known;
    } else if (state.failed) {
        (void)snprintf(row->last_error, sizeof(row->last_error),
                       "refused to start; see its log line");
    }
    row->up_s = state.up ? state.up_s : -1;
    row->restarts = state.restarts;
    row->ready = state.up && (row->ready || !fresh);
    if (!state.up || !supervise_pulse(replica, &pulse)) {
        row->ready = false;
        return;
    }
    row->ready =
        row->ready && pulse.state == SP_PULSE_READY && is_running(row->pid);
    /* Newer than what the monitor has of it. */
    (void)snprintf(row->config, sizeof(row->config), "%s", pulse.version);
    (void)snprintf(row->config_error, sizeof(row->config_error), "%s",
                   pulse.refusal);
}

/* A gate that another supervisor runs: what the monitor hears is all there is
 * to know, but for processes with whom this machine shares $SP_STATE. */
static void
take_fresh(const struct status_table *heard, struct status_table *table)
{
    int64_t now_ms = sp_clock_wall_ms();

    for (size_t i = 0; i < heard->count; i++) {
        struct status_row *row = &table->rows[table->count];
        struct sp_pulse pulse;

        if (now_ms - heard->rows[i].seen_ms >= FRESH_MS) {
            continue;
        }
        *row = heard->rows[i];
        if (sp_pulse_read(row->service, row->replica, &pulse) !=
            SP_PULSE_NONE) {
            row->ready = row->ready && is_running(row->pid);
        }
        table->count++;
    }
}

/* True where each service has a replica, and each replica is ready. */
static bool
all_ready(const struct status_table *table)
{
    unsigned seen = 0;

    for (size_t i = 0; i < table->count; i++) {
        enum sp_service_id service = SP_SERVICE_EDGE;

        if (!table->rows[i].ready ||
            sp_service_find(sp_view_of(table->rows[i].service), &service) !=
                0) {
            return false;
        }
        seen |= 1u << service;
    }
    return seen == (1u << SP_SERVICE_COUNT) - 1;
}

void
status_gather(struct status_table *table)
{
    struct status_table *heard = sp_alloc(sizeof(*heard));
    struct replicas all = { .count = 0 };
    bool fresh = false;

    table->count = 0;
    fresh = read_heard(heard);
    if (supervise_running()) {
        supervise_list(&all);
        for (size_t i = 0; i < all.count; i++) {
            look(all.list[i], heard, fresh, &table->rows[table->count++]);
        }
    } else {
        take_fresh(heard, table);
    }
    sp_free(heard);
}

int
command_status(int argc, char **argv)
{
    struct gate gate = { .programs = NULL };
    struct status_table *table = sp_alloc(sizeof(*table));
    struct sp_buf text = sp_buf_new(STATUS_MAX);
    bool json = argc == 1 && strcmp(argv[0], "--json") == 0;
    bool runs = false;
    bool ready = false;

    if (argc != 0 && !json) {
        (void)fprintf(stderr, "usage: sallyport status [--json]\n");
        return 2;
    }
    gate_open(&gate);
    gate_enter_state(&gate);
    status_gather(table);
    runs = table->count > 0;
    ready = all_ready(table);
    if (runs || json) {
        status_table_print(table, json, &text);
        (void)fwrite(text.data, 1, text.len, stdout);
    }
    if (!runs) {
        (void)fprintf(stderr, "sallyport: no gate runs on SP_STATE=%s\n",
                      gate.settings.state);
    }
    sp_buf_free(&text);
    sp_free(table);
    gate_close(&gate);
    return ready ? EXIT_SUCCESS : EXIT_FAILURE;
}
