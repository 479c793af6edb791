/* The registered clients: what each may ask for, and whether a secret is its
 * own. The slow hash of a secret is verified once (see hasher.h); from then on
 * a keyed digest in memory decides at once. */
#ifndef SP_SERVICES_AUTH_OAUTH_CLIENTS_H
#define SP_SERVICES_AUTH_OAUTH_CLIENTS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/compiler.h"
#include "common/base/view.h"
#include "common/text/buf.h"

struct clients;
struct client;

struct clients *
clients_new(void);

/* Wipes digests and hashes. */
void
clients_free(struct clients **clients);

/* Adds a client; the texts are copied. `scopes` is space separated. 0,
 * SP_EDUPLICATE, SP_ELIMIT, or SP_EFORMAT where the id is not ok or `hash` is
 * no argon2id text of libsodium. */
SP_MUST_CHECK int
clients_add(struct clients *clients, const char *id, const char *scopes,
            struct sp_view hash);

/* What `old` knows of the secrets of clients that are in both, with the same
 * hash. */
void
clients_inherit(struct clients *clients, const struct clients *old);

/* NULL for none. Not constant in time: a client identifier is not a secret
 * (RFC 6749 section 2.2). */
struct client *
clients_find(const struct clients *clients, struct sp_view id);

const char *
client_id(const struct client *client);

const char *
client_scopes(const struct client *client);

const char *
client_hash(const struct client *client);

enum client_verdict {
    CLIENT_WRONG,
    CLIENT_RIGHT,
    CLIENT_ASK_HASHER, /* no secret of this client has been verified yet */
};

/* Judges a secret by the digest, in constant time. */
enum client_verdict
client_judge(const struct clients *clients, const struct client *client,
             struct sp_view secret);

/* The hasher has found `secret` right. */
void
client_remember(const struct clients *clients, struct client *client,
                struct sp_view secret);

/* Appends the tokens of `wanted` that `allowed` has, each once. False where
 * `wanted` has one that `allowed` has not. Both space separated. */
bool
scopes_narrow(struct sp_view wanted, struct sp_view allowed,
              struct sp_buf *out);

#endif
