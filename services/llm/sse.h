/* Splits text/event-stream into the data of its events (WHATWG HTML, section
 * "Server-sent events"). Comments and all fields but `data` are dropped. */
#ifndef SP_SERVICES_LLM_SSE_H
#define SP_SERVICES_LLM_SSE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/compiler.h"
#include "common/base/view.h"
#include "common/text/buf.h"

struct sse {
    struct sp_buf line; /* the unfinished line */
    struct sp_buf data; /* of the unfinished event, each line ended by LF */
    bool after_cr;      /* an LF that follows belongs to the CR */
    bool begun;         /* past the place of a byte order mark */
};

/* An event's data, without the last newline. Returns 0, or an error that ends
 * sse_feed(). */
typedef int
sse_event(void *arg, struct sp_view data);

/* Lines, and the data of one event, may have up to `max` bytes each. */
void
sse_begin(struct sse *sse, size_t max);

void
sse_end(struct sse *sse);

/* Takes the next bytes of the stream, cut anywhere. 0, SP_ELIMIT, or what
 * `event` returned; after an error the stream cannot go on. */
SP_MUST_CHECK int
sse_feed(struct sse *sse, struct sp_view bytes, sse_event *event, void *arg);

#endif
