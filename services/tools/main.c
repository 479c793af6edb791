/*
 * NAME
 *     tools - runs the tools of the gate
 *
 * PURPOSE
 *     The MCP server: answers initialize, ping, tools/list, tools/call,
 *     server/discover and DELETE for the versions with sessions (2025-03-26,
 *     2025-06-18, 2025-11-25) and for the one without (2026-07-28), and runs
 *     the tools that deploy/config/tools.yaml declares: parameterised queries,
 *     support tickets, exact sums.
 *
 *     No stage before it is believed: the passport of auth must open, must
 *     cover exactly this request and must not have expired, and the tool's
 *     scope is looked for again in the passport. Session ids are sealed and
 *     bound to their caller; an id of somebody else is an unknown one.
 *
 *     A call that changes something has its effect at most once. Its request
 *     id, its effect and its answer are one transaction, and a repetition by
 *     the edge gets the first answer, from any replica, also after kill -9.
 *     All such calls of one turn of the loop share one commit, and no answer
 *     leaves before its commit. An effect outside of the store is recorded
 *     before it begins and after it ended: of one that was begun and not
 *     finished a repetition hears that the outcome is unknown.
 *
 * PEERS
 *     ratelimit sends, to any replica. Answers go to the validation replica
 *     that examined the call, by its name; refusals to the edge that waits.
 *
 * MESSAGES
 *     served  ADMITTED_CALL, CANCEL, CREDIT, PROBE
 *     sent    RESULT and PROBE_ANSWER to validation; DENIAL, STARTED (before a
 *             call that changes something) and PEER_LOST to the edge; EVENT
 *             and STATUS
 *     Events: scope_refused, protocol_refused, session_opened, session_ended,
 *     session_refused, request_repeated, outcome_unknown, store_busy,
 *     store_failed, result_too_large, stage_unavailable, and those of every
 *     executor: passport_refused, passport_expired, request_id_reused,
 *     call_cancelled, call_expired, call_lease_expired, call_token_expired,
 *     answer_lost
 *
 * PRIVILEGES
 *     Holds keys/tools/passport.key and keys/tools/session.key, and may write
 *     below store/tools/ and nowhere else. The connection of declared queries
 *     cannot write, sees customers.db only, and has a bounded share of work.
 *
 * FILES
 *     store/tools/customers.db  customers; seeded at the first start
 *     store/tools/ledger.db     journal, tickets, ended sessions
 *     Both are shared by all replicas of one machine (SQLite, WAL).
 *
 * CONFIG
 *     deploy/config/tools.yaml: the tools; also read by validation. SIGHUP
 *     reads it again.
 *
 * METRICS
 *     sallyport_tools_answers_total{outcome}, _calls_total{tool},
 *     _failed_total{tool}, _commits_total, _busy_microseconds_total, and those
 *     of every executor: _requests_total{outcome}, _passports_refused_total,
 *     _parts_total, _pauses_total, _in_flight, _answer_bytes_waiting
 *
 * FAILURE
 *     Killed before the commit: nothing has happened, and the repetition does
 *     it. Killed after it: the repetition gets the stored answer. The store is
 *     held by another replica for more than a second, or the disk is full: 503
 *     or 500, and nothing has happened. The edge does not take STARTED: nothing
 *     is begun. The validation replica of a call is away: the answer waits
 *     until its deadline, and goes to the one that the edge's repetition names.
 *     The journal keeps a request until its passport has expired, so that no
 *     valid repetition finds it forgotten.
 *
 * TESTS
 *     tests/unit/tools/, tests/attack/tools/test_tools.c,
 *     tests/fuzz/tools/fuzz_session.c
 */
#include "common/base/alloc.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "proto/passport.h"
#include "services/tools/mcp/session.h"
#include "services/tools/tools.h"
#include "services/tools/wire.h"

#define MAX_WHY 8192

static struct sp_secret *
load_key(struct sp_runtime *rt, const char *name, size_t len)
{
    char *path = sp_runtime_key_path(rt, name);
    struct sp_secret *key = NULL;
    int error = sp_secret_load_hex(path, len, &key);

    if (error != 0) {
        sp_refuse("%s: %s; it must hold %zu hex digits, mode 0600: run "
                  "`sallyport init` to make it",
                  path, sp_error_reason(error), 2 * len);
    }
    sp_free(path);
    return key;
}

static void
open_stores(struct tools *tools)
{
    char *customers = sp_runtime_store_path(tools->rt, "customers.db");
    char *ledger = sp_runtime_store_path(tools->rt, "ledger.db");

    if (customers_open(customers, &tools->customers) != 0) {
        sp_refuse("%s: cannot open or make it; check the owner and the free "
                  "space of SP_STATE",
                  customers);
    }
    if (ledger_open(ledger, &tools->ledger) != 0) {
        sp_refuse("%s: cannot open or make it; check the owner and the free "
                  "space of SP_STATE",
                  ledger);
    }
    sp_free(customers);
    sp_free(ledger);
}

static int
reload(void *self, struct sp_buf *why)
{
    struct tools *tools = self;

    return tools_load(tools, sp_runtime_settings(tools->rt)->config, why);
}

static void
load_tools(struct tools *tools)
{
    struct sp_buf why = sp_buf_new(MAX_WHY);

    if (reload(tools, &why) != 0) {
        sp_refuse("%.*s", SP_VIEW(sp_buf_view(&why)));
    }
    sp_buf_free(&why);
}

static void
before_jail(struct sp_runtime *rt, void *self, struct sp_jail *jail)
{
    static const struct sp_jail_path paths[] = {
        { .path = "store/tools", .access = SP_JAIL_WRITE },
    };
    struct tools *tools = self;

    tools->rt = rt;
    tools->passport_key = load_key(rt, "passport.key", SP_PASSPORT_KEY_BYTES);
    tools->session_key = load_key(rt, "session.key", SESSION_KEY_BYTES);
    open_stores(tools);
    load_tools(tools);
    jail->paths = paths;
    jail->path_count = SP_COUNT(paths);
    jail->file_locks = true;
}

static void
in_jail(struct sp_runtime *rt, void *self)
{
    struct tools *tools = self;
    struct sp_loop *loop = sp_runtime_loop(rt);
    struct sp_port port = sp_port_of(rt);

    tools_prepare(tools);
    wire_open(tools, &port);
    sp_loop_each_turn(loop, (struct sp_turn){ wire_turn, tools });
    sp_loop_start(loop, &tools->purge, TOOLS_PURGE_MS);
}

static void
fini(void *self)
{
    tools_release(self);
}

int
main(int argc, char **argv)
{
    static const struct sp_handler handlers[] = {
        { SP_MSG_ADMITTED_CALL, wire_on_admitted_call },
        { SP_MSG_CANCEL, wire_on_cancel },
        { SP_MSG_CREDIT, wire_on_credit },
        { SP_MSG_PROBE, wire_on_probe },
    };
    static const char *const config_files[] = { "tools", NULL };
    static const struct sp_service service = {
        .id = SP_SERVICE_TOOLS,
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
    struct tools tools = { 0 };

    return sp_service_main(&service, &tools, argc, argv);
}
