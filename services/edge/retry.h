/* When a request is sent again. Of a request that shows no sign of life within
 * a few times the usual time a repetition is worth its cost; of all requests at
 * once it is not, so repetitions have a budget. */
#ifndef SP_SERVICES_EDGE_RETRY_H
#define SP_SERVICES_EDGE_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/paths.h"

struct retry_config {
    int64_t floor_ms;  /* shortest wait before a repetition */
    unsigned factor;   /* wait this many times the usual time */
    unsigned attempts; /* sendings in all, the first included */
    unsigned percent;  /* repetitions per hundred requests */
    unsigned spare;    /* repetitions that an idle edge may make at once */
};

/* Attempts that a lost peer may cause, whatever the configuration: the schema's
 * field ends at 15. */
#define RETRY_MAX_ATTEMPTS 12

struct retry {
    struct retry_config config;
    int64_t usual_us[SP_CLASS_COUNT]; /* smoothed time to the first sign */
    int64_t tokens;                   /* budget, in hundredths */
    int64_t refilled_ms;
    uint64_t repeated; /* repetitions made for silence */
    uint64_t withheld; /* repetitions that the budget forbade */
};

/* Nothing is known of the usual times yet, and the spare budget is full. */
void
retry_begin(struct retry *r, const struct retry_config *config, int64_t now_ms);

/* Other rules; what is known and what is saved up stays. */
void
retry_configure(struct retry *r, const struct retry_config *config);

/* A request is sent for the first time: it earns its part of the budget. */
void
retry_sent(struct retry *r);

/* The first STARTED or answer came `us` after the first sending. */
void
retry_signed(struct retry *r, enum sp_path_class class, int64_t us);

/* How long attempt number `attempt` (0: the first) may stay silent. Each
 * attempt waits twice as long as the one before. */
int64_t
retry_wait_ms(const struct retry *r, enum sp_path_class class,
              unsigned attempt);

/* True where a silent request that was sent `attempt` + 1 times may be sent
 * again now; takes one repetition off the budget. */
bool
retry_take(struct retry *r, unsigned attempt, int64_t now_ms);

#endif
