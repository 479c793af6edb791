/* The monitor's messages and trail, with the runtime replaced by a record. */
#include "tests/support/audit_fixture.h"

#include <stdarg.h>

#include "common/base/alloc.h"
#include "common/text/json.h"
#include "services/monitor/monitor.h"
#include "services/monitor/wire.h"

static char denied_rule[] = "tool_denied";
static char broken_rule[] = "audit_broken";
static char text[] = "look";
static char *denied_kinds[] = { denied_rule };
static char *broken_kinds[] = { broken_rule };
static struct rule rules[] = {
    { denied_rule, denied_kinds, 1, RULE_PER_SUBJECT, 1, 60, SEVERITY_MEDIUM,
      text },
    { broken_rule, broken_kinds, 1, RULE_PER_GATE, 1, 60, SEVERITY_CRITICAL,
      text },
};
static struct monitor_config config = {
    .audit = { .sync_ms = 50, .check_bytes = 65536 },
    .quiet_s = 60,
    .rules = rules,
    .rules_count = 2,
};

/* What stands behind the handlers instead of the real runtime. */
struct sp_runtime {
    struct sp_loop *loop;
    struct monitor *m;
    char boot[8];
    uint64_t seq;
    enum sp_service_id to;
    enum sp_message_id id;
    enum sp_place_kind kind;
    struct sp_denial denial;
    struct sp_probe_answer answer;
    size_t sent;
    size_t troubles;
};

int
sp_runtime_send(struct sp_runtime *rt, enum sp_service_id to,
                enum sp_message_id id, const void *message,
                struct sp_place place)
{
    rt->sent++;
    rt->to = to;
    rt->id = id;
    rt->kind = place.kind;
    if (id == SP_MSG_DENIAL) {
        rt->denial = *(const struct sp_denial *)message;
    } else if (id == SP_MSG_PROBE_ANSWER) {
        rt->answer = *(const struct sp_probe_answer *)message;
    }
    return 0;
}

struct sp_loop *
sp_runtime_loop(struct sp_runtime *rt)
{
    return rt->loop;
}

struct sp_view
sp_runtime_own_name(struct sp_runtime *rt)
{
    (void)rt;
    return SP_VIEW_LITERAL("0");
}

bool
sp_runtime_is_replica(struct sp_runtime *rt, struct sp_view name,
                      struct sp_view peer)
{
    (void)rt;
    return sp_view_equal(name, peer);
}

void
sp_runtime_trouble(struct sp_runtime *rt, const char *event, const char *format,
                   ...)
{
    (void)event;
    (void)format;
    rt->troubles++;
}

/* As the skeleton does it for the monitor: its own events come back. */
void
sp_runtime_event(struct sp_runtime *rt, const struct sp_occurrence *what)
{
    const struct sp_msg own = {
        .id = SP_MSG_EVENT,
        .from = SP_SERVICE_MONITOR,
        .u.event = { .boot = sp_view_make(rt->boot, sizeof(rt->boot)),
                     .replica = SP_VIEW_LITERAL("0"),
                     .seq = rt->seq++,
                     .kind = sp_view_of(what->kind),
                     .address = what->address,
                     .subject = what->subject,
                     .client = what->client,
                     .object = what->object,
                     .status = what->status,
                     .detail = sp_view_of(what->detail) },
    };

    wire_on_event(rt->m, &own);
}

struct gate {
    struct trail trail;
    char runs; /* so far: each has a boot of its own */
    struct sp_runtime rt;
    struct monitor m;
};

/* A monitor that starts on the trail as it stands. */
static void
monitor_begin(struct gate *g)
{
    struct sp_port port;

    g->rt = (struct sp_runtime){ .loop = sp_loop_new(), .m = &g->m };
    g->rt.boot[0] = ++g->runs;
    g->m = (struct monitor){
        .rt = &g->rt,
        .config = &config,
        .audit_key = g->trail.key,
        .audit_path = g->trail.path,
        .metrics_fd = -1,
        .sources = sources_new(),
        .text = sp_buf_new(65536),
    };
    g->m.detect =
        detect_new(&config, (struct alert_sink){ monitor_raise, &g->m });
    port = sp_port_of(&g->rt);
    wire_open(&g->m, &port);
    monitor_open_trail(&g->m);
}

