/* Answers that cannot leave at once. */
#include "services/tools/outbox.h"

#include <string.h>

#include "common/base/alloc.h"
#include "common/base/error.h"

struct entry {
    struct outbox_item item;
    struct entry *next;
    char bytes[]; /* what the views of `item` point into */
};

struct outbox {
    struct outbox_owner owner;
    struct entry *first;
    struct entry **end;
    size_t count;
};

struct outbox *
outbox_new(const struct outbox_owner *owner)
{
    struct outbox *outbox = sp_alloc(sizeof(*outbox));

    outbox->owner = *owner;
    outbox->end = &outbox->first;
    return outbox;
}

void
outbox_free(struct outbox **outbox)
{
    struct outbox *o = *outbox;

    if (o == NULL) {
        return;
    }
    while (o->first != NULL) {
        struct entry *entry = o->first;

        o->first = entry->next;
        sp_free(entry);
    }
    sp_free(o);
    *outbox = NULL;
}

int
outbox_add(struct outbox *outbox, const struct outbox_item *item)
{
    struct entry *entry = NULL;
    struct sp_view *views[6];
    size_t used = 0;

    if (outbox->count == OUTBOX_MAX) {
        return SP_EFULL;
    }
    entry = sp_alloc(sizeof(*entry) + item->result.request_id.len +
                     item->result.reply_to.len + item->result.headers.len +
                     item->result.body.len + item->rpc_id.len +
                     item->screen_by.len);
    entry->item = *item;
    views[0] = &entry->item.result.request_id;
    views[1] = &entry->item.result.reply_to;
    views[2] = &entry->item.result.headers;
    views[3] = &entry->item.result.body;
    views[4] = &entry->item.rpc_id;
    views[5] = &entry->item.screen_by;
    for (size_t i = 0; i < SP_COUNT(views); i++) {
        if (views[i]->len > 0) {
            memcpy(entry->bytes + used, views[i]->ptr, views[i]->len);
        }
        views[i]->ptr = entry->bytes + used;
        used += views[i]->len;
    }
    *outbox->end = entry;
    outbox->end = &entry->next;
    outbox->count++;
    return 0;
}

void
outbox_commit(struct outbox *outbox)
{
    for (struct entry *e = outbox->first; e != NULL; e = e->next) {
        e->item.committed = true;
    }
}

/* True where the item is done with, one way or the other. */
typedef bool
step(struct outbox *outbox, const struct outbox_item *item, int64_t now_ms);

static void
walk(struct outbox *outbox, step *is_done, int64_t now_ms)
{
    struct entry **at = &outbox->first;

    while (*at != NULL) {
        struct entry *entry = *at;

        if (!is_done(outbox, &entry->item, now_ms)) {
            at = &entry->next;
            continue;
        }
        *at = entry->next;
        outbox->count--;
        sp_free(entry);
    }
    outbox->end = at;
}

static bool
abandon_one(struct outbox *outbox, const struct outbox_item *item,
            int64_t now_ms)
{
    (void)now_ms;
    if (item->committed) {
        return false;
    }
    outbox->owner.lost(outbox->owner.arg, item);
    return true;
}

void
outbox_abandon(struct outbox *outbox)
{
    walk(outbox, abandon_one, 0);
}

static bool
send_one(struct outbox *outbox, const struct outbox_item *item, int64_t now_ms)
{
    int error = 0;

    if (!item->committed) {
        return false;
    }
    error = outbox->owner.send(outbox->owner.arg, item);
    if ((error == SP_ENOPEER || error == SP_EFULL) && now_ms < item->due_ms) {
        return false;
    }
    if (error != 0) {
        outbox->owner.lost(outbox->owner.arg, item);
    }
    return true;
}

void
outbox_send(struct outbox *outbox, int64_t now_ms)
{
    walk(outbox, send_one, now_ms);
}

size_t
outbox_count(const struct outbox *outbox)
{
    return outbox->count;
}
