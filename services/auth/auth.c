/* Start, end, and the handlers that only pass something on. */
#include "services/auth/auth.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/text/headers.h"
#include "proto/passport.h"
#include "proto/paths.h"
#include "services/auth/access.h"
#include "services/auth/claims.h"
#include "services/auth/oauth/token_endpoint.h"

#define KEY_DIRECTORY "keys/auth"
#define MAX_SENTENCE 1024

/* ---------------------------------------------------------------- requests */

static void
refuse_method(struct auth *auth, const struct sp_http_request *request,
              const struct sp_path *row)
{
    const struct auth_return to = { request->request_id, request->reply_to };
    const struct sp_refusal refusal = {
        .status = 405,
        .code = "method_not_allowed",
        .text = "this method is not offered here",
    };
    char allow[SP_PATH_ALLOW_MAX];

    sp_buf_reset(&auth->headers);
    sp_buf_reset(&auth->body);
    if (sp_refusal_write(&refusal, row->form, &auth->headers, &auth->body) !=
        0) {
        sp_fatal("refusal_too_long", "status=405");
    }
    (void)sp_headers_add(&auth->headers, SP_VIEW_LITERAL("allow"),
                         sp_view_of(sp_path_allow(row, allow)));
    auth_answer(auth, to, refusal.status, sp_buf_view(&auth->headers),
                sp_buf_view(&auth->body));
}

static void
serve_document(struct auth *auth, const struct sp_http_request *request)
{
    const struct auth_return to = { request->request_id, request->reply_to };
    static const struct sp_refusal unknown = {
        .status = 404,
        .code = "not_found",
        .text = "no such document",
    };
    struct sp_view text = metadata_find(auth->metadata, request->path);

    if (text.ptr == NULL) {
        auth_refuse(auth, to, request->path, &unknown, sp_view_make("", 0));
    } else {
        auth_answer(auth, to, 200,
                    SP_VIEW_LITERAL("content-type: application/json\n"
                                    "cache-control: public, max-age=300\n"),
                    text);
    }
}

static void
serve_token(struct auth *auth, const struct sp_http_request *request)
{
    token_endpoint_handle(auth->endpoint, request);
}

/* What is served without a token. All other paths need one. */
static void (*const open_paths[SP_PATH_COUNT])(
    struct auth *auth, const struct sp_http_request *request) = {
    [SP_PATH_TOKEN] = serve_token,
    [SP_PATH_JWKS] = serve_document,
    [SP_PATH_DOCUMENTS] = serve_document,
};

void
auth_on_http_request(void *self, const struct sp_msg *m)
{
    struct auth *auth = self;
    const struct sp_http_request *request = &m->u.http_request;
    const struct sp_path *row = sp_path_find(request->path);

    if (request->deadline_ms == 0) {
        return; /* the edge has answered 504 */
    }
    if (row == NULL || open_paths[row->id] == NULL) {
        access_handle(auth, request);
    } else if (!sp_path_takes(row, sp_method_find(request->method))) {
        refuse_method(auth, request, row);
    } else {
        open_paths[row->id](auth, request);
    }
}

/* Nobody waits for these: one that finds no validation is dropped, and the
 * request's deadline ends what it meant to end. */
static void
pass_on(struct auth *auth, enum sp_message_id id, const void *message,
        struct sp_place place)
{
    if (sp_runtime_send(auth->runtime, SP_SERVICE_VALIDATION, id, message,
                        place) != 0) {
        auth->counts.undelivered++;
    }
}

/* To the validation replica that keeps the request; where it is gone, any one
 * has the way to the executor. */
static void
pass_on_by_name(struct auth *auth, enum sp_message_id id, const void *message,
                struct sp_view screen)
{
    const struct sp_place named = { .kind = SP_PLACE_NAMED, .key = screen };
    const struct sp_place any = { .kind = SP_PLACE_ANY };

    if (sp_runtime_send(auth->runtime, SP_SERVICE_VALIDATION, id, message,
                        named) != 0) {
        pass_on(auth, id, message, any);
    }
}

void
auth_on_cancel(void *self, const struct sp_msg *m)
{
    pass_on_by_name(self, SP_MSG_CANCEL, &m->u.cancel, m->u.cancel.screen_by);
}

void
auth_on_credit(void *self, const struct sp_msg *m)
{
    pass_on_by_name(self, SP_MSG_CREDIT, &m->u.credit, m->u.credit.screen_by);
}

void
auth_on_probe(void *self, const struct sp_msg *m)
{
    const struct sp_place any = { .kind = SP_PLACE_ANY };

    pass_on(self, SP_MSG_PROBE, &m->u.probe, any);
}

void
auth_peer(void *self, enum sp_service_id service, struct sp_view name, bool up)
{
    struct auth *auth = self;
    const struct sp_place all = { .kind = SP_PLACE_ALL };
    const struct sp_peer_lost lost = { .service = service, .name = name };

    if (!up && service == SP_SERVICE_VALIDATION &&
        sp_runtime_send(auth->runtime, SP_SERVICE_EDGE, SP_MSG_PEER_LOST, &lost,
                        all) != 0) {
        auth->counts.undelivered++;
    }
}

