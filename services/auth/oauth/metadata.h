/* The public documents of the authorization server and of the resource that it
 * guards, written once for each configuration. */
#ifndef SP_SERVICES_AUTH_OAUTH_METADATA_H
#define SP_SERVICES_AUTH_OAUTH_METADATA_H

#include "common/base/view.h"
#include "common/text/buf.h"
#include "services/auth/keyset.h"

#define METADATA_MAX 32768

/* Everything a document can name. */
struct metadata_facts {
    const char *url; /* SP_URL: issuer, and base of all addresses */
    const char *const *scopes;
    size_t scope_count;
    const struct keyset *keys;
};

struct metadata;

/* Writes the documents of these facts, which may go afterwards. NULL where one
 * would be longer than METADATA_MAX. */
struct metadata *
metadata_new(const struct metadata_facts *facts);

void
metadata_free(struct metadata **metadata);

/* The JSON document at `path`, or a view with ptr NULL:
 *   /.well-known/oauth-protected-resource      RFC 9728, resource SP_URL
 *   /.well-known/oauth-protected-resource/mcp  RFC 9728, resource SP_URL/mcp
 *   /.well-known/oauth-authorization-server    RFC 8414
 *   /.well-known/jwks.json, /jwks              RFC 7517 */
struct sp_view
metadata_find(const struct metadata *metadata, struct sp_view path);

#endif
