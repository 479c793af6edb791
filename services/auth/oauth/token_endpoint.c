/* The token endpoint (RFC 6749 section 3.2). */
#include "services/auth/oauth/token_endpoint.h"

#include <stdio.h>
#include <sys/epoll.h>

#include <sodium.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/stage/parked.h"
#include "common/text/client_id.h"
#include "common/text/headers.h"
#include "proto/paths.h"
#include "services/auth/encoding.h"

/* Each takes the helper some 60 ms: more would wait longer than clients do. */
#define MAX_WAITING 64
#define MAX_WAITING_BYTES (8u * 1024 * 1024)
#define ID_BYTES 16 /* of a jti */

/* A request, as far as it has been read; made of views. */
struct call {
    struct auth_return to;
    struct sp_view address;
    struct client *client;
    struct sp_view scope;
    const char *audience;
};

/* A request that waits for the helper. It is read again when that answers. */
struct waiting {
    struct sp_parked parked;
    struct waiting *next;
    char client[SP_CLIENT_ID_MAX + 1]; /* a reload may take it away */
    bool over; /* its time is up, and the helper has it */
};

struct token_endpoint {
    struct auth *auth;
    struct sp_helper *hasher;
    struct throttle *throttle;
    struct token_request request;
    struct sp_parked_lot *lot;
    struct waiting *first; /* the helper is busy with this one */
    struct waiting *last;
    uint32_t tag; /* of the question that the helper has */
    struct sp_watch watch;
};

static struct sp_view
token_path(void)
{
    return sp_view_of(sp_path_row(SP_PATH_TOKEN)->path);
}

/* ---------------------------------------------------------------- answering */

static void
report(struct auth *auth, const struct call *call, const char *kind,
       struct sp_view client, unsigned status, const char *detail)
{
    const struct sp_occurrence what = {
        .kind = kind,
        .request_id = call->to.request_id,
        .address = call->address,
        .subject = client,
        .client = client,
        .object = token_path(),
        .status = status,
        .detail = detail,
    };

    sp_runtime_event(auth->runtime, &what);
}

static void
refuse(struct auth *auth, const struct call *call,
       const struct sp_refusal *wrong)
{
    /* RFC 6749 section 5.2: a 401 names a scheme. */
    struct sp_view challenge =
        wrong->status == 401 ? SP_VIEW_LITERAL("Basic realm=\"sallyport\"")
                             : sp_view_make("", 0);

    auth_refuse(auth, call->to, token_path(), wrong, challenge);
}

static void
refuse_client(struct token_endpoint *e, const struct call *call,
              struct sp_view client, const struct sp_refusal *wrong,
              const char *detail)
{
    e->auth->counts.clients_refused++;
    refuse(e->auth, call, wrong);
    report(e->auth, call, "client_refused", client, wrong->status, detail);
}

static void
refuse_for_now(struct token_endpoint *e, const struct call *call,
               struct sp_view client, unsigned status, int64_t wait_ms)
{
    const struct sp_refusal refusal = {
        .status = status,
        .code = "temporarily_unavailable",
        .text = status == 429 ? "too many wrong client secrets; wait"
                              : "too many token requests; try again",
        .retry_after_s = (wait_ms + 999) / 1000,
    };

    e->auth->counts.clients_throttled++;
    auth_refuse(e->auth, call->to, token_path(), &refusal, sp_view_make("", 0));
    report(e->auth, call, "client_throttled", client, status, NULL);
}

static void
make_id(struct sp_buf *out)
{
    unsigned char bytes[ID_BYTES];

    randombytes_buf(bytes, sizeof(bytes));
    encoding_to_base64url(sp_view_make(bytes, sizeof(bytes)), out);
    (void)sp_buf_add(out, "", 1);
}

