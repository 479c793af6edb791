/* The messages of the ratelimit process. `self` is the process. */
#ifndef SP_SERVICES_RATELIMIT_WIRE_H
#define SP_SERVICES_RATELIMIT_WIRE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/text/buf.h"
#include "proto/message.h"

/* Charges a call, and sends it on or refuses it; CANCEL and CREDIT go on to
 * the executor of their request, PROBE to every executor. */
void
wire_on_checked_call(void *self, const struct sp_msg *m);

void
wire_on_cancel(void *self, const struct sp_msg *m);

void
wire_on_credit(void *self, const struct sp_msg *m);

void
wire_on_probe(void *self, const struct sp_msg *m);

/* The edge resends at once what a lost executor had not STARTED. */
void
wire_peer(void *self, enum sp_service_id service, struct sp_view name, bool up);

void
wire_metrics(void *self, struct sp_buf *out);

#endif
