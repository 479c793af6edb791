/* A flood of refusals is told in a bounded number of events, and none of it
 * goes uncounted. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "common/base/compiler.h"
#include "common/stage/event_cap.h"

#define START_MS 5000

struct told {
    size_t count;
    uint64_t held_back;
    char last[512]; /* "kind status address subject client" */
};

static void
tell(void *arg, const struct sp_occurrence *what)
{
    struct told *told = arg;
    const size_t skip = strlen("held_back=");

    cr_assert_eq(strncmp(what->detail, "held_back=", skip), 0);
    told->count++;
    told->held_back += strtoull(what->detail + skip, NULL, 10);
    (void)snprintf(told->last, sizeof(told->last), "%s %u %.*s %.*s %.*s",
                   what->kind, what->status, SP_VIEW(what->address),
                   SP_VIEW(what->subject), SP_VIEW(what->client));
}

static struct sp_event_cap *
begin(struct told *told)
{
    struct sp_event_cap *cap = NULL;

    *told = (struct told){ 0 };
    cap = sp_event_cap_new((struct sp_event_cap_sink){ tell, told });
    sp_event_cap_tick(cap, START_MS);
    return cap;
}

/* Admitted ones out of `n` alike. */
static size_t
refuse(struct sp_event_cap *cap, const struct sp_occurrence *what, size_t n,
       int64_t now_ms)
{
    size_t admitted = 0;

    for (size_t i = 0; i < n; i++) {
        admitted += sp_event_cap_admits(cap, what, now_ms) ? 1 : 0;
    }
    return admitted;
}

Test(event_cap, the_first_of_a_flood_are_told_and_the_rest_summed_up)
{
    const struct sp_occurrence what = {
        .kind = "request_refused",
        .address = SP_VIEW_LITERAL("192.0.2.1"),
        .subject = SP_VIEW_LITERAL("alice"),
        .client = SP_VIEW_LITERAL("demo"),
        .status = 404,
    };
    struct told told;
    struct sp_event_cap *cap = begin(&told);

    cr_expect_eq(refuse(cap, &what, 1000, START_MS + 10), SP_EVENT_CAP_EACH);
    sp_event_cap_tick(cap, START_MS + 999);
    cr_expect_eq(told.count, 0, "the second is not over");
    sp_event_cap_tick(cap, START_MS + 1000);
    cr_expect_eq(told.count, 1);
    cr_expect_eq(told.held_back, 1000 - SP_EVENT_CAP_EACH);
    cr_expect_str_eq(told.last, "request_refused 404 192.0.2.1 alice demo");
    cr_expect_eq(refuse(cap, &what, 1, START_MS + 1001), 1, "a new second");
    sp_event_cap_tick(cap, START_MS + 9000);
    cr_expect_eq(told.count, 1, "nothing was held back");
    sp_event_cap_free(&cap);
}

Test(event_cap, what_is_no_refusal_is_never_held_back)
{
    static const unsigned statuses[] = { 0, 200, 201, 399 };
    struct told told;
    struct sp_event_cap *cap = begin(&told);

    for (size_t i = 0; i < SP_COUNT(statuses); i++) {
        const struct sp_occurrence what = { .kind = "tool_called",
                                            .status = statuses[i] };

        cr_expect_eq(refuse(cap, &what, 2000, START_MS), 2000);
    }
    sp_event_cap_flush(cap);
    cr_expect_eq(told.count, 0);
    sp_event_cap_free(&cap);
}

Test(event_cap, one_sender_does_not_hide_another)
{
    static const struct sp_occurrence others[] = {
        { .kind = "token_refused",
          .address = SP_VIEW_LITERAL("192.0.2.1"),
          .status = 401 },
        { .kind = "request_refused",
          .address = SP_VIEW_LITERAL("192.0.2.2"),
          .status = 401 },
        { .kind = "request_refused",
          .address = SP_VIEW_LITERAL("192.0.2.1"),
          .status = 404 },
        { .kind = "request_refused",
          .address = SP_VIEW_LITERAL("192.0.2.1"),
          .subject = SP_VIEW_LITERAL("bob"),
          .status = 401 },
        { .kind = "request_refused",
          .address = SP_VIEW_LITERAL("192.0.2.1"),
          .client = SP_VIEW_LITERAL("bob"),
          .status = 401 },
    };
    const struct sp_occurrence loud = {
        .kind = "request_refused",
        .address = SP_VIEW_LITERAL("192.0.2.1"),
        .status = 401,
    };
    struct told told;
    struct sp_event_cap *cap = begin(&told);

    (void)refuse(cap, &loud, 100000, START_MS);
    for (size_t i = 0; i < SP_COUNT(others); i++) {
        cr_expect_eq(refuse(cap, &others[i], 1, START_MS), 1, "%zu", i);
    }
    sp_event_cap_free(&cap);
}

/* attack: another address for each request. */
Test(event_cap, senders_without_number_are_bounded_and_counted)
{
    struct told told;
    struct sp_event_cap *cap = begin(&told);
    size_t admitted = 0;

    for (int i = 0; i < 20000; i++) {
        char address[46];
        struct sp_occurrence what = { .kind = "request_refused",
                                      .status = 400 };

        (void)snprintf(address, sizeof(address), "2001:db8::%x", i);
        what.address = sp_view_of(address);
        admitted += refuse(cap, &what, 1, START_MS);
        memset(address, 'x', sizeof(address) - 1);
    }
    cr_expect_eq(admitted, SP_EVENT_CAP_ALL);
    sp_event_cap_flush(cap);
    cr_expect_eq(told.count, 1);
    cr_expect_eq(admitted + told.held_back, 20000);
    cr_expect_str_eq(told.last, "refusals_held_back 0   ");
    sp_event_cap_free(&cap);
}

/* attack: the longest texts that a message may carry. */
Test(event_cap, long_texts_fit)
{
    static char text[4096];
    struct told told;
    struct sp_event_cap *cap = begin(&told);
    struct sp_occurrence what = { .kind = "request_refused", .status = 400 };

    memset(text, 'a', sizeof(text) - 1);
    what.address = sp_view_of(text);
    what.subject = sp_view_of(text);
    what.client = sp_view_of(text);
    cr_expect_eq(refuse(cap, &what, 50, START_MS), SP_EVENT_CAP_EACH);
    sp_event_cap_flush(cap);
    cr_expect_eq(told.held_back, 50 - SP_EVENT_CAP_EACH);
    sp_event_cap_free(&cap);
}
