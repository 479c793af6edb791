/* The detection rules, and the lines that people read. */
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "services/monitor/alert_line.h"
#include "services/monitor/detect.h"

static char guess_name[] = "guess";
static char denied_name[] = "denied";
static char gate_name[] = "gate";
static char replica_name[] = "replica";
static char object_name[] = "object";
static char refused[] = "token_refused";
static char denied[] = "tool_denied";
static char gap[] = "audit_gap";
static char text[] = "somebody guesses";
static char *guess_kinds[] = { refused };
static char *denied_kinds[] = { denied, refused };
static char *gap_kinds[] = { gap };

static struct rule rules[] = {
    { guess_name, guess_kinds, 1, RULE_PER_ADDRESS, 5, 60, SEVERITY_HIGH,
      text },
    { denied_name, denied_kinds, 1, RULE_PER_SUBJECT, 1, 60, SEVERITY_LOW,
      text },
    { gate_name, gap_kinds, 1, RULE_PER_GATE, 2, 10, SEVERITY_CRITICAL, text },
    { replica_name, gap_kinds, 1, RULE_PER_PROCESS, 3, 10, SEVERITY_MEDIUM,
      text },
    { object_name, gap_kinds, 1, RULE_PER_OBJECT, 4, 10, SEVERITY_MEDIUM,
      text },
};
static const struct monitor_config config = {
    .quiet_s = 30,
    .rules = rules,
    .rules_count = sizeof(rules) / sizeof(rules[0]),
};

struct raised {
    size_t count;
    const char *rule;
    uint64_t held_back;
};

static void
raise_one(void *arg, const struct alert *alert)
{
    struct raised *raised = arg;

    raised->count++;
    raised->rule = alert->rule->name;
    raised->held_back = alert->held_back;
}

static void
send(struct detect *d, const char *kind, const char *address,
     const char *subject, int64_t now_ms)
{
    const struct sp_event e = { .kind = sp_view_of(kind),
                                .address = sp_view_of(address),
                                .subject = sp_view_of(subject) };

    detect_event(d, SP_SERVICE_AUTH, &e, now_ms);
}

Test(detect, the_fifth_within_the_time_raises_the_alert)
{
    struct raised r = { 0 };
    struct detect *d =
        detect_new(&config, (struct alert_sink){ raise_one, &r });

    for (int i = 0; i < 4; i++) {
        send(d, "token_refused", "192.0.2.1", "", 1000 + i * 15000);
    }
    /* Others do not count towards it. */
    send(d, "token_refused", "192.0.2.2", "", 50000);
    send(d, "token_issued", "192.0.2.1", "", 50000);
    cr_assert_eq(r.count, 0);
    send(d, "token_refused", "192.0.2.1", "", 61000);
    cr_assert_eq(r.count, 1);
    cr_assert_str_eq(r.rule, "guess");
    detect_free(&d);
    cr_assert_null(d);
}

Test(detect, five_in_more_than_the_time_do_not)
{
    struct raised r = { 0 };
    struct detect *d =
        detect_new(&config, (struct alert_sink){ raise_one, &r });

    for (int i = 0; i < 100; i++) {
        send(d, "token_refused", "192.0.2.1", "", 1000 + i * 15001);
    }
    cr_assert_eq(r.count, 0);
    detect_free(&d);
}

Test(detect, is_quiet_for_a_while_and_then_says_how_many)
{
    struct raised r = { 0 };
    struct detect *d =
        detect_new(&config, (struct alert_sink){ raise_one, &r });

    send(d, "tool_denied", "", "anna", 1000);
    cr_assert_eq(r.count, 1);
    for (int i = 0; i < 7; i++) {
        send(d, "tool_denied", "", "anna", 2000 + i);
    }
    cr_assert_eq(r.count, 1);
    send(d, "tool_denied", "", "bert", 3000);
    cr_assert_eq(r.count, 2);
    cr_assert_eq(r.held_back, 0);
    send(d, "tool_denied", "", "anna", 31000);
    cr_assert_eq(r.count, 3);
    cr_assert_eq(r.held_back, 7);
    detect_free(&d);
}

