/* Telling refusals at most once a second for each key. */
#include "services/ratelimit/hush.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/table.h"

#define FACTS_MAX 160
#define DETAIL_MAX 200

/* The latest refusal of a key, copied: it may be reported a second later. */
struct entry {
    int64_t due_ms; /* reported before; the next not before this */
    uint64_t count; /* since then */
    const char *kind;
    unsigned status;
    unsigned char request_id[16];
    char address[46];
    char subject[257];
    char client[257];
    char object[257];
    char facts[FACTS_MAX];
};

struct hush {
    struct hush_sink sink;
    uint64_t others; /* refusals of keys that found no place */
    int64_t others_due_ms;
    struct sp_table *entries; /* by limit_key */
};

struct hush *
hush_new(struct hush_sink sink)
{
    struct hush *h = sp_alloc(sizeof(*h));
    const struct sp_table_shape shape = {
        .max = HUSH_KEYS,
        .key_size = sizeof(struct limit_key),
        .value_size = sizeof(struct entry),
        .random_keys = true,
    };

    h->sink = sink;
    h->entries = sp_table_new(&shape);
    return h;
}

void
hush_free(struct hush **h)
{
    if (*h != NULL) {
        sp_table_free(&(*h)->entries);
        sp_free(*h);
        *h = NULL;
    }
}

static void
remember(struct entry *e, const struct hush_note *note)
{
    const struct sp_occurrence *what = &note->what;

    e->count++;
    e->kind = what->kind;
    e->status = what->status;
    if (what->request_id.len == sizeof(e->request_id)) {
        memcpy(e->request_id, what->request_id.ptr, sizeof(e->request_id));
    }
    sp_view_copy_text(e->address, sizeof(e->address), what->address);
    sp_view_copy_text(e->subject, sizeof(e->subject), what->subject);
    sp_view_copy_text(e->client, sizeof(e->client), what->client);
    sp_view_copy_text(e->object, sizeof(e->object), what->object);
    sp_view_copy_text(e->facts, sizeof(e->facts), sp_view_of(note->facts));
}

static void
report(struct hush *h, struct entry *e, int64_t now_ms)
{
    char detail[DETAIL_MAX];
    const struct sp_occurrence what = {
        .kind = e->kind,
        .request_id = sp_view_make(e->request_id, sizeof(e->request_id)),
        .address = sp_view_of(e->address),
        .subject = sp_view_of(e->subject),
        .client = sp_view_of(e->client),
        .object = sp_view_of(e->object),
        .status = e->status,
        .detail = detail,
    };

    (void)snprintf(detail, sizeof(detail), "count=%" PRIu64 "%s%s", e->count,
                   e->facts[0] != '\0' ? " " : "", e->facts);
    h->sink.report(h->sink.arg, &what);
    e->count = 0;
    e->due_ms = now_ms + HUSH_MS;
}

static void
report_others(struct hush *h, int64_t now_ms)
{
    char detail[DETAIL_MAX];
    const struct sp_occurrence what = { .kind = "refusals_hushed",
                                        .detail = detail };

    (void)snprintf(detail, sizeof(detail), "count=%" PRIu64, h->others);
    h->sink.report(h->sink.arg, &what);
    h->others = 0;
    h->others_due_ms = now_ms + HUSH_MS;
}

void
hush_note(struct hush *h, const struct hush_note *note, int64_t now_ms)
{
    struct entry *e = sp_table_put(h->entries, &note->key);

    if (e == NULL) {
        h->others++;
        return;
    }
    remember(e, note);
    if (now_ms >= e->due_ms) {
        report(h, e, now_ms);
    }
}

void
hush_tick(struct hush *h, int64_t now_ms)
{
    struct entry *next = NULL;

    for (struct entry *e = sp_table_newer(h->entries, NULL); e != NULL;
         e = next) {
        next = sp_table_newer(h->entries, e);
        if (now_ms < e->due_ms) {
            continue;
        }
        if (e->count > 0) {
            report(h, e, now_ms);
        } else {
            sp_table_remove(h->entries, e);
        }
    }
    if (h->others > 0 && now_ms >= h->others_due_ms) {
        report_others(h, now_ms);
    }
}

void
hush_flush(struct hush *h)
{
    for (struct entry *e = sp_table_newer(h->entries, NULL); e != NULL;
         e = sp_table_newer(h->entries, e)) {
        if (e->count > 0) {
            report(h, e, 0);
        }
    }
    if (h->others > 0) {
        report_others(h, 0);
    }
}
