/* Parts in order, within a bound, at the client's pace. */
#include <criterion/criterion.h>
#include <string.h>

#include "common/base/compiler.h"
#include "proto/schema.h"
#include "services/edge/stream.h"

#define WINDOW 100
#define SLACK 20

static struct stream
fresh(void)
{
    struct stream s;

    stream_begin(&s, WINDOW, SLACK);
    return s;
}

static enum stream_verdict
part(struct stream *s, uint64_t seq, const char *text)
{
    return stream_part(s, seq, false, sp_view_of(text), strlen(text));
}

static enum stream_verdict
part_of(struct stream *s, uint64_t seq, size_t len)
{
    char bytes[WINDOW + SLACK + 1];

    cr_assert_leq(len, sizeof(bytes));
    memset(bytes, 'x', sizeof(bytes));
    return stream_part(s, seq, false, sp_view_make(bytes, len), len);
}

static size_t
take(struct stream *s, size_t max)
{
    char out[WINDOW + SLACK];

    cr_assert_leq(max, sizeof(out));
    return stream_take(s, out, max);
}

Test(edge_stream, gives_out_what_came_in_in_order)
{
    struct stream s = fresh();
    char out[64];
    size_t n = 0;

    cr_expect_eq(part(&s, 0, "one, "), STREAM_TAKEN);
    cr_expect_eq(part(&s, 1, ""), STREAM_TAKEN);
    cr_expect_eq(part(&s, 2, "two, "), STREAM_TAKEN);
    cr_expect_eq(stream_waiting(&s), 10);
    n = stream_take(&s, out, 7);
    cr_expect_eq(stream_part(&s, 3, true, sp_view_of("three"), 5),
                 STREAM_TAKEN);
    while (stream_waiting(&s) > 0) {
        n += stream_take(&s, out + n, 2);
    }
    cr_expect_eq(n, 15);
    cr_expect_arr_eq(out, "one, two, three", 15);
    cr_expect(s.last);
    cr_expect_not(s.broken);
    cr_expect_eq(stream_take(&s, out, sizeof(out)), 0);
    stream_end(&s);
}

Test(edge_stream, a_repetition_is_dropped)
{
    struct stream s = fresh();

    cr_expect_eq(part(&s, 0, "a"), STREAM_TAKEN);
    cr_expect_eq(part(&s, 0, "A"), STREAM_REPEATED);
    cr_expect_eq(part(&s, 1, "b"), STREAM_TAKEN);
    cr_expect_eq(part(&s, 0, "A"), STREAM_REPEATED);
    cr_expect_eq(stream_part(&s, 2, true, sp_view_of("c"), 1), STREAM_TAKEN);
    cr_expect_eq(part(&s, 2, "C"), STREAM_REPEATED);
    cr_expect_eq(part(&s, 3, "D"), STREAM_REPEATED, "nothing follows the last");
    cr_expect_eq(stream_waiting(&s), 3);
    cr_expect_not(s.broken);
    stream_end(&s);
}

Test(edge_stream, a_gap_breaks_it)
{
    struct stream s = fresh();

    cr_expect_eq(part(&s, 0, "a"), STREAM_TAKEN);
    cr_expect_eq(part(&s, 2, "c"), STREAM_GAP);
    cr_expect(s.broken);
    cr_expect_eq(part(&s, 1, "b"), STREAM_REPEATED, "too late");
    cr_expect_eq(stream_waiting(&s), 1);
    stream_end(&s);
}

Test(edge_stream, a_sender_that_ignores_the_credit_breaks_it)
{
    struct stream s = fresh();

    cr_expect_eq(part_of(&s, 0, WINDOW), STREAM_TAKEN);
    cr_expect_eq(part_of(&s, 1, SLACK), STREAM_TAKEN);
    cr_expect_eq(part_of(&s, 2, 1), STREAM_OVERRUN);
    cr_expect(s.broken);
    cr_expect_eq(stream_waiting(&s), WINDOW + SLACK);
    cr_expect_eq(stream_credit(&s), 0);
    stream_end(&s);
}

