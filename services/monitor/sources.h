/* The processes that report here: what each said last, and whether an event
 * that it sent is missing. Events are numbered without gaps by each run of a
 * process, which its boot names. */
#ifndef SP_SERVICES_MONITOR_SOURCES_H
#define SP_SERVICES_MONITOR_SOURCES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/text/buf.h"
#include "proto/message.h"

/* Processes known at one time; the longest silent one makes room. */
#define SOURCES_MAX 256
/* The longest name of the schema. */
#define SOURCES_MAX_REPLICA 64
/* Without a status for so long a process is not ready, ... */
#define SOURCES_SILENT_MS 3000
/* ... and then not shown any more. */
#define SOURCES_GONE_MS 60000

/* A process as its last status showed it. */
struct source {
    enum sp_service_id service;
    char replica[SOURCES_MAX_REPLICA + 1];
    uint64_t pid;
    bool ready;
    uint64_t queue_depth;
    char last_error[257];
    char config[17]; /* version in force */
    char config_error[513];
    struct sp_buf metrics; /* Prometheus text */
    int64_t status_ms;     /* when it came; -1: never */
};

/* What an event or status gave away. */
struct finding {
    bool restarted;   /* a new run of a process that was running */
    uint64_t missing; /* events that never came */
    uint64_t first;   /* number of the first of them */
    uint64_t dropped; /* events that the process itself had to drop */
    bool repeated;    /* a number came twice */
};

struct sources;

struct sources *
sources_new(void);

void
sources_free(struct sources **s);

/* From the end of the audit trail: the last number of an earlier run. Later
 * events of that run are held against it; another run is no restart. */
void
sources_recall(struct sources *s, enum sp_service_id service,
               struct sp_view replica, const unsigned char boot[8],
               uint64_t seq);

struct finding
sources_event(struct sources *s, enum sp_service_id service,
              const struct sp_event *event, int64_t now_ms);

struct finding
sources_status(struct sources *s, enum sp_service_id service,
               const struct sp_status *status, int64_t now_ms);

/* A process that was ready by its last word and has said nothing for
 * SOURCES_SILENT_MS since; each silence is reported once. NULL where there is
 * no more to report. One that ends of its own will says first that it is not
 * ready.
 */
const struct source *
sources_silent(struct sources *s, int64_t now_ms);

/* The processes to show, for i from 0 until NULL: in the order in which they
 * were first heard of. */
const struct source *
sources_at(const struct sources *s, size_t i, int64_t now_ms);

/* Ready by its own word, and that is fresh. */
bool
source_is_ready(const struct source *source, int64_t now_ms);

#endif
