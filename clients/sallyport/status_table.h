/* What `sallyport status` shows: the supervisor's knowledge joined with what
 * the monitor has heard. */
#ifndef SP_CLIENTS_SALLYPORT_STATUS_TABLE_H
#define SP_CLIENTS_SALLYPORT_STATUS_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/compiler.h"
#include "common/base/view.h"
#include "common/text/buf.h"

#define STATUS_TABLE_MAX 256

struct status_row {
    char service[16];
    char replica[40];
    char last_error[512];
    char config[24];         /* version of the configuration in force */
    char config_error[1024]; /* why the last one was not taken */
    uint64_t pid;            /* 0: down */
    uint64_t queue_depth;
    int64_t up_s;      /* seconds since its start; -1: not known */
    uint64_t restarts; /* crashes so far; 0 where another supervisor runs it */
    int64_t seen_ms;   /* wall clock of its last status; 0: never heard of */
    bool ready;
};

struct status_table {
    struct status_row rows[STATUS_TABLE_MAX];
    size_t count;
};

/* Reads the monitor's status file (services/monitor/status_file.h). 0, or
 * SP_EFORMAT with the table empty. */
SP_MUST_CHECK int
status_table_read(struct sp_view text, struct status_table *ret_table);

/* The row of a process; NULL where it is not there. A row with another process
 * id is about an earlier life. */
const struct status_row *
status_table_find(const struct status_table *table, const char *service,
                  const char *replica, uint64_t pid);

/* Appends the table for a reader, or as a JSON array. */
void
status_table_print(const struct status_table *table, bool json,
                   struct sp_buf *out);

#endif
