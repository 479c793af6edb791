/* Names and meanings. */
#include "services/monitor/metric_help.h"

#include <stddef.h>
#include <string.h>

#include "common/base/compiler.h"

static const struct {
    const char *name; /* without the prefix */
    const char *help;
} rows[] = {
    { "auth_clients_refused_total",
      "Token requests with a wrong client, secret or form." },
    { "auth_clients_throttled_total",
      "Token requests turned away: too many failures, or too much to hash." },
    { "auth_messages_undelivered_total",
      "Messages whose receiver was away or full." },
    { "auth_secrets_hashing", "Client secrets whose hash is being computed." },
    { "auth_tokens_accepted_total",
      "Requests let in, by cache or by signature." },
    { "auth_tokens_cached", "Verified tokens that are remembered." },
    { "auth_tokens_issued_total", "Access tokens made." },
    { "auth_tokens_missing_total", "Requests without a token." },
    { "auth_tokens_refused_total", "Requests with a token that is not good." },
    { "config_reloads_total",
      "Readings of a changed configuration, by result." },
    { "edge_connections_open", "Connections of clients that are open." },
    { "edge_connections_shed_total",
      "Connections closed to make room for others." },
    { "edge_connections_total", "Connections accepted." },
    { "edge_deadlines_exceeded_total", "Requests that got no answer in time." },
    { "edge_late_answers_total",
      "Answers that came when nobody waited any more." },
    { "edge_messages_foreign_total",
      "Messages of a stage about a request that is not in its hands." },
    { "edge_probes_total",
      "Questions to other stages after a request that has no answer yet." },
    { "edge_repetitions_total",
      "Requests sent once more because a stage was lost." },
    { "edge_requests_cancelled_total", "Requests whose client went away." },
    { "edge_requests_malformed_total",
      "Requests that are not HTTP as it is taken here." },
    { "edge_requests_refused_total",
      "Requests refused before they were sent on." },
    { "edge_requests_unplaced_total", "Requests that no stage could take." },
    { "edge_requests_waiting", "Requests that wait for their answer." },
    { "edge_streams_broken_total",
      "Event streams that ended before their end." },
    { "edge_streams_total", "Event streams begun." },
    { "edge_tls_handshakes_total", "TLS handshakes done." },
    { "edge_tls_resumed_total", "TLS handshakes that resumed a session." },
    { "events_dropped_total",
      "Events that were dropped because the monitor did not take them." },
    { "events_waiting", "Events that wait for the monitor." },
    { "llm_answer_bytes_waiting", "Bytes of answers that wait for credit." },
    { "llm_answers_without_usage_total",
      "Answers whose upstream counted no tokens." },
    { "llm_calls_total", "Calls of the upstream, by outcome." },
    { "llm_first_byte_ms_total",
      "Milliseconds until the first byte of an answer, summed." },
    { "llm_first_bytes_total", "Answers that had a first byte." },
    { "llm_in_flight", "Requests being worked on." },
    { "llm_parts_total", "Parts of answers sent." },
    { "llm_passports_refused_total", "Requests without a good passport." },
    { "llm_pauses_total", "Times that an answer waited for credit." },
    { "llm_requests_total", "Requests taken, by outcome." },
    { "llm_tokens_total", "Tokens that the upstream counted, by direction." },
    { "messages_refused_total",
      "Messages of neighbours that were not as the schema says." },
    { "monitor_alerts_total", "Alerts raised, by severity." },
    { "monitor_answer_bytes_waiting",
      "Bytes of answers that wait for credit." },
    { "monitor_audit_failures_total",
      "Writes of the audit trail that failed." },
    { "monitor_audit_records", "Records in the audit trail." },
    { "monitor_audit_syncs_total",
      "Times that the audit trail was brought to the disk." },
    { "monitor_events_lost_total",
      "Events that a process itself had to drop." },
    { "monitor_events_missing_total", "Events whose number never came." },
    { "monitor_events_total", "Events taken." },
    { "monitor_in_flight", "Requests being worked on." },
    { "monitor_parts_total", "Parts of answers sent." },
    { "monitor_passports_refused_total", "Requests without a good passport." },
    { "monitor_pauses_total", "Times that an answer waited for credit." },
    { "monitor_requests_total", "Requests taken, by outcome." },
    { "queue_depth",
      "Requests being worked on, and messages that wait to be sent." },
    { "ratelimit_admitted_total", "Requests within their limits, by tier." },
    { "ratelimit_expired_total",
      "Requests dropped: their deadline had passed." },
    { "ratelimit_misrouted_total",
      "Requests for a target that is no executor." },
    { "ratelimit_refused_total", "Requests beyond a limit, by limit." },
    { "ratelimit_states", "Callers whose use is remembered." },
    { "ratelimit_states_evicted_total", "Callers forgotten to make room." },
    { "ratelimit_uncharged_total", "Repetitions, which cost nothing." },
    { "ratelimit_unplaced_total", "Requests that no executor could take." },
    { "ready", "1 where the process is ready for work." },
    { "request_seconds",
      "Time from a whole request to the end of its answer." },
    { "requests_total", "Requests answered, by class of status." },
    { "tools_answer_bytes_waiting", "Bytes of answers that wait for credit." },
    { "tools_answers_total", "Answers, by outcome." },
    { "tools_busy_microseconds_total", "Time spent on calls." },
    { "tools_calls_total", "Calls of each tool." },
    { "tools_commits_total", "Transactions written to the ledger." },
    { "tools_failed_total", "Calls of each tool that failed." },
    { "tools_in_flight", "Requests being worked on." },
    { "tools_parts_total", "Parts of answers sent." },
    { "tools_passports_refused_total", "Requests without a good passport." },
    { "tools_pauses_total", "Times that an answer waited for credit." },
    { "tools_requests_total", "Requests taken, by outcome." },
    { "validation_accepted_total", "Notifications taken and answered here." },
    { "validation_answer_parts_dropped_total",
      "Parts of answers that nobody waits for." },
    { "validation_answer_parts_total", "Parts of answers that were good." },
    { "validation_answers_broken_total", "Answers refused in the middle." },
    { "validation_answers_replaced_total",
      "Answers refused before they began." },
    { "validation_expired_total",
      "Requests dropped: their deadline had passed." },
    { "validation_passed_total", "Requests that were good." },
    { "validation_refused_total", "Requests that were not as they must be." },
    { "validation_remembered", "Requests whose answer is to be checked." },
    { "validation_remembered_expired_total",
      "Requests forgotten before their answer came." },
    { "validation_unplaced_total", "Requests that no ratelimit could take." },
};

const char *
metric_help(struct sp_view family)
{
    static const char prefix[] = "sallyport_";

    if (!sp_view_starts(family, prefix)) {
        return NULL;
    }
    family = sp_view_skip(family, strlen(prefix));
    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        if (sp_view_is(family, rows[i].name)) {
            return rows[i].help;
        }
    }
    return NULL;
}
