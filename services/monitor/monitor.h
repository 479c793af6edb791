/* The state of the monitor process. */
#ifndef SP_SERVICES_MONITOR_MONITOR_H
#define SP_SERVICES_MONITOR_MONITOR_H

#include "common/audit/audit_chain.h"
#include "common/stage/executor.h"
#include "common/stage/service.h"
#include "services/monitor/detect.h"
#include "services/monitor/metrics_server.h"
#include "services/monitor/monitor_config.h"
#include "services/monitor/sources.h"

/* How often the status file is written and silence looked for. */
#define MONITOR_STATUS_MS 1000

struct monitor_figures {
    uint64_t events;
    uint64_t alerts[SEVERITY_CRITICAL + 1];
    uint64_t missing; /* events that never came */
    uint64_t lost;    /* events that found no place in the trail */
    uint64_t syncs;
    uint64_t failures; /* of the trail's file */
};

struct monitor {
    struct sp_runtime *rt;
    struct monitor_config *config;
    struct sp_secret *audit_key;
    char *audit_path;
    char *status_path;
    int metrics_fd; /* -1 with bind_error set, until the server has it */
    int bind_error;
    struct sp_audit *audit;
    struct sources *sources;
    struct detect *detect;
    struct metrics_server *server;
    struct sp_executor *executor;
    struct sp_timer sync;
    bool syncing; /* the timer runs */
    bool failing; /* the trail's file does not take what it should */
    struct sp_timer status;
    int64_t looked_ms;  /* when silence was last looked for */
    struct sp_buf text; /* working room for alerts and files */
    struct monitor_figures figures;
};

/* Reads `directory`/monitor.yaml again. 0 with it in force, or SP_ECONFIG with
 * a sentence in `why` and nothing changed. audit.check_bytes counts at the next
 * start. */
SP_MUST_CHECK int
monitor_reload(struct monitor *m, const char *directory, struct sp_buf *why);

/* Tells of processes that have fallen silent. Every MONITOR_STATUS_MS: called
 * much later, it only begins to watch again. */
void
monitor_look_for_silence(struct monitor *m);

/* Prints and records an alert. */
void
monitor_raise(void *self, const struct alert *alert);

/* Opens the trail, recalls from its end, and records how it was found. Refuses
 * to start where it cannot be written. */
void
monitor_open_trail(struct monitor *m);

/* A turn hook: gives the kernel what this turn recorded, so that a killed
 * monitor has lost nothing that it took; the disk follows within sync_ms. */
bool
monitor_write_trail(void *self);

/* Records a clean end and closes the trail. */
void
monitor_close_trail(struct monitor *m);

#endif
