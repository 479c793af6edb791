/* The life of the process: start, reload, drain and end. */
#ifndef SP_SERVICES_EDGE_LIFE_H
#define SP_SERVICES_EDGE_LIFE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/compiler.h"
#include "common/stage/service.h"
#include "common/text/buf.h"

struct edge;

/* The hooks of `struct sp_service`, see common/stage/service.h. */
void
life_before_jail(struct sp_runtime *rt, void *self, struct sp_jail *jail);

void
life_in_jail(struct sp_runtime *rt, void *self);

void
life_metrics(void *self, struct sp_buf *out);

bool
life_ready(void *self);

size_t
life_in_flight(void *self);

void
life_drain(void *self);

void
life_fini(void *self);

/* Reads `directory`/edge.yaml again. 0 with it in force for what begins from
 * now on, or SP_ECONFIG with a sentence in `why` and nothing changed. */
SP_MUST_CHECK int
life_reload(struct edge *edge, const char *directory, struct sp_buf *why);

#endif
