/* Argon2id takes tens of milliseconds and 64 MiB: a helper process, forked
 * before any key is loaded, verifies client secrets against their hashes, one
 * at a time, while the loop goes on. */
#ifndef SP_SERVICES_AUTH_HASHER_H
#define SP_SERVICES_AUTH_HASHER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/compiler.h"
#include "common/base/view.h"
#include "common/process/helper.h"

/* Longest client secret that is looked at. */
#define HASHER_MAX_SECRET 256

/* Forks the helper; sp_helper_fd() is to be watched for verdicts, and
 * sp_helper_free() ends it. 0 or SP_ESYSTEM. */
SP_MUST_CHECK int
hasher_start(struct sp_helper **ret_hasher);

/* Asks whether `secret` belongs to `hash` (libsodium's password hash text).
 * `tag` comes back with the verdict. 0, SP_ELIMIT, SP_EFULL, or SP_ESYSTEM
 * where the helper is gone. */
SP_MUST_CHECK int
hasher_ask(struct sp_helper *hasher, uint32_t tag, const char *hash,
           struct sp_view secret);

/* Takes one verdict. 0, SP_ENOPEER where none waits, SP_ESYSTEM where the
 * helper is gone. */
SP_MUST_CHECK int
hasher_take(struct sp_helper *hasher, uint32_t *ret_tag, bool *ret_good);

#endif
