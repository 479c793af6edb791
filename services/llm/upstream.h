/* What clients hear when the upstream fails: fixed sentences. Nothing of
 * the upstream's own text passes, since it may name keys, hosts and accounts
 * of the operator. */
#ifndef SP_SERVICES_LLM_UPSTREAM_H
#define SP_SERVICES_LLM_UPSTREAM_H

#include <stdint.h>

#include "common/base/compiler.h"
#include "common/base/view.h"
#include "common/stage/refusal.h"
#include "common/text/buf.h"
#include "common/text/json.h"

/* For an answer or an event that is a failure: its status, and its body in any
 * of the upstreams' dialects. An error code that clients act upon decides; a
 * failure under status 200 has its status in the body. Never NULL. */
const struct sp_refusal *
upstream_refused(unsigned status, struct sp_json *json, struct sp_view body);

/* For a fetch that ended with this SP_E* value. Never NULL. */
const struct sp_refusal *
upstream_unreached(int error);

/* An answer that is none; a stream that ended early. */
const struct sp_refusal *
upstream_malformed(void);
const struct sp_refusal *
upstream_cut(void);

/* Seconds to wait by the Retry-After of this header text: 1 to 3600, where
 * more count as 3600; 0 where it says nothing that can be used (RFC 9110
 * section 10.2.3). A date is held against the upstream's own Date, or else
 * against `now_s`, seconds since 1970-01-01 UTC. */
uint64_t
upstream_retry_after(struct sp_view headers, int64_t now_s);

/* Appends the failure as an event inside a stream of chunks. 0 or
 * SP_ELIMIT. */
int
upstream_write_event(const struct sp_refusal *failure, struct sp_buf *out);

#endif
