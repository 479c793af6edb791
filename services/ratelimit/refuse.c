/* Refusals of this stage. */
#include "services/ratelimit/refuse.h"

#include <inttypes.h>

#include "common/base/error.h"
#include "common/stage/refusal.h"
#include "proto/paths.h"

#define NS_PER_S INT64_C(1000000000)

int64_t
refuse_seconds(int64_t wait_ns)
{
    int64_t seconds = (wait_ns + NS_PER_S - 1) / NS_PER_S;

    return seconds > 1 ? seconds : 1;
}

/* All three limits, each with what is left of it. One that refuses says when
 * it admits again: never later than Retry-After, as the draft wants it. */
static void
add_limit_fields(const struct verdict *verdict, struct sp_buf *headers)
{
    (void)sp_buf_add_str(headers, "ratelimit-policy: ");
    for (int i = 0; i < LIMIT_KINDS; i++) {
        const struct limit_state *state = &verdict->states[i];

        (void)sp_buf_addf(headers, "%s\"%s\";q=%" PRIu32 ";w=%" PRIu32,
                          i == 0 ? "" : ", ",
                          limit_kind_name((enum limit_kind)i), state->requests,
                          state->window_s);
    }
    (void)sp_buf_add_str(headers, "\nratelimit: ");
    for (int i = 0; i < LIMIT_KINDS; i++) {
        const struct limit_state *state = &verdict->states[i];

        (void)sp_buf_addf(headers, "%s\"%s\";r=%" PRId64, i == 0 ? "" : ", ",
                          limit_kind_name((enum limit_kind)i),
                          state->remaining);
        if (state->wait_ns > 0) {
            (void)sp_buf_addf(headers, ";t=%" PRId64,
                              refuse_seconds(state->wait_ns));
        }
    }
    (void)sp_buf_add_str(headers, "\n");
}

int
refuse_limit(const struct verdict *verdict, struct sp_view path,
             struct sp_view rpc_id, struct sp_buf *headers, struct sp_buf *body)
{
    const struct sp_refusal refusal = {
        .status = 429,
        .code = "rate_limited",
        .text = "Too many requests; wait as long as Retry-After says.",
        .rpc_id = rpc_id,
        .retry_after_s = refuse_seconds(verdict->wait_ns),
    };
    int error = sp_refusal_write(&refusal, sp_path_form(path), headers, body);

    add_limit_fields(verdict, headers);
    return error != 0 ? error : headers->error;
}

int
refuse_fault(unsigned status, struct sp_view path, struct sp_view rpc_id,
             struct sp_buf *headers, struct sp_buf *body)
{
    const struct sp_refusal unavailable = {
        .status = 503,
        .code = "unavailable",
        .text = "A part of the gate is not available; try again.",
        .rpc_id = rpc_id,
        .retry_after_s = 1,
    };
    const struct sp_refusal internal = {
        .status = 500,
        .code = "internal_error",
        .text = "The gate could not handle this request.",
        .rpc_id = rpc_id,
    };

    return sp_refusal_write(status == 503 ? &unavailable : &internal,
                            sp_path_form(path), headers, body);
}
