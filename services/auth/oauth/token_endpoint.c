/* The token endpoint (RFC 6749 section 3.2). */
#include "services/auth/oauth/token_endpoint.h"

#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#include <sodium.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/text/headers.h"
#include "proto/paths.h"
#include "services/auth/encoding.h"

/* Each takes the helper some 60 ms: more would wait longer than clients do. */
#define MAX_WAITING 64
#define ID_BYTES 16 /* of a jti */
#define MAX_ADDRESS 45

/* What a request needs once its secret is known to be right or wrong. */
struct asker {
    struct auth_return to;
    struct sp_view address;
    struct client *client;
    struct sp_view scope;
    const char *audience;
};

/* A request that waits, with copies of everything. */
struct waiting {
    struct waiting *next;
    char request_id[16];
    char reply_to[128];
    char address[MAX_ADDRESS];
    size_t reply_to_len;
    size_t address_len;
    struct client *client;
    struct sp_secret *secret;
    char *scope;
    const char *audience;
    int64_t deadline_at_ms; /* monotonic */
};

struct token_endpoint {
    struct auth *auth;
    struct sp_helper *hasher;
    struct throttle *throttle;
    struct token_request request;
    struct waiting *first; /* the helper is busy with this one */
    struct waiting *last;
    size_t count;
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
tell(struct auth *auth, const struct asker *asker, const char *kind,
     struct sp_view client, unsigned status, const char *detail)
{
    const struct sp_occurrence what = {
        .kind = kind,
        .request_id = asker->to.request_id,
        .address = asker->address,
        .subject = client,
        .client = client,
        .object = token_path(),
        .status = status,
        .detail = detail,
    };