/* Makes the token and its JSON answer in auth->body. */
static int
write_token(struct auth *auth, const struct call *call)
{
    struct sp_buf id = sp_buf_new(64);
    uint32_t lifetime_s = auth->policy->config->tokens.lifetime_s;
    struct token_content content = {
        .issuer = sp_runtime_settings(auth->runtime)->url,
        .audience = call->audience,
        .subject = client_id(call->client),
        .client = client_id(call->client),
        .scopes = auth->scopes.data,
        .issued_s = sp_clock_wall_ms() / 1000,
        .lifetime_s = lifetime_s,
    };
    int error = 0;

    make_id(&id);
    content.id = id.data;
    sp_buf_reset(&auth->body);
    (void)sp_buf_add_str(&auth->body, "{\"access_token\":\"");
    error = token_make(auth->policy->signer, &content, &auth->body);
    (void)sp_buf_addf(&auth->body,
                      "\",\"token_type\":\"Bearer\",\"expires_in\":%u,"
                      "\"scope\":\"%s\"}",
                      lifetime_s, auth->scopes.data);
    sp_buf_free(&id);
    return error != 0 ? error : auth->body.error;
}

static void
issue(struct token_endpoint *e, const struct call *call)
{
    struct auth *auth = e->auth;
    struct sp_view allowed = sp_view_of(client_scopes(call->client));
    struct sp_view name = sp_view_of(client_id(call->client));
    struct sp_view wanted = call->scope.len > 0 ? call->scope : allowed;
    char detail[512];
    int error = 0;

    sp_buf_reset(&auth->scopes);
    if (!scopes_narrow(wanted, allowed, &auth->scopes)) {
        refuse_client(e, call, name, &oauth_invalid_scope, "reason=scope");
        return;
    }
    (void)sp_buf_add(&auth->scopes, "", 1);
    error = write_token(auth, call);
    if (error != 0) {
        static const struct sp_refusal failed = {
            .status = 500,
            .code = "server_error",
            .text = "no token could be made",
        };

        sp_runtime_trouble(auth->runtime, "token_not_made", "reason=\"%s\"",
                           sp_strerror(error));
        refuse(auth, call, &failed);
        return;
    }
    auth->counts.issued++;
    auth_answer(auth, call->to, 200,
                SP_VIEW_LITERAL("content-type: application/json\n"
                                "cache-control: no-store\n"
                                "pragma: no-cache\n"),
                sp_buf_view(&auth->body));
    (void)snprintf(detail, sizeof(detail), "scope=\"%s\"", auth->scopes.data);
    report(auth, call, "token_issued", name, 200, detail);
}

static void
fail(struct token_endpoint *e, const struct call *call, struct sp_view client,
     const char *detail)
{
    int64_t now_ms = sp_clock_ms();

    throttle_fail(e->throttle, throttle_address(e->throttle, call->address),
                  now_ms);
    throttle_fail(e->throttle, throttle_client(e->throttle, client), now_ms);
    refuse_client(e, call, client, &oauth_invalid_client, detail);
}

/* ------------------------------------------------------------------ reading */

/* Reads the request into e->request and `ret_call`. NULL, or what is wrong with
 * it. */
static const struct sp_refusal *
read_request(struct token_endpoint *e, const struct sp_http_request *http,
             struct call *ret_call)
{
    const struct token_resources resources = {
        .url = sp_runtime_settings(e->auth->runtime)->url,
        .mcp_url = e->auth->mcp_url,
    };
    const struct sp_refusal *wrong =
        token_request_read(&e->request, http, &resources);

    *ret_call = (struct call){ .to = { http->request_id, http->reply_to,
                                       http->attempt },
                               .address = http->address,
                               .scope = e->request.scope,
                               .audience = e->request.audience };
    return wrong;
}

/* What waits was in order when it came; its client may have gone since. */
static struct call
read_again(struct token_endpoint *e, const struct waiting *w)
{
    struct call call;

    (void)read_request(e, w->parked.message, &call);
    call.client = clients_find(e->auth->policy->clients, sp_view_of(w->client));
    return call;
}

/* ------------------------------------------------------------------ waiting */

static void
waiting_free(struct waiting *w)
{
    sp_parked_remove(&w->parked);
    sp_free(w);
}

static struct waiting *
take_first(struct token_endpoint *e)
{
    struct waiting *w = e->first;

    e->first = w->next;
    if (e->first == NULL) {
        e->last = NULL;
    }
    return w;
}

