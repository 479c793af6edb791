/* The processes that report: gaps, restarts, what is shown of each. */
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "services/monitor/sources.h"

#define BOOT_A "aaaaaaaa"
#define BOOT_B "bbbbbbbb"
#define BOOT_C "cccccccc"

static struct finding
event(struct sources *s, const char *boot, uint64_t seq, uint64_t dropped)
{
    const struct sp_event e = { .boot = sp_view_make(boot, 8),
                                .replica = SP_VIEW_LITERAL("0"),
                                .seq = seq,
                                .dropped = dropped };

    return sources_event(s, SP_SERVICE_AUTH, &e, 1000);
}

static struct finding
status(struct sources *s, const char *replica, const char *boot, int64_t now_ms)
{
    const struct sp_status st = { .boot = sp_view_make(boot, 8),
                                  .replica = sp_view_of(replica),
                                  .pid = 42,
                                  .ready = true,
                                  .queue_depth = 3,
                                  .last_error = SP_VIEW_LITERAL("oh"),
                                  .last = true,
                                  .metrics = SP_VIEW_LITERAL("a 1\n") };

    return sources_status(s, SP_SERVICE_AUTH, &st, now_ms);
}

/* What one event of a run finds after those before it. */
struct step {
    const char *boot;
    uint64_t seq;
    uint64_t dropped;
    struct finding want;
};

static void
check_steps(struct sources *s, const struct step *steps, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct finding got =
            event(s, steps[i].boot, steps[i].seq, steps[i].dropped);
        const struct finding *want = &steps[i].want;

        cr_assert_eq(got.restarted, want->restarted, "step %zu", i);
        cr_assert_eq(got.repeated, want->repeated, "step %zu", i);
        cr_assert_eq(got.missing, want->missing, "step %zu", i);
        cr_assert_eq(got.dropped, want->dropped, "step %zu", i);
        cr_assert(got.missing == 0 || got.first == want->first, "step %zu", i);
    }
}

Test(sources, finds_what_is_missing_repeated_or_dropped)
{
    static const struct step steps[] = {
        { BOOT_A, 5, 0, { 0 } }, /* joined in the middle: nothing known */
        { BOOT_A, 6, 0, { 0 } },
        { BOOT_A, 9, 0, { .missing = 2, .first = 7 } },
        { BOOT_A, 10, 0, { 0 } },
        { BOOT_A, 9, 0, { .repeated = true } },
        { BOOT_A, 11, 0, { 0 } },
        { BOOT_A, 15, 3, { .missing = 3, .first = 12, .dropped = 3 } },
        { BOOT_A, 16, 3, { 0 } },
    };
    struct sources *s = sources_new();

    check_steps(s, steps, sizeof(steps) / sizeof(steps[0]));
    sources_free(&s);
    cr_assert_null(s);
}

Test(sources, a_new_run_is_a_restart_and_counts_from_zero)
{
    static const struct step steps[] = {
        { BOOT_A, 0, 0, { 0 } },
        { BOOT_A, 1, 0, { 0 } },
        { BOOT_B, 0, 0, { .restarted = true } },
        { BOOT_A, 2, 0, { 0 } }, /* late, from the run that is gone */
        { BOOT_B, 1, 0, { 0 } },
        { BOOT_C, 2, 0, { .restarted = true, .missing = 2, .first = 0 } },
    };
    struct sources *s = sources_new();

    check_steps(s, steps, sizeof(steps) / sizeof(steps[0]));
    sources_free(&s);
}

Test(sources, the_trail_tells_the_next_monitor_what_must_come)
{
    static const struct step steps[] = {
        { BOOT_A, 10, 0, { .missing = 2, .first = 8 } },
        { BOOT_A, 11, 0, { 0 } },
    };
    static const struct step other_run[] = {
        { BOOT_B, 1, 0, { .missing = 1, .first = 0 } },
    };
    struct sources *s = sources_new();

    sources_recall(s, SP_SERVICE_AUTH, SP_VIEW_LITERAL("0"),
                   (const unsigned char *)BOOT_A, 7);
    check_steps(s, steps, sizeof(steps) / sizeof(steps[0]));
    sources_free(&s);
    /* Whether it ended before or after this monitor's start is not known:
     * another run is no restart. */
    s = sources_new();
    sources_recall(s, SP_SERVICE_AUTH, SP_VIEW_LITERAL("0"),
                   (const unsigned char *)BOOT_A, 7);
    check_steps(s, other_run, 1);
    sources_free(&s);
}

