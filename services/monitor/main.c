/*
 * NAME
 *     monitor - what happened?
 *
 * PURPOSE
 *     Takes the events of every process, appends them to the audit trail,
 *     holds them against the detection rules and prints alerts to standard
 *     output, one line each. Gathers the status and metrics of every process
 *     for `sallyport status` and for Prometheus.
 *
 * PEERS
 *     Every process sends events and status. ratelimit sends the requests for
 *     the console, which is not built yet: they are answered with 404.
 *
 * MESSAGES
 *     served  EVENT, STATUS, ADMITTED_CALL, CANCEL, CREDIT, PROBE
 *     sent    DENIAL and PEER_LOST to the edge, PROBE_ANSWER to validation
 *     Events of its own: audit_begun, audit_continued, audit_mended,
 *     audit_broken, audit_gap (an event of a process never came, or came
 *     twice), process_restarted, process_silent (ready, and then not a word for
 *     three seconds), process_stopped (its own clean end), page_unknown, alert.
 *
 * PRIVILEGES
 *     Holds keys/monitor/audit.key. Writes store/monitor only, and listens for
 *     /metrics. Cannot change a request: it sees copies.
 *
 * FILES
 *     store/monitor/audit.log         the trail, JSON lines, each with the code
 *                                     (HMAC-SHA256) of the one before it
 *     store/monitor/audit.log.head    how far it has come
 *     store/monitor/audit.log.torn    ends that a crash left incomplete
 *     store/monitor/audit.log.broken-N  a trail that was found changed
 *     store/monitor/status.json       replaced each second
 *     A record is with the kernel at the end of the turn that took it, and on
 *     the disk within audit.sync_ms. `sallyport audit verify` checks it whole;
 *     the start checks its end. Whoever can write the store and also put back
 *     an older copy of both files goes unnoticed here: ship the log away, or
 *     note the head that `sallyport audit verify` prints.
 *
 * CONFIG
 *     deploy/config/monitor.yaml: the trail's times, the detection rules.
 *     SIGHUP reads it again; a rule that has not changed keeps its counts.
 *     SP_METRICS_LISTEN: address of /metrics.
 *
 * METRICS
 *     sallyport_ready, sallyport_queue_depth and
 *     sallyport_config_reloads_total{result} of every process;
 *     sallyport_monitor_alerts_total{severity}, _events_total,
 *     _events_missing_total, _events_lost_total, _audit_records,
 *     _audit_syncs_total, _audit_failures_total, and what every
 *     executor counts: _requests_total{outcome}, _in_flight and others
 *
 * FAILURE
 *     While it is away every process keeps 4096 events and counts the rest;
 *     what is lost shows as audit_gap. A torn end of the trail is moved aside
 *     and the trail goes on; a changed trail is kept under another name and a
 *     new one begun, with a critical alert. A full disk: records wait in
 *     memory (8 MiB), then are lost and counted. One replica only: a second
 *     finds the trail locked and refuses to start.
 *
 * TESTS
 *     tests/unit/common/test_audit.c, test_ascii.c, test_sources.c,
 *     test_detect.c, test_scrape.c, test_status_file.c, test_metrics_server.c,
 *     test_monitor_{config,reload,wire}.c; tests/attack/common/test_audit.c;
 *     tests/fuzz/common/fuzz_audit.c
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "services/monitor/monitor.h"
#include "services/monitor/scrape.h"
#include "services/monitor/status_file.h"
#include "services/monitor/wire.h"

/* 256 processes with their last errors, every byte escaped. */
#define TEXT_MAX (2 * 1024 * 1024)

static void
load_config(struct monitor *m)
{
    struct sp_buf why = sp_buf_new(1024);

    if (monitor_config_load(sp_runtime_settings(m->rt)->config, &m->config,
                            &why) != 0) {
        sp_refuse("%.*s", SP_VIEW(sp_buf_view(&why)));
    }
    sp_buf_free(&why);
}

static int
reload(void *self, struct sp_buf *why)
{
    struct monitor *m = self;

    return monitor_reload(m, sp_runtime_settings(m->rt)->config, why);
}

static void
load_key(struct monitor *m)
{
    char *path = sp_runtime_key_path(m->rt, "audit.key");
    int error = sp_secret_load_hex(path, SP_AUDIT_KEY_BYTES, &m->audit_key);

    if (error != 0) {
        sp_refuse("%s: %s; run `sallyport init` to make it", path,
                  sp_error_reason(error));
    }
    sp_free(path);
}

