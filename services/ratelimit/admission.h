/* May this request now? Three limits, all of the tier of its client; a request
 * that one of them refuses is charged to none. */
#ifndef SP_SERVICES_RATELIMIT_ADMISSION_H
#define SP_SERVICES_RATELIMIT_ADMISSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "services/ratelimit/gcra.h"
#include "services/ratelimit/limit_states.h"
#include "services/ratelimit/ratelimit_config.h"

/* Tiers that keep their counts and states across a reload: more than twice what
 * one file may have. */
#define ADMISSION_TIERS 256

enum limit_kind {
    LIMIT_ADDRESS,
    LIMIT_CLIENT,
    LIMIT_SUBJECT,
    LIMIT_KINDS,
};

/* "address", "client", "subject". */
const char *
limit_kind_name(enum limit_kind kind);

struct caller {
    struct sp_view address;
    struct sp_view client;
    struct sp_view subject;
};

/* One limit as it stood when it was asked. */
struct limit_state {
    struct limit_key key;
    struct gcra_rate rate;
    uint32_t requests; /* the limit: so many ... */
    uint32_t window_s; /* ... in so many seconds */
    int64_t tat_ns;
    int64_t wait_ns; /* 0: this one admits */
    int64_t remaining;
};

struct verdict {
    bool admitted;
    const char *tier;  /* its name */
    size_t tier_index; /* below ADMISSION_TIERS; stays with the name */
    int64_t wait_ns;   /* after this, all three admit; 0 where they do now */
    enum limit_kind limit; /* the one with the longest wait */
    struct limit_state states[LIMIT_KINDS];
};

struct admission;

/* `config` must outlive it; `seed` is random. */
struct admission *
admission_new(const struct ratelimit_config *config,
              const unsigned char seed[LIMIT_STATES_SEED_BYTES]);

void
admission_free(struct admission **a);

/* Another configuration, which must outlive it, with the same `entries`. States
 * stay with the names of their tiers. */
void
admission_configure(struct admission *a, const struct ratelimit_config *config);

/* The tier_index of the tier at this place of the file. */
size_t
admission_tier_index(const struct admission *a, uint32_t place);

/* Asks the three limits; charges nothing. */
void
admission_ask(const struct admission *a, const struct caller *caller,
              int64_t now_ns, struct verdict *ret_verdict);

/* Charges what an admitting verdict of the same moment stands for. */
void
admission_charge(struct admission *a, const struct verdict *verdict,
                 int64_t now_ns);

/* The table below, for its figures and for other keys. */
const struct limit_states *
admission_limits(const struct admission *a);

#endif
