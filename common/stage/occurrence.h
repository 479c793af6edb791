/* What a process reports to the monitor, as its handlers write it down. */
#ifndef SP_COMMON_STAGE_OCCURRENCE_H
#define SP_COMMON_STAGE_OCCURRENCE_H

#include <stdint.h>

#include "common/base/view.h"

/* What an event says; empty views where a thing does not apply. */
struct sp_occurrence {
    const char *kind; /* constant word, e.g. "token_refused" */
    struct sp_view request_id;
    struct sp_view address;
    struct sp_view subject;
    struct sp_view client;
    struct sp_view object; /* tool, model, path: what it was about */
    struct sp_view tenant;
    struct sp_view trace; /* W3C traceparent */
    unsigned status;      /* HTTP status given, 0 for none */
    uint64_t duration_us; /* 0 where it has no meaning */
    uint64_t cost;        /* LLM tokens, or the tool's declared cost */
    const char *detail;   /* key=value text, NULL for none */
};

#endif