static void
before_jail(struct sp_runtime *rt, void *self, struct sp_jail *jail)
{
    static const struct sp_jail_path paths[] = {
        { .path = "store/monitor", .access = SP_JAIL_WRITE },
    };
    struct monitor *m = self;
    const struct sp_settings *settings = sp_runtime_settings(rt);

    m->rt = rt;
    load_config(m);
    load_key(m);
    m->audit_path = sp_runtime_store_path(rt, "audit.log");
    m->status_path = sp_runtime_store_path(rt, "status.json");
    m->text = sp_buf_new(TEXT_MAX);
    m->sources = sources_new();
    m->detect = detect_new(m->config, (struct alert_sink){ monitor_raise, m });
    /* Whether the port is free matters only to one that will serve: --check
     * runs beside the living monitor. */
    m->metrics_fd =
        metrics_server_bind(settings->metrics_host, settings->metrics_port);
    m->bind_error = m->metrics_fd < 0 ? errno : 0;
    jail->paths = paths;
    jail->path_count = SP_COUNT(paths);
    jail->accept = true;
    jail->file_locks = true;
}

static int
write_page(void *arg, struct sp_buf *out)
{
    struct monitor *m = arg;

    return scrape_write(m->sources, sp_loop_now_ms(sp_runtime_loop(m->rt)),
                        out);
}

static void
on_status(void *arg)
{
    struct monitor *m = arg;
    struct sp_loop *loop = sp_runtime_loop(m->rt);

    monitor_look_for_silence(m);
    sp_buf_reset(&m->text);
    if (status_write(m->sources, sp_loop_now_ms(loop), sp_clock_wall_ms(),
                     &m->text) != 0 ||
        status_replace(m->status_path, sp_buf_view(&m->text)) != 0) {
        sp_runtime_trouble(m->rt, "status_not_written", "file=%s reason=\"%s\"",
                           m->status_path, strerror(errno));
    }
    sp_loop_start(loop, &m->status, MONITOR_STATUS_MS);
}

static void
in_jail(struct sp_runtime *rt, void *self)
{
    struct monitor *m = self;
    struct sp_loop *loop = sp_runtime_loop(rt);
    const struct sp_turn turn = { monitor_write_trail, m };
    const struct sp_port port = sp_port_of(rt);

    if (m->metrics_fd < 0) {
        sp_refuse("SP_METRICS_LISTEN: %s; name a free IP address and port",
                  strerror(m->bind_error));
    }
    m->server = metrics_server_new(loop, m->metrics_fd,
                                   (struct metrics_page){ write_page, m });
    m->metrics_fd = -1;
    if (m->server == NULL) {
        sp_fatal("metrics_server", "errno=%d", errno);
    }
    wire_open(m, &port);
    monitor_open_trail(m);
    sp_loop_each_turn(loop, turn);
    m->status = (struct sp_timer){ .expired = on_status, .arg = m };
    sp_loop_start(loop, &m->status, 0);
}

static void
own_message(void *self, const struct sp_msg *msg)
{
    if (msg->id == SP_MSG_EVENT) {
        wire_on_event(self, msg);
    } else {
        wire_on_status(self, msg);
    }
}

static void
fini(void *self)
{
    struct monitor *m = self;

    monitor_close_trail(m);
    sp_executor_free(&m->executor);
    metrics_server_free(&m->server);
    if (m->metrics_fd >= 0) {
        (void)close(m->metrics_fd);
    }
    detect_free(&m->detect);
    sources_free(&m->sources);
    sp_secret_free(&m->audit_key);
    monitor_config_free(&m->config);
    sp_buf_free(&m->text);
    sp_free(m->audit_path);
    sp_free(m->status_path);
}

int
main(int argc, char **argv)
{
    static const struct sp_handler handlers[] = {
        { SP_MSG_EVENT, wire_on_event },
        { SP_MSG_STATUS, wire_on_status },
        { SP_MSG_ADMITTED_CALL, wire_on_admitted_call },
        { SP_MSG_CANCEL, wire_on_cancel },
        { SP_MSG_CREDIT, wire_on_credit },
        { SP_MSG_PROBE, wire_on_probe },
    };
    static const char *const config_files[] = { "monitor", NULL };
    static const struct sp_service service = {
        .id = SP_SERVICE_MONITOR,
        .handlers = handlers,
        .handler_count = SP_COUNT(handlers),
        .before_jail = before_jail,
        .in_jail = in_jail,
        .peer = wire_peer,
        .in_flight = wire_in_flight,
        .metrics = wire_metrics,
        .own_message = own_message,
        .config_files = config_files,
        .reload = reload,
        .fini = fini,
    };
    struct monitor m = { .metrics_fd = -1 };

    return sp_service_main(&service, &m, argc, argv);
}
