/* Alerts as text. */
#include "services/monitor/alert_line.h"

#include <inttypes.h>

#include "common/base/clock.h"
#include "common/base/log.h"

static void
add_fact(struct sp_buf *out, const char *name, struct sp_view value)
{
    struct sp_log_text text;

    if (value.len > 0) {
        (void)sp_buf_addf(out, " %s=%s", name, sp_log_safe(&text, value));
    }
}

static void
add_facts(struct sp_buf *out, const struct alert *alert)
{
    const struct sp_event *e = alert->event;

    (void)sp_buf_addf(out, "service=%s", sp_service_name(alert->service));
    add_fact(out, "replica", e->replica);
    add_fact(out, "event", e->kind);
    add_fact(out, "address", e->address);
    add_fact(out, "subject", e->subject);
    add_fact(out, "client", e->client);
    add_fact(out, "object", e->object);
    if (e->status > 0) {
        (void)sp_buf_addf(out, " status=%" PRIu64, e->status);
    }
    if (alert->rule->count > 1) {
        (void)sp_buf_addf(out, " count=%" PRIu32 " within_s=%" PRIu32,
                          alert->rule->count, alert->rule->within_s);
    }
    if (alert->held_back > 0) {
        (void)sp_buf_addf(out, " held_back=%" PRIu64, alert->held_back);
    }
}

/* Details are our own stages' words and numbers, but they came over a link: no
 * control may reach a terminal. */
static void
add_printable(struct sp_buf *out, struct sp_view v)
{
    for (size_t i = 0; i < v.len; i++) {
        unsigned char c = (unsigned char)v.ptr[i];

        if (c >= 0x20 && c < 0x7f) {
            (void)sp_buf_add(out, v.ptr + i, 1);
        } else {
            (void)sp_buf_addf(out, "\\x%02X", c);
        }
    }
}

int
alert_line(struct sp_buf *out, const struct alert *alert, int64_t wall_ms)
{
    char time[SP_CLOCK_TEXT];

    (void)sp_buf_addf(out, "%s ALERT %s %s: ", sp_clock_text(wall_ms, time),
                      severity_name(alert->rule->severity), alert->rule->name);
    add_printable(out, sp_view_of(alert->rule->text));
    (void)sp_buf_add_str(out, " | ");
    add_facts(out, alert);
    if (alert->event->detail.len > 0) {
        (void)sp_buf_add_str(out, " | ");
        add_printable(out, alert->event->detail);
    }
    (void)sp_buf_add_str(out, "\n");
    return out->error;
}

int
alert_detail(struct sp_buf *out, const struct alert *alert)
{
    (void)sp_buf_addf(out, "severity=%s ",
                      severity_name(alert->rule->severity));
    add_facts(out, alert);
    return out->error;
}
