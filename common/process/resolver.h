/* Names to addresses without blocking: a helper process, forked before the
 * jail closes, asks the system's resolver and answers over a socketpair. Used
 * by tcp links and by the fetcher. */
#ifndef SP_COMMON_PROCESS_RESOLVER_H
#define SP_COMMON_PROCESS_RESOLVER_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/compiler.h"
#include "common/process/helper.h"

#define SP_RESOLVER_MAX 64 /* replicas of one service that are looked at */

/* The answer to one question; `tag` is the question's. IPv4 only: container
 * networks have it everywhere. `failed` is not 0 where the resolver could not
 * find out, which is another thing than a name without addresses. */
struct sp_resolved {
    uint32_t tag;
    uint32_t failed;
    uint32_t count;
    unsigned char address[SP_RESOLVER_MAX][4];
};

/* Forks the helper and closes its jail; sp_helper_fd() is to be watched, and
 * sp_helper_free() ends it. 0 or SP_ESYSTEM. */
SP_MUST_CHECK int
sp_resolver_start(struct sp_helper **ret_resolver);

/* Asks for the addresses of `name`. 0, or an error where the question could not
 * be queued; a dead helper shows on take. */
SP_MUST_CHECK int
sp_resolver_ask(struct sp_helper *resolver, uint32_t tag, const char *name);

/* Takes one answer: 0, or SP_ENOPEER where none waits, SP_ESYSTEM where the
 * helper is gone. */
SP_MUST_CHECK int
sp_resolver_take(struct sp_helper *resolver, struct sp_resolved *ret_answer);

#endif
