/* Hushing: the first refusal of a key at once, the rest by the second. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "services/ratelimit/hush.h"

struct heard {
    size_t count;
    char kind[64];
    char subject[64];
    char detail[256];
    uint64_t sum; /* of the counts told */
};

static void
hear(void *arg, const struct sp_occurrence *what)
{
    struct heard *heard = arg;

    heard->count++;
    (void)snprintf(heard->kind, sizeof(heard->kind), "%s", what->kind);
    (void)snprintf(heard->subject, sizeof(heard->subject), "%.*s",
                   SP_VIEW(what->subject));
    (void)snprintf(heard->detail, sizeof(heard->detail), "%s", what->detail);
    heard->sum += strtoull(what->detail + strlen("count="), NULL, 10);
}

static void
note(struct hush *h, unsigned char key, const char *subject, int64_t now_ms)
{
    char passing[64];
    struct hush_note n = {
        .key = { { key } },
        .what = { .kind = "limit_reached", .status = 429 },
        .facts = "limit=subject",
    };

    (void)snprintf(passing, sizeof(passing), "%s", subject);
    n.what.subject = sp_view_of(passing);
    hush_note(h, &n, now_ms);
    memset(passing, 'x', sizeof(passing)); /* views die with the call */
}

Test(hush, tells_the_first_at_once_and_the_rest_in_a_second)
{
    struct heard heard = { 0 };
    struct hush *h = hush_new((struct hush_sink){ hear, &heard });

    note(h, 1, "anna", 1000);
    cr_assert_eq(heard.count, 1);
    cr_assert_str_eq(heard.kind, "limit_reached");
    cr_assert_str_eq(heard.subject, "anna");
    cr_assert_str_eq(heard.detail, "count=1 limit=subject");
    for (int i = 0; i < 500; i++) {
        note(h, 1, "anna", 1001 + i);
    }
    hush_tick(h, 1999);
    cr_assert_eq(heard.count, 1);
    hush_tick(h, 2000);
    cr_assert_eq(heard.count, 2);
    cr_assert_str_eq(heard.subject, "anna");
    cr_assert_str_eq(heard.detail, "count=500 limit=subject");
    hush_free(&h);
}

Test(hush, keys_do_not_hush_each_other)
{
    struct heard heard = { 0 };
    struct hush *h = hush_new((struct hush_sink){ hear, &heard });

    note(h, 1, "anna", 1000);
    note(h, 2, "bert", 1000);
    cr_assert_eq(heard.count, 2);
    cr_assert_str_eq(heard.subject, "bert");
    hush_free(&h);
}

Test(hush, a_key_that_paused_is_new_again)
{
    struct heard heard = { 0 };
    struct hush *h = hush_new((struct hush_sink){ hear, &heard });

    note(h, 1, "anna", 1000);
    hush_tick(h, 2000);
    note(h, 1, "anna", 2001);
    cr_assert_eq(heard.count, 2);
    hush_free(&h);
}

Test(hush, a_flood_of_keys_is_told_as_one_and_counted_whole)
{
    struct heard heard = { 0 };
    struct hush *h = hush_new((struct hush_sink){ hear, &heard });
    const int keys = HUSH_KEYS + 5000;

    for (int i = 0; i < keys; i++) {
        struct hush_note n = { .what = { .kind = "limit_reached" } };

        memcpy(n.key.bytes, &i, sizeof(i));
        hush_note(h, &n, 1000);
    }
    cr_assert_eq(heard.count, HUSH_KEYS);
    hush_tick(h, 1500);
    cr_assert_eq(heard.count, HUSH_KEYS + 1);
    cr_assert_str_eq(heard.kind, "refusals_hushed");
    cr_assert_eq(heard.sum, (uint64_t)keys);
    hush_free(&h);
}

Test(hush, loses_nothing_at_the_end)
{
    struct heard heard = { 0 };
    struct hush *h = hush_new((struct hush_sink){ hear, &heard });

    for (int i = 0; i < 10; i++) {
        note(h, 1, "anna", 1000);
    }
    hush_flush(h);
    cr_assert_eq(heard.sum, 10);
    hush_free(&h);
}