Test(sources, shows_the_last_status_while_it_is_fresh)
{
    struct sources *s = sources_new();
    const struct source *shown = NULL;

    cr_assert_null(sources_at(s, 0, 0));
    (void)event(s, BOOT_A, 0, 0);
    cr_assert_null(sources_at(s, 0, 1000)); /* an event is no status */
    (void)status(s, "0", BOOT_A, 1000);
    (void)status(s, "1", BOOT_B, 1000);
    shown = sources_at(s, 0, 1000);
    cr_assert_not_null(shown);
    cr_assert_str_eq(shown->replica, "0");
    cr_assert_eq(shown->pid, 42);
    cr_assert_eq(shown->queue_depth, 3);
    cr_assert_str_eq(shown->last_error, "oh");
    cr_assert(sp_view_is(sp_buf_view(&shown->metrics), "a 1\n"));
    cr_assert_not_null(sources_at(s, 1, 1000));
    cr_assert_null(sources_at(s, 2, 1000));
    cr_assert(source_is_ready(shown, 1000 + SOURCES_SILENT_MS - 1));
    cr_assert_not(source_is_ready(shown, 1000 + SOURCES_SILENT_MS));
    cr_assert_not_null(sources_at(s, 0, 1000 + SOURCES_GONE_MS - 1));
    cr_assert_null(sources_at(s, 0, 1000 + SOURCES_GONE_MS));
    sources_free(&s);
}

/* Metrics larger than one message: what is shown is always a whole page, the
 * old one while a new one comes or has lost a part. */
Test(sources, metrics_come_in_parts)
{
    static const struct {
        uint64_t part;
        bool last;
        const char *metrics;
        const char *shown;
    } rows[] = {
        { 0, false, "a 1\n", "" },           { 1, true, "b 1\n", "a 1\nb 1\n" },
        { 0, false, "a 2\n", "a 1\nb 1\n" }, { 2, true, "c 2\n", "a 1\nb 1\n" },
        { 0, true, "a 3\n", "a 3\n" },
    };
    struct sources *s = sources_new();

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct sp_status st = { .boot = sp_view_make(BOOT_A, 8),
                                      .replica = SP_VIEW_LITERAL("0"),
                                      .part = rows[i].part,
                                      .last = rows[i].last,
                                      .metrics = sp_view_of(rows[i].metrics) };
        const struct source *shown = NULL;

        (void)sources_status(s, SP_SERVICE_AUTH, &st, 1000);
        shown = sources_at(s, 0, 1000);
        cr_assert_not_null(shown);
        cr_expect(sp_view_is(sp_buf_view(&shown->metrics), rows[i].shown),
                  "row %zu: %.*s", i, SP_VIEW(sp_buf_view(&shown->metrics)));
    }
    sources_free(&s);
}

Test(sources, a_silence_is_told_once)
{
    struct sources *s = sources_new();
    const struct source *silent = NULL;
    const struct sp_status leaving = { .boot = sp_view_make(BOOT_B, 8),
                                       .replica = SP_VIEW_LITERAL("1") };

    (void)status(s, "0", BOOT_A, 1000);
    (void)status(s, "1", BOOT_B, 1000);
    (void)sources_status(s, SP_SERVICE_AUTH, &leaving, 2000);
    cr_assert_null(sources_silent(s, 1000 + SOURCES_SILENT_MS - 1));
    silent = sources_silent(s, 1000 + SOURCES_SILENT_MS);
    cr_assert_not_null(silent);
    cr_expect_str_eq(silent->replica, "0");
    cr_expect_null(sources_silent(s, 9000), "the other said that it goes");
    (void)status(s, "0", BOOT_A, 9000);
    cr_expect_null(sources_silent(s, 9001));
    cr_expect_not_null(sources_silent(s, 9000 + SOURCES_SILENT_MS));
    sources_free(&s);
}

Test(sources, a_status_shows_a_restart_too_but_once)
{
    struct sources *s = sources_new();

    cr_assert_not(status(s, "0", BOOT_A, 1000).restarted);
    cr_assert(status(s, "0", BOOT_B, 2000).restarted);
    cr_assert_not(event(s, BOOT_B, 0, 0).restarted);
    cr_assert_not(status(s, "0", BOOT_B, 3000).restarted);
    sources_free(&s);
}

Test(sources, a_flood_of_names_displaces_only_the_longest_silent)
{
    struct sources *s = sources_new();
    size_t shown = 0;

    (void)status(s, "old", BOOT_A, 1);
    for (int i = 0; i < SOURCES_MAX; i++) {
        char name[16];

        (void)snprintf(name, sizeof(name), "r%d", i);
        (void)status(s, name, BOOT_A, 100 + i);
    }
    for (const struct source *at = NULL;
         (at = sources_at(s, shown, 400)) != NULL; shown++) {
        cr_assert_str_neq(at->replica, "old");
    }
    cr_assert_eq(shown, SOURCES_MAX);
    sources_free(&s);
}