/* The edge has answered 504. */
static void
on_expired(void *owner, struct sp_parked *parked)
{
    struct token_endpoint *e = owner;
    struct waiting *w = SP_CONTAINER_OF(parked, struct waiting, parked);
    struct waiting *before = e->first;

    w->over = true;
    if (w == before) {
        return; /* until the helper has answered */
    }
    while (before->next != w) {
        before = before->next;
    }
    before->next = w->next;
    if (e->last == w) {
        e->last = before;
    }
    waiting_free(w);
}

static void
settle(struct token_endpoint *e, const struct waiting *w, bool right)
{
    struct call call = read_again(e, w);

    if (w->over) {
        return;
    }
    if (call.client == NULL) {
        fail(e, &call, sp_view_of(w->client), "reason=unknown_client");
    } else if (right) {
        issue(e, &call);
    } else {
        fail(e, &call, sp_view_of(w->client), "reason=wrong_secret");
    }
}

/* Gives the helper the first request that needs it. Those whose client has been
 * verified in the meantime are settled on the way. */
static void
ask_next(struct token_endpoint *e)
{
    while (e->first != NULL) {
        struct waiting *w = e->first;
        struct call call = read_again(e, w);
        enum client_verdict verdict =
            call.client == NULL ? CLIENT_WRONG
                                : client_judge(e->auth->policy->clients,
                                               call.client, e->request.secret);

        if (verdict == CLIENT_ASK_HASHER && !w->over) {
            e->tag++;
            if (hasher_ask(e->hasher, e->tag, client_hash(call.client),
                           e->request.secret) != 0) {
                sp_fatal("hasher_gone", "waiting=%zu", sp_parked_count(e->lot));
            }
            return;
        }
        w = take_first(e);
        settle(e, w, verdict == CLIENT_RIGHT);
        waiting_free(w);
    }
}

/* 0, or SP_EFULL where too many wait. */
static int
park(struct token_endpoint *e, const struct sp_http_request *http,
     struct client *client)
{
    struct waiting *w = sp_alloc(sizeof(*w));
    bool idle = e->first == NULL;
    int error = sp_parked_add(e->lot, &w->parked, http);

    if (error != 0) {
        sp_free(w);
        return error;
    }
    (void)snprintf(w->client, sizeof(w->client), "%s", client_id(client));
    if (idle) {
        e->first = w;
    } else {
        e->last->next = w;
    }
    e->last = w;
    if (idle) {
        ask_next(e);
    }
    return 0;
}

/* A repetition joins the request that waits: the edge, which alone sends both,
 * makes the ids. */
static bool
joins(struct token_endpoint *e, const struct sp_http_request *http)
{
    struct sp_parked *parked = sp_parked_find(e->lot, http->request_id);

    if (parked == NULL) {
        return false;
    }
    SP_CONTAINER_OF(parked, struct waiting, parked)->over = false;
    sp_parked_renew(parked, http);
    return true;
}

static void
on_verdict(void *arg, uint32_t events)
{
    struct token_endpoint *e = arg;
    uint32_t tag = 0;
    bool good = false;
    int error = hasher_take(e->hasher, &tag, &good);

    (void)events;
    if (error == SP_ENOPEER) {
        return;
    }
    if (error != 0 || e->first == NULL || tag != e->tag) {
        sp_fatal("hasher_gone", "error=\"%s\"", sp_strerror(error));
    }
    if (good) {
        struct call call = read_again(e, e->first);

        if (call.client != NULL) {
            client_remember(e->auth->policy->clients, call.client,
                            e->request.secret);
        }
    } else {
        struct waiting *w = take_first(e);

        settle(e, w, false);
        waiting_free(w);
    }
    ask_next(e);
}

/* ----------------------------------------------------------------- handling */

/* True where the key has failed too often; answered then. */
static bool
throttled(struct token_endpoint *e, const struct call *call,
          struct sp_view client, uint64_t key)
{
    int64_t wait_ms = throttle_wait_ms(e->throttle, key, sp_clock_ms());

