/* Events on their way to the monitor. */
#include "common/stage/spool.h"

#include "common/base/alloc.h"

struct sp_spool {
    struct sp_spool_sink sink;
    uint64_t next_seq;
    uint64_t dropped;
    struct sp_event *ring[SP_SPOOL_MAX]; /* copies */
    size_t first;
    size_t count;
};

struct sp_spool *
sp_spool_new(struct sp_spool_sink sink)
{
    struct sp_spool *spool = sp_alloc(sizeof(*spool));

    spool->sink = sink;
    return spool;
}

static void
drop_first(struct sp_spool *spool)
{
    sp_free(spool->ring[spool->first]);
    spool->first = (spool->first + 1) % SP_SPOOL_MAX;
    spool->count--;
}

void
sp_spool_free(struct sp_spool **spool)
{
    if (*spool == NULL) {
        return;
    }
    while ((*spool)->count > 0) {
        drop_first(*spool);
    }
    sp_free(*spool);
    *spool = NULL;
}

static void
keep(struct sp_spool *spool, const struct sp_event *event)
{
    size_t place = (spool->first + spool->count) % SP_SPOOL_MAX;

    spool->ring[place] = sp_message_dup(sp_message_info(SP_MSG_EVENT), event);
    spool->count++;
}

void
sp_spool_flush(struct sp_spool *spool)
{
    while (spool->count > 0) {
        struct sp_event *event = spool->ring[spool->first];

        event->dropped = spool->dropped;
        if (spool->sink.send(spool->sink.arg, event) != 0) {
            return;
        }
        drop_first(spool);
    }
}

void
sp_spool_add(struct sp_spool *spool, struct sp_event *event)
{
    event->seq = spool->next_seq++;
    event->dropped = spool->dropped;
    sp_spool_flush(spool);
    if (spool->count == 0 && spool->sink.send(spool->sink.arg, event) == 0) {
        return;
    }
    if (spool->count < SP_SPOOL_MAX) {
        keep(spool, event);
    } else {
        spool->dropped++;
    }
}

size_t
sp_spool_waiting(const struct sp_spool *spool)
{
    return spool->count;
}

uint64_t
sp_spool_dropped(const struct sp_spool *spool)
{
    return spool->dropped;
}