Test(detect, counts_by_gate_process_or_object_as_the_rule_says)
{
    struct raised r = { 0 };
    struct detect *d =
        detect_new(&config, (struct alert_sink){ raise_one, &r });
    struct sp_event e = { .kind = sp_view_of(gap),
                          .replica = SP_VIEW_LITERAL("0"),
                          .object = SP_VIEW_LITERAL("a") };

    detect_event(d, SP_SERVICE_AUTH, &e, 1000);
    detect_event(d, SP_SERVICE_EDGE, &e, 1001);
    cr_assert_eq(r.count, 1);
    cr_assert_str_eq(r.rule, "gate");
    detect_event(d, SP_SERVICE_AUTH, &e, 1002);
    cr_assert_eq(r.count, 1); /* two of auth, one of edge */
    e.object = SP_VIEW_LITERAL("b");
    detect_event(d, SP_SERVICE_AUTH, &e, 1003);
    cr_assert_eq(r.count, 2);
    cr_assert_str_eq(r.rule, "replica");
    e.object = SP_VIEW_LITERAL("a");
    detect_event(d, SP_SERVICE_LLM, &e, 1004);
    cr_assert_eq(r.count, 3);
    cr_assert_str_eq(r.rule, "object");
    detect_free(&d);
}

Test(detect, a_flood_of_keys_is_bounded_and_does_not_hide_a_guesser)
{
    struct raised r = { 0 };
    struct detect *d =
        detect_new(&config, (struct alert_sink){ raise_one, &r });

    for (int i = 0; i < 20000; i++) {
        char address[32];

        (void)snprintf(address, sizeof(address), "10.%d.%d.%d", i >> 16,
                       i >> 8 & 255, i & 255);
        send(d, "token_refused", address, "", 1000 + i / 10);
    }
    cr_assert_eq(r.count, 0);
    for (int i = 0; i < 5; i++) {
        send(d, "token_refused", "192.0.2.1", "", 4000);
    }
    cr_assert_eq(r.count, 1);
    detect_free(&d);
}

Test(alert_line, is_one_line_that_nobody_can_forge)
{
    const struct sp_event e = {
        .kind = SP_VIEW_LITERAL("token_refused"),
        .replica = SP_VIEW_LITERAL("0"),
        .address = SP_VIEW_LITERAL("192.0.2.1"),
        .subject = SP_VIEW_LITERAL("an na\n2026 ALERT critical\x1b[2J"),
        .object = SP_VIEW_LITERAL("/mcp"),
        .status = 401,
        .detail = SP_VIEW_LITERAL("reason=expired\n2026 ALERT\xe2\x80\xae"),
    };
    const struct alert alert = { .rule = &rules[0],
                                 .service = SP_SERVICE_AUTH,
                                 .event = &e,
                                 .held_back = 3 };
    struct sp_buf out = sp_buf_new(4096);

    cr_assert_eq(alert_line(&out, &alert, 1700000000123), 0);
    (void)sp_buf_add(&out, "", 1);
    cr_assert_str_eq(
        out.data,
        "2023-11-14T22:13:20.123Z ALERT high guess: somebody guesses | "
        "service=auth replica=0 event=token_refused address=192.0.2.1 "
        "subject=an\\x20na\\x0a2026\\x20ALERT\\x20critical\\x1b[2J "
        "object=/mcp status=401 count=5 within_s=60 held_back=3 | "
        "reason=expired\\x0A2026 ALERT\\xE2\\x80\\xAE\n");
    sp_buf_free(&out);
}

/* What has been counted of a rule that stays is not forgotten with the file it
 * stood in; one that changes begins anew. */
Test(detect, another_configuration_keeps_what_it_has_counted)
{
    struct rule moved[] = { rules[1], rules[0] };
    const struct monitor_config next = { .quiet_s = 30,
                                         .rules = moved,
                                         .rules_count = SP_COUNT(moved) };
    struct raised r = { 0 };
    struct detect *d =
        detect_new(&config, (struct alert_sink){ raise_one, &r });

    for (int i = 0; i < 4; i++) {
        send(d, "token_refused", "192.0.2.1", "", 1000 + i);
    }
    detect_configure(d, &next);
    send(d, "token_refused", "192.0.2.1", "", 1010);
    cr_assert_eq(r.count, 1, "the fifth");
    for (int i = 0; i < 4; i++) {
        send(d, "token_refused", "192.0.2.2", "", 2000 + i);
    }
    moved[1].count = 6;
    detect_configure(d, &next);
    r.count = 0;
    for (int i = 0; i < 5; i++) {
        send(d, "token_refused", "192.0.2.2", "", 2010 + i);
    }
    cr_assert_eq(r.count, 0, "five of six");
    send(d, "token_refused", "192.0.2.2", "", 2020);
    cr_assert_eq(r.count, 1);
    cr_assert_str_eq(r.rule, "guess");
    detect_free(&d);
}
