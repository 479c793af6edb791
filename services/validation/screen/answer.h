/* The examination of what executors send back: one part of an answer at a
 * time. Knows no socket. */
#ifndef SP_SERVICES_VALIDATION_SCREEN_ANSWER_H
#define SP_SERVICES_VALIDATION_SCREEN_ANSWER_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/message.h"
#include "services/validation/screen/answer_check.h"

/* What becomes of a part. */
enum answer_fate {
    ANSWER_PASS,    /* on to the client, with answer_check.headers */
    ANSWER_DROP,    /* of an earlier attempt, or unknown: nobody waits here */
    ANSWER_REPLACE, /* refused, nothing has been sent: answer 502 instead */
    ANSWER_BREAK,   /* refused in the middle of a stream: end it as broken */
};

struct answer_verdict {
    enum answer_fate fate;
    bool ended;            /* nothing more of this answer may pass */
    const char *why;       /* constant word, where refused */
    struct sp_view object; /* the tool, where known */
    struct sp_view rpc_id; /* of the request, where known */
};

/* Makes the room; the pointers are already set. */
void
answer_init(struct answer_check *check);

void
answer_free(struct answer_check *check);

/* Judges a part that came from `from`, and keeps count of it; where the answer
 * has ended, the caller removes its entry. now_ms is monotonic. The views of
 * the verdict live until the next call. */
void
answer_part(struct answer_check *check, enum sp_service_id from,
            const struct sp_result *part, int64_t now_ms,
            struct answer_verdict *ret_verdict);

#endif
