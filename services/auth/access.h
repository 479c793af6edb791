/* Requests that need a token: who is it, and on to validation. */
#ifndef SP_SERVICES_AUTH_ACCESS_H
#define SP_SERVICES_AUTH_ACCESS_H

#include "proto/message.h"
#include "services/auth/auth.h"

/* Answers 401, 403, 404 or 503, or forwards the request as a CALL. */
void
access_handle(struct auth *auth, const struct sp_http_request *request);

#endif
