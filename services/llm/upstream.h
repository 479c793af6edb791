/* What clients are told when the upstream fails: fixed sentences. Nothing of
 * the upstream's own text passes, since it may name keys, hosts and accounts
 * of the operator. */
#ifndef SP_SERVICES_LLM_UPSTREAM_H
#define SP_SERVICES_LLM_UPSTREAM_H

#include <stdint.h>

#include "common/base/compiler.h"
#include "common/base/view.h"
#include "common/text/buf.h"
#include "common/text/json.h"

struct upstream_failure {
    unsigned status;  /* HTTP status for the client */
    const char *code; /* stable word */
    const char *text; /* one sentence, less than 256 bytes */
};

/* For an answer with this status, which is not 200, and this body. Its error
 * code decides where it is one that clients act upon. Never NULL. */
const struct upstream_failure *
upstream_refused(unsigned status, struct sp_json *json, struct sp_view body);

/* For a fetch that ended with this SP_E* value. Never NULL. */
const struct upstream_failure *
upstream_unreached(int error);

/* An answer that is none; a stream that ended early. */
const struct upstream_failure *
upstream_malformed(void);
const struct upstream_failure *
upstream_cut(void);

/* Seconds of a Retry-After value: 1 to 3600, or 0 where it says nothing that
 * can be used (RFC 9110 section 10.2.3; dates count as nothing). */
uint64_t
upstream_retry_after(struct sp_view value);

/* Appends the failure as an event inside a stream of chunks. 0 or
 * SP_ELIMIT. */
int
upstream_write_event(const struct upstream_failure *failure,
                     struct sp_buf *out);

#endif
