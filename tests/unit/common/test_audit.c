/* The audit trail: written, read, continued, mended. */
#include "tests/support/audit_fixture.h"

#include <signal.h>
#include <sys/resource.h>

#include "common/base/alloc.h"

Test(audit, what_is_written_verifies)
{
    struct trail t;
    struct sp_audit_report report;

    trail_new(&t);
    trail_fill(&t, 500);
    cr_assert_eq(sp_audit_verify(t.path, t.key, NULL, &report), 0);
    cr_assert_eq(report.records, 500);
    cr_assert_eq(report.last_n, 500);
    cr_assert_eq(report.line, 0);
    cr_assert_eq(report.good_bytes, report.bytes);
    trail_free(&t);
}

Test(audit, a_record_is_json_with_everything_in_it)
{
    static const struct {
        const char *name;
        const char *want;
    } rows[] = {
        { "n", "1" },
        { "time", "\"2023-11-14T22:13:20.000Z\"" },
        { "service", "\"tools\"" },
        { "replica", "\"0\"" },
        { "boot", "\"0102030405060708\"" },
        { "seq", "0" },
        { "kind", "\"tool_denied\"" },
        { "address", "\"192.0.2.1\"" },
        { "subject", "\"an\\\"na\"" },
        { "status", "403" },
        { "detail", "\"reason=\\\"test\\\"\"" },
        { "client", "" },
        { "dropped", "" },
    };
    struct trail t;
    struct sp_buf text;
    struct sp_json json = { 0 };
    struct sp_view line;

    trail_new(&t);
    trail_fill(&t, 1);
    trail_read(t.path, &text);
    line = trail_line(&text, 0);
    cr_assert_eq(sp_json_parse(&json, line), 0);
    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct sp_view got = sp_json_raw(
            &json, sp_json_get(&json, sp_json_root(&json), rows[i].name));

        cr_assert(sp_view_is(got, rows[i].want), "%s: %.*s", rows[i].name,
                  SP_VIEW(got));
    }
    sp_json_free(&json);
    sp_buf_free(&text);
    trail_free(&t);
}

Test(audit, hostile_text_stays_inside_its_record)
{
    struct trail t;
    struct sp_audit *audit = NULL;
    struct sp_audit_opening opening;
    struct sp_buf text;
    struct sp_event event = trail_event(0, "k");

    event.subject = SP_VIEW_LITERAL(
        "x\"}\n{\"n\":2,\"kind\":\"forged\",\"prev\":\"\xff\xfe\x1b[2J");
    trail_new(&t);
    cr_assert_eq(trail_open(&t, &opening, &audit), 0);
    cr_assert_eq(sp_audit_append(audit, SP_SERVICE_AUTH, &event), 0);
    sp_audit_close(&audit);
    trail_read(t.path, &text);
    cr_assert_eq(trail_line(&text, 0).len, text.len);
    for (size_t i = 0; i + 1 < text.len; i++) {
        cr_assert(text.data[i] >= 0x20 && text.data[i] < 0x7f);
    }
    cr_assert_eq(trail_fault(&t), SP_AUDIT_WHOLE);
    sp_buf_free(&text);
    trail_free(&t);
}

Test(audit, the_longest_event_fits)
{
    struct trail t;
    struct sp_audit *audit = NULL;
    struct sp_audit_opening opening;
    struct sp_event event = trail_event(SP_MAX_UINT, "k");
    char *worst = sp_alloc(1024);

    memset(worst, 0x01, 1024);
    event.replica = sp_view_make(worst, 64);
    event.kind = sp_view_make(worst, 64);
    event.address = sp_view_make(worst, 45);
    event.subject = sp_view_make(worst, 256);
    event.client = sp_view_make(worst, 256);
    event.object = sp_view_make(worst, 256);
    event.detail = sp_view_make(worst, 1024);
    event.at_ms = SP_MAX_UINT;
    event.dropped = SP_MAX_UINT;
    trail_new(&t);
    cr_assert_eq(trail_open(&t, &opening, &audit), 0);
    cr_assert_eq(sp_audit_append(audit, SP_SERVICE_VALIDATION, &event), 0);
    sp_audit_close(&audit);
    cr_assert_eq(trail_fault(&t), SP_AUDIT_WHOLE);
    sp_free(worst);
    trail_free(&t);
}

