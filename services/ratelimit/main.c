/*
 * NAME
 *     ratelimit - may this request run now?
 *
 * PURPOSE
 *     Counts each request against three limits: its client address (one /64
 *     with IPv6), its OAuth client and its subject. The client chooses a tier,
 *     and the tier gives all three. The generic cell rate algorithm is used: a
 *     burst may come at once, and is then earned back evenly, without windows
 *     that begin afresh. A refused request is charged to none of the three. A
 *     repetition by the edge (attempt above 0) is not charged again.
 *
 * PEERS
 *     validation sends, each principal always to the same replica while the
 *     replicas stay. tools, llm and monitor receive; of llm always the same
 *     replica for a request, so that a repetition finds the one that has it.
 *     Refusals go to the edge that waits.
 *
 * MESSAGES
 *     served  CHECKED_CALL, CANCEL, CREDIT, PROBE
 *     sent    ADMITTED_CALL, CANCEL, CREDIT and PROBE to the executors; ANSWER
 *             (429, 503, 500) and PEER_LOST to the edge; EVENT and STATUS
 *     Events: limit_reached (429, with limit, tier, retry_after_s),
 *     stage_unavailable (503), target_refused (500). Of one key at most one a
 *     second is sent, with the count; refusals_hushed counts those beyond 256
 *     keys in a second.
 *
 * PRIVILEGES
 *     Holds no key but those of its links and no file; the counters live in
 *     memory. The jail closes without a port, a store, or any path but that of
 *     the configuration.
 *
 * CONFIG
 *     deploy/config/ratelimit.yaml: tiers, who has which, size of the table.
 *     SIGHUP reads it again, all but the size; the counts stay.
 *
 * METRICS
 *     sallyport_ratelimit_admitted_total{tier}, _refused_total{limit},
 *     _uncharged_total, _expired_total, _unplaced_total, _misrouted_total,
 *     _states, _states_evicted_total
 *
 * FAILURE
 *     A killed replica forgets its counts: a caller may then have one more
 *     burst. The same holds for a principal that moves when replicas come or
 *     go. Addresses are counted by each replica for itself, since principals
 *     are spread over them. An executor that is missing or full: 503 with
 *     Retry-After 1, and nothing is charged. A full table forgets the state
 *     nearest to recovery first and counts it.
 *
 * TESTS
 *     tests/unit/ratelimit/test_gcra.c, test_limit_states.c, test_admission.c,
 *     test_hush.c, test_ratelimit_{config,refuse,reload,wire}.c;
 *     tests/attack/ratelimit/test_ratelimit.c
 */
#include <sodium.h>

#include "common/base/log.h"
#include "services/ratelimit/ratelimit.h"
#include "services/ratelimit/wire.h"

#define MAX_ANSWER 8192

static void
report(void *arg, const struct sp_occurrence *what)
{
    struct ratelimit *rl = arg;

    sp_runtime_event(rl->rt, what);
}

static void
before_jail(struct sp_runtime *rt, void *self, struct sp_jail *jail)
{
    struct ratelimit *rl = self;
    struct sp_buf why = sp_buf_new(1024);
    unsigned char seed[LIMIT_STATES_SEED_BYTES];

    (void)jail;
    rl->rt = rt;
    if (ratelimit_config_load(sp_runtime_settings(rt)->config, &rl->config,
                              &why) != 0) {
        sp_refuse("%.*s", SP_VIEW(sp_buf_view(&why)));
    }
    sp_buf_free(&why);
    randombytes_buf(seed, sizeof(seed));
    rl->admission = admission_new(rl->config, seed);
    rl->hush = hush_new((struct hush_sink){ report, rl });
    rl->refused = ratelimit_refused_new();
    rl->headers = sp_buf_new(MAX_ANSWER);
    rl->body = sp_buf_new(MAX_ANSWER);
}

static int
reload(void *self, struct sp_buf *why)
{
    struct ratelimit *rl = self;

    return ratelimit_reload(rl, sp_runtime_settings(rl->rt)->config, why);
}

static void
on_tick(void *arg)
{
    struct ratelimit *rl = arg;
    struct sp_loop *loop = sp_runtime_loop(rl->rt);

    hush_tick(rl->hush, sp_loop_now_ms(loop));
    sp_loop_start(loop, &rl->tick, HUSH_MS);
}

static void
in_jail(struct sp_runtime *rt, void *self)
{
    struct ratelimit *rl = self;

    rl->tick = (struct sp_timer){ .expired = on_tick, .arg = rl };
    sp_loop_start(sp_runtime_loop(rt), &rl->tick, HUSH_MS);
}

static void
drain(void *self)
{
    struct ratelimit *rl = self;

    hush_flush(rl->hush);
}

static void
fini(void *self)
{
    struct ratelimit *rl = self;

    hush_free(&rl->hush);
    sp_table_free(&rl->refused);
    admission_free(&rl->admission);
    ratelimit_config_free(&rl->config);
    sp_buf_free(&rl->headers);
    sp_buf_free(&rl->body);
}

int
main(int argc, char **argv)
{
    static const struct sp_handler handlers[] = {
        { SP_MSG_CHECKED_CALL, wire_on_checked_call },
        { SP_MSG_CANCEL, wire_on_cancel },
        { SP_MSG_CREDIT, wire_on_credit },
        { SP_MSG_PROBE, wire_on_probe },
    };
    static const char *const config_files[] = { "ratelimit", NULL };
    static const struct sp_service service = {
        .id = SP_SERVICE_RATELIMIT,
        .handlers = handlers,
        .handler_count = SP_COUNT(handlers),
        .before_jail = before_jail,
        .in_jail = in_jail,
        .peer = wire_peer,
        .metrics = wire_metrics,
        .drain = drain,
        .config_files = config_files,
        .reload = reload,
        .fini = fini,
    };
    struct ratelimit rl = { 0 };

    return sp_service_main(&service, &rl, argc, argv);
}