/* ------------------------------------------------------------------- start */

/* "a b c" of a list, owned by the caller. */
static char *
join(char *const *words, uint32_t count)
{
    struct sp_buf out = sp_buf_new(CLAIMS_MAX_SCOPES);
    char *text = NULL;

    for (uint32_t i = 0; i < count; i++) {
        (void)sp_buf_addf(&out, "%s%s", i == 0 ? "" : " ", words[i]);
    }
    if (out.error != 0) {
        sp_refuse("auth.yaml: a list of scopes is longer than %d bytes; "
                  "shorten it",
                  CLAIMS_MAX_SCOPES);
    }
    text = sp_dup_view(sp_buf_view(&out));
    sp_buf_free(&out);
    return text;
}

/* Each key signs and verifies once: a key whose halves do not belong together
 * is found now. It also makes the libraries load what they need while files
 * can still be opened. */
static void
try_signer(struct auth *auth)
{
    const char *url = sp_runtime_settings(auth->runtime)->url;
    int64_t now_ms = sp_clock_wall_ms();
    const struct token_content content = {
        .issuer = url,
        .audience = auth->mcp_url,
        .subject = "trial",
        .client = "trial",
        .scopes = "",
        .id = "trial",
        .issued_s = now_ms / 1000,
        .lifetime_s = 60,
    };
    struct sp_buf token = sp_buf_new(8192);
    struct claims claims;

    if (token_make(auth->signer, &content, &token) != 0 ||
        token_verify(auth->verifier, sp_buf_view(&token), now_ms, &claims) !=
            TOKEN_FAULT_NONE) {
        sp_refuse("%s/%s.key cannot sign; make it anew with `sallyport init`",
                  KEY_DIRECTORY, auth->config->tokens.signing_key);
    }
    sp_buf_free(&token);
}

static void
load_config(struct auth *auth)
{
    struct sp_buf why = sp_buf_new(MAX_SENTENCE);
    const char *directory = sp_runtime_settings(auth->runtime)->config;

    if (auth_config_load(directory, &auth->config, &why) != 0) {
        sp_refuse("%.*s", SP_VIEW(sp_buf_view(&why)));
    }
    sp_buf_free(&why);
}

static void
load_keys(struct auth *auth)
{
    struct sp_buf why = sp_buf_new(MAX_SENTENCE);
    const char *name = auth->config->tokens.signing_key;
    char *path = sp_runtime_key_path(auth->runtime, "passport.key");
    int error = 0;

    auth->keys = keyset_new();
    if (keyset_load(auth->keys, KEY_DIRECTORY, &why) != 0) {
        sp_refuse("%.*s", SP_VIEW(sp_buf_view(&why)));
    }
    sp_buf_free(&why);
    auth->signer = keyset_named(auth->keys, sp_view_of(name));
    if (auth->signer == NULL) {
        sp_refuse("auth.yaml: tokens.signing_key: there is no %s/%s.key; name "
                  "one that is there, or run `sallyport init`",
                  KEY_DIRECTORY, name);
    }
    error =
        sp_secret_load_hex(path, SP_PASSPORT_KEY_BYTES, &auth->passport_key);
    if (error != 0) {
        sp_refuse("%s: %s; run `sallyport init` to make it", path,
                  sp_strerror(error));
    }
    sp_free(path);
}

static void
load_client(struct auth *auth, const struct auth_client *from)
{
    struct sp_secret *hash = NULL;
    char *scopes = join(from->scopes, from->scopes_count);
    char path[256];
    int error = 0;

    if (!clients_id_ok(sp_view_of(from->id))) {
        sp_refuse("auth.yaml: clients: %s is no client id; use up to %d of "
                  "A-Z a-z 0-9 . _ -",
                  from->id, CLIENTS_MAX_ID);
    }
    (void)snprintf(path, sizeof(path), "%s/client-%s.hash", KEY_DIRECTORY,
                   from->id);
    error = sp_secret_load(path, &hash);
    if (error == 0) {
        error =
            clients_add(auth->clients, from->id, scopes, sp_secret_view(hash));
    }
    if (error != 0) {
        sp_refuse("auth.yaml: client %s with %s: %s; an id is used once, the "
                  "file holds an argon2id hash; `sallyport init` makes those "
                  "of demo and bench",
                  from->id, path, sp_strerror(error));
    }
    sp_secret_free(&hash);
    sp_free(scopes);
}