static void
monitor_end(struct gate *g, bool cleanly)
{
    if (cleanly) {
        monitor_close_trail(&g->m);
    } else {
        (void)monitor_write_trail(&g->m);
        sp_audit_close(&g->m.audit);
    }
    sp_executor_free(&g->m.executor);
    detect_free(&g->m.detect);
    sources_free(&g->m.sources);
    sp_buf_free(&g->m.text);
    sp_loop_free(&g->rt.loop);
}

/* How many records of the trail are of this kind. */
static size_t
records_of(struct gate *g, const char *kind)
{
    struct sp_buf all;
    struct sp_buf wanted = sp_buf_new(128);
    size_t count = 0;

    (void)monitor_write_trail(&g->m);
    trail_read(g->trail.path, &all);
    (void)sp_buf_add(&all, "", 1);
    (void)sp_buf_addf(&wanted, "\"kind\":\"%s\"", kind);
    (void)sp_buf_add(&wanted, "", 1);
    for (const char *at = all.data; (at = strstr(at, wanted.data)) != NULL;
         at++) {
        count++;
    }
    sp_buf_free(&all);
    sp_buf_free(&wanted);
    return count;
}

static void
send_event(struct gate *g, const char *boot, uint64_t seq, const char *kind)
{
    const struct sp_msg m = {
        .id = SP_MSG_EVENT,
        .from = SP_SERVICE_TOOLS,
        .u.event = { .boot = sp_view_make(boot, 8),
                     .replica = SP_VIEW_LITERAL("0"),
                     .seq = seq,
                     .kind = sp_view_of(kind),
                     .subject = SP_VIEW_LITERAL("anna") },
    };

    wire_on_event(&g->m, &m);
}

Test(monitor_wire, records_each_event_and_each_alert)
{
    struct gate g = { 0 };

    trail_new(&g.trail);
    monitor_begin(&g);
    send_event(&g, "aaaaaaaa", 0, "tool_called");
    send_event(&g, "aaaaaaaa", 1, "tool_denied");
    send_event(&g, "aaaaaaaa", 2, "tool_denied");
    cr_assert_eq(records_of(&g, "audit_begun"), 1);
    cr_assert_eq(records_of(&g, "tool_called"), 1);
    cr_assert_eq(records_of(&g, "tool_denied"), 2);
    cr_assert_eq(records_of(&g, "alert"), 1);
    cr_assert_eq(g.m.figures.alerts[SEVERITY_MEDIUM], 1);
    monitor_end(&g, true);
    cr_assert_eq(trail_fault(&g.trail), SP_AUDIT_WHOLE);
    trail_free(&g.trail);
}

Test(monitor_wire, records_gaps_and_restarts)
{
    struct gate g = { 0 };
    struct sp_msg st = { .id = SP_MSG_STATUS, .from = SP_SERVICE_TOOLS };

    trail_new(&g.trail);
    monitor_begin(&g);
    send_event(&g, "aaaaaaaa", 0, "x");
    send_event(&g, "aaaaaaaa", 4, "x");
    cr_assert_eq(records_of(&g, "audit_gap"), 1);
    cr_assert_eq(g.m.figures.missing, 3);
    send_event(&g, "aaaaaaaa", 4, "x");
    cr_assert_eq(records_of(&g, "audit_gap"), 2);
    st.u.status = (struct sp_status){ .boot = SP_VIEW_LITERAL("bbbbbbbb"),
                                      .replica = SP_VIEW_LITERAL("0") };
    wire_on_status(&g.m, &st);
    cr_assert_eq(records_of(&g, "process_restarted"), 1);
    monitor_end(&g, true);
    trail_free(&g.trail);
}

Test(monitor_wire, remembers_over_its_own_restart_what_had_come)
{
    struct gate g = { 0 };

    trail_new(&g.trail);
    monitor_begin(&g);
    send_event(&g, "aaaaaaaa", 0, "x");
    monitor_end(&g, true);
    monitor_begin(&g);
    send_event(&g, "aaaaaaaa", 1, "x");
    cr_assert_eq(records_of(&g, "audit_gap"), 0);
    cr_assert_eq(records_of(&g, "process_restarted"), 0);
    monitor_end(&g, true);
    monitor_begin(&g);
    send_event(&g, "aaaaaaaa", 3, "x");
    cr_assert_eq(records_of(&g, "audit_gap"), 1);
    monitor_end(&g, true);
    trail_free(&g.trail);
}

