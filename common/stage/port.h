/* How a module of common/stage/ reaches the rest of the gate: through the
 * runtime in a process, through a record in a test. */
#ifndef SP_COMMON_STAGE_PORT_H
#define SP_COMMON_STAGE_PORT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/view.h"
#include "common/link/link.h"
#include "common/process/loop.h"
#include "proto/message.h"

struct sp_occurrence;
struct sp_runtime;

struct sp_port {
    /* As sp_links_send(). */
    int (*send)(void *arg, enum sp_service_id to, enum sp_message_id id,
                const void *message, struct sp_place place);
    /* As sp_runtime_event() and sp_runtime_trouble(). */
    void (*event)(void *arg, const struct sp_occurrence *what);
    void (*trouble)(void *arg, const char *event, const char *detail);
    /* As sp_links_own_name() and sp_links_is_replica(). */
    struct sp_view (*own_name)(void *arg);
    bool (*is_replica)(void *arg, struct sp_view name, struct sp_view peer);
    int64_t (*wall_ms)(void);
    struct sp_loop *loop;
    void *arg;
};

/* The port of a process; the runtime must outlive it. */
struct sp_port
sp_port_of(struct sp_runtime *rt);

#endif
