/* The native supervisor's scan directory, $SP_STATE/supervise: one service
 * directory for each replica, run by s6 (s6-svscan, s6-supervise). All work is
 * done in the current directory, which is $SP_STATE. */
#ifndef SP_CLIENTS_SALLYPORT_SUPERVISE_H
#define SP_CLIENTS_SALLYPORT_SUPERVISE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/base/compiler.h"
#include "common/stage/pulse.h"
#include "common/text/buf.h"
#include "proto/message.h"

#define SUPERVISE_DIRECTORY "supervise"
#define SUPERVISE_MAX_REPLICAS 16
#define SUPERVISE_MAX (SUPERVISE_MAX_REPLICAS * SP_SERVICE_COUNT)

/* A replica, "validation.0" in the scan directory. */
struct replica {
    enum sp_service_id service;
    unsigned number;
};

struct replicas {
    struct replica list[SUPERVISE_MAX];
    size_t count;
};

/* How many replicas of each service. */
struct replica_counts {
    unsigned of[SP_SERVICE_COUNT];
};

/* What the supervisor knows of a replica. */
struct replica_state {
    bool up;
    pid_t pid;         /* 0 where it is down */
    bool failed;       /* it refused to start and is not tried again */
    int64_t up_s;      /* seconds since its start */
    uint64_t restarts; /* crashes since `run` or `scale` made the replica */
};

/* Reads "validation=3" into `counts`. 0, or SP_EFORMAT, SP_EUNKNOWN (no such
 * service), SP_ELIMIT (too many, or none) with a sentence in `why`. */
SP_MUST_CHECK int
supervise_parse(const char *text, struct replica_counts *counts,
                struct sp_buf *why);

/* Writes the service directory of a replica and enters it into the scan
 * directory. `programs` is where the services' programs are; a process that is
 * asked to end is killed some time after `drain_ms`. 0 or SP_ESYSTEM
 * with a sentence in `why`. */
SP_MUST_CHECK int
supervise_add(const char *programs, int64_t drain_ms, struct replica replica,
              struct sp_buf *why);

/* Takes a replica out of the scan directory; s6-svscan ends it at its next
 * scan. 0 or SP_ESYSTEM. */
SP_MUST_CHECK int
supervise_remove(struct replica replica, struct sp_buf *why);

/* Makes the scan directory where it is missing, and empties it. Only while no
 * supervisor runs. 0 or SP_ESYSTEM. */
SP_MUST_CHECK int
supervise_reset(struct sp_buf *why);

/* The replicas in the scan directory, by service and number. */
void
supervise_list(struct replicas *ret_replicas);

/* True while s6-svscan runs on the scan directory, or an s6-supervise that has
 * outlived it. */
bool
supervise_running(void);

/* Makes s6-svscan look again. 0 or SP_ESYSTEM. */
SP_MUST_CHECK int
supervise_rescan(void);

void
supervise_look(struct replica replica, struct replica_state *ret_state);

/* The sign of life of the process that the supervisor runs now; one that an
 * earlier life has left does not count. False where there is none. */
bool
supervise_pulse(struct replica replica, struct sp_pulse *ret_pulse);

/* Has a replica read its configuration again; one that is down stays down. */
void
supervise_hangup(struct replica replica);

/* Has a replica that is down, or refused to start, tried again. */
void
supervise_revive(struct replica replica);

/* Has a replica end, which drains it, and start anew. */
void
supervise_restart(struct replica replica);

/* True where there may be more than one replica of the service. */
bool
supervise_scales(enum sp_service_id service);

/* Waits until the replica is ready, `max_ms` at most. False where it is not by
 * then, or has refused to start. */
bool
supervise_await_ready(struct replica replica, int64_t max_ms);

/* Waits until the replica is down, `max_ms` at most. */
bool
supervise_await_down(struct replica replica, int64_t max_ms);

/* True where a replica has refused to start. */
bool
supervise_failed(struct replica replica);

/* Stops all in the order that loses nothing: the edge answers what it still
 * owes, then the stages, last the monitor, which hears of it all. Then ends
 * s6-svscan, and what has outlived it. May be called while nothing runs.
 * `hurry` is asked while it waits; once it is true each process is asked a
 * second time, which makes it end at once. */
void
supervise_stop(int64_t drain_ms, bool (*hurry)(void *arg), void *arg);

#endif
