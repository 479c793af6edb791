/* Events on their way to the monitor. */
#include "common/stage/spool.h"

#include <string.h>

#include "common/base/alloc.h"

/* An event whose views point into its own copy of the bytes. */
struct kept {
    struct sp_event event;
    char *bytes;
};

struct sp_spool {
    struct sp_spool_sink sink;
    uint64_t next_seq;
    uint64_t dropped;
    struct kept ring[SP_SPOOL_MAX];
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
    sp_free(spool->ring[spool->first].bytes);
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

/* Walks the text and bytes of an event by the schema's own row. */
static size_t
text_bytes(const struct sp_event *event)
{
    const struct sp_message_info *info = sp_message_info(SP_MSG_EVENT);
    size_t total = 0;

    for (size_t i = 0; i < info->field_count; i++) {
        const struct sp_field *field = &info->fields[i];

        if (field->type == SP_FIELD_STR || field->type == SP_FIELD_BIN) {
            const struct sp_view *view =
                (const void *)((const char *)event + field->offset);

            total += view->len;
        }
    }
    return total;
}

static void
keep(struct sp_spool *spool, const struct sp_event *event)
{
    const struct sp_message_info *info = sp_message_info(SP_MSG_EVENT);
    struct kept *kept =
        &spool->ring[(spool->first + spool->count) % SP_SPOOL_MAX];
    size_t at = 0;

    kept->event = *event;
    kept->bytes = sp_alloc(text_bytes(event) + 1);
    for (size_t i = 0; i < info->field_count; i++) {
        const struct sp_field *field = &info->fields[i];
        struct sp_view *view = (void *)((char *)&kept->event + field->offset);

        if ((field->type == SP_FIELD_STR || field->type == SP_FIELD_BIN) &&
            view->len > 0) {
            memcpy(kept->bytes + at, view->ptr, view->len);
            view->ptr = kept->bytes + at;
            at += view->len;
        }
    }
    spool->count++;
}

void
sp_spool_flush(struct sp_spool *spool)
{
    while (spool->count > 0) {
        struct sp_event *event = &spool->ring[spool->first].event;

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
