/* A request to the token endpoint (RFC 6749 section 4.4.2, RFC 8707), read and
 * checked as far as it goes without knowing the client. */
#ifndef SP_SERVICES_AUTH_OAUTH_TOKEN_REQUEST_H
#define SP_SERVICES_AUTH_OAUTH_TOKEN_REQUEST_H

#include "common/base/compiler.h"
#include "common/base/view.h"
#include "common/stage/refusal.h"
#include "common/text/buf.h"
#include "proto/message.h"
#include "services/auth/oauth/form.h"

/* The resources that a token can be for. */
struct token_resources {
    const char *url;     /* SP_URL */
    const char *mcp_url; /* SP_URL/mcp, the default */
};

/* Holds what the views point to; made once, read into again and again. */
struct token_request {
    struct form form;
    struct sp_buf scratch;
    struct sp_view client;
    struct sp_view secret;
    struct sp_view scope; /* empty: all that the client may have */
    const char *audience; /* one of the resources */
};

struct token_request
token_request_new(void);

/* Wipes it. */
void
token_request_free(struct token_request *request);

/* Reads the request. NULL, or what is wrong with it. */
SP_MUST_CHECK const struct sp_refusal *
token_request_read(struct token_request *request,
                   const struct sp_http_request *http,
                   const struct token_resources *resources);

/* The refusals that the endpoint itself gives. */
extern const struct sp_refusal oauth_invalid_client;
extern const struct sp_refusal oauth_invalid_scope;

#endif
