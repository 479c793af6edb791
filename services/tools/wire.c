/* The messages of the tools process. */
#include "services/tools/wire.h"

#include <inttypes.h>

#include "common/base/clock.h"
#include "common/base/error.h"
#include "services/tools/tools.h"

/* A repetition may come as late as the passport is valid, by the slowest clock
 * of any host. */
#define KEEP_MARGIN_MS 60000

/* How the events of answers are called; NULL: worth none. What only one call
 * can distinguish from the next (read, repeated) is in the figures. */
static const char *const kinds[MCP_OUTCOMES] = {
    [MCP_REPEATED] = "request_repeated",
    [MCP_SESSION_OPENED] = "session_opened",
    [MCP_SESSION_ENDED] = "session_ended",
    [MCP_PROTOCOL_REFUSED] = "protocol_refused",
    [MCP_SESSION_REFUSED] = "session_refused",
};

static void
count(struct tools *tools)
{
    const struct mcp_reply *reply = &tools->reply;

    tools->figures.outcomes[reply->outcome]++;
    if (reply->tool == NULL) {
        return;
    }
    for (size_t i = 0; i < sp_catalogue_count(tools->offer->catalogue); i++) {
        if (sp_catalogue_at(tools->offer->catalogue, i) == reply->tool) {
            tools->offer->calls[i]++;
            tools->offer->failed[i] += reply->failed;
        }
    }
}

/* ----------------------------------------------------------------- answers */

/* STARTED leaves with the answer where the commit is quick, before it where
 * another replica holds the store: the edge then knows that the call is in
 * hand. repeatable: the journal knows what has been done. */
static int
begin(void *arg)
{
    return sp_executor_begin(arg, true, NULL);
}

/* What was not committed has not happened, and may be tried again. Of a
 * repetition that is not known. */
static const struct sp_refusal *
unless_committed(const struct mcp_reply *reply)
{
    return mcp_refusal_of(reply->outcome == MCP_REPEATED ? MCP_OUTCOME_UNKNOWN
                                                         : MCP_STORE_BUSY);
}

static void
reply_to(struct tools *tools, struct sp_executor_call *call)
{
    const struct mcp_reply *reply = &tools->reply;
    const struct sp_refusal *refusal = mcp_refusal_of(reply->outcome);

    if (reply->outcome == MCP_UNPLACED) {
        return; /* the edge sends it again */
    }
    if (reply->tool != NULL) {
        sp_executor_name(call, sp_view_of(reply->tool->name));
    }
    if (refusal != NULL) {
        sp_executor_refuse(call, refusal);
        return;
    }
    if (kinds[reply->outcome] != NULL) {
        sp_executor_event(call, kinds[reply->outcome], reply->status, NULL);
    }
    if (reply->deferred) {
        sp_executor_hold(call, unless_committed(reply));
    }
    sp_executor_answer(call, reply->status, sp_buf_view(&reply->headers),
                       sp_buf_view(&reply->body));
}

static void
take(void *self, struct sp_executor_call *call,
     const struct sp_admitted_call *m, const struct sp_passport *passport)
{
    struct tools *tools = self;
    struct mcp_request request = {
        .request_id = passport->request_id,
        .subject = passport->subject,
        .client = passport->client,
        .scopes = passport->scopes,
        .keep_until_ms = (int64_t)passport->expires_ms + KEEP_MARGIN_MS,
        .now_ms = sp_clock_wall_ms(),
        .repeated = m->attempt > 0,
        .begin = begin,
        .arg = call,
    };

    SP_COPY_HTTP(&request.http, m);
    mcp_answer(tools->offer->mcp, &request, &tools->reply);
    count(tools);
    reply_to(tools, call);
}

/* ---------------------------------------------------------------- handlers */

void
wire_open(struct tools *tools, const struct sp_port *port)
{
    const struct sp_executor_service service = {
        .id = SP_SERVICE_TOOLS,
        .self = tools,
        .max = WIRE_MAX_CALLS,
        .take = take,
    };

    tools->executor = sp_executor_new(&service, port, tools->passport_key);
    tools->purge = (struct sp_timer){ .expired = wire_on_purge, .arg = tools };
}

