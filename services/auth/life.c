/* Start, reload and end of the auth process. */
#include "services/auth/life.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/base/alloc.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/text/headers.h"
#include "proto/passport.h"
#include "proto/paths.h"
#include "services/auth/auth.h"
#include "services/auth/claims.h"
#include "services/auth/oauth/token_endpoint.h"

#define KEY_DIRECTORY "keys/auth"
#define MAX_SENTENCE 8192

/* ------------------------------------------------------------------- start */

static void
load_keys(struct auth *auth)
{
    struct sp_buf why = sp_buf_new(MAX_SENTENCE);
    char *path = sp_runtime_key_path(auth->runtime, "passport.key");
    int error = 0;

    auth->keys = keyset_new();
    if (keyset_load(auth->keys, KEY_DIRECTORY, &why) != 0) {
        sp_refuse("%.*s", SP_VIEW(sp_buf_view(&why)));
    }
    sp_buf_free(&why);
    error =
        sp_secret_load_hex(path, SP_PASSPORT_KEY_BYTES, &auth->passport_key);
    if (error != 0) {
        sp_refuse("%s: %s; run `sallyport init` to make it", path,
                  sp_error_reason(error));
    }
    sp_free(path);
}

static struct auth_policy_means
means_of(const struct auth *auth, const char *directory)
{
    return (struct auth_policy_means){
        .directory = directory,
        .url = sp_runtime_settings(auth->runtime)->url,
        .mcp_url = auth->mcp_url,
        .keys = auth->keys,
        .key_directory = KEY_DIRECTORY,
    };
}

static void
load_policy(struct auth *auth)
{
    struct sp_buf why = sp_buf_new(MAX_SENTENCE);
    const struct auth_policy_means means =
        means_of(auth, sp_runtime_settings(auth->runtime)->config);

    if (auth_policy_new(&means, &auth->policy, &why) != 0) {
        sp_refuse("%.*s", SP_VIEW(sp_buf_view(&why)));
    }
    sp_buf_free(&why);
}

static void
apply_limits(struct auth *auth)
{
    const struct auth_failures *failures = &auth->policy->config->failures;

    token_endpoint_limit(auth->endpoint, failures->burst, failures->per_minute);
}

/* True where a token that was accepted may not be any more, or where the cache
 * gets another size. */
static bool
cache_is_stale(const struct auth_config *old, const struct auth_config *next)
{
    if (old->tokens.cached != next->tokens.cached ||
        old->issuers_count != next->issuers_count) {
        return true;
    }
    for (uint32_t i = 0; i < old->issuers_count; i++) {
        if (strcmp(old->issuers[i], next->issuers[i]) != 0) {
            return true;
        }
    }
    return false;
}

/* Their streams are cut; their next request is refused in any case. */
static void
revoke_removed(struct auth *auth, const struct auth_config *old)
{
    const struct sp_place all = { .kind = SP_PLACE_ALL };

    for (uint32_t i = 0; i < old->clients_count; i++) {
        const struct sp_revoked revoked = {
            .client = sp_view_of(old->clients[i].id),
        };

        if (clients_find(auth->policy->clients, revoked.client) == NULL &&
            sp_runtime_send(auth->runtime, SP_SERVICE_EDGE, SP_MSG_REVOKED,
                            &revoked, all) != 0) {
            auth->counts.undelivered++;
        }
    }
}

int
life_reload(struct auth *auth, const char *directory, struct sp_buf *why)
{
    const struct auth_policy_means means = means_of(auth, directory);
    struct auth_policy *old = auth->policy;
    struct auth_policy *next = NULL;
    int error = auth_policy_new(&means, &next, why);

    if (error != 0) {
        return error;
    }
    clients_inherit(next->clients, old->clients);
    auth->policy = next;
    revoke_removed(auth, old->config);
    if (cache_is_stale(old->config, next->config)) {
        token_cache_free(&auth->cache);
        auth->cache = token_cache_new(next->config->tokens.cached);
    }
    /* Else those who have failed too often stay where they are. */
    if (memcmp(&old->config->failures, &next->config->failures,
               sizeof(old->config->failures)) != 0) {
        apply_limits(auth);
    }
    auth_policy_free(&old);
    return 0;
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
life_before_jail(struct sp_runtime *rt, void *self, struct sp_jail *jail)
{
    static const struct sp_jail_path paths[] = {
        { KEY_DIRECTORY "/clients", SP_JAIL_READ, false },
    };
    struct auth *auth = self;
    const struct sp_settings *settings = sp_runtime_settings(rt);

    /* A reload brings new clients, and new secrets. Who holds this process
     * holds the hashes already. */
    jail->paths = paths;
    jail->path_count = SP_COUNT(paths);
    auth->runtime = rt;
    auth->endpoint = token_endpoint_new(auth);
    if (auth->endpoint == NULL) {
        sp_refuse("cannot start the hashing helper; allow this user one more "
                  "process");
    }
    auth->mcp_url = mcp_url(settings->url);
    auth->passport = sp_buf_new(SP_MAX_PASSPORT);
    auth->headers = sp_buf_new(SP_MAX_HEADERS);
    auth->body = sp_buf_new(SP_MAX_HEADERS);
    auth->scopes = sp_buf_new(CLAIMS_MAX_SCOPES + 1);
    load_keys(auth);
    load_policy(auth);
    auth->cache = token_cache_new(auth->policy->config->tokens.cached);
    apply_limits(auth);
}

void
life_in_jail(struct sp_runtime *rt, void *self)
{
    struct auth *auth = self;

    if (token_endpoint_watch(auth->endpoint, sp_runtime_loop(rt)) != 0) {
        sp_fatal("cannot_watch_hasher", "waiting=0");
    }
}

/* --------------------------------------------------------------------- end */

void
life_metrics(void *self, struct sp_buf *out)
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
life_in_flight(void *self)
{
    const struct auth *auth = self;

    return token_endpoint_waiting(auth->endpoint);
}

void
life_fini(void *self)
{
    struct auth *auth = self;

    token_endpoint_free(&auth->endpoint);
    token_cache_free(&auth->cache);
    auth_policy_free(&auth->policy);
    keyset_free(&auth->keys);
    sp_secret_free(&auth->passport_key);
    sp_free(auth->mcp_url);
    sp_buf_free(&auth->passport);
    sp_buf_free(&auth->headers);
    sp_buf_free(&auth->body);
    sp_buf_free(&auth->scopes);
}
