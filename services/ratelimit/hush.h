/* Keeps a flood of refusals from flooding the audit trail: the first of a key
 * is reported at once, those of the next second together, with their number. */
#ifndef SP_SERVICES_RATELIMIT_HUSH_H
#define SP_SERVICES_RATELIMIT_HUSH_H

#include <stddef.h>
#include <stdint.h>

#include "common/stage/service.h"
#include "services/ratelimit/limit_states.h"

/* Keys distinguished at one time; all others of that second are reported as
 * one. */
#define HUSH_KEYS 256
#define HUSH_MS 1000

/* A refusal; `facts` is key=value text of constant words and numbers. */
struct hush_note {
    struct limit_key key;
    struct sp_occurrence what; /* its detail is not looked at */
    const char *facts;         /* NULL for none */
};

/* Gets an occurrence whose detail is "count=N" and the facts. */
struct hush_sink {
    void (*report)(void *arg, const struct sp_occurrence *what);
    void *arg;
};

struct hush;

/* Nothing is hushed yet. */
struct hush *
hush_new(struct hush_sink sink);

void
hush_free(struct hush **h);

void
hush_note(struct hush *h, const struct hush_note *note, int64_t now_ms);

/* Tells what has waited for its second; to be called about once a second. */
void
hush_tick(struct hush *h, int64_t now_ms);

/* Tells everything that waits: at the end of the process. */
void
hush_flush(struct hush *h);

#endif
