/* The processes that report here. */
#include "services/monitor/sources.h"

#include <string.h>

#include "common/base/alloc.h"
#include "common/base/table.h"

#define BOOT_BYTES 8
#define METRICS_MAX (SP_MAX_STATUS_PART * SP_MAX_STATUS_PARTS / 2)
/* The running one and the one before it, whose last events may still come. */
#define RUNS 2

struct run {
    bool known;
    bool recalled; /* from the trail: not seen alive */
    unsigned char boot[BOOT_BYTES];
    bool numbered; /* next_seq is known */
    uint64_t next_seq;
    uint64_t dropped;
};

/* The key of the table, zero behind the name. */
struct name {
    unsigned service;
    char replica[SOURCES_MAX_REPLICA + 1];
};

struct entry {
    struct source source;
    int64_t heard_ms;
    bool silence_told;
    struct sp_buf coming; /* parts of the next page of metrics */
    uint64_t next_part;
    struct run runs[RUNS]; /* [0] is the newest */
};

struct sources {
    struct sp_table *entries;
};

static int64_t
worth(const void *value)
{
    const struct entry *e = value;

    return e->heard_ms;
}

static void
end_entry(void *owner, void *value)
{
    struct entry *e = value;

    (void)owner;
    sp_buf_free(&e->source.metrics);
    sp_buf_free(&e->coming);
}

struct sources *
sources_new(void)
{
    struct sources *s = sp_alloc(sizeof(*s));
    const struct sp_table_shape shape = {
        .max = SOURCES_MAX,
        .key_size = sizeof(struct name),
        .value_size = sizeof(struct entry),
        .look = SOURCES_MAX,
        .worth = worth,
        .end = end_entry,
    };

    s->entries = sp_table_new(&shape);
    return s;
}

void
sources_free(struct sources **s)
{
    if (*s != NULL) {
        sp_table_free(&(*s)->entries);
        sp_free(*s);
        *s = NULL;
    }
}

/* The entry of a process; a new one where it is unknown. */
static struct entry *
entry_of(struct sources *s, enum sp_service_id service, struct sp_view replica,
         int64_t now_ms)
{
    struct name name;
    struct entry *e = NULL;

    memset(&name, 0, sizeof(name));
    name.service = service;
    sp_view_copy_text(name.replica, sizeof(name.replica), replica);
    e = sp_table_put(s->entries, &name);
    e->heard_ms = now_ms;
    if (e->source.replica[0] == '\0') {
        e->source.service = service;
        memcpy(e->source.replica, name.replica, sizeof(name.replica));
        e->source.metrics = sp_buf_new(METRICS_MAX);
        e->coming = sp_buf_new(METRICS_MAX);
        e->source.status_ms = -1;
    }
    return e;
}

static struct run *
add_run(struct entry *e, struct sp_view boot)
{
    memmove(&e->runs[1], &e->runs[0], sizeof(e->runs[0]) * (RUNS - 1));
    e->runs[0] = (struct run){ .known = true };
    memcpy(e->runs[0].boot, boot.ptr, BOOT_BYTES);
    return &e->runs[0];
}

/* The run that this boot names; a new one shows whether a living one went. */
static struct run *
run_of(struct entry *e, struct sp_view boot, struct finding *finding)
{
    bool replaces = e->runs[0].known;
    bool was_alive = replaces && !e->runs[0].recalled;
    struct run *run = NULL;

    for (size_t i = 0; i < RUNS; i++) {
        run = &e->runs[i];
        if (run->known && memcmp(run->boot, boot.ptr, BOOT_BYTES) == 0) {
            run->recalled = false;
            return run;
        }
    }
    finding->restarted = was_alive;
    run = add_run(e, boot);
    /* A run whose forerunner is known has been watched from its beginning;
     * of any other the first event that comes gives the number. */
    run->numbered = replaces;
    return run;
}

