/* How often somebody may fail: GCRA over failures alone, so that those who
 * succeed never wait. A bounded table; under pressure the key that is closest
 * to forgiven makes room. */
#ifndef SP_SERVICES_AUTH_THROTTLE_H
#define SP_SERVICES_AUTH_THROTTLE_H

#include <stdint.h>

#include "common/base/view.h"

struct throttle;

/* `burst` failures at once, then `per_minute` (both > 0). */
struct throttle *
throttle_new(uint32_t burst, uint32_t per_minute);

void
throttle_free(struct throttle **throttle);

/* The key of a client address: IPv6 addresses of one /64 share it. */
uint64_t
throttle_address(const struct throttle *throttle, struct sp_view address);

/* The key of a client id. */
uint64_t
throttle_client(const struct throttle *throttle, struct sp_view client);

/* Milliseconds until the key may try again, 0 for now. `now_ms` is monotonic
 * time. */
int64_t
throttle_wait_ms(const struct throttle *throttle, uint64_t key, int64_t now_ms);

/* Counts a failure. */
void
throttle_fail(struct throttle *throttle, uint64_t key, int64_t now_ms);

#endif