Test(monitor_wire, a_killed_monitor_is_a_restart)
{
    struct gate g = { 0 };

    trail_new(&g.trail);
    monitor_begin(&g);
    monitor_end(&g, false);
    monitor_begin(&g);
    cr_assert_eq(records_of(&g, "process_restarted"), 1);
    monitor_end(&g, true);
    trail_free(&g.trail);
}

Test(monitor_wire, a_changed_trail_is_a_critical_alert)
{
    struct gate g = { 0 };
    struct sp_buf log;

    trail_new(&g.trail);
    monitor_begin(&g);
    monitor_end(&g, true);
    trail_read(g.trail.path, &log);
    log.data[20] ^= 1;
    trail_write(g.trail.path, sp_buf_view(&log));
    monitor_begin(&g);
    cr_assert_eq(g.m.figures.alerts[SEVERITY_CRITICAL], 1);
    cr_assert_eq(records_of(&g, "audit_broken"), 1);
    cr_assert_eq(records_of(&g, "process_restarted"), 0);
    monitor_end(&g, true);
    sp_buf_free(&log);
    trail_free(&g.trail);
}

Test(monitor_wire, answers_probes_and_knows_no_page)
{
    struct gate g = { 0 };
    struct sp_msg m = { .id = SP_MSG_ADMITTED_CALL };

    trail_new(&g.trail);
    monitor_begin(&g);
    m.u.admitted_call =
        (struct sp_admitted_call){ .request_id =
                                       SP_VIEW_LITERAL("0123456789abcdef"),
                                   .reply_to = SP_VIEW_LITERAL("edge-0"),
                                   .deadline_ms = 1000,
                                   .rpc_id = SP_VIEW_LITERAL("1"),
                                   .path = SP_VIEW_LITERAL("/console") };
    wire_on_admitted_call(&g.m, &m);
    cr_assert_eq(g.rt.to, SP_SERVICE_EDGE);
    cr_assert_eq(g.rt.kind, SP_PLACE_NAMED);
    cr_assert_eq(g.rt.denial.status, 404);
    cr_assert(sp_view_is(g.rt.denial.rpc_id, "1"));
    cr_assert(sp_view_is(g.rt.denial.request_id, "0123456789abcdef"));
    cr_assert_eq(records_of(&g, "page_unknown"), 1);
    cr_assert_eq(wire_in_flight(&g.m), 0);
    m = (struct sp_msg){
        .id = SP_MSG_PROBE,
        .u.probe = { .request_id = SP_VIEW_LITERAL("0123456789abcdef"),
                     .reply_to = SP_VIEW_LITERAL("edge-0") },
    };
    wire_on_probe(&g.m, &m);
    cr_assert_eq(g.rt.to, SP_SERVICE_VALIDATION);
    cr_assert_eq(g.rt.answer.service, SP_SERVICE_MONITOR);
    cr_assert(sp_view_is(g.rt.answer.reply_to, "edge-0"));
    monitor_end(&g, true);
    trail_free(&g.trail);
}

static bool
end_when_synced(void *arg)
{
    struct gate *g = arg;

    (void)monitor_write_trail(&g->m);
    if (!sp_audit_dirty(g->m.audit)) {
        sp_loop_end(g->rt.loop);
    }
    return false;
}

Test(monitor_wire, records_reach_the_disk_without_another_event)
{
    struct gate g = { 0 };
    const struct sp_turn turn = { end_when_synced, &g };

    trail_new(&g.trail);
    monitor_begin(&g);
    send_event(&g, "aaaaaaaa", 0, "x");
    sp_loop_each_turn(g.rt.loop, turn);
    sp_loop_run(g.rt.loop);
    cr_assert_eq(g.m.figures.syncs, 1);
    cr_assert_not(g.m.syncing);
    cr_assert_eq(g.rt.troubles, 0);
    monitor_end(&g, true);
    trail_free(&g.trail);
}