void
sources_recall(struct sources *s, enum sp_service_id service,
               struct sp_view replica, const unsigned char boot[8],
               uint64_t seq)
{
    struct entry *e = entry_of(s, service, replica, 0);
    struct run *run = &e->runs[0];

    if (!run->known || memcmp(run->boot, boot, BOOT_BYTES) != 0) {
        run = add_run(e, sp_view_make(boot, BOOT_BYTES));
    }
    run->recalled = true;
    run->numbered = true;
    run->next_seq = seq + 1;
}

struct finding
sources_event(struct sources *s, enum sp_service_id service,
              const struct sp_event *event, int64_t now_ms)
{
    struct finding finding = { 0 };
    struct entry *e = entry_of(s, service, event->replica, now_ms);
    struct run *run = run_of(e, event->boot, &finding);

    if (!run->numbered) {
        run->numbered = true;
        run->next_seq = event->seq;
        run->dropped = event->dropped;
    }
    if (event->seq < run->next_seq) {
        finding.repeated = true;
        return finding;
    }
    finding.missing = event->seq - run->next_seq;
    finding.first = run->next_seq;
    if (event->dropped > run->dropped) {
        finding.dropped = event->dropped - run->dropped;
        run->dropped = event->dropped;
    }
    run->next_seq = event->seq + 1;
    return finding;
}

/* The page of metrics comes in parts; what is shown is always a whole one. */
static void
take_metrics(struct entry *e, const struct sp_status *status)
{
    if (status->part == 0) {
        sp_buf_reset(&e->coming);
        e->next_part = 0;
    }
    if (status->part != e->next_part) {
        return; /* a part before it was lost: the next page will do */
    }
    e->next_part++;
    (void)sp_buf_add_view(&e->coming, status->metrics);
    if (status->last) {
        struct sp_buf whole = e->coming;

        e->coming = e->source.metrics;
        e->source.metrics = whole;
        sp_buf_reset(&e->coming);
    }
}

struct finding
sources_status(struct sources *s, enum sp_service_id service,
               const struct sp_status *status, int64_t now_ms)
{
    struct finding finding = { 0 };
    struct entry *e = entry_of(s, service, status->replica, now_ms);
    struct source *source = &e->source;
    struct run *run = run_of(e, status->boot, &finding);

    if (run != &e->runs[0]) {
        return finding; /* the last word of one that is gone */
    }
    source->pid = status->pid;
    source->ready = status->ready;
    source->queue_depth = status->queue_depth;
    sp_view_copy_text(source->last_error, sizeof(source->last_error),
                      status->last_error);
    sp_view_copy_text(source->config, sizeof(source->config), status->config);
    sp_view_copy_text(source->config_error, sizeof(source->config_error),
                      status->config_error);
    take_metrics(e, status);
    source->status_ms = now_ms;
    e->silence_told = false;
    return finding;
}

const struct source *
sources_silent(struct sources *s, int64_t now_ms)
{
    for (struct entry *e = sp_table_newer(s->entries, NULL); e != NULL;
         e = sp_table_newer(s->entries, e)) {
        if (e->source.ready && !e->silence_told &&
            !source_is_ready(&e->source, now_ms)) {
            e->silence_told = true;
            return &e->source;
        }
    }
    return NULL;
}

const struct source *
sources_at(const struct sources *s, size_t i, int64_t now_ms)
{
    for (const struct entry *e = sp_table_newer(s->entries, NULL); e != NULL;
         e = sp_table_newer(s->entries, e)) {
        if (e->source.status_ms < 0 ||
            now_ms - e->source.status_ms >= SOURCES_GONE_MS) {
            continue;
        }
        if (i == 0) {
            return &e->source;
        }
        i--;
    }
    return NULL;
}

bool
source_is_ready(const struct source *source, int64_t now_ms)
{
    return source->ready && now_ms - source->status_ms < SOURCES_SILENT_MS;
}
