/* The state directory: its layout, its keys and certificates. All functions
 * work in the current directory, which is $SP_STATE. */
#ifndef SP_CLIENTS_SALLYPORT_STATE_H
#define SP_CLIENTS_SALLYPORT_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/compiler.h"
#include "common/text/buf.h"
#include "proto/message.h"

/* Room for a sentence that says what failed, and the fix. */
#define STATE_WHY_MAX 1024

/* The clients that the gate is made with. */
extern const char *const state_clients[];
extern const size_t state_client_count;

/* Where a client's secret lies, for the operator, and its hash, for auth. */
#define STATE_CLIENT_SECRET "keys/operator/%s.secret"
#define STATE_CLIENT_HASH "keys/auth/clients/%s.hash"

/* A secret that several services hold: its file name, the length of its bytes
 * (the file has twice as many hex digits), and who holds it. */
struct state_shared {
    const char *name;
    size_t bytes;
    unsigned holders; /* 1 << enum sp_service_id, or'ed */
};

extern const struct state_shared state_shared[];
extern const size_t state_shared_count;

/* Makes whatever is missing and keeps whatever is there; only the server
 * certificate is made anew, when it is about to end, is not for `host` or has
 * lost its key; an operator's own is left alone. 0, or SP_ESYSTEM, SP_ECRYPTO
 * or SP_ECONFIG with a sentence in `why`. */
SP_MUST_CHECK int
state_make(const char *host, int64_t now_s, struct sp_buf *why);

/* Makes a secret for a client, and its hash for auth; what is there is kept.
 * Errors as state_make(). */
SP_MUST_CHECK int
state_add_client(const char *client, struct sp_buf *why);

/* Puts a new secret and its hash in the place of the old ones. Errors as
 * state_make(). */
SP_MUST_CHECK int
state_rotate_client(const char *client, struct sp_buf *why);

/* Removes a client's secret and hash, where they are. */
void
state_remove_client(const char *client);

/* Gives a client's hash to the user of auth, as whom systemd starts it. Errors
 * as state_make(). */
SP_MUST_CHECK int
state_give_client(const char *client, struct sp_buf *why);

/* Makes `directory`/<service> for every service, with only those files that the
 * service may read, laid out like a state directory of its own; a file that
 * differs is brought up to date. As root, everything gets the owner that
 * `directory`/<service> has. Where there is a `directory`/redis, Redis gets a
 * random password: its digest as redis.acl there, itself as a key of ratelimit.
 * Errors as state_make(). */
SP_MUST_CHECK int
state_split(const char *directory, struct sp_buf *why);

/* Gives keys, stores and run directories of each service to the user
 * sallyport-<service> and the group sallyport, for the systemd units. Errors as
 * state_make(). */
SP_MUST_CHECK int
state_give(struct sp_buf *why);

#endif
