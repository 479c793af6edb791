/*
 * NAME
 *     edge - the gate's front door
 *
 * PURPOSE
 *     Speaks HTTPS with the clients and holds them to HTTP/1.1 as it is
 *     written: TLS 1.2 and 1.3, well-formed requests, Host and Origin
 *     allow-lists, limits on headers, bodies, time and connections. What passes
 *     travels on to auth as it came, the credentials apart from the rest; the
 *     edge does not read bodies. It owns each request until its answer has
 *     been sent: deadline, repetition after a loss, cancelling, and the pace of
 *     a stream. Every answer carries the security headers.
 *
 * PEERS
 *     auth receives. auth, validation, ratelimit answer; tools, llm and monitor
 *     say that they have a request, or refuse it.
 *
 * MESSAGES
 *     served  ANSWER, DENIAL, STARTED, IN_HAND, PEER_LOST, REVOKED,
 *             PROBE_ANSWER
 *     sent    HTTP_REQUEST, CANCEL, CREDIT and PROBE to auth; EVENT and STATUS
 *             to monitor
 *     Events: request_refused (4xx, 501, 503, 505, with the code),
 *     connection_refused (over a cap; reported once a second), client_slow
 *     (shed, with the phase), request_unplaced (503: no stage took it),
 *     deadline_exceeded (504), answer_refused and answer_lost (502),
 *     stream_broken (with the reason).
 *
 * PRIVILEGES
 *     Holds the TLS key, the ticket key and the listening socket, all taken
 *     before the jail closes. The jail has no path but those of the links and
 *     of the configuration, and lets no internet socket be made; connections
 *     are only accepted. Requests and answers pass in the clear.
 *
 * CONFIG
 *     deploy/config/edge.yaml: limits, times, deadlines, repetitions, hosts and
 *     origins. SIGHUP reads it again, all but the sizes of tables and of the
 *     library's memory. keys/edge/: tls.pem, tls.key, ticket.key. SP_LISTEN,
 *     SP_URL.
 *
 * METRICS
 *     sallyport_requests_total{class}, sallyport_request_seconds (histogram),
 *     sallyport_edge_connections_total, _connections_open,
 *     _connections_shed_total, _tls_handshakes_total, _tls_resumed_total,
 *     _requests_waiting, _requests_refused_total, _requests_malformed_total,
 *     _requests_cancelled_total, _deadlines_exceeded_total,
 *     _requests_unplaced_total, _repetitions_total, _late_answers_total,
 *     _streams_total, _streams_broken_total, _probes_total
 *
 * FAILURE
 *     A missing key, a certificate that does not fit, an unknown configuration
 *     key or a port in use: refuses to start. auth missing or full: 503 with
 *     Retry-After. A stage's replica lost: what no executor has shown to have
 *     is sent again with the same id. No answer in time: 504. A killed replica
 *     of the edge drops its connections; the others share the port.
 *     What libmicrohttpd would answer by itself (a header block larger than its
 *     pool, a chunk or a request line that it cannot parse) is answered in our
 *     form, with our headers, and the connection ends. So is a request whose
 *     head leaves no room for an answer: 431. An answer whose headers cannot be
 *     sent: 502, and the event names the header and its size.
 *
 * TESTS
 *     tests/unit/edge/, tests/fuzz/edge/fuzz_http_rules.c,
 *     tests/system/test_http.py, tests/system/test_tls.py
 */
#include "common/base/compiler.h"
#include "services/edge/edge.h"
#include "services/edge/life.h"
#include "services/edge/wire.h"

static int
reload(void *self, struct sp_buf *why)
{
    struct edge *edge = self;

    return life_reload(edge, sp_runtime_settings(edge->rt)->config, why);
}

int
main(int argc, char **argv)
{
    static const struct sp_handler handlers[] = {
        { SP_MSG_ANSWER, wire_on_answer },
        { SP_MSG_DENIAL, wire_on_denial },
        { SP_MSG_STARTED, wire_on_started },
        { SP_MSG_IN_HAND, wire_on_in_hand },
        { SP_MSG_REVOKED, wire_on_revoked },
        { SP_MSG_PEER_LOST, wire_on_peer_lost },
        { SP_MSG_PROBE_ANSWER, wire_on_probe_answer },
    };
    static const char *const config_files[] = { "edge", NULL };
    static const struct sp_service service = {
        .id = SP_SERVICE_EDGE,
        .handlers = handlers,
        .handler_count = SP_COUNT(handlers),
        .before_jail = life_before_jail,
        .in_jail = life_in_jail,
        .peer = wire_peer,
        .metrics = life_metrics,
        .ready = life_ready,
        .in_flight = life_in_flight,
        .drain = life_drain,
        .config_files = config_files,
        .reload = reload,
        .fini = life_fini,
    };
    static struct edge edge;

    return sp_service_main(&service, &edge, argc, argv);
}
