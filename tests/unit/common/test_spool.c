/* The event spool: numbers without gaps, keeps order, counts what it drops. */
#include <criterion/criterion.h>
#include <string.h>

#include "common/base/error.h"
#include "common/stage/spool.h"

struct sink {
    bool open;
    uint64_t got[SP_SPOOL_MAX + 16];
    size_t count;
    uint64_t last_dropped;
    char last_kind[16];
};

static int
take(void *arg, const struct sp_event *event)
{
    struct sink *sink = arg;

    if (!sink->open) {
        return SP_ENOPEER;
    }
    sink->got[sink->count++] = event->seq;
    sink->last_dropped = event->dropped;
    memset(sink->last_kind, 0, sizeof(sink->last_kind));
    memcpy(sink->last_kind, event->kind.ptr, event->kind.len);
    return 0;
}

static void
add(struct sp_spool *spool, const char *kind)
{
    char passing[16] = { 0 };
    struct sp_event event = { 0 };

    memcpy(passing, kind, strlen(kind));
    event.kind = sp_view_of(passing);
    sp_spool_add(spool, &event);
    memset(passing, 'x', sizeof(passing)); /* the caller's bytes die */
}

Test(spool, sends_at_once_while_the_monitor_listens)
{
    struct sink sink = { .open = true };
    struct sp_spool *spool =
        sp_spool_new((struct sp_spool_sink){ take, &sink });

    add(spool, "one");
    add(spool, "two");
    cr_assert_eq(sink.count, 2);
    cr_assert_eq(sink.got[1], 1);
    cr_assert_eq(sp_spool_waiting(spool), 0);
    sp_spool_free(&spool);
}

Test(spool, keeps_copies_in_order_while_the_monitor_is_away)
{
    struct sink sink = { 0 };
    struct sp_spool *spool =
        sp_spool_new((struct sp_spool_sink){ take, &sink });

    add(spool, "one");
    add(spool, "two");
    cr_assert_eq(sp_spool_waiting(spool), 2);
    sink.open = true;
    add(spool, "three");
    cr_assert_eq(sink.count, 3);
    cr_assert_eq(sink.got[0], 0);
    cr_assert_eq(sink.got[2], 2);
    cr_assert_str_eq(sink.last_kind, "three");
    sp_spool_free(&spool);
}

Test(spool, drops_beyond_its_bound_and_says_how_many)
{
    struct sink sink = { 0 };
    struct sp_spool *spool =
        sp_spool_new((struct sp_spool_sink){ take, &sink });

    for (size_t i = 0; i < SP_SPOOL_MAX + 3; i++) {
        add(spool, "e");
    }
    cr_assert_eq(sp_spool_dropped(spool), 3);
    sink.open = true;
    sp_spool_flush(spool);
    cr_assert_eq(sink.count, SP_SPOOL_MAX);
    cr_assert_eq(sink.last_dropped, 3);
    add(spool, "next");
    cr_assert_eq(sink.got[SP_SPOOL_MAX], SP_SPOOL_MAX + 3);
    sp_spool_free(&spool);
}
