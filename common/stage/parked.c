/* Requests that wait. */
#include "common/stage/parked.h"

#include <assert.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/error.h"
#include "common/base/table.h"

#define ID_BYTES 16

/* The part of a message that says whose it is; all messages of a request begin
 * with it. */
#define ROUTE_MEMBER(type, name, min, max) SP_FIELD_TYPE_##type name;
struct route {
    SP_FIELDS_ROUTE(ROUTE_MEMBER)
};
#undef ROUTE_MEMBER

struct sp_parked_lot {
    struct sp_parked_shape shape;
    struct sp_port port;
    const struct sp_message_info *info;
    struct sp_table *table; /* of pointers to what is parked */
    size_t bytes;
};

/* A copy, since the struct behind the pointer is another one. */
static struct route
route_of(const void *message)
{
    struct route route;

    memcpy(&route, message, sizeof(route));
    return route;
}

struct sp_parked_lot *
sp_parked_lot_new(const struct sp_parked_shape *shape,
                  const struct sp_port *port)
{
    struct sp_parked_lot *lot = sp_alloc(sizeof(*lot));
    const struct sp_table_shape table = {
        .max = shape->max,
        .key_size = ID_BYTES,
        .value_size = sizeof(struct sp_parked *),
        .random_keys = true,
    };

    lot->shape = *shape;
    lot->port = *port;
    lot->info = sp_message_info((uint64_t)shape->kind);
    assert(strcmp(lot->info->fields[0].name, "request_id") == 0 &&
           lot->info->size > sizeof(struct route));
    lot->table = sp_table_new(&table);
    return lot;
}

void
sp_parked_lot_free(struct sp_parked_lot **lot)
{
    struct sp_parked_lot *l = *lot;

    if (l == NULL) {
        return;
    }
    while (sp_parked_count(l) > 0) {
        sp_parked_remove(sp_parked_next(l, NULL));
    }
    sp_table_free(&l->table);
    sp_free(l);
    *lot = NULL;
}

static void
drop_copy(struct sp_parked *parked)
{
    parked->lot->bytes -= parked->size;
    explicit_bzero(parked->message, parked->size);
    sp_free(parked->message);
    parked->message = NULL;
}

/* Takes the copy and starts the time. */
static void
keep(struct sp_parked *parked, const void *message)
{
    struct sp_parked_lot *lot = parked->lot;

    parked->size = lot->info->size + sp_message_bytes(lot->info, message);
    parked->message = sp_message_dup(lot->info, message);
    lot->bytes += parked->size;
    sp_parked_until(parked, (int64_t)route_of(message).deadline_ms);
}

static void
say_in_hand(const struct sp_parked *parked)
{
    const struct sp_port *port = &parked->lot->port;
    struct route route = route_of(parked->message);
    const struct sp_in_hand in_hand = {
        .request_id = route.request_id,
        .reply_to = route.reply_to,
        .holder = port->own_name(port->arg),
        .wait_ms = route.deadline_ms,
    };
    const struct sp_place edge = { SP_PLACE_NAMED, route.reply_to };

    /* Where it is lost, the edge repeats, and the repetition joins. */
    if (parked->lot->shape.says_in_hand) {
        (void)port->send(port->arg, SP_SERVICE_EDGE, SP_MSG_IN_HAND, &in_hand,
                         edge);
    }
}

static void
on_expired(void *arg)
{
    struct sp_parked *parked = arg;

    parked->lot->shape.expired(parked->lot->shape.owner, parked);
}

int
sp_parked_add(struct sp_parked_lot *lot, struct sp_parked *parked,
              const void *message)
{
    struct route route = route_of(message);
    size_t size = lot->info->size + sp_message_bytes(lot->info, message);
    struct sp_parked **place = NULL;

    if (sp_parked_find(lot, route.request_id) != NULL) {
        return SP_EDUPLICATE;
    }
    if (size > lot->shape.max_bytes ||
        lot->bytes > lot->shape.max_bytes - size) {
        return SP_EFULL;
    }
    place = sp_table_put(lot->table, route.request_id.ptr);
    if (place == NULL) {
        return SP_EFULL;
    }
    *place = parked;
    parked->lot = lot;
    parked->timer = (struct sp_timer){ .expired = on_expired, .arg = parked };
    keep(parked, message);
    say_in_hand(parked);
    return 0;
}

struct sp_parked *
sp_parked_find(const struct sp_parked_lot *lot, struct sp_view request_id)
{
    struct sp_parked **place = sp_table_find(lot->table, request_id.ptr);

    return place == NULL ? NULL : *place;
}

void
sp_parked_renew(struct sp_parked *parked, const void *message)
{
    void *old = parked->message;
    size_t size = parked->size;

    /* `message` may be made of views into the old copy. */
    keep(parked, message);
    parked->lot->bytes -= size;
    explicit_bzero(old, size);
    sp_free(old);
    say_in_hand(parked);
}

void
sp_parked_until(struct sp_parked *parked, int64_t delay_ms)
{
    sp_loop_start(parked->lot->port.loop, &parked->timer, delay_ms);
}

void
sp_parked_remove(struct sp_parked *parked)
{
    struct sp_parked_lot *lot = parked->lot;

    if (lot == NULL) {
        return;
    }
    sp_loop_stop(lot->port.loop, &parked->timer);
    sp_table_remove(
        lot->table,
        sp_table_find(lot->table, route_of(parked->message).request_id.ptr));
    drop_copy(parked);
    parked->lot = NULL;
}

size_t
sp_parked_count(const struct sp_parked_lot *lot)
{
    return sp_table_count(lot->table);
}

struct sp_parked *
sp_parked_next(const struct sp_parked_lot *lot, const struct sp_parked *parked)
{
    void *place = NULL;
    struct sp_parked **next = NULL;

    if (parked != NULL) {
        place =
            sp_table_find(lot->table, route_of(parked->message).request_id.ptr);
    }
    next = sp_table_newer(lot->table, place);
    return next == NULL ? NULL : *next;
}