    sp_runtime_event(auth->runtime, &what);
}

static void
refuse(struct auth *auth, const struct asker *asker,
       const struct oauth_error *wrong)
{
    const struct sp_refusal refusal = { .status = wrong->status,
                                        .code = wrong->code,
                                        .text = wrong->text };
    /* RFC 6749 section 5.2: a 401 names a scheme. */
    struct sp_view challenge =
        wrong->status == 401 ? SP_VIEW_LITERAL("Basic realm=\"sallyport\"")
                             : sp_view_make("", 0);

    auth_refuse(auth, asker->to, token_path(), &refusal, challenge);
}

static void
refuse_client(struct token_endpoint *e, const struct asker *asker,
              struct sp_view client, const struct oauth_error *wrong,
              const char *detail)
{
    e->auth->counts.clients_refused++;
    refuse(e->auth, asker, wrong);
    tell(e->auth, asker, "client_refused", client, wrong->status, detail);
}

static void
refuse_for_now(struct token_endpoint *e, const struct asker *asker,
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
    auth_refuse(e->auth, asker->to, token_path(), &refusal,
                sp_view_make("", 0));
    tell(e->auth, asker, "client_throttled", client, status, NULL);
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
write_token(struct auth *auth, const struct asker *asker)
{
    struct sp_buf id = sp_buf_new(64);
    uint32_t lifetime_s = auth->config->tokens.lifetime_s;
    struct token_content content = {
        .issuer = sp_runtime_settings(auth->runtime)->url,
        .audience = asker->audience,
        .subject = client_id(asker->client),
        .client = client_id(asker->client),
        .scopes = auth->scopes.data,
        .issued_s = sp_clock_wall_ms() / 1000,
        .lifetime_s = lifetime_s,
    };
    int error = 0;

    make_id(&id);
    content.id = id.data;
    sp_buf_reset(&auth->body);
    (void)sp_buf_add_str(&auth->body, "{\"access_token\":\"");
    error = token_make(auth->signer, &content, &auth->body);
    (void)sp_buf_addf(&auth->body,
                      "\",\"token_type\":\"Bearer\",\"expires_in\":%u,"
                      "\"scope\":\"%s\"}",
                      lifetime_s, auth->scopes.data);
    sp_buf_free(&id);
    return error != 0 ? error : auth->body.error;
}

static void
issue(struct token_endpoint *e, const struct asker *asker)
{
    struct auth *auth = e->auth;
    struct sp_view allowed = sp_view_of(client_scopes(asker->client));
    struct sp_view name = sp_view_of(client_id(asker->client));
    struct sp_view wanted = asker->scope.len > 0 ? asker->scope : allowed;
    char detail[512];
    int error = 0;

    sp_buf_reset(&auth->scopes);
    if (!scopes_narrow(wanted, allowed, &auth->scopes)) {
        refuse_client(e, asker, name, &oauth_invalid_scope, "reason=scope");
        return;
    }
    (void)sp_buf_add(&auth->scopes, "", 1);
    error = write_token(auth, asker);
    if (error != 0) {
        static const struct oauth_error failed = { 500, "server_error",
                                                   "no token could be made" };

        sp_runtime_trouble(auth->runtime, "token_not_made", "reason=\"%s\"",
                           sp_strerror(error));
        refuse(auth, asker, &failed);
        return;
    }
    auth->counts.issued++;
    auth_answer(auth, asker->to, 200,
                SP_VIEW_LITERAL("content-type: application/json\n"
                                "cache-control: no-store\n"
                                "pragma: no-cache\n"),
                sp_buf_view(&auth->body));
    (void)snprintf(detail, sizeof(detail), "scope=\"%s\"", auth->scopes.data);
    tell(auth, asker, "token_issued", name, 200, detail);
}

static void
fail(struct token_endpoint *e, const struct asker *asker, struct sp_view client,
     const char *detail)
{
    int64_t now_ms = sp_clock_ms();

    throttle_fail(e->throttle, throttle_address(e->throttle, asker->address),
                  now_ms);
    throttle_fail(e->throttle, throttle_client(e->throttle, client), now_ms);
    refuse_client(e, asker, client, &oauth_invalid_client, detail);
}

/* ------------------------------------------------------------------ waiting */

static void
waiting_free(struct waiting *w)
{
    sp_secret_free(&w->secret);
    sp_free(w->scope);
    sp_free(w);
}

static struct waiting *
waiting_new(const struct asker *asker, struct sp_view secret,
            uint64_t deadline_ms)
{
    struct waiting *w = sp_alloc(sizeof(*w));

    memcpy(w->request_id, asker->to.request_id.ptr, sizeof(w->request_id));
    w->reply_to_len = asker->to.reply_to.len;
    memcpy(w->reply_to, asker->to.reply_to.ptr, w->reply_to_len);
    w->address_len = asker->address.len;
    memcpy(w->address, asker->address.ptr, w->address_len);
    w->client = asker->client;
    w->secret = sp_secret_new(secret);
    w->scope = sp_dup_view(asker->scope);
    w->audience = asker->audience;
    w->deadline_at_ms = sp_clock_ms() + (int64_t)deadline_ms;
    return w;
}

static struct asker
asker_of(const struct waiting *w)
{
    return (struct asker){
        .to = { .request_id =
                    sp_view_make(w->request_id, sizeof(w->request_id)),
                .reply_to = sp_view_make(w->reply_to, w->reply_to_len) },
        .address = sp_view_make(w->address, w->address_len),
        .client = w->client,
        .scope = sp_view_of(w->scope),
        .audience = w->audience,
    };
}

static void
settle(struct token_endpoint *e, struct waiting *w, bool right)
{
    struct asker asker = asker_of(w);

    if (sp_clock_ms() >= w->deadline_at_ms) {
        return; /* the edge has answered 504 */
    }
    if (right) {
        issue(e, &asker);
    } else {
        fail(e, &asker, sp_view_of(client_id(w->client)),
             "reason=wrong_secret");
    }
}

static struct waiting *
take_first(struct token_endpoint *e)
{
    struct waiting *w = e->first;

    e->first = w->next;
    if (e->first == NULL) {
        e->last = NULL;
    }
    e->count--;
    return w;
}

/* Gives the helper the first request that needs it. Those whose client has been
 * verified in the meantime are settled on the way. */
static void
ask_next(struct token_endpoint *e)
{
    while (e->first != NULL) {
        struct waiting *w = e->first;
        enum client_verdict verdict = client_judge(e->auth->clients, w->client,
                                                   sp_secret_view(w->secret));

        if (verdict == CLIENT_ASK_HASHER && sp_clock_ms() < w->deadline_at_ms) {
            e->tag++;
            if (hasher_ask(e->hasher, e->tag, client_hash(w->client),
                           sp_secret_view(w->secret)) != 0) {
                sp_fatal("hasher_gone", "waiting=%zu", e->count);
            }
            return;
        }
        w = take_first(e);
        settle(e, w, verdict == CLIENT_RIGHT);
        waiting_free(w);
    }
}

static void
park(struct token_endpoint *e, const struct asker *asker, struct sp_view secret,
     uint64_t deadline_ms)
{
    struct waiting *w = waiting_new(asker, secret, deadline_ms);
    bool idle = e->first == NULL;

    if (e->last != NULL) {
        e->last->next = w;
    } else {
        e->first = w;
    }
    e->last = w;
    e->count++;
    if (idle) {
        ask_next(e);
    }
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
        client_remember(e->auth->clients, e->first->client,
                        sp_secret_view(e->first->secret));
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
throttled(struct token_endpoint *e, const struct asker *asker,
          struct sp_view client, uint64_t key)
{
    int64_t wait_ms = throttle_wait_ms(e->throttle, key, sp_clock_ms());

    if (wait_ms > 0) {
        refuse_for_now(e, asker, client, 429, wait_ms);
    }
    return wait_ms > 0;
}

/* No secret of this client is known yet: the slow way, for those who have not
 * failed too often. */
static void
ask_hasher(struct token_endpoint *e, const struct asker *asker,
           uint64_t deadline_ms)
{
    struct sp_view id = sp_view_of(client_id(asker->client));

    if (throttled(e, asker, id, throttle_client(e->throttle, id))) {
        return;
    }
    if (e->request.secret.len > HASHER_MAX_SECRET) {
        fail(e, asker, id, "reason=wrong_secret");
    } else if (e->count == MAX_WAITING) {
        refuse_for_now(e, asker, id, 503, 1000);
    } else {
        park(e, asker, e->request.secret, deadline_ms);
    }
}

static void
authenticate(struct token_endpoint *e, struct asker *asker,
             uint64_t deadline_ms)
{
    struct sp_view id = e->request.client;

    asker->client = clients_find(e->auth->clients, id);
    if (asker->client == NULL) {
        /* What is no id at all could be anything: a password typed into the
         * wrong field, bytes that are no text. The audit trail is spared it. */
        fail(e, asker, clients_id_ok(id) ? id : sp_view_make("", 0),
             "reason=unknown_client");
        return;
    }
    switch (client_judge(e->auth->clients, asker->client, e->request.secret)) {
    case CLIENT_RIGHT:
        issue(e, asker);
        break;
    case CLIENT_WRONG:
        fail(e, asker, id, "reason=wrong_secret");
        break;
    case CLIENT_ASK_HASHER:
        ask_hasher(e, asker, deadline_ms);
        break;
    }
}

void
token_endpoint_handle(struct token_endpoint *e,
                      const struct sp_http_request *http)
{
    const struct token_resources resources = {
        .url = sp_runtime_settings(e->auth->runtime)->url,
        .mcp_url = e->auth->mcp_url,
    };
    struct asker asker = { .to = { http->request_id, http->reply_to },
                           .address = http->address };
    const struct oauth_error *wrong =
        token_request_read(&e->request, http, &resources);
    struct sp_view none = sp_view_make("", 0);

    asker.scope = e->request.scope;
    asker.audience = e->request.audience;
    if (wrong != NULL) {
        refuse_client(e, &asker, none, wrong, "reason=request");
    } else if (!throttled(e, &asker, none,
                          throttle_address(e->throttle, asker.address))) {
        authenticate(e, &asker, http->deadline_ms);
    }
}

/* ---------------------------------------------------------------- life time */

struct token_endpoint *
token_endpoint_new(struct auth *auth)
{
    struct token_endpoint *e = sp_alloc(sizeof(*e));

    e->auth = auth;
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
    return e->count;
}
