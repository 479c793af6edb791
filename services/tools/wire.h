/* The messages of the tools process. */
#ifndef SP_SERVICES_TOOLS_WIRE_H
#define SP_SERVICES_TOOLS_WIRE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/stage/port.h"
#include "common/text/buf.h"
#include "proto/message.h"

struct tools;

/* Calls in hand: those that wait for the commit of their turn, for a validation
 * replica that is away, or for their tool. */
#define WIRE_MAX_CALLS 4096

/* Makes the executor; stores, keys and catalogue are set already. */
void
wire_open(struct tools *tools, const struct sp_port *port);

/* Message handlers and hooks; `self` is the tools process. */
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

/* Between receiving and sending: one commit for the calls of this turn. */
bool
wire_turn(void *self);

void
wire_on_purge(void *self);

void
wire_metrics(void *self, struct sp_buf *out);

size_t
wire_in_flight(void *self);

#endif
