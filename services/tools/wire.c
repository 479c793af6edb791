/* The messages of the tools process. */
#include "services/tools/tools.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "proto/passport.h"

/* A repetition may come as late as the passport is valid, by the slowest clock
 * of any host. */
#define KEEP_MARGIN_MS 60000

/* How the events are called; NULL: worth none. What only one call can tell
 * apart from the next (read, repeated) is in the figures. */
static const char *const kinds[MCP_OUTCOMES] = {
    [MCP_REPEATED] = "request_repeated",
    [MCP_SESSION_OPENED] = "session_opened",
    [MCP_SESSION_ENDED] = "session_ended",
    [MCP_PROTOCOL_REFUSED] = "protocol_refused",
    [MCP_SESSION_REFUSED] = "session_refused",
    [MCP_SCOPE_REFUSED] = "scope_refused",
    [MCP_OUTCOME_UNKNOWN] = "outcome_unknown",
    [MCP_ID_REUSED] = "request_id_reused",
    [MCP_STORE_BUSY] = "store_busy",
    [MCP_STORE_FAILED] = "store_failed",
    [MCP_TOO_LARGE] = "result_too_large",
};

/* A call being answered. */
struct visit {
    struct tools *tools;
    const struct sp_admitted_call *call;
    struct sp_passport passport;
};

/* Where the answer to a call goes. */
static struct outbox_item
item_of(const struct sp_admitted_call *c)
{
    return (struct outbox_item){
        .result = { .request_id = c->request_id, .reply_to = c->reply_to },
        .screen_by = c->screen_by,
        .rpc_id = c->rpc_id,
    };
}

static void
send_denial(struct tools *tools, const struct sp_denial *denial)
{
    const struct sp_place place = { .kind = SP_PLACE_NAMED,
                                    .key = denial->reply_to };
    int error = sp_runtime_send(tools->rt, SP_SERVICE_EDGE, SP_MSG_DENIAL,
                                denial, place);

    /* The edge's own deadline ends the request. */
    if (error != 0) {
        tools->figures.lost++;
        sp_runtime_trouble(tools->rt, "answer_lost", "to=edge reason=\"%s\"",
                           sp_strerror(error));
    }
}

static void
deny(struct tools *tools, const struct outbox_item *to,
     const struct mcp_denial *words)
{
    const struct sp_denial denial = {
        .request_id = to->result.request_id,
        .reply_to = to->result.reply_to,
        .screen_by = to->screen_by,
        .status = words->status,
        .code = sp_view_of(words->code),
        .text = sp_view_of(words->text),
        .rpc_id = to->rpc_id,
        .retry_after_s = words->retry_after_s,
    };

    send_denial(tools, &denial);
}

/* ---------------------------------------------------------------- passports */

static void
refuse_passport(struct visit *v, int error)
{
    static const struct mcp_denial expired = {
        403, "passport_expired", "The request took too long to get here.", 0
    };
    static const struct mcp_denial forged = {
        403, "passport_refused", "The request is not what was signed in for.", 0
    };
    const struct sp_admitted_call *c = v->call;
    const struct mcp_denial *words = error == SP_EEXPIRED ? &expired : &forged;
    const struct outbox_item to = item_of(c);
    const struct sp_occurrence what = {
        .kind = words->code,
        .request_id = c->request_id,
        .status = words->status,
        .detail = sp_strerror(error),
    };

    v->tools->figures.passports_refused++;
    sp_runtime_trouble(v->tools->rt, words->code, "reason=\"%s\"",
                       sp_strerror(error));
    sp_runtime_event(v->tools->rt, &what);
    deny(v->tools, &to, words);
}

static bool
open_passport(struct visit *v, int64_t now_ms)
{
    const struct sp_admitted_call *c = v->call;
    const struct sp_passport_request request = {
        .method = c->method,
        .path = c->path,
        .query = c->query,
        .headers = c->headers,
        .body = c->body,
    };
    int error = sp_passport_open(v->tools->passport_key, c->passport, &request,
                                 c->request_id, (uint64_t)now_ms,
                                 &v->tools->plain, &v->passport);

    if (error != 0) {
        refuse_passport(v, error);
    }
    return error == 0;
}

/* ----------------------------------------------------------------- answers */

int
tools_send_result(void *self, const struct outbox_item *item)
{
    struct tools *tools = self;
    const struct sp_place place = { .kind = SP_PLACE_NAMED,
                                    .key = item->screen_by };

    return sp_runtime_send(tools->rt, SP_SERVICE_VALIDATION, SP_MSG_RESULT,
                           &item->result, place);
}

/* What was not committed has not happened, and may be tried again. What was
 * committed has: only the edge may say so, when its own deadline ends, since a
 * client told to retry would do it twice. Of a repetition neither is known. */
