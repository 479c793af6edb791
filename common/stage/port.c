/* The port of a process. */
#include "common/stage/port.h"

#include "common/base/clock.h"
#include "common/stage/service.h"

static int
send_on(void *arg, enum sp_service_id to, enum sp_message_id id,
        const void *message, struct sp_place place)
{
    return sp_runtime_send(arg, to, id, message, place);
}

static void
report(void *arg, const struct sp_occurrence *what)
{
    sp_runtime_event(arg, what);
}

static void
trouble(void *arg, const char *event, const char *detail)
{
    sp_runtime_trouble(arg, event, "%s", detail);
}

static struct sp_view
own_name(void *arg)
{
    return sp_runtime_own_name(arg);
}

static bool
is_replica(void *arg, struct sp_view name, struct sp_view peer)
{
    return sp_runtime_is_replica(arg, name, peer);
}

struct sp_port
sp_port_of(struct sp_runtime *rt)
{
    return (struct sp_port){ .send = send_on,
                             .event = report,
                             .trouble = trouble,
                             .own_name = own_name,
                             .is_replica = is_replica,
                             .wall_ms = sp_clock_wall_ms,
                             .loop = sp_runtime_loop(rt),
                             .arg = rt };
}
