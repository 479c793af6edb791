/* The messages of the monitor process. `self` is the process. */
#ifndef SP_SERVICES_MONITOR_WIRE_H
#define SP_SERVICES_MONITOR_WIRE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/stage/port.h"
#include "common/text/buf.h"
#include "proto/message.h"

struct monitor;

/* A process, the monitor itself too, reports what happened, or how it is. */
void
wire_on_event(void *self, const struct sp_msg *m);

void
wire_on_status(void *self, const struct sp_msg *m);

/* The console is not built yet: whatever is asked for is not there. */
void
wire_on_admitted_call(void *self, const struct sp_msg *m);

void
wire_on_cancel(void *self, const struct sp_msg *m);

void
wire_on_credit(void *self, const struct sp_msg *m);

void
wire_on_probe(void *self, const struct sp_msg *m);

void
wire_peer(void *self, enum sp_service_id service, struct sp_view name, bool up);

size_t
wire_in_flight(void *self);

/* Makes what takes the requests for the console. */
void
wire_open(struct monitor *m, const struct sp_port *port);

void
wire_metrics(void *self, struct sp_buf *out);

#endif