/* The bound is on what waits, not on what went through; and half-taken bytes
 * make room. */
Test(edge_stream, what_was_taken_makes_room)
{
    struct stream s = fresh();

    for (uint64_t seq = 0; seq < 100; seq++) {
        cr_assert_eq(part_of(&s, seq, 60), STREAM_TAKEN, "%d", (int)seq);
        cr_assert_eq(take(&s, 50), 50);
        cr_assert_eq(take(&s, 10), 10);
        cr_assert_eq(stream_waiting(&s), 0);
        (void)stream_credit(&s);
    }
    stream_end(&s);
}

/* A client and an executor that both go as far as the credit lets them, for
 * every size of what the client takes at once. */
Test(edge_stream, who_keeps_to_the_credit_is_never_refused)
{
    for (size_t at_once = 1; at_once <= WINDOW; at_once++) {
        struct stream s = fresh();
        uint64_t credit = WINDOW;

        for (uint64_t seq = 0; seq < 1000; seq++) {
            cr_assert_eq(part_of(&s, seq, (size_t)credit), STREAM_TAKEN,
                         "%zu at once, part %d", at_once, (int)seq);
            credit = 0;
            while (credit == 0) {
                cr_assert_gt(take(&s, at_once), 0);
                credit = stream_credit(&s);
            }
        }
        stream_end(&s);
    }
}

Test(edge_stream, credit_comes_in_halves_of_the_window)
{
    struct stream s = fresh();

    cr_expect_eq(part_of(&s, 0, WINDOW), STREAM_TAKEN);
    cr_expect_eq(stream_credit(&s), 0, "nothing is taken yet");
    (void)take(&s, 49);
    cr_expect_eq(stream_credit(&s), 0);
    (void)take(&s, 1);
    cr_expect_eq(stream_credit(&s), 50);
    cr_expect_eq(stream_credit(&s), 0, "granted once");
    (void)take(&s, 50);
    cr_expect_eq(stream_credit(&s), 50);
    stream_end(&s);
}

/* All that was ever granted is what was taken: the window never grows. */
/* attack: a captured stage says that little stands for much, so that the client
 * seems to have taken it: the executor would send without end. */
Test(edge_stream, no_part_stands_for_more_than_was_allowed)
{
    struct sp_view body = SP_VIEW_LITERAL("x");
    struct stream s = fresh();

    cr_expect_eq(stream_part(&s, 0, false, body, WINDOW), STREAM_TAKEN);
    cr_expect_eq(stream_credit(&s), WINDOW - 1);
    cr_expect_eq(stream_part(&s, 1, false, body, WINDOW), STREAM_TAKEN);
    cr_expect_eq(stream_part(&s, 2, false, body, SLACK), STREAM_OVERRUN);
    stream_end(&s);
    s = fresh();
    cr_expect_eq(stream_part(&s, 0, false, body, SP_MAX_UINT), STREAM_OVERRUN);
    stream_end(&s);
}

Test(edge_stream, credit_adds_up_to_what_was_taken)
{
    struct stream s = fresh();
    uint64_t granted = 0;
    uint64_t taken = 0;

    for (uint64_t seq = 0; seq < 200; seq++) {
        cr_assert_eq(part_of(&s, seq, 7), STREAM_TAKEN);
        taken += take(&s, seq % 2 == 0 ? 3 : 11);
        granted += stream_credit(&s);
        cr_assert_leq(granted, taken);
        cr_assert_lt(taken - granted, WINDOW / 2);
    }
    stream_end(&s);
}

Test(edge_stream, the_last_part_needs_no_credit)
{
    struct stream s = fresh();

    cr_expect_eq(part_of(&s, 0, WINDOW), STREAM_TAKEN);
    cr_expect_eq(stream_part(&s, 1, true, sp_view_of(""), 0), STREAM_TAKEN);
    (void)take(&s, WINDOW);
    cr_expect_eq(stream_credit(&s), 0);
    stream_end(&s);
}