void
tools_lost_result(void *self, const struct outbox_item *item)
{
    struct tools *tools = self;
    const struct mcp_denial *words =
        mcp_denial_of(item->repeated ? MCP_OUTCOME_UNKNOWN : MCP_STORE_BUSY);
    const struct sp_occurrence what = {
        .kind = item->committed ? "answer_lost" : words->code,
        .request_id = item->result.request_id,
        .status = item->committed ? 0 : words->status,
    };

    tools->figures.lost++;
    sp_runtime_event(tools->rt, &what);
    if (!item->committed) {
        deny(tools, item, words);
    }
}

/* An answer to a call that changed nothing: it may simply be asked for
 * again. */
static void
refuse_unplaced(struct visit *v, const struct outbox_item *item, int error)
{
    static const struct mcp_denial away = {
        503, "stage_unavailable", "A stage of the gate is away; try again.", 1
    };
    const struct mcp_denial *words =
        error == SP_ELIMIT ? mcp_denial_of(MCP_TOO_LARGE) : &away;
    const struct sp_occurrence what = {
        .kind = words->code,
        .request_id = item->result.request_id,
        .subject = v->passport.subject,
        .client = v->passport.client,
        .object = SP_VIEW_LITERAL("validation"),
        .status = words->status,
    };

    sp_runtime_event(v->tools->rt, &what);
    deny(v->tools, item, words);
}

static void
send_reply(struct visit *v)
{
    struct tools *tools = v->tools;
    const struct mcp_reply *reply = &tools->reply;
    const struct outbox_item item = {
        .result = { .request_id = v->call->request_id,
                    .reply_to = v->call->reply_to,
                    .last = true,
                    .status = reply->status,
                    .headers = sp_buf_view(&reply->headers),
                    .body = sp_buf_view(&reply->body) },
        .screen_by = v->call->screen_by,
        .rpc_id = v->call->rpc_id,
        .due_ms = sp_loop_now_ms(sp_runtime_loop(tools->rt)) +
                  (int64_t)v->call->deadline_ms,
        .repeated = reply->outcome == MCP_REPEATED,
    };
    int error = 0;

    if (reply->deferred) {
        error = outbox_add(tools->outbox, &item);
        assert(error == 0); /* nothing is deferred where it is crowded */
        return;
    }
    error = tools_send_result(tools, &item);
    if (error != 0) {
        refuse_unplaced(v, &item, error);
    }
}

static void
tell(struct visit *v)
{
    const struct mcp_reply *reply = &v->tools->reply;
    const struct mcp_denial *words = mcp_denial_of(reply->outcome);
    const struct sp_occurrence what = {
        .kind = kinds[reply->outcome],
        .request_id = v->call->request_id,
        .subject = v->passport.subject,
        .client = v->passport.client,
        .object = sp_view_of(reply->tool != NULL ? reply->tool->name : NULL),
        .status = words->code != NULL ? words->status : reply->status,
    };

    if (what.kind != NULL) {
        sp_runtime_event(v->tools->rt, &what);
    }
}

static void
count(struct tools *tools)
{
    const struct mcp_reply *reply = &tools->reply;

    tools->figures.outcomes[reply->outcome]++;
    if (reply->tool == NULL) {
        return;
    }
    for (size_t i = 0; i < sp_catalogue_count(tools->catalogue); i++) {
        if (sp_catalogue_at(tools->catalogue, i) == reply->tool) {
            tools->figures.calls[i]++;
            tools->figures.failed[i] += reply->failed;
        }
    }
}

/* ---------------------------------------------------------------- handlers */

/* For messages that nobody waits for: without a receiver they have no use. */
static void
offer(struct tools *tools, enum sp_service_id to, enum sp_message_id id,
      const void *message, struct sp_place place)
{
    int error = sp_runtime_send(tools->rt, to, id, message, place);

    if (error != 0) {
        sp_log(SP_LOG_DEBUG, "not_sent", "message=%s to=%s reason=\"%s\"",
               sp_message_info(id)->name, sp_service_name(to),
               sp_strerror(error));
    }
}

/* Leaves with the answer where the commit is quick, before it where another
 * replica holds the store: the edge then knows that the call is in hand. */
static void
send_started(void *arg)
{
    struct visit *v = arg;
    const struct sp_started started = {
        .request_id = v->call->request_id,
        .reply_to = v->call->reply_to,
        .executor = sp_runtime_own_name(v->tools->rt),
        .screen_by = v->call->screen_by,
        .repeatable = true, /* the journal knows what has been done */
        .subject = v->passport.subject,
        .client = v->passport.client,
        .token_id = v->passport.token_id,
        .token_expires_ms = v->passport.token_expires_ms,
    };
    const struct sp_place place = { .kind = SP_PLACE_NAMED,
                                    .key = v->call->reply_to };

    /* Where it is lost, the edge repeats, and the journal knows. */
    offer(v->tools, SP_SERVICE_EDGE, SP_MSG_STARTED, &started, place);
}

