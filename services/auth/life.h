/* The life of the auth process: start, reload and end. */
#ifndef SP_SERVICES_AUTH_LIFE_H
#define SP_SERVICES_AUTH_LIFE_H

#include "common/base/compiler.h"
#include "common/stage/service.h"
#include "common/text/buf.h"

struct auth;

/* Hooks of struct sp_service. */
void
life_before_jail(struct sp_runtime *rt, void *self, struct sp_jail *jail);

void
life_in_jail(struct sp_runtime *rt, void *self);

void
life_metrics(void *self, struct sp_buf *out);

size_t
life_in_flight(void *self);

void
life_fini(void *self);

/* Reads `directory`/auth.yaml again. 0 with it in force, or SP_ECONFIG with a
 * sentence in `why` and nothing changed. */
SP_MUST_CHECK int
life_reload(struct auth *auth, const char *directory, struct sp_buf *why);

#endif
