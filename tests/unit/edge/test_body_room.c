/* Bodies are held within a bound, and no address takes all of it. */
#include "tests/support/edge_stage.h"

#define ROOM (1 << 20)
#define SHARE (ROOM / 4)

static struct request *
request_from(struct stage *s, struct connection *c, size_t bytes)
{
    static char body[65536];
    struct request *r = request_new(&s->edge, c);

    cr_assert_leq(bytes, sizeof(body));
    cr_assert_eq(request_add_body(r, sp_view_make(body, bytes)), 0);
    return r;
}

Test(body_room, one_address_leaves_room_for_others)
{
    struct stage s;
    struct connection other = { .edge = NULL };
    struct request *held[4] = { NULL };
    struct request *r = NULL;

    stage_open(&s);
    other.edge = &s.edge;
    other.key.bytes[0] = 1;
    cr_assert_eq(addresses_add(s.edge.addresses, &other.key), 0);
    for (size_t i = 0; i < SP_COUNT(held); i++) {
        held[i] = request_from(&s, &s.client.connection, 65536);
        cr_expect_eq(request_body_room(held[i]), SHARE - (i + 1) * 65536);
    }
    r = request_from(&s, &other, 100);
    cr_expect_eq(request_body_room(r), SHARE - 100);
    request_drop_body(held[0]);
    cr_expect_eq(request_body_room(held[0]), 65536);
    request_drop_body(held[0]);
    cr_expect_eq(request_body_room(held[0]), 65536, "dropped once");
    for (size_t i = 0; i < SP_COUNT(held); i++) {
        request_free(held[i]);
    }
    request_free(r);
    cr_expect_eq(addresses_held(s.edge.addresses, &other.key), 0);
    stage_close(&s);
}

/* All together stay within the room, and a bound that is hardly larger than
 * one body still lets that one through. */
Test(body_room, all_addresses_share_the_room)
{
    struct stage s;
    struct request *r = NULL;

    stage_open(&s);
    r = request_from(&s, &s.client.connection, 0);
    s.edge.body_bytes += ROOM - 10;
    cr_expect_eq(request_body_room(r), 10);
    s.edge.body_bytes += 20;
    cr_expect_eq(request_body_room(r), 0);
    s.edge.body_bytes -= ROOM + 10;
    s.config.limits.bodies_bytes = 65536;
    cr_expect_eq(request_body_room(r), 65536);
    request_free(r);
    stage_close(&s);
}

Test(body_room, a_body_that_is_too_long_is_not_held)
{
    struct stage s;
    struct request *r = NULL;

    stage_open(&s);
    r = request_from(&s, &s.client.connection, 65536);
    cr_expect_neq(request_add_body(r, SP_VIEW_LITERAL("x")), 0);
    cr_expect_eq(s.edge.body_bytes, 65536);
    cr_expect_eq(addresses_held(s.edge.addresses, &s.client.connection.key),
                 65536);
    request_free(r);
    stage_close(&s);
}

/* A client that goes while its request waits gives its room back. */
Test(body_room, a_deserted_request_holds_none)
{
    struct stage s;
    struct request *r = NULL;

    stage_open(&s);
    r = stage_send(&s, "/mcp");
    cr_expect_gt(s.edge.body_bytes, 0);
    pipeline_end(r);
    cr_expect_eq(s.edge.body_bytes, 0);
    cr_expect_eq(addresses_held(s.edge.addresses, &s.client.connection.key), 0);
    stage_wait(&s, STAGE_DEADLINE_MS);
    stage_close(&s);
}