/* Our own bytes are not the executor's: it never gets credit for them. */
Test(edge_stream, a_comment_costs_no_credit)
{
    struct stream s = fresh();
    uint64_t granted = 0;

    for (int i = 0; i < 100; i++) {
        stream_insert(&s, SP_VIEW_LITERAL(": waiting\n\n"));
        (void)take(&s, 100);
        granted += stream_credit(&s);
    }
    cr_expect_eq(granted, 0, "%d", (int)granted);
    cr_expect_eq(part_of(&s, 0, 60), STREAM_TAKEN);
    stream_insert(&s, SP_VIEW_LITERAL(": waiting\n\n"));
    (void)take(&s, 40);
    (void)take(&s, 40);
    cr_expect_eq(stream_credit(&s), 60);
    stream_end(&s);
}

Test(edge_stream, a_comment_without_room_is_left_out)
{
    struct stream s = fresh();

    cr_expect_eq(part_of(&s, 0, WINDOW + SLACK), STREAM_TAKEN);
    stream_insert(&s, SP_VIEW_LITERAL(": waiting\n\n"));
    cr_expect_eq(stream_waiting(&s), WINDOW + SLACK);
    cr_expect_not(s.broken);
    stream_end(&s);
}

/* WHATWG HTML section 9.2.5: an event ends with an empty line; lines end with
 * CR LF, LF or CR. A comment anywhere else tears an event apart. */
Test(edge_stream, knows_where_a_comment_may_stand)
{
    static const struct {
        const char *label;
        struct sp_view parts[4];
        bool between;
    } rows[] = {
        { "start", { { NULL, 0 } }, true },
        { "whole event", { SP_VIEW_LITERAL("data: 1\n\n") }, true },
        { "one line", { SP_VIEW_LITERAL("data: 1\n") }, false },
        { "half a line", { SP_VIEW_LITERAL("data: ") }, false },
        { "two parts",
          { SP_VIEW_LITERAL("data: 1\n"), SP_VIEW_LITERAL("\n") },
          true },
        { "an empty part between",
          { SP_VIEW_LITERAL("data: 1\n"), { "", 0 }, SP_VIEW_LITERAL("\n") },
          true },
        { "CR LF", { SP_VIEW_LITERAL("data: 1\r\n\r\n") }, true },
        { "CR LF in pieces",
          { SP_VIEW_LITERAL("data: 1\r"), SP_VIEW_LITERAL("\n\r"),
            SP_VIEW_LITERAL("\n") },
          true },
        { "one CR LF", { SP_VIEW_LITERAL("data: 1\r\n") }, false },
        { "an event, then one line with CR LF",
          { SP_VIEW_LITERAL("data: 1\n\n"), SP_VIEW_LITERAL("data: 2\r\n") },
          false },
        { "an event, then half a line",
          { SP_VIEW_LITERAL("data: 1\n\n"), SP_VIEW_LITERAL("d") },
          false },
        { "a line, then a line of CR LF",
          { SP_VIEW_LITERAL("data: 1\n"), SP_VIEW_LITERAL("data: 2\r\n") },
          false },
        { "NUL is no line end", { SP_VIEW_LITERAL("data: \0\0") }, false },
        { "many", { SP_VIEW_LITERAL("\n\n\n\n\n") }, true },
    };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct stream s = fresh();

        for (uint64_t seq = 0; seq < 4 && rows[i].parts[seq].ptr != NULL;
             seq++) {
            cr_assert_eq(stream_part(&s, seq, false, rows[i].parts[seq],
                                     rows[i].parts[seq].len),
                         STREAM_TAKEN);
        }
        cr_expect_eq(stream_between_events(&s), rows[i].between, "%s",
                     rows[i].label);
        stream_end(&s);
    }
}

Test(edge_stream, after_a_comment_another_may_stand)
{
    struct stream s = fresh();

    stream_insert(&s, SP_VIEW_LITERAL(": waiting\n\n"));
    cr_expect(stream_between_events(&s));
    cr_expect_eq(part(&s, 0, "data: 1"), STREAM_TAKEN);
    cr_expect_not(stream_between_events(&s));
    stream_end(&s);
}
