/* The monitor's side of the audit trail. */
#include "services/monitor/monitor.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/log.h"

/* The disk is full or broken: not tried again before this. */
#define FAILED_RETRY_MS 1000

/* What the end of the trail says at the start. */
struct recall {
    struct monitor *m;
    struct sp_json json;
    bool clean; /* the last record is our own end */
};

static void
recall_line(void *arg, struct sp_view line)
{
    struct recall *recall = arg;
    struct sp_audit_origin origin;

    recall->clean = false;
    if (sp_audit_line_origin(line, &recall->json, &origin) != 0) {
        return;
    }
    recall->clean = origin.service == SP_SERVICE_MONITOR &&
                    sp_view_is(origin.kind, "process_stopped");
    sources_recall(recall->m->sources, origin.service, origin.replica,
                   origin.boot, origin.seq);
}

/* What was found is the first record that this run adds. */
static void
report_opening(struct monitor *m, const struct sp_audit_opening *opening)
{
    static const char *const kinds[] = {
        [SP_AUDIT_NEW] = "audit_begun",
        [SP_AUDIT_CONTINUED] = "audit_continued",
        [SP_AUDIT_MENDED] = "audit_mended",
        [SP_AUDIT_SET_ASIDE] = "audit_broken",
    };
    const struct sp_audit_report *report = &opening->report;
    char detail[256];
    const struct sp_occurrence what = { .kind = kinds[opening->state],
                                        .detail = detail };

    (void)snprintf(
        detail, sizeof(detail),
        "records=%" PRIu64 " torn_bytes=%" PRIu64 " fault=\"%s\" aside=%s",
        report->last_n, opening->torn_bytes, sp_audit_fault_text(report->fault),
        opening->aside[0] != '\0' ? opening->aside : "-");
    sp_runtime_event(m->rt, &what);
    sp_log(opening->state == SP_AUDIT_SET_ASIDE ? SP_LOG_ERROR : SP_LOG_INFO,
           kinds[opening->state], "%s", detail);
}

void
monitor_open_trail(struct monitor *m)
{
    struct recall recall = { .m = m };
    const struct sp_audit_reader reader = { recall_line, &recall };
    struct sp_audit_opening opening;
    const struct sp_occurrence restarted = {
        .kind = "process_restarted",
        .object = SP_VIEW_LITERAL("monitor"),
        .detail = "reason=\"the trail of its last run has no end\"",
    };
    int error = sp_audit_open(m->audit_path, m->audit_key,
                              (off_t)m->config->audit.check_bytes,
                              sp_clock_wall_ms(), &reader, &opening, &m->audit);

    sp_json_free(&recall.json);
    if (error == SP_EDUPLICATE) {
        sp_refuse("%s: another monitor writes this trail; run one monitor",
                  m->audit_path);
    }
    if (error != 0) {
        sp_refuse("%s: %s, %s; check the disk and the owner of SP_STATE",
                  m->audit_path, sp_strerror(error), strerror(errno));
    }
    report_opening(m, &opening);
    /* Of a trail that was set aside the true end is not known. */
    if ((opening.state == SP_AUDIT_CONTINUED ||
         opening.state == SP_AUDIT_MENDED) &&
        opening.report.records > 0 && !recall.clean) {
        sp_runtime_event(m->rt, &restarted);
    }
}

/* Counts and reports a failure of the file once, until it works again. */
static void
note_outcome(struct monitor *m, int error)
{
    if (error != 0) {
        m->figures.failures++;
    }
    if (error != 0 && !m->failing) {
        sp_runtime_trouble(m->rt, "audit_not_written", "file=%s reason=\"%s\"",
                           m->audit_path, strerror(errno));
    }
    m->failing = error != 0;
}

static void
on_sync(void *arg)
{
    struct monitor *m = arg;
    int error = sp_audit_sync(m->audit);

    m->figures.syncs++;
    note_outcome(m, error);
    m->syncing = error != 0;
    if (error != 0) {
        sp_loop_start(sp_runtime_loop(m->rt), &m->sync, FAILED_RETRY_MS);
    }
}

bool
monitor_write_trail(void *self)
{
    struct monitor *m = self;

    if (!sp_audit_dirty(m->audit) || m->failing) {
        return false;
    }
    note_outcome(m, sp_audit_write(m->audit));
    if (!m->syncing) {
        m->syncing = true;
        m->sync = (struct sp_timer){ .expired = on_sync, .arg = m };
        sp_loop_start(sp_runtime_loop(m->rt), &m->sync,
                      m->config->audit.sync_ms);
    }
    return false;
}

void
monitor_close_trail(struct monitor *m)
{
    static const struct sp_occurrence stopped = { .kind = "process_stopped" };

    if (m->audit != NULL) {
        sp_runtime_event(m->rt, &stopped);
        sp_audit_close(&m->audit);
    }
}
