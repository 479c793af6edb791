/* A configuration and what is made from it. */
#include "services/auth/policy.h"

#include <stdio.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/secret.h"
#include "common/process/config.h"
#include "common/text/client_id.h"
#include "services/auth/claims.h"

#define FILE_NAME "auth"
#define MAX_PATH_TEXT 64

/* A policy in the making. */
struct making {
    const struct auth_policy_means *means;
    struct auth_policy *policy;
    struct sp_buf *why;
};

#define REPORT(m, path, ...)                                                   \
    sp_config_tell((m)->why, (m)->means->directory, FILE_NAME, path,           \
                   __VA_ARGS__)

/* "a b c" of a list, owned by the caller. 0 or SP_ECONFIG. */
static int
join(const struct making *m, const char *path, char *const *words,
     uint32_t count, char **ret_text)
{
    struct sp_buf out = sp_buf_new(CLAIMS_MAX_SCOPES);
    int error = 0;

    for (uint32_t i = 0; i < count; i++) {
        (void)sp_buf_addf(&out, "%s%s", i == 0 ? "" : " ", words[i]);
    }
    if (out.error != 0) {
        error = REPORT(m, path, "is longer than %d bytes; shorten the list",
                       CLAIMS_MAX_SCOPES);
    } else {
        *ret_text = sp_dup_view(sp_buf_view(&out));
    }
    sp_buf_free(&out);
    return error;
}

/* ------------------------------------------------------------------ clients */

static int
add_with_hash(const struct making *m, const struct auth_client *from,
              const char *path, const char *scopes)
{
    struct sp_secret *hash = NULL;
    char file[256];
    int error = 0;

    (void)snprintf(file, sizeof(file), "%s/clients/%s.hash",
                   m->means->key_directory, from->id);
    error = sp_secret_load(file, &hash);
    if (error == 0) {
        error = clients_add(m->policy->clients, from->id, scopes,
                            sp_secret_view(hash));
    }
    sp_secret_free(&hash);
    return error == 0
               ? 0
               : REPORT(m, path,
                        "is %s with %s: %s; an id is used once, the file "
                        "holds an argon2id hash; `sallyport client add` "
                        "makes it",
                        from->id, file, sp_error_reason(error));
}

static int
add_client(const struct making *m, uint32_t number)
{
    const struct auth_client *from = &m->policy->config->clients[number];
    char path[MAX_PATH_TEXT];
    char *scopes = NULL;
    int error = 0;

    (void)snprintf(path, sizeof(path), "clients[%u].id", number);
    if (!sp_client_id_ok(sp_view_of(from->id))) {
        return REPORT(m, path,
                      "is no client id; use up to %d of A-Z a-z 0-9 . _ "
                      "-",
                      SP_CLIENT_ID_MAX);
    }
    error = join(m, path, from->scopes, from->scopes_count, &scopes);
    if (error == 0) {
        error = add_with_hash(m, from, path, scopes);
    }
    sp_free(scopes);
    return error;
}

static int
make_clients(const struct making *m)
{
    int error = 0;

    m->policy->clients = clients_new();
    for (uint32_t i = 0; error == 0 && i < m->policy->config->clients_count;
         i++) {
        error = add_client(m, i);
    }
    return error;
}

/* ----------------------------------------------------------------- the rest */

static void
make_verifier(const struct making *m)
{
    struct auth_policy *p = m->policy;
    const struct auth_config *config = p->config;
    struct claims_rules rules = {
        .audiences = p->audiences,
        .audience_count = SP_COUNT(p->audiences),
        .issuer_count = config->issuers_count + 1,
        .skew_ms = (int64_t)config->tokens.clock_skew_s * 1000,
    };

    p->issuers = sp_alloc_n(rules.issuer_count, sizeof(char *));
    p->issuers[0] = m->means->url;
    for (uint32_t i = 0; i < config->issuers_count; i++) {
        p->issuers[i + 1] = config->issuers[i];
    }
    rules.issuers = p->issuers;
    p->audiences[0] = m->means->mcp_url;
    p->audiences[1] = m->means->url;
    p->verifier = token_verifier_new(m->means->keys, &rules);
}

static int
make_texts(const struct making *m)
{
    struct auth_policy *p = m->policy;
    const struct auth_config *config = p->config;
    const struct metadata_facts facts = {
        .url = m->means->url,
        .scopes = (const char *const *)config->scopes,
        .scope_count = config->scopes_count,
        .keys = m->means->keys,
    };
    int error = join(m, "challenge.mcp", config->challenge.mcp,
                     config->challenge.mcp_count, &p->mcp_scopes);

    if (error == 0) {
        error = join(m, "challenge.models", config->challenge.models,
                     config->challenge.models_count, &p->model_scopes);
    }
    if (error == 0) {
        p->metadata = metadata_new(&facts);
    }
    return error != 0 || p->metadata != NULL
               ? error
               : REPORT(m, "scopes",
                        "makes a document of more than %d bytes; list fewer",
                        METADATA_MAX);
}

/* Each key signs and verifies once: a key whose halves do not belong together
 * is found now. It also makes the libraries load what they need while files
 * can still be opened. */
static int
make_signer(const struct making *m)
{
    struct auth_policy *p = m->policy;
    const char *name = p->config->tokens.signing_key;
    int64_t now_ms = sp_clock_wall_ms();
    const struct token_content content = {
        .issuer = m->means->url,
        .audience = m->means->mcp_url,
        .subject = "trial",
        .client = "trial",
        .scopes = "",
        .id = "trial",
        .issued_s = now_ms / 1000,
        .lifetime_s = 60,
    };
    struct sp_buf token = sp_buf_new(8192);
    struct claims claims;
    int error = 0;

    p->signer = keyset_named(m->means->keys, sp_view_of(name));
    if (p->signer == NULL) {
        error =
            REPORT(m, "tokens.signing_key",
                   "is %s, but %s/%s.key was not there at the start; name "
                   "one that was, or `sallyport init` and `sallyport restart "
                   "auth`",
                   name, m->means->key_directory, name);
    } else if (token_make(p->signer, &content, &token) != 0 ||
               token_verify(p->verifier, sp_buf_view(&token), now_ms,
                            &claims) != TOKEN_FAULT_NONE) {
        error = REPORT(m, "tokens.signing_key",
                       "is %s, whose key cannot sign; make it anew with "
                       "`sallyport init`",
                       name);
    }
    sp_buf_free(&token);
    return error;
}

int
auth_policy_new(const struct auth_policy_means *means,
                struct auth_policy **ret_policy, struct sp_buf *why)
{
    struct auth_policy *policy = sp_alloc(sizeof(*policy));
    const struct making m = { means, policy, why };
    int error = auth_config_load(means->directory, &policy->config, why);

    if (error == 0) {
        make_verifier(&m);
        error = make_texts(&m);
    }
    if (error == 0) {
        error = make_clients(&m);
    }
    if (error == 0) {
        error = make_signer(&m);
    }
    if (error != 0) {
        auth_policy_free(&policy);
        return error;
    }
    *ret_policy = policy;
    return 0;
}

void
auth_policy_free(struct auth_policy **policy)
{
    struct auth_policy *p = *policy;

    if (p == NULL) {
        return;
    }
    clients_free(&p->clients);
    metadata_free(&p->metadata);
    token_verifier_free(&p->verifier);
    sp_free(p->issuers);
    sp_free(p->mcp_scopes);
    sp_free(p->model_scopes);
    auth_config_free(&p->config);
    sp_free(p);
    *policy = NULL;
}
