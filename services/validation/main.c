/*
 * NAME
 *     validation - is this request well formed, allowed and harmless?
 *
 * PURPOSE
 *     Examines each request before anything is counted or run: the path and
 *     method by a table, media types, strict JSON, the shape of MCP messages of
 *     both eras (2026-07-28, and the versions with sessions before it) or of
 *     model calls, the scope that the tool or path needs, and the arguments
 *     against the tool's JSON Schema. What has no row, no scope or no schema is
 *     refused. Of a model call it judges what the gate itself must know: model,
 *     messages, stream, the number and length of answers, addresses that an
 *     upstream would fetch, tools that it would run; what it does not know
 *     passes as it stands, but for members that would take such a decision from
 *     the gate. What the gate handed out it takes back. A refusal names the
 *     member. On the way back it holds each answer against what was asked:
 *     sender, order and size of its parts, headers, strict JSON, the id, the
 *     tools that a list may show, the tool's output schema. Event streams pass
 *     piece by piece.
 *
 * PEERS
 *     auth sends requests; ratelimit takes them. tools, llm and monitor send
 *     answers; the edge that waits takes them.
 *
 * MESSAGES
 *     served  CALL, CANCEL, CREDIT, PROBE; RESULT, PROBE_ANSWER
 *     sent    CHECKED_CALL, CANCEL, CREDIT and PROBE to ratelimit; ANSWER,
 *             PROBE_ANSWER and PEER_LOST to the edge; EVENT and STATUS
 *     Events: request_refused (400, 404, 405, 406, 415; 200 with a JSON-RPC
 *     error), arguments_refused (200, isError), scope_missing (403),
 *     stage_unavailable (503), result_refused (502). detail has the code, and
 *     the broken rule of a schema; never a value of the request.
 *
 * PRIVILEGES
 *     Holds no key but those of its links: it passes the sealed passport on and
 *     cannot open it. After its start no file but those of the configuration,
 *     no network, no store.
 *
 * CONFIG
 *     deploy/config/validation.yaml: limits. deploy/config/tools.yaml: the
 *     tools, their scopes and schemas, read by tools as well. SIGHUP reads both
 *     again, all but results.remembered; an answer is held against the
 *     configuration that its request passed.
 *
 * METRICS
 *     sallyport_validation_passed_total, _refused_total, _accepted_total,
 *     _expired_total, _unplaced_total, _answer_parts_total,
 *     _answers_replaced_total, _answers_broken_total,
 *     _answer_parts_dropped_total, _remembered, _remembered_evicted_total
 *
 * FAILURE
 *     A killed replica takes the requests in its queue with it; the edge sends
 *     them again. A stream that passed through it is ended as broken by the
 *     replica that gets the next part. An answer to a request that passed
 *     another replica is checked by its form alone. ratelimit missing or full:
 *     503 with Retry-After 1.
 *
 * TESTS
 *     tests/unit/validation/test_schema.c (the official JSON Schema suite, less
 *     named groups), test_pattern.c, test_mcp_shape.c, test_llm_shape.c,
 *     test_answer.c, test_pending.c, test_validation_config.c,
 *     test_validation_wire.c; tests/attack/validation/test_validation.c;
 *     tests/fuzz/validation/fuzz_schema.c, fuzz_pattern.c, fuzz_mcp_shape.c,
 *     fuzz_llm_shape.c, fuzz_answer.c
 */
#include "common/base/log.h"
#include "services/validation/validation.h"
#include "services/validation/wire.h"

#define MAX_WHY 8192

static void
before_jail(struct sp_runtime *rt, void *self, struct sp_jail *jail)
{
    struct validation *v = self;
    const struct sp_settings *settings = sp_runtime_settings(rt);
    struct sp_buf why = sp_buf_new(MAX_WHY);

    (void)jail;
    v->rt = rt;
    if (rules_new(settings->config, settings->url, &v->rules, &why) != 0) {
        sp_refuse("%.*s", SP_VIEW(sp_buf_view(&why)));
    }
    sp_buf_free(&why);
    v->pending = pending_new(v->rules->config->results.remembered);
    v->answer.pending = v->pending;
    answer_init(&v->answer);
    v->verdict = verdict_new();
}

static int
reload(void *self, struct sp_buf *why)
{
    struct validation *v = self;
    const struct sp_settings *settings = sp_runtime_settings(v->rt);

    return validation_reload(v, settings->config, settings->url, why);
}

static void
in_jail(struct sp_runtime *rt, void *self)
{
    struct validation *v = self;

    v->sweep = (struct sp_timer){ .expired = wire_on_sweep, .arg = v };
    sp_loop_start(sp_runtime_loop(rt), &v->sweep, VALIDATION_SWEEP_MS);
}

static void
fini(void *self)
{
    struct validation *v = self;

    verdict_free(&v->verdict);
    answer_free(&v->answer);
    pending_free(&v->pending);
    rules_release(&v->previous);
    rules_release(&v->rules);
}

int
main(int argc, char **argv)
{
    static const struct sp_handler handlers[] = {
        { SP_MSG_CALL, wire_on_call },
        { SP_MSG_RESULT, wire_on_result },
        { SP_MSG_CANCEL, wire_on_cancel },
        { SP_MSG_CREDIT, wire_on_credit },
        { SP_MSG_PROBE, wire_on_probe },
        { SP_MSG_PROBE_ANSWER, wire_on_probe_answer },
    };
    static const char *const config_files[] = { "validation", "tools", NULL };
    static const struct sp_service service = {
        .id = SP_SERVICE_VALIDATION,
        .handlers = handlers,
        .handler_count = SP_COUNT(handlers),
        .before_jail = before_jail,
        .in_jail = in_jail,
        .peer = wire_peer,
        .metrics = wire_metrics,
        .in_flight = wire_in_flight,
        .config_files = config_files,
        .reload = reload,
        .fini = fini,
    };
    struct validation v = { 0 };

    return sp_service_main(&service, &v, argc, argv);
}
