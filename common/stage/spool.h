/* Events on their way to the monitor: numbered without gaps, kept within a
 * bound while the monitor is away, and counted when they must be dropped. */
#ifndef SP_COMMON_STAGE_SPOOL_H
#define SP_COMMON_STAGE_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/message.h"

#define SP_SPOOL_MAX 4096

struct sp_spool;

/* How the spool hands an event on: 0 or a negative error. */
struct sp_spool_sink {
    int (*send)(void *arg, const struct sp_event *event);
    void *arg;
};

/* Empty; ended by sp_spool_free(). */
struct sp_spool *
sp_spool_new(struct sp_spool_sink sink);

void
sp_spool_free(struct sp_spool **spool);

/* Numbers the event (seq, dropped) and sends it, behind those that wait; or
 * keeps a copy; or counts it as dropped. */
void
sp_spool_add(struct sp_spool *spool, struct sp_event *event);

/* Sends what waits, as far as the sink takes it. */
void
sp_spool_flush(struct sp_spool *spool);

/* Events that wait. */
size_t
sp_spool_waiting(const struct sp_spool *spool);

/* Events dropped since the start. */
uint64_t
sp_spool_dropped(const struct sp_spool *spool);

#endif
