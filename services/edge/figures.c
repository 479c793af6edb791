/* Counters and one histogram. */
#include "services/edge/figures.h"

#include <inttypes.h>

#include "common/base/compiler.h"

#define US_PER_S 1000000

/* Upper bounds in microseconds. */
static const int64_t bounds[FIGURES_BUCKETS] = {
    500, 1000, 2500, 5000, 10000, 50000, 250000, 1000000, 10000000,
};

void
figures_answer(struct figures *f, unsigned status, int64_t us)
{
    size_t i = 0;

    f->answers[status < 600 ? status / 100 : 0]++;
    while (i < FIGURES_BUCKETS && us > bounds[i]) {
        i++;
    }
    f->buckets[i]++;
    f->latency_us += us > 0 ? (uint64_t)us : 0;
}

static void
write_latency(const struct figures *f, struct sp_buf *out)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < FIGURES_BUCKETS; i++) {
        sum += f->buckets[i];
        (void)sp_buf_addf(
            out, "sallyport_request_seconds_bucket{le=\"%g\"} %" PRIu64 "\n",
            (double)bounds[i] / 1e6, sum);
    }
    sum += f->buckets[FIGURES_BUCKETS];
    (void)sp_buf_addf(
        out, "sallyport_request_seconds_bucket{le=\"+Inf\"} %" PRIu64 "\n",
        sum);
    (void)sp_buf_addf(
        out, "sallyport_request_seconds_sum %" PRIu64 ".%06" PRIu64 "\n",
        f->latency_us / US_PER_S, f->latency_us % US_PER_S);
    (void)sp_buf_addf(out, "sallyport_request_seconds_count %" PRIu64 "\n",
                      sum);
}

void
figures_write(const struct figures *f, struct sp_buf *out)
{
    const struct {
        const char *name;
        uint64_t value;
    } rows[] = {
        { "connections_total", f->connections },
        { "connections_open", f->open },
        { "connections_shed_total", f->shed },
        { "tls_handshakes_total", f->handshakes },
        { "tls_resumed_total", f->resumed },
        { "requests_waiting", f->waiting },
        { "requests_refused_total", f->refused },
        { "requests_malformed_total", f->malformed },
        { "requests_cancelled_total", f->cancelled },
        { "deadlines_exceeded_total", f->deadlines },
        { "requests_unplaced_total", f->unplaced },
        { "repetitions_total", f->repeated },
        { "late_answers_total", f->late },
        { "messages_foreign_total", f->foreign },
        { "streams_total", f->streams },
        { "streams_broken_total", f->broken },
        { "probes_total", f->probes },
    };

    for (size_t i = 1; i < SP_COUNT(f->answers); i++) {
        (void)sp_buf_addf(
            out, "sallyport_requests_total{class=\"%zuxx\"} %" PRIu64 "\n", i,
            f->answers[i]);
    }
    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        (void)sp_buf_addf(out, "sallyport_edge_%s %" PRIu64 "\n", rows[i].name,
                          rows[i].value);
    }
    write_latency(f, out);
}