Test(audit, goes_on_where_it_ended)
{
    struct trail t;
    struct sp_audit *audit = NULL;
    struct sp_audit_opening opening;
    struct sp_event event = trail_event(9, "later");

    trail_new(&t);
    cr_assert_eq(trail_open(&t, &opening, &audit), 0);
    cr_assert_eq(opening.state, SP_AUDIT_NEW);
    sp_audit_close(&audit);
    trail_fill(&t, 3);
    cr_assert_eq(trail_open(&t, &opening, &audit), 0);
    cr_assert_eq(opening.state, SP_AUDIT_CONTINUED);
    cr_assert_eq(opening.report.last_n, 3);
    cr_assert_eq(sp_audit_append(audit, SP_SERVICE_AUTH, &event), 0);
    cr_assert_eq(sp_audit_count(audit), 4);
    sp_audit_close(&audit);
    cr_assert_eq(trail_fault(&t), SP_AUDIT_WHOLE);
    trail_free(&t);
}

static void
count_lines(void *arg, struct sp_view line)
{
    struct sp_json json = { 0 };
    struct sp_audit_origin origin;

    cr_assert_eq(sp_audit_line_origin(line, &json, &origin), 0);
    cr_assert_eq(origin.service, SP_SERVICE_TOOLS);
    cr_assert(sp_view_is(origin.replica, "0"));
    cr_assert(sp_view_is(origin.kind, "tool_denied"));
    cr_assert_eq(origin.boot[7], 8);
    sp_json_free(&json);
    (*(size_t *)arg)++;
}

Test(audit, the_start_reads_only_the_end)
{
    struct trail t;
    struct sp_audit *audit = NULL;
    struct sp_audit_opening opening;
    size_t lines = 0;
    const struct sp_audit_reader reader = { count_lines, &lines };

    trail_new(&t);
    trail_fill(&t, 200);
    cr_assert_eq(
        sp_audit_open(t.path, t.key, 4096, 1, &reader, &opening, &audit), 0);
    cr_assert_gt(lines, 4);
    cr_assert_lt(lines, 20);
    cr_assert_eq(opening.report.records, lines);
    cr_assert_eq(opening.report.last_n, 200);
    sp_audit_close(&audit);
    cr_assert_eq(trail_fault(&t), SP_AUDIT_WHOLE);
    trail_free(&t);
}

/* Cut at every byte of the last record, as kill -9 or a power cut leaves it:
 * the head was not written yet then. */
Test(audit, a_torn_end_is_moved_aside_and_the_trail_goes_on)
{
    struct trail t;
    struct sp_buf before_head;
    struct sp_buf text;
    size_t start = 0;

    trail_new(&t);
    trail_fill(&t, 3);
    trail_read(t.head, &before_head);
    trail_fill(&t, 1);
    trail_read(t.path, &text);
    start = text.len - trail_line(&text, 3).len;
    for (size_t cut = start + 1; cut < text.len; cut++) {
        struct sp_audit *audit = NULL;
        struct sp_audit_opening opening;

        trail_write(t.path, sp_view_make(text.data, cut));
        trail_write(t.head, sp_buf_view(&before_head));
        cr_assert_eq(trail_fault(&t), SP_AUDIT_TORN);
        cr_assert_eq(trail_open(&t, &opening, &audit), 0);
        cr_assert_eq(opening.state, SP_AUDIT_MENDED);
        cr_assert_eq(opening.torn_bytes, cut - start);
        cr_assert_eq(sp_audit_count(audit), 3);
        sp_audit_close(&audit);
        cr_assert_eq(trail_fault(&t), SP_AUDIT_WHOLE);
    }
    sp_buf_free(&text);
    sp_buf_free(&before_head);
    trail_free(&t);
}

