/* The messages of the validation process. `self` is the process. */
#ifndef SP_SERVICES_VALIDATION_WIRE_H
#define SP_SERVICES_VALIDATION_WIRE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/text/buf.h"
#include "proto/message.h"

/* Examines a request: on to ratelimit, or an answer to the edge. */
void
wire_on_call(void *self, const struct sp_msg *m);

void
wire_on_result(void *self, const struct sp_msg *m);

void
wire_on_cancel(void *self, const struct sp_msg *m);

void
wire_on_credit(void *self, const struct sp_msg *m);

void
wire_on_probe(void *self, const struct sp_msg *m);

void
wire_on_probe_answer(void *self, const struct sp_msg *m);

/* Timer: forgets requests whose time is up. */
void
wire_on_sweep(void *self);

/* The edge resends at once what a lost ratelimit had not passed on. */
void
wire_peer(void *self, enum sp_service_id service, struct sp_view name, bool up);

void
wire_metrics(void *self, struct sp_buf *out);

/* Answers that are still to come, or passing: a draining process waits for
 * their ends. */
size_t
wire_in_flight(void *self);

#endif
