/* The messages of the llm process. */
#ifndef SP_SERVICES_LLM_WIRE_H
#define SP_SERVICES_LLM_WIRE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/stage/port.h"
#include "common/text/buf.h"
#include "proto/message.h"

struct llm;

/* Makes the executor; configuration, keys and fetcher are set already. */
void
wire_open(struct llm *llm, const struct sp_port *port);

/* Message handlers and hooks; `self` is the llm. */
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

void
wire_metrics(void *self, struct sp_buf *out);

size_t
wire_in_flight(void *self);

#endif
