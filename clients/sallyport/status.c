/* sallyport status */
#include "clients/sallyport/status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static void
read_heard(struct status_table *heard)
{
    struct sp_buf text = sp_buf_new(STATUS_MAX);

    heard->count = 0;
    /* Without the file nothing has been heard, which the table then says. */
    if (file_read(STATUS_FILE, &text) == 0) {
        (void)!status_table_read(sp_buf_view(&text), heard);
    }
    sp_buf_free(&text);
}

/* What a process says itself is newer than what the monitor has of it. */
static void
add_pulse(struct status_row *row)
{
    struct sp_pulse pulse;

    if (sp_pulse_read(row->service, row->replica, &pulse) != SP_PULSE_NONE) {
        (void)snprintf(row->config, sizeof(row->config), "%s", pulse.version);
        (void)snprintf(row->config_error, sizeof(row->config_error), "%s",
                       pulse.refusal);
    }
}

static void
look(struct replica replica, const struct status_table *heard,
     struct status_row *row)
{
    struct replica_state state;
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
    if (state.up) {
        add_pulse(row);
    }
}

/* A gate that another supervisor runs: what the monitor hears is all there is
 * to know. */
static void
take_fresh(const struct status_table *heard, struct status_table *table)
{
    int64_t now_ms = sp_clock_wall_ms();

    for (size_t i = 0; i < heard->count; i++) {
        if (now_ms - heard->rows[i].seen_ms < FRESH_MS) {
            table->rows[table->count++] = heard->rows[i];
        }
    }
}

void
status_gather(struct status_table *table)
{
    struct status_table *heard = sp_alloc(sizeof(*heard));
    struct replicas all = { .count = 0 };

    table->count = 0;
    read_heard(heard);
    if (supervise_running()) {
        supervise_list(&all);
        for (size_t i = 0; i < all.count; i++) {
            look(all.list[i], heard, &table->rows[table->count++]);
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

    if (argc != 0 && !json) {
        (void)fprintf(stderr, "usage: sallyport status [--json]\n");
        return 2;
    }
    gate_open(&gate);
    gate_enter_state(&gate);
    status_gather(table);
    runs = table->count > 0;
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
    return runs ? EXIT_SUCCESS : EXIT_FAILURE;
}