static void
load_rules(struct auth *auth)
{
    const struct auth_config *config = auth->config;
    struct claims_rules rules = {
        .audiences = auth->audiences,
        .audience_count = SP_COUNT(auth->audiences),
        .issuer_count = config->issuers_count + 1,
        .skew_ms = (int64_t)config->tokens.clock_skew_s * 1000,
    };

    auth->issuers = sp_alloc_n(rules.issuer_count, sizeof(char *));
    auth->issuers[0] = sp_runtime_settings(auth->runtime)->url;
    for (uint32_t i = 0; i < config->issuers_count; i++) {
        auth->issuers[i + 1] = config->issuers[i];
    }
    rules.issuers = auth->issuers;
    auth->audiences[0] = auth->mcp_url;
    auth->audiences[1] = auth->issuers[0];
    auth->verifier = token_verifier_new(auth->keys, &rules);
}

static void
load_texts(struct auth *auth)
{
    const struct auth_config *config = auth->config;
    const char *url = sp_runtime_settings(auth->runtime)->url;
    const struct metadata_facts facts = {
        .url = url,
        .scopes = (const char *const *)config->scopes,
        .scope_count = config->scopes_count,
        .keys = auth->keys,
    };

    auth->mcp_scopes = join(config->challenge.mcp, config->challenge.mcp_count);
    auth->model_scopes =
        join(config->challenge.models, config->challenge.models_count);
    auth->metadata = metadata_new(&facts);
}

static char *
mcp_url(const char *url)
{
    struct sp_buf text = sp_buf_new(1024);
    char *result = NULL;

    (void)sp_buf_addf(&text, "%s%s", url, sp_path_row(SP_PATH_MCP)->path);
    result = sp_dup_view(sp_buf_view(&text));
    sp_buf_free(&text);
    return result;
}

void
auth_before_jail(struct sp_runtime *rt, void *self, struct sp_jail *jail)
{
    struct auth *auth = self;
    const struct sp_settings *settings = sp_runtime_settings(rt);

    (void)jail; /* nothing but the links */
    auth->runtime = rt;
    auth->endpoint = token_endpoint_new(auth);
    if (auth->endpoint == NULL) {
        sp_refuse("cannot start the hashing helper; allow this user one more "
                  "process");
    }
    load_config(auth);
    auth->mcp_url = mcp_url(settings->url);
    auth->passport = sp_buf_new(SP_MAX_PASSPORT);
    auth->headers = sp_buf_new(SP_MAX_HEADERS);
    auth->body = sp_buf_new(SP_MAX_HEADERS);
    auth->scopes = sp_buf_new(CLAIMS_MAX_SCOPES + 1);
    load_keys(auth);
    load_rules(auth);
    load_texts(auth);
    auth->clients = clients_new();
    for (uint32_t i = 0; i < auth->config->clients_count; i++) {
        load_client(auth, &auth->config->clients[i]);
    }
    auth->cache = token_cache_new(auth->config->tokens.cached);
    token_endpoint_limit(auth->endpoint, auth->config->failures.burst,
                         auth->config->failures.per_minute);
    try_signer(auth);
}

void
auth_in_jail(struct sp_runtime *rt, void *self)
{
    struct auth *auth = self;

    if (token_endpoint_watch(auth->endpoint, sp_runtime_loop(rt)) != 0) {
        sp_fatal("cannot_watch_hasher", "waiting=0");
    }
}

/* --------------------------------------------------------------------- end */

void
auth_metrics(void *self, struct sp_buf *out)
{
    const struct auth *auth = self;
    const struct auth_counts *c = &auth->counts;
    const struct {
        const char *name;
        uint64_t value;
    } rows[] = {
        { "tokens_accepted_total{by=\"cache\"}", c->cached },
        { "tokens_accepted_total{by=\"signature\"}", c->verified },
        { "tokens_refused_total", c->refused },
        { "tokens_missing_total", c->missing },
        { "tokens_issued_total", c->issued },
        { "clients_refused_total", c->clients_refused },
        { "clients_throttled_total", c->clients_throttled },
        { "messages_undelivered_total", c->undelivered },
        { "tokens_cached", token_cache_count(auth->cache) },
        { "secrets_hashing", token_endpoint_waiting(auth->endpoint) },
    };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        (void)sp_buf_addf(out, "sallyport_auth_%s %" PRIu64 "\n", rows[i].name,
                          rows[i].value);
    }
}

size_t
auth_in_flight(void *self)
{
    const struct auth *auth = self;

    return token_endpoint_waiting(auth->endpoint);
}

void
auth_fini(void *self)
{
    struct auth *auth = self;

    token_endpoint_free(&auth->endpoint);
    token_cache_free(&auth->cache);
    clients_free(&auth->clients);
    metadata_free(&auth->metadata);
    token_verifier_free(&auth->verifier);
    keyset_free(&auth->keys);
    sp_secret_free(&auth->passport_key);
    sp_free(auth->issuers);
    sp_free(auth->mcp_url);
    sp_free(auth->mcp_scopes);
    sp_free(auth->model_scopes);
    sp_buf_free(&auth->passport);
    sp_buf_free(&auth->headers);
    sp_buf_free(&auth->body);
    sp_buf_free(&auth->scopes);
    auth_config_free(&auth->config);
}
