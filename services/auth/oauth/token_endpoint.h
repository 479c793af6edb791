/* POST /token: the client credentials grant. Requests whose secret must go
 * through the slow hash wait here, while the loop goes on. */
#ifndef SP_SERVICES_AUTH_OAUTH_TOKEN_ENDPOINT_H
#define SP_SERVICES_AUTH_OAUTH_TOKEN_ENDPOINT_H

#include "common/process/loop.h"
#include "proto/message.h"
#include "services/auth/auth.h"

struct token_endpoint;

/* Starts the hashing helper: before any key is loaded, so that the helper
 * never has one. NULL where it cannot be started. */
struct token_endpoint *
token_endpoint_new(struct auth *auth);

/* Sets the limits on failures, after the configuration is loaded. */
void
token_endpoint_limit(struct token_endpoint *endpoint, uint32_t burst,
                     uint32_t per_minute);

void
token_endpoint_free(struct token_endpoint **endpoint);

/* Watches the helper. 0 or SP_ESYSTEM. */
SP_MUST_CHECK int
token_endpoint_watch(struct token_endpoint *endpoint, struct sp_loop *loop);

void
token_endpoint_handle(struct token_endpoint *endpoint,
                      const struct sp_http_request *request);

/* Requests that wait for the helper. */
size_t
token_endpoint_waiting(const struct token_endpoint *endpoint);

#endif