void
wire_on_admitted_call(void *self, const struct sp_msg *m)
{
    struct tools *tools = self;
    int64_t began_us = sp_clock_us();

    sp_executor_take(tools->executor, &m->u.admitted_call);
    tools->figures.busy_us += (uint64_t)(sp_clock_us() - began_us);
}

void
wire_on_cancel(void *self, const struct sp_msg *m)
{
    struct tools *tools = self;

    sp_executor_cancel(tools->executor, &m->u.cancel);
}

void
wire_on_credit(void *self, const struct sp_msg *m)
{
    struct tools *tools = self;

    sp_executor_credit(tools->executor, &m->u.credit);
}

void
wire_on_probe(void *self, const struct sp_msg *m)
{
    struct tools *tools = self;

    sp_executor_probe(tools->executor, &m->u.probe);
}

void
wire_peer(void *self, enum sp_service_id service, struct sp_view name, bool up)
{
    struct tools *tools = self;

    sp_executor_peer(tools->executor, service, name, up);
}

size_t
wire_in_flight(void *self)
{
    struct tools *tools = self;

    return sp_executor_count(tools->executor);
}

static void
commit(struct tools *tools)
{
    int error = ledger_commit(tools->ledger);

    if (error == 0) {
        tools->figures.groups++;
        sp_executor_release_all(tools->executor);
    } else {
        sp_runtime_trouble(tools->rt, "commit_failed", "reason=\"%s\"",
                           sp_strerror(error));
        sp_executor_abandon_all(tools->executor);
    }
}

bool
wire_turn(void *self)
{
    struct tools *tools = self;

    customers_rest(tools->customers);
    if (ledger_in_group(tools->ledger)) {
        commit(tools);
    }
    return false;
}

void
wire_on_purge(void *self)
{
    struct tools *tools = self;
    int error = ledger_purge(tools->ledger, sp_clock_wall_ms());

    /* Another replica may be at it: the next time will do. */
    if (error < 0 && error != SP_EFULL) {
        sp_runtime_trouble(tools->rt, "purge_failed", "reason=\"%s\"",
                           sp_strerror(error));
    }
    sp_loop_start(sp_runtime_loop(tools->rt), &tools->purge,
                  error == 1 ? TOOLS_PURGE_MORE_MS : TOOLS_PURGE_MS);
}

/* ----------------------------------------------------------------- metrics */

static void
write_outcomes(const struct tools_figures *f, struct sp_buf *out)
{
    for (int i = 0; i < MCP_OUTCOMES; i++) {
        const struct sp_refusal *refusal = mcp_refusal_of((enum mcp_outcome)i);
        const char *kind = refusal != NULL ? refusal->kind : kinds[i];

        if (i == MCP_UNPLACED) {
            continue; /* the executor counts them */
        }
        (void)sp_buf_addf(out,
                          "sallyport_tools_answers_total{outcome=\"%s\"} "
                          "%" PRIu64 "\n",
                          kind != NULL ? kind : "answered", f->outcomes[i]);
    }
}

void
wire_metrics(void *self, struct sp_buf *out)
{
    struct tools *tools = self;
    const struct tools_figures *f = &tools->figures;
    const struct {
        const char *name;
        uint64_t value;
    } rows[] = {
        { "commits_total", f->groups },
        { "busy_microseconds_total", f->busy_us },
    };

    sp_executor_write_metrics(tools->executor, out);
    write_outcomes(f, out);
    for (size_t i = 0; i < sp_catalogue_count(tools->offer->catalogue); i++) {
        const char *name = sp_catalogue_at(tools->offer->catalogue, i)->name;

        (void)sp_buf_addf(out,
                          "sallyport_tools_calls_total{tool=\"%s\"} %" PRIu64
                          "\nsallyport_tools_failed_total{tool=\"%s\"} "
                          "%" PRIu64 "\n",
                          name, tools->offer->calls[i], name,
                          tools->offer->failed[i]);
    }
    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        (void)sp_buf_addf(out, "sallyport_tools_%s %" PRIu64 "\n", rows[i].name,
                          rows[i].value);
    }
}