static void
answer(struct visit *v, int64_t now_ms)
{
    struct tools *tools = v->tools;
    const struct mcp_request request = {
        .method = v->call->method,
        .headers = v->call->headers,
        .body = v->call->body,
        .request_id = v->passport.request_id,
        .digest = v->passport.digest,
        .subject = v->passport.subject,
        .client = v->passport.client,
        .scopes = v->passport.scopes,
        .keep_until_ms = (int64_t)v->passport.expires_ms + KEEP_MARGIN_MS,
        .now_ms = now_ms,
        .repeated = v->call->attempt > 0,
        .crowded = outbox_count(tools->outbox) >= OUTBOX_MAX,
        .starting = send_started,
        .arg = v,
    };
    const struct outbox_item to = item_of(v->call);
    const struct mcp_denial *words = NULL;

    mcp_answer(tools->mcp, &request, &tools->reply);
    count(tools);
    tell(v);
    words = mcp_denial_of(tools->reply.outcome);
    if (words->code != NULL) {
        deny(tools, &to, words);
    } else {
        send_reply(v);
    }
}

void
tools_on_admitted_call(void *self, const struct sp_msg *m)
{
    struct tools *tools = self;
    struct visit visit = { .tools = tools, .call = &m->u.admitted_call };
    int64_t began_us = sp_clock_us();
    int64_t now_ms = sp_clock_wall_ms();

    if (visit.call->deadline_ms == 0) {
        tools->figures.expired++;
        return;
    }
    if (open_passport(&visit, now_ms)) {
        answer(&visit, now_ms);
    }
    tools->figures.busy_us += (uint64_t)(sp_clock_us() - began_us);
}

void
tools_on_probe(void *self, const struct sp_msg *m)
{
    struct tools *tools = self;
    const struct sp_probe_answer answered = {
        .request_id = m->u.probe.request_id,
        .reply_to = m->u.probe.reply_to,
        .service = SP_SERVICE_TOOLS,
    };
    const struct sp_place any = { .kind = SP_PLACE_ANY };

    /* An answer that is missing tells the edge what it needs to know. */
    offer(tools, SP_SERVICE_VALIDATION, SP_MSG_PROBE_ANSWER, &answered, any);
}

void
tools_on_ignored(void *self, const struct sp_msg *m)
{
    (void)self;
    (void)m;
}

void
tools_on_peer(void *self, enum sp_service_id service, struct sp_view name,
              bool up)
{
    struct tools *tools = self;
    const struct sp_peer_lost lost = { .service = (uint64_t)service,
                                       .name = name };
    const struct sp_place all = { .kind = SP_PLACE_ALL };

    if (!up && service == SP_SERVICE_VALIDATION) {
        offer(tools, SP_SERVICE_EDGE, SP_MSG_PEER_LOST, &lost, all);
    }
}

static void
commit(struct tools *tools)
{
    int error = ledger_commit(tools->ledger);

    if (error == 0) {
        tools->figures.groups++;
        outbox_commit(tools->outbox);
        outbox_send(tools->outbox, sp_loop_now_ms(sp_runtime_loop(tools->rt)));
    } else {
        sp_runtime_trouble(tools->rt, "commit_failed", "reason=\"%s\"",
                           sp_strerror(error));
        outbox_abandon(tools->outbox);
    }
}

bool
tools_on_turn(void *self)
{
    struct tools *tools = self;

    customers_rest(tools->customers);
    if (ledger_in_group(tools->ledger)) {
        commit(tools);
    }
    if (outbox_count(tools->outbox) > 0 && tools->retry.slot == 0) {
        sp_loop_start(sp_runtime_loop(tools->rt), &tools->retry,
                      TOOLS_RETRY_MS);
    }
    return false;
}

void
tools_on_retry(void *self)
{
    struct tools *tools = self;

    outbox_send(tools->outbox, sp_loop_now_ms(sp_runtime_loop(tools->rt)));
}

void
tools_on_purge(void *self)
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
        (void)sp_buf_addf(out,
                          "sallyport_tools_answers_total{outcome=\"%s\"} "
                          "%" PRIu64 "\n",
                          kinds[i] != NULL ? kinds[i] : "answered",
                          f->outcomes[i]);
    }
}

void
tools_write_metrics(void *self, struct sp_buf *out)
{
    struct tools *tools = self;
    const struct tools_figures *f = &tools->figures;
    const struct {
        const char *name;
        uint64_t value;
    } rows[] = {
        { "expired_total", f->expired },
        { "passports_refused_total", f->passports_refused },
        { "commits_total", f->groups },
        { "answers_lost_total", f->lost },
        { "busy_microseconds_total", f->busy_us },
        { "answers_waiting", outbox_count(tools->outbox) },
    };

    write_outcomes(f, out);
    for (size_t i = 0; i < sp_catalogue_count(tools->catalogue); i++) {
        const char *name = sp_catalogue_at(tools->catalogue, i)->name;

        (void)sp_buf_addf(out,
                          "sallyport_tools_calls_total{tool=\"%s\"} %" PRIu64
                          "\nsallyport_tools_failed_total{tool=\"%s\"} "
                          "%" PRIu64 "\n",
                          name, f->calls[i], name, f->failed[i]);
    }
    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        (void)sp_buf_addf(out, "sallyport_tools_%s %" PRIu64 "\n", rows[i].name,
                          rows[i].value);
    }
}
