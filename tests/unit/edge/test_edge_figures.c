/* What the edge counts, in Prometheus's text form. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "common/base/compiler.h"
#include "services/edge/figures.h"

/* True where `line` is one of the lines that are written. */
static bool
has_line(const struct figures *f, const char *line)
{
    struct sp_buf out = sp_buf_new(16384);
    char wanted[256];
    bool found = false;

    (void)sp_buf_add_str(&out, "\n");
    figures_write(f, &out);
    (void)snprintf(wanted, sizeof(wanted), "\n%s\n", line);
    found = memmem(out.data, out.len, wanted, strlen(wanted)) != NULL;
    cr_assert_eq(out.error, 0);
    sp_buf_free(&out);
    return found;
}

Test(edge_figures, counts_answers_by_class)
{
    static const char *const want[] = {
        "sallyport_requests_total{class=\"1xx\"} 0",
        "sallyport_requests_total{class=\"2xx\"} 2",
        "sallyport_requests_total{class=\"3xx\"} 0",
        "sallyport_requests_total{class=\"4xx\"} 1",
        "sallyport_requests_total{class=\"5xx\"} 1",
        "sallyport_request_seconds_count 5",
    };
    struct figures f = { .connections = 0 };

    figures_answer(&f, 200, 1);
    figures_answer(&f, 202, 1);
    figures_answer(&f, 404, 1);
    figures_answer(&f, 503, 1);
    figures_answer(&f, 999, 1);
    for (size_t i = 0; i < SP_COUNT(want); i++) {
        cr_expect(has_line(&f, want[i]), "%s", want[i]);
    }
}

Test(edge_figures, the_histogram_is_cumulative)
{
    static const char *const want[] = {
        "sallyport_request_seconds_bucket{le=\"0.0005\"} 2",
        "sallyport_request_seconds_bucket{le=\"0.001\"} 3",
        "sallyport_request_seconds_bucket{le=\"0.0025\"} 3",
        "sallyport_request_seconds_bucket{le=\"0.25\"} 3",
        "sallyport_request_seconds_bucket{le=\"1\"} 4",
        "sallyport_request_seconds_bucket{le=\"10\"} 4",
        "sallyport_request_seconds_bucket{le=\"+Inf\"} 5",
        "sallyport_request_seconds_count 5",
    };
    struct figures f = { .connections = 0 };

    figures_answer(&f, 200, -1);
    figures_answer(&f, 200, 500);
    figures_answer(&f, 200, 501);
    figures_answer(&f, 200, 1000000);
    figures_answer(&f, 200, 10000001);
    for (size_t i = 0; i < SP_COUNT(want); i++) {
        cr_expect(has_line(&f, want[i]), "%s", want[i]);
    }
}

/* A sum in six digits stands still for minutes after a busy week, and a rate
 * over it is nonsense. */
Test(edge_figures, the_sum_keeps_its_last_digit)
{
    struct figures f = { .latency_us = 1234567890123 };

    cr_expect(has_line(&f, "sallyport_request_seconds_sum 1234567.890123"));
    figures_answer(&f, 200, 1);
    cr_expect(has_line(&f, "sallyport_request_seconds_sum 1234567.890124"));
    f.latency_us = 0;
    cr_expect(has_line(&f, "sallyport_request_seconds_sum 0.000000"));
}

Test(edge_figures, every_counter_has_its_own_line)
{
    const struct figures f = {
        .connections = 1,
        .open = 2,
        .shed = 3,
        .handshakes = 4,
        .resumed = 5,
        .waiting = 6,
        .refused = 7,
        .malformed = 8,
        .cancelled = 9,
        .deadlines = 10,
        .unplaced = 11,
        .repeated = 12,
        .late = 13,
        .streams = 14,
        .broken = 15,
        .probes = 16,
    };
    static const char *const want[] = {
        "sallyport_edge_connections_total 1",
        "sallyport_edge_connections_open 2",
        "sallyport_edge_connections_shed_total 3",
        "sallyport_edge_tls_handshakes_total 4",
        "sallyport_edge_tls_resumed_total 5",
        "sallyport_edge_requests_waiting 6",
        "sallyport_edge_requests_refused_total 7",
        "sallyport_edge_requests_malformed_total 8",
        "sallyport_edge_requests_cancelled_total 9",
        "sallyport_edge_deadlines_exceeded_total 10",
        "sallyport_edge_requests_unplaced_total 11",
        "sallyport_edge_repetitions_total 12",
        "sallyport_edge_late_answers_total 13",
        "sallyport_edge_streams_total 14",
        "sallyport_edge_streams_broken_total 15",
        "sallyport_edge_probes_total 16",
    };

    for (size_t i = 0; i < SP_COUNT(want); i++) {
        cr_expect(has_line(&f, want[i]), "%s", want[i]);
    }
}
