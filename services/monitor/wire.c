/* The messages of the monitor process. */
#include "services/monitor/wire.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "services/monitor/alert_line.h"
#include "services/monitor/monitor.h"

/* A service and an escaped replica name, clipped. */
#define OBJECT_MAX 128
#define ALERT_DETAIL_MAX 1024

static int64_t
now_ms(const struct monitor *m)
{
    return sp_loop_now_ms(sp_runtime_loop(m->rt));
}

/* An event of our own about another process. */
static void
report_about(struct monitor *m, const char *kind, enum sp_service_id service,
             struct sp_view replica, const char *more)
{
    struct sp_log_text text;
    char object[OBJECT_MAX];
    struct sp_occurrence what = { .kind = kind, .detail = more };

    (void)snprintf(object, sizeof(object), "%s/%s", sp_service_name(service),
                   sp_log_safe(&text, replica));
    what.object = sp_view_of(object);
    sp_runtime_event(m->rt, &what);
}

static void
follow(struct monitor *m, enum sp_service_id service, struct sp_view replica,
       const struct finding *finding)
{
    char more[128];

    if (finding->restarted) {
        report_about(m, "process_restarted", service, replica, NULL);
    }
    if (finding->missing > 0 || finding->dropped > 0) {
        m->figures.missing += finding->missing;
        (void)snprintf(more, sizeof(more),
                       "missing=%" PRIu64 " from=%" PRIu64
                       " dropped_there=%" PRIu64,
                       finding->missing, finding->first, finding->dropped);
        report_about(m, "audit_gap", service, replica, more);
    }
    if (finding->repeated) {
        report_about(m, "audit_gap", service, replica, "repeated=1");
    }
}

static void
record(struct monitor *m, enum sp_service_id from, const struct sp_event *event)
{
    int error =
        m->audit != NULL ? sp_audit_append(m->audit, from, event) : SP_ESTORE;

    /* A full disk must not fill the log as well. */
    if (error != 0 && m->figures.lost++ % 1000 == 0) {
        sp_runtime_trouble(m->rt, "event_lost", "reason=\"%s\"",
                           sp_strerror(error));
    }
}

int
monitor_reload(struct monitor *m, const char *directory, struct sp_buf *why)
{
    struct monitor_config *next = NULL;
    int error = monitor_config_load(directory, &next, why);

    if (error == 0) {
        detect_configure(m->detect, next);
        monitor_config_free(&m->config);
        m->config = next;
    }
    return error;
}

void
wire_on_event(void *self, const struct sp_msg *msg)
{
    struct monitor *m = self;
    const struct sp_event *event = &msg->u.event;
    struct finding finding =
        sources_event(m->sources, msg->from, event, now_ms(m));

    m->figures.events++;
    record(m, msg->from, event);
    detect_event(m->detect, msg->from, event, now_ms(m));
    follow(m, msg->from, event->replica, &finding);
}

void
wire_on_status(void *self, const struct sp_msg *msg)
{
    struct monitor *m = self;
    const struct sp_status *status = &msg->u.status;
    struct finding finding =
        sources_status(m->sources, msg->from, status, now_ms(m));

    follow(m, msg->from, status->replica, &finding);
}

void
monitor_look_for_silence(struct monitor *m)
{
    const struct source *source = NULL;
    int64_t looked_ms = m->looked_ms;

    m->looked_ms = now_ms(m);
    /* Whoever has slept himself takes all others for dead. */
    if (m->looked_ms - looked_ms >= SOURCES_SILENT_MS - MONITOR_STATUS_MS) {
        return;
    }
    while ((source = sources_silent(m->sources, m->looked_ms)) != NULL) {
        report_about(m, "process_silent", source->service,
                     sp_view_of(source->replica), NULL);
    }
}

void
monitor_raise(void *self, const struct alert *alert)
{
    struct monitor *m = self;
    struct sp_buf detail = sp_buf_new(ALERT_DETAIL_MAX);
    const struct sp_event *e = alert->event;
    struct sp_occurrence what = {
        .kind = "alert",
        .request_id = e->request_id,
        .address = e->address,
        .subject = e->subject,
        .client = e->client,
        .object = sp_view_of(alert->rule->name),
        .status = (unsigned)e->status,
    };

    m->figures.alerts[alert->rule->severity]++;
    sp_buf_reset(&m->text);
    if (alert_line(&m->text, alert, sp_clock_wall_ms()) == 0) {
        (void)fwrite(m->text.data, 1, m->text.len, stdout);
        (void)fflush(stdout);
    }
    (void)alert_detail(&detail, alert);
    (void)sp_buf_add(&detail, "", 1);
    what.detail = detail.error == 0 ? detail.data : "detail=too_long";
    sp_runtime_event(m->rt, &what);
    sp_buf_free(&detail);
}

static void
take(void *self, struct sp_executor_call *call,
     const struct sp_admitted_call *m, const struct sp_passport *passport)
{
    static const struct sp_refusal unknown = {
        .kind = "page_unknown",
        .status = 404,
        .code = "not_found",
        .text = "There is nothing under this address.",
    };

    (void)self;
    (void)m;
    (void)passport;
    sp_executor_refuse(call, &unknown);
}

/* Nothing is executed yet, so that nothing is ever in hand, and no passport
 * needs to be opened. */
void
wire_open(struct monitor *m, const struct sp_port *port)
{
    const struct sp_executor_service service = {
        .id = SP_SERVICE_MONITOR, .self = m, .max = 1, .take = take
    };

    m->executor = sp_executor_new(&service, port, NULL);
}

void
wire_on_admitted_call(void *self, const struct sp_msg *msg)
{
    struct monitor *m = self;

    sp_executor_take(m->executor, &msg->u.admitted_call);
}

void
wire_on_cancel(void *self, const struct sp_msg *msg)
{
    struct monitor *m = self;

    sp_executor_cancel(m->executor, &msg->u.cancel);
}

void
wire_on_credit(void *self, const struct sp_msg *msg)
{
    struct monitor *m = self;

    sp_executor_credit(m->executor, &msg->u.credit);
}

void
wire_on_probe(void *self, const struct sp_msg *msg)
{
    struct monitor *m = self;

    sp_executor_probe(m->executor, &msg->u.probe);
}

void
wire_peer(void *self, enum sp_service_id service, struct sp_view name, bool up)
{
    struct monitor *m = self;

    sp_executor_peer(m->executor, service, name, up);
}

size_t
wire_in_flight(void *self)
{
    const struct monitor *m = self;

    return sp_executor_count(m->executor);
}

void
wire_metrics(void *self, struct sp_buf *out)
{
    struct monitor *m = self;
    const struct monitor_figures *f = &m->figures;
    const struct {
        const char *name;
        uint64_t value;
    } rows[] = {
        { "events_total", f->events },
        { "events_missing_total", f->missing },
        { "events_lost_total", f->lost },
        { "audit_records", m->audit != NULL ? sp_audit_count(m->audit) : 0 },
        { "audit_syncs_total", f->syncs },
        { "audit_failures_total", f->failures },
    };

    sp_executor_write_metrics(m->executor, out);
    for (int i = 0; i <= SEVERITY_CRITICAL; i++) {
        (void)sp_buf_addf(out,
                          "sallyport_monitor_alerts_total{severity=\"%s\"} "
                          "%" PRIu64 "\n",
                          severity_name((enum severity)i), f->alerts[i]);
    }
    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        (void)sp_buf_addf(out, "sallyport_monitor_%s %" PRIu64 "\n",
                          rows[i].name, rows[i].value);
    }
}
