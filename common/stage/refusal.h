/* How a refusal looks to a client: one shape for each kind of caller, with a
 * stable code, a sentence that says what to fix, and no echo of the input. */
#ifndef SP_COMMON_STAGE_REFUSAL_H
#define SP_COMMON_STAGE_REFUSAL_H

#include <stdint.h>

#include "common/base/compiler.h"
#include "common/base/view.h"
#include "common/text/buf.h"
#include "proto/paths.h"

struct sp_refusal {
    unsigned status;       /* HTTP status */
    int rpc_code;          /* JSON-RPC error code; 0: from the status */
    const char *code;      /* stable snake_case word */
    const char *text;      /* one sentence */
    const char *param;     /* JSON Pointer to the member at fault, or NULL */
    struct sp_view rpc_id; /* JSON text of the id; empty: no id member, as
                             * MCP 2025-11-25 and later want it */
    const char *data;      /* JSON text of error.data, or NULL */
    int64_t retry_after_s; /* 0: no Retry-After */
    const char *allow;     /* methods for Allow; NULL: none */
    const char *kind;      /* of the event that records it; NULL: none */
};

/* Writes header text (content-type, cache-control, retry-after, allow) and
 * body. 0 or SP_ELIMIT. */
SP_MUST_CHECK int
sp_refusal_write(const struct sp_refusal *refusal, enum sp_refusal_form form,
                 struct sp_buf *headers, struct sp_buf *body);

#endif
