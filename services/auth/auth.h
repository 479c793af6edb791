/* Start and end of the auth process, and its message handlers. */
#ifndef SP_SERVICES_AUTH_AUTH_H
#define SP_SERVICES_AUTH_AUTH_H

#include "common/base/compiler.h"
#include "common/text/buf.h"
#include "services/auth/auth_state.h"

/* Hooks of struct sp_service. */
void
auth_before_jail(struct sp_runtime *rt, void *self, struct sp_jail *jail);

void
auth_in_jail(struct sp_runtime *rt, void *self);

void
auth_peer(void *self, enum sp_service_id service, struct sp_view name, bool up);

void
auth_metrics(void *self, struct sp_buf *out);

size_t
auth_in_flight(void *self);

void
auth_fini(void *self);

/* Reads `directory`/auth.yaml again. 0 with it in force, or SP_ECONFIG with a
 * sentence in `why` and nothing changed. */
SP_MUST_CHECK int
auth_reload(struct auth *auth, const char *directory, struct sp_buf *why);

/* Message handlers. */
void
auth_on_http_request(void *self, const struct sp_msg *m);

void
auth_on_cancel(void *self, const struct sp_msg *m);

void
auth_on_credit(void *self, const struct sp_msg *m);

void
auth_on_probe(void *self, const struct sp_msg *m);

#endif
