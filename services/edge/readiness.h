/* Whether the gate can serve: every executor has lately answered a probe that
 * went down the whole pipeline. */
#ifndef SP_SERVICES_EDGE_READINESS_H
#define SP_SERVICES_EDGE_READINESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/view.h"
#include "common/text/buf.h"
#include "proto/message.h"

#define READINESS_EXECUTORS 3
#define READINESS_PROBES 64
/* A probe that is older than this proves nothing. */
#define READINESS_VALID_MS 3000

struct readiness {
    unsigned char key[8];                   /* first half of our probes' ids */
    uint64_t counter;                       /* second half of the next one */
    int64_t sent_ms[READINESS_PROBES];      /* by counter, the newest ones */
    int64_t proved_ms[READINESS_EXECUTORS]; /* 0: never */
    bool was_ready;                         /* at least once */
};

/* `key` is 8 random bytes. */
void
readiness_begin(struct readiness *r, const unsigned char key[8]);

/* The id of the next probe. */
void
readiness_probe(struct readiness *r, int64_t now_ms, unsigned char id[16]);

/* Takes an answer; one to a probe that we did not send of late is ignored. */
void
readiness_answer(struct readiness *r, struct sp_view id,
                 enum sp_service_id service, int64_t now_ms);

bool
readiness_ready(const struct readiness *r, int64_t now_ms);

/* How soon the next probe is due: fast until the first success. */
int64_t
readiness_interval_ms(const struct readiness *r, int64_t now_ms);

/* {"ready":true,"waiting_for":[]} */
void
readiness_write(const struct readiness *r, int64_t now_ms, struct sp_buf *out);

#endif
