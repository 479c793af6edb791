/* What the edge counts, as Prometheus text. */
#ifndef SP_SERVICES_EDGE_FIGURES_H
#define SP_SERVICES_EDGE_FIGURES_H

#include <stddef.h>
#include <stdint.h>

#include "common/text/buf.h"

#define FIGURES_BUCKETS 9

struct figures {
    uint64_t answers[6]; /* by status class: [2] counts 2xx; [0] no answer */
    uint64_t buckets[FIGURES_BUCKETS + 1]; /* latency; the last is the rest */
    uint64_t latency_us;                   /* sum */
    uint64_t connections;                  /* accepted */
    uint64_t resumed;                      /* TLS sessions resumed by ticket */
    uint64_t handshakes; /* TLS handshakes that led to a request */
    uint64_t shed;       /* connections closed for slowness or caps */
    uint64_t refused;    /* requests refused by the edge's own rules */
    uint64_t malformed;  /* requests that the HTTP library refused */
    uint64_t deadlines;  /* requests answered 504 */
    uint64_t unplaced;   /* requests answered 503: no stage took them */
    uint64_t repeated;   /* sent again after a peer was lost */
    uint64_t late;       /* answers to requests that are gone */
    uint64_t foreign;    /* messages of a stage that has no say in it */
    uint64_t streams;    /* answers in more than one part */
    uint64_t broken;     /* streams that ended early */
    uint64_t cancelled;  /* requests whose client went away */
    uint64_t probes;
    size_t open;    /* connections now */
    size_t waiting; /* requests in the pipeline now */
};

/* An answer left after `us` microseconds. */
void
figures_answer(struct figures *f, unsigned status, int64_t us);

void
figures_write(const struct figures *f, struct sp_buf *out);

#endif
