/* The resolver's last answers, kept for a short time: an upstream that is asked
 * a hundred times a second has its name looked up twice a minute. */
#ifndef SP_COMMON_FETCH_FETCH_NAMES_H
#define SP_COMMON_FETCH_FETCH_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/fetch/fetch_target.h"

#define SP_FETCH_NAMES 16            /* the oldest makes room */
#define SP_FETCH_NAMES_KEEP_MS 30000 /* what most resolvers keep at least */

struct sp_fetch_names;

struct sp_fetch_names *
sp_fetch_names_new(void);

void
sp_fetch_names_free(struct sp_fetch_names **names);

/* Remembers the target's addresses for its host. */
void
sp_fetch_names_put(struct sp_fetch_names *names,
                   const struct sp_fetch_target *target, int64_t now_ms);

/* Gives the target the remembered addresses of its host; they are yet to be
 * checked. False where there are none that are young enough. */
bool
sp_fetch_names_get(const struct sp_fetch_names *names,
                   struct sp_fetch_target *target, int64_t now_ms);

#endif