Test(audit, written_but_not_synced_survives_the_process)
{
    struct trail t;
    struct sp_audit *audit = NULL;
    struct sp_audit_opening opening;
    struct sp_event event = trail_event(0, "k");

    trail_new(&t);
    cr_assert_eq(trail_open(&t, &opening, &audit), 0);
    cr_assert_eq(sp_audit_append(audit, SP_SERVICE_AUTH, &event), 0);
    cr_assert(sp_audit_dirty(audit));
    cr_assert_eq(sp_audit_write(audit), 0);
    cr_assert(sp_audit_dirty(audit));
    /* Another process reads now: nothing was synced, the record is there. */
    cr_assert_eq(trail_fault(&t), SP_AUDIT_WHOLE);
    cr_assert_eq(sp_audit_sync(audit), 0);
    cr_assert_not(sp_audit_dirty(audit));
    sp_audit_close(&audit);
    cr_assert_null(audit);
    trail_free(&t);
}

Test(audit, has_one_writer)
{
    struct trail t;
    struct sp_audit *first = NULL;
    struct sp_audit *second = NULL;
    struct sp_audit_opening opening;

    trail_new(&t);
    cr_assert_eq(trail_open(&t, &opening, &first), 0);
    cr_assert_eq(trail_open(&t, &opening, &second), SP_EDUPLICATE);
    cr_assert_null(second);
    sp_audit_close(&first);
    trail_free(&t);
}

Test(audit, refuses_a_key_of_another_length)
{
    struct trail t;
    struct sp_audit *audit = NULL;
    struct sp_audit_opening opening;

    trail_new(&t);
    sp_secret_free(&t.key);
    t.key = sp_secret_new(SP_VIEW_LITERAL("short"));
    cr_assert_eq(trail_open(&t, &opening, &audit), SP_ECRYPTO);
    trail_free(&t);
}

/* A limit on file size fails as a full disk does, in the middle of a record. */
static void
limit_files(rlim_t bytes)
{
    struct rlimit limit;

    cr_assert_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

Test(audit, a_full_disk_loses_nothing_that_fits_in_memory)
{
    const struct sigaction ignore = { .sa_handler = SIG_IGN };
    struct trail t;
    struct sp_audit *audit = NULL;
    struct sp_audit_opening opening;
    struct sp_event event = trail_event(0, "k");

    trail_new(&t);
    cr_assert_eq(sigaction(SIGXFSZ, &ignore, NULL), 0);
    cr_assert_eq(trail_open(&t, &opening, &audit), 0);
    limit_files(600);
    for (int i = 0; i < 10; i++) {
        cr_assert_eq(sp_audit_append(audit, SP_SERVICE_AUTH, &event), 0);
    }
    cr_assert_eq(sp_audit_write(audit), SP_ESTORE);
    cr_assert_eq(sp_audit_sync(audit), SP_ESTORE);
    cr_assert_eq(trail_fault(&t), SP_AUDIT_TORN);
    limit_files(RLIM_INFINITY);
    cr_assert_eq(sp_audit_sync(audit), 0);
    cr_assert_eq(trail_fault(&t), SP_AUDIT_WHOLE);
    cr_assert_eq(sp_audit_count(audit), 10);
    sp_audit_close(&audit);
    trail_free(&t);
}

Test(audit, what_does_not_fit_in_memory_is_refused_and_the_trail_stays_whole)
{
    const struct sigaction ignore = { .sa_handler = SIG_IGN };
    struct trail t;
    struct sp_audit *audit = NULL;
    struct sp_audit_opening opening;
    struct sp_event event = trail_event(0, "k");
    uint64_t taken = 0;

    trail_new(&t);
    cr_assert_eq(sigaction(SIGXFSZ, &ignore, NULL), 0);
    cr_assert_eq(trail_open(&t, &opening, &audit), 0);
    limit_files(600);
    while (sp_audit_append(audit, SP_SERVICE_AUTH, &event) == 0) {
        taken++;
        cr_assert_lt(taken, 1000000);
    }
    cr_assert_gt(taken, 10000);
    cr_assert_eq(sp_audit_write(audit), SP_ESTORE);
    limit_files(RLIM_INFINITY);
    cr_assert_eq(sp_audit_sync(audit), 0);
    cr_assert_eq(sp_audit_append(audit, SP_SERVICE_AUTH, &event), 0);
    cr_assert_eq(sp_audit_count(audit), taken + 1);
    sp_audit_close(&audit);
    cr_assert_eq(trail_fault(&t), SP_AUDIT_WHOLE);
    trail_free(&t);
}
