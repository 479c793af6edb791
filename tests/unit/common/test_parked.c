/* Requests that wait: copied, bounded, joined, and over in time. */
#include "tests/support/clock_loop.h"

#include <stdio.h>
#include <string.h>

#include "common/base/error.h"
#include "common/stage/parked.h"

#define ID_A "aaaaaaaaaaaaaaaa"
#define ID_B "bbbbbbbbbbbbbbbb"

struct lot {
    struct sp_loop loop;
    struct sp_parked_lot *lot;
    struct sp_parked *expired; /* the last one */
    size_t expirations;
    char said[512]; /* "ID edge holder wait\n" of each IN_HAND */
};

static int
on_send(void *arg, enum sp_service_id to, enum sp_message_id id,
        const void *message, struct sp_place place)
{
    struct lot *l = arg;
    const struct sp_in_hand *in_hand = message;
    size_t len = strlen(l->said);

    cr_assert_eq(to, SP_SERVICE_EDGE);
    cr_assert_eq(id, SP_MSG_IN_HAND);
    cr_assert_eq(place.kind, SP_PLACE_NAMED);
    cr_assert(sp_view_equal(place.key, in_hand->reply_to));
    (void)snprintf(l->said + len, sizeof(l->said) - len, "%.*s %.*s %.*s %d\n",
                   SP_VIEW(in_hand->request_id), SP_VIEW(in_hand->reply_to),
                   SP_VIEW(in_hand->holder), (int)in_hand->wait_ms);
    return 0;
}

static struct sp_view
own_name(void *arg)
{
    (void)arg;
    return SP_VIEW_LITERAL("auth-1");
}

static void
on_expired(void *owner, struct sp_parked *parked)
{
    struct lot *l = owner;

    l->expired = parked;
    l->expirations++;
}

static void
lot_open(struct lot *l, size_t max, size_t max_bytes)
{
    const struct sp_port port = {
        .send = on_send, .own_name = own_name, .loop = &l->loop, .arg = l
    };
    const struct sp_parked_shape shape = {
        .kind = SP_MSG_HTTP_REQUEST,
        .max = max,
        .max_bytes = max_bytes,
        .says_in_hand = true,
        .expired = on_expired,
        .owner = l,
    };

    *l = (struct lot){ .expirations = 0 };
    l->lot = sp_parked_lot_new(&shape, &port);
}

static void
lot_close(struct lot *l)
{
    sp_parked_lot_free(&l->lot);
    cr_expect_null(l->lot);
    cr_expect_eq(clock_loop_timers(&l->loop), 0);
}

/* The bytes are gone after the call, as a frame's are. */
static int
park(struct lot *l, struct sp_parked *parked, const char *id, const char *body)
{
    char frame[64];
    struct sp_http_request m = {
        .reply_to = SP_VIEW_LITERAL("edge-0"),
        .deadline_ms = 1000,
        .address = SP_VIEW_LITERAL("192.0.2.1"),
    };
    int error = 0;

    (void)snprintf(frame, sizeof(frame), "%s%s", id, body);
    m.request_id = sp_view_make(frame, 16);
    m.body = sp_view_of(frame + 16);
    error = sp_parked_add(l->lot, parked, &m);
    memset(frame, '?', sizeof(frame));
    return error;
}

static const struct sp_http_request *
copy_of(const struct sp_parked *parked)
{
    return parked->message;
}

Test(parked, keeps_a_copy_that_outlives_the_frame)
{
    struct lot l;
    struct sp_parked a = { 0 };

    lot_open(&l, 4, 65536);
    cr_assert_eq(park(&l, &a, ID_A, "the body"), 0);
    cr_expect(sp_view_is(copy_of(&a)->request_id, ID_A));
    cr_expect(sp_view_is(copy_of(&a)->reply_to, "edge-0"));
    cr_expect(sp_view_is(copy_of(&a)->body, "the body"));
    cr_expect_eq(sp_parked_find(l.lot, sp_view_of(ID_A)), &a);
    cr_expect_null(sp_parked_find(l.lot, sp_view_of(ID_B)));
    cr_expect_str_eq(l.said, ID_A " edge-0 auth-1 1000\n");
    sp_parked_remove(&a);
    cr_expect_null(a.lot);
    cr_expect_null(sp_parked_find(l.lot, sp_view_of(ID_A)));
    sp_parked_remove(&a);
    lot_close(&l);
}

