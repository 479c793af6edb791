/* Counting refusals by the second. */
#include "common/stage/event_cap.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/table.h"

#define FIRST_REFUSAL 400
/* The limits of the schema. */
#define MAX_KIND 64
#define MAX_ADDRESS 45
#define MAX_NAME 256

/* The key of the table: what it was about is left out, the sender chooses
 * that. All zero but for its texts, since it is compared as a whole. */
struct sender {
    unsigned status;
    char kind[MAX_KIND + 1];
    char address[MAX_ADDRESS + 1];
    char subject[MAX_NAME + 1];
    char client[MAX_NAME + 1];
};

/* One sender's refusals of one kind in this second. */
struct entry {
    unsigned reported;
    uint64_t held_back;
};

struct sp_event_cap {
    struct sp_event_cap_sink sink;
    int64_t began_ms;  /* of this second */
    unsigned reported; /* by all */
    uint64_t others;   /* held back without an entry */
    struct sp_table *entries;
};

struct sp_event_cap *
sp_event_cap_new(struct sp_event_cap_sink sink)
{
    struct sp_event_cap *cap = sp_alloc(sizeof(*cap));
    const struct sp_table_shape shape = {
        .max = SP_EVENT_CAP_KEYS,
        .key_size = sizeof(struct sender),
        .value_size = sizeof(struct entry),
    };

    cap->sink = sink;
    cap->entries = sp_table_new(&shape);
    return cap;
}

void
sp_event_cap_free(struct sp_event_cap **cap)
{
    if (*cap != NULL) {
        sp_table_free(&(*cap)->entries);
        sp_free(*cap);
        *cap = NULL;
    }
}

static void
report_entry(const struct sp_event_cap *cap, const struct entry *e)
{
    const struct sender *from = sp_table_key(cap->entries, e);
    char detail[48];
    const struct sp_occurrence what = {
        .kind = from->kind,
        .address = sp_view_of(from->address),
        .subject = sp_view_of(from->subject),
        .client = sp_view_of(from->client),
        .status = from->status,
        .detail = detail,
    };

    (void)snprintf(detail, sizeof(detail), "held_back=%" PRIu64, e->held_back);
    cap->sink.report(cap->sink.arg, &what);
}

void
sp_event_cap_flush(struct sp_event_cap *cap)
{
    char detail[48];
    const struct sp_occurrence others = { .kind = "refusals_held_back",
                                          .detail = detail };

    (void)snprintf(detail, sizeof(detail), "held_back=%" PRIu64, cap->others);
    for (const struct entry *e = sp_table_newer(cap->entries, NULL); e != NULL;
         e = sp_table_newer(cap->entries, e)) {
        if (e->held_back > 0) {
            report_entry(cap, e);
        }
    }
    if (cap->others > 0) {
        cap->sink.report(cap->sink.arg, &others);
    }
    sp_table_clear(cap->entries);
    cap->others = 0;
    cap->reported = 0;
}

void
sp_event_cap_tick(struct sp_event_cap *cap, int64_t now_ms)
{
    if (now_ms - cap->began_ms >= SP_EVENT_CAP_MS) {
        /* First: what is reported may lead to another refusal. */
        cap->began_ms = now_ms;
        sp_event_cap_flush(cap);
    }
}

/* The sender's entry, a new one, or NULL where all are taken. */
static struct entry *
entry_of(struct sp_event_cap *cap, const struct sp_occurrence *what)
{
    struct sender from;

    memset(&from, 0, sizeof(from));
    from.status = what->status;
    sp_view_copy_text(from.kind, sizeof(from.kind), sp_view_of(what->kind));
    sp_view_copy_text(from.address, sizeof(from.address), what->address);
    sp_view_copy_text(from.subject, sizeof(from.subject), what->subject);
    sp_view_copy_text(from.client, sizeof(from.client), what->client);
    return sp_table_put(cap->entries, &from);
}

bool
sp_event_cap_admits(struct sp_event_cap *cap, const struct sp_occurrence *what,
                    int64_t now_ms)
{
    struct entry *e = NULL;

    if (what->status < FIRST_REFUSAL) {
        return true;
    }
    sp_event_cap_tick(cap, now_ms);
    e = entry_of(cap, what);
    if (cap->reported < SP_EVENT_CAP_ALL &&
        (e == NULL || e->reported < SP_EVENT_CAP_EACH)) {
        cap->reported++;
        if (e != NULL) {
            e->reported++;
        }
        return true;
    }
    if (e != NULL) {
        e->held_back++;
    } else {
        cap->others++;
    }
    return false;
}
