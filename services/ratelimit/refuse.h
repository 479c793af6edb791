/* What a client reads when it must wait or cannot be served. */
#ifndef SP_SERVICES_RATELIMIT_REFUSE_H
#define SP_SERVICES_RATELIMIT_REFUSE_H

#include <stdint.h>

#include "common/base/compiler.h"
#include "common/text/buf.h"
#include "services/ratelimit/admission.h"

/* Whole seconds, rounded up, at least 1: who waits so long is not refused by
 * the same charge again. RFC 9110 section 10.2.3. */
int64_t
refuse_seconds(int64_t wait_ns);

/* Header text and body of the 429 for a verdict that does not admit, in the
 * form of the path, with Retry-After and the RateLimit and RateLimit-Policy
 * fields of draft-ietf-httpapi-ratelimit-headers-10. 0 or SP_ELIMIT. */
SP_MUST_CHECK int
refuse_limit(const struct verdict *verdict, struct sp_view path,
             struct sp_view rpc_id, struct sp_buf *headers,
             struct sp_buf *body);

/* The same for a stage ahead that is not there or full (503, Retry-After: 1)
 * and for what must not happen (500). */
SP_MUST_CHECK int
refuse_fault(unsigned status, struct sp_view path, struct sp_view rpc_id,
             struct sp_buf *headers, struct sp_buf *body);

#endif