Test(parked, a_repetition_takes_the_place_of_the_first)
{
    struct lot l;
    struct sp_parked a = { 0 };
    struct sp_parked again = { 0 };
    const struct sp_http_request m = {
        .request_id = SP_VIEW_LITERAL(ID_A),
        .reply_to = SP_VIEW_LITERAL("edge-1"),
        .deadline_ms = 300,
        .body = SP_VIEW_LITERAL("b"),
    };

    lot_open(&l, 4, 65536);
    cr_assert_eq(park(&l, &a, ID_A, "b"), 0);
    cr_expect_eq(park(&l, &again, ID_A, "b"), SP_EDUPLICATE);
    cr_expect_null(again.lot);
    sp_parked_renew(sp_parked_find(l.lot, m.request_id), &m);
    cr_expect_eq(sp_parked_count(l.lot), 1);
    cr_expect(sp_view_is(copy_of(&a)->reply_to, "edge-1"));
    cr_expect_str_eq(l.said,
                     ID_A " edge-0 auth-1 1000\n" ID_A " edge-1 auth-1 300\n");
    clock_loop_wait(&l.loop, 299);
    cr_expect_eq(l.expirations, 0);
    clock_loop_wait(&l.loop, 1);
    cr_expect_eq(l.expired, &a);
    lot_close(&l);
}

Test(parked, tells_its_owner_when_the_time_is_up)
{
    struct lot l;
    struct sp_parked a = { 0 };
    struct sp_parked b = { 0 };

    lot_open(&l, 4, 65536);
    cr_assert_eq(park(&l, &a, ID_A, ""), 0);
    cr_assert_eq(park(&l, &b, ID_B, ""), 0);
    sp_parked_until(&b, 5000);
    clock_loop_wait(&l.loop, 1000);
    cr_expect_eq(l.expirations, 1);
    cr_expect_eq(l.expired, &a);
    cr_expect_eq(sp_parked_count(l.lot), 2, "the owner removes it");
    sp_parked_remove(&b);
    clock_loop_wait(&l.loop, 10000);
    cr_expect_eq(l.expirations, 1);
    lot_close(&l);
}

Test(parked, is_bounded_by_count_and_bytes)
{
    struct lot l;
    struct sp_parked a = { 0 };
    struct sp_parked b = { 0 };
    size_t one = sizeof(struct sp_http_request) + 16 + 6 + 9;

    lot_open(&l, 1, 65536);
    cr_expect_eq(park(&l, &a, ID_A, ""), 0);
    cr_expect_eq(park(&l, &b, ID_B, ""), SP_EFULL);
    cr_expect_null(b.lot);
    sp_parked_remove(&a);
    cr_expect_eq(park(&l, &b, ID_B, ""), 0);
    lot_close(&l);

    lot_open(&l, 4, 2 * one + 3);
    a = b = (struct sp_parked){ 0 };
    cr_expect_eq(park(&l, &a, ID_A, "four"), 0);
    cr_expect_eq(park(&l, &b, ID_B, ""), SP_EFULL, "one byte too many");
    sp_parked_remove(&a);
    cr_expect_eq(park(&l, &b, ID_B, ""), 0);
    cr_expect_eq(park(&l, &a, ID_A, "333"), 0);
    lot_close(&l);
}

Test(parked, walks_from_the_first_one)
{
    struct lot l;
    struct sp_parked a = { 0 };
    struct sp_parked b = { 0 };

    lot_open(&l, 4, 65536);
    cr_expect_null(sp_parked_next(l.lot, NULL));
    cr_assert_eq(park(&l, &a, ID_A, ""), 0);
    cr_assert_eq(park(&l, &b, ID_B, ""), 0);
    cr_expect_eq(sp_parked_next(l.lot, NULL), &a);
    cr_expect_eq(sp_parked_next(l.lot, &a), &b);
    cr_expect_null(sp_parked_next(l.lot, &b));
    lot_close(&l);
}
