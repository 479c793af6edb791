/* Keeps strangers from filling the disk: a refusal costs its sender nothing and
 * the audit trail a record. So many refusals of one sender are reported one by
 * one in each second, those beyond together with their number. */
#ifndef SP_COMMON_STAGE_EVENT_CAP_H
#define SP_COMMON_STAGE_EVENT_CAP_H

#include <stdbool.h>
#include <stdint.h>

#include "common/stage/occurrence.h"

/* Refusals of one kind, status and sender that are reported one by one. */
#define SP_EVENT_CAP_EACH 20
/* The same, of all senders together. */
#define SP_EVENT_CAP_ALL 500
/* Senders distinguished in one second. */
#define SP_EVENT_CAP_KEYS 128
#define SP_EVENT_CAP_MS 1000

struct sp_event_cap;

/* Gets the sums: the kind, status and sender of what was held back, with
 * detail "held_back=N". What found no place of its own is reported as
 * "refusals_held_back". */
struct sp_event_cap_sink {
    void (*report)(void *arg, const struct sp_occurrence *what);
    void *arg;
};

/* Never NULL; nothing has been counted yet. */
struct sp_event_cap *
sp_event_cap_new(struct sp_event_cap_sink sink);

/* What is held back and not reported yet is forgotten. */
void
sp_event_cap_free(struct sp_event_cap **cap);

/* True where the occurrence is to be reported by itself: always for what is no
 * refusal (status below 400). Else it has been counted. */
bool
sp_event_cap_admits(struct sp_event_cap *cap, const struct sp_occurrence *what,
                    int64_t now_ms);

/* Tells the sums of a second that is over; to be called about once a second. */
void
sp_event_cap_tick(struct sp_event_cap *cap, int64_t now_ms);

/* Tells all sums: at the end of the process. */
void
sp_event_cap_flush(struct sp_event_cap *cap);

#endif
