/* The messages of the auth process. `self` is the process. */
#ifndef SP_SERVICES_AUTH_WIRE_H
#define SP_SERVICES_AUTH_WIRE_H

#include <stdbool.h>

#include "proto/message.h"

/* Reports a lost validation replica to every edge, which repeats what that may
 * have held. */
void
wire_peer(void *self, enum sp_service_id service, struct sp_view name, bool up);

void
wire_on_http_request(void *self, const struct sp_msg *m);

void
wire_on_cancel(void *self, const struct sp_msg *m);

void
wire_on_credit(void *self, const struct sp_msg *m);

void
wire_on_probe(void *self, const struct sp_msg *m);

#endif