    if (wait_ms > 0) {
        refuse_for_now(e, call, client, 429, wait_ms);
    }
    return wait_ms > 0;
}

/* No secret of this client is known yet: the slow way, for those who have not
 * failed too often. */
static void
ask_hasher(struct token_endpoint *e, const struct call *call,
           const struct sp_http_request *http)
{
    struct sp_view id = sp_view_of(client_id(call->client));

    if (throttled(e, call, id, throttle_client(e->throttle, id))) {
        return;
    }
    if (e->request.secret.len > HASHER_MAX_SECRET) {
        fail(e, call, id, "reason=wrong_secret");
    } else if (park(e, http, call->client) != 0) {
        refuse_for_now(e, call, id, 503, 1000);
    }
}

static void
authenticate(struct token_endpoint *e, struct call *call,
             const struct sp_http_request *http)
{
    struct sp_view id = e->request.client;

    call->client = clients_find(e->auth->policy->clients, id);
    if (call->client == NULL) {
        /* What is no id at all could be anything: a password typed into the
         * wrong field, bytes that are no text. The audit trail is spared it. */
        fail(e, call, sp_client_id_ok(id) ? id : sp_view_make("", 0),
             "reason=unknown_client");
        return;
    }
    switch (client_judge(e->auth->policy->clients, call->client,
                         e->request.secret)) {
    case CLIENT_RIGHT:
        issue(e, call);
        break;
    case CLIENT_WRONG:
        fail(e, call, id, "reason=wrong_secret");
        break;
    case CLIENT_ASK_HASHER:
        ask_hasher(e, call, http);
        break;
    }
}

void
token_endpoint_handle(struct token_endpoint *e,
                      const struct sp_http_request *http)
{
    struct call call;
    const struct sp_refusal *wrong = NULL;
    struct sp_view none = sp_view_make("", 0);

    if (joins(e, http)) {
        return;
    }
    wrong = read_request(e, http, &call);
    if (wrong != NULL) {
        refuse_client(e, &call, none, wrong, "reason=request");
    } else if (!throttled(e, &call, none,
                          throttle_address(e->throttle, call.address))) {
        authenticate(e, &call, http);
    }
}

/* ---------------------------------------------------------------- life time */

struct token_endpoint *
token_endpoint_new(struct auth *auth)
{
    struct token_endpoint *e = sp_alloc(sizeof(*e));
    const struct sp_port port = sp_port_of(auth->runtime);
    const struct sp_parked_shape shape = {
        .kind = SP_MSG_HTTP_REQUEST,
        .max = MAX_WAITING,
        .max_bytes = MAX_WAITING_BYTES,
        .says_in_hand = true,
        .expired = on_expired,
        .owner = e,
    };

    e->auth = auth;
    e->lot = sp_parked_lot_new(&shape, &port);
    e->request = token_request_new();
    if (hasher_start(&e->hasher) != 0) {
        token_endpoint_free(&e);
    }
    return e;
}

void
token_endpoint_limit(struct token_endpoint *e, uint32_t burst,
                     uint32_t per_minute)
{
    throttle_free(&e->throttle);
    e->throttle = throttle_new(burst, per_minute);
}

void
token_endpoint_free(struct token_endpoint **endpoint)
{
    struct token_endpoint *e = *endpoint;

    if (e != NULL) {
        while (e->first != NULL) {
            waiting_free(take_first(e));
        }
        sp_parked_lot_free(&e->lot);
        sp_helper_free(&e->hasher);
        throttle_free(&e->throttle);
        token_request_free(&e->request);
        sp_free(e);
        *endpoint = NULL;
    }
}

int
token_endpoint_watch(struct token_endpoint *e, struct sp_loop *loop)
{
    e->watch = (struct sp_watch){ .ready = on_verdict,
                                  .arg = e,
                                  .fd = sp_helper_fd(e->hasher) };
    return sp_loop_add(loop, &e->watch, EPOLLIN);
}

size_t
token_endpoint_waiting(const struct token_endpoint *e)
{
    return sp_parked_count(e->lot);
}
