/* The messages of the edge: what comes back for the requests that it owns. */
#ifndef SP_SERVICES_EDGE_WIRE_H
#define SP_SERVICES_EDGE_WIRE_H

#include <stdbool.h>

#include "proto/message.h"

/* Message handlers and the peer hook; `self` is the edge. */
void
wire_on_answer(void *self, const struct sp_msg *m);

void
wire_on_denial(void *self, const struct sp_msg *m);

void
wire_on_started(void *self, const struct sp_msg *m);

/* A stage waits for something slow: the request is not sent again meanwhile. */
void
wire_on_in_hand(void *self, const struct sp_msg *m);

/* Repeats what the lost replica may have held, or says that it is lost. */
void
wire_on_peer_lost(void *self, const struct sp_msg *m);

/* Cuts the streams of tokens that are valid no longer. */
void
wire_on_revoked(void *self, const struct sp_msg *m);

void
wire_on_probe_answer(void *self, const struct sp_msg *m);

void
wire_peer(void *self, enum sp_service_id service, struct sp_view name, bool up);

#endif
