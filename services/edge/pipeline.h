/* Requests in the pipeline: sent, sent again, cancelled, and what comes back
 * for them. */
#ifndef SP_SERVICES_EDGE_PIPELINE_H
#define SP_SERVICES_EDGE_PIPELINE_H

#include <stdbool.h>

#include "proto/message.h"

struct request;

/* Sends a whole request to auth. Afterwards it either waits in edge->table, or
 * is answered with a refusal (503). */
void
pipeline_send(struct request *r);

/* The client has taken bytes of the stream: gives the executor credit for
 * them once it is worth a message. */
void
pipeline_grant(struct request *r);

/* The client's side of the request has ended. Frees the request, now or, where
 * an executor must yet be found to be told, later. */
void
pipeline_end(struct request *r);

/* Message handlers and the peer hook; `self` is the edge. */
void
pipeline_on_answer(void *self, const struct sp_msg *m);

void
pipeline_on_denial(void *self, const struct sp_msg *m);

void
pipeline_on_started(void *self, const struct sp_msg *m);

void
pipeline_on_peer_lost(void *self, const struct sp_msg *m);

void
pipeline_on_probe_answer(void *self, const struct sp_msg *m);

void
pipeline_peer(void *self, enum sp_service_id service, bool up);

#endif
