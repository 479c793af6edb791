/* Bearer tokens at the door (RFC 6750, MCP authorization). */
#include "services/auth/access.h"

#include <stdbool.h>
#include <stdio.h>

#include "common/base/clock.h"
#include "common/base/error.h"
#include "proto/passport.h"
#include "proto/paths.h"
#include "services/auth/oauth/credentials.h"

#define MAX_CHALLENGE (SP_MAX_HEADERS / 2)

/* The row of a path whose requests go on to validation, or NULL: everything
 * else ends here. */
static const struct sp_path *
find_path(struct sp_view path)
{
    const struct sp_path *row = sp_path_find(path);

    return row == NULL || row->target == SP_SERVICE_EDGE ||
                   row->target == SP_SERVICE_AUTH
               ? NULL
               : row;
}

static struct auth_return
return_of(const struct sp_http_request *request)
{
    return (struct auth_return){ .request_id = request->request_id,
                                 .reply_to = request->reply_to,
                                 .attempt = request->attempt };
}

/* ----------------------------------------------------------------- refusing */

/* RFC 6750 section 3 with the parameter of RFC 9728 section 5.1. No error
 * where no token came: the client has done nothing wrong yet. */
static void
write_challenge(const struct auth *auth, struct sp_view path, const char *error,
                const char *text, struct sp_buf *out)
{
    const struct sp_path *row = find_path(path);
    bool mcp = row != NULL && row->target == SP_SERVICE_TOOLS;
    const char *url = sp_runtime_settings(auth->runtime)->url;

    (void)sp_buf_addf(out,
                      "Bearer resource_metadata=\"%s/.well-known/"
                      "oauth-protected-resource%s\"",
                      url, mcp ? row->path : "");
    if (row != NULL) {
        (void)sp_buf_addf(out, ", scope=\"%s\"",
                          mcp ? auth->policy->mcp_scopes
                              : auth->policy->model_scopes);
    }
    if (error != NULL) {
        (void)sp_buf_addf(out, ", error=\"%s\", error_description=\"%s\"",
                          error, text);
    }
}

static void
refuse(struct auth *auth, const struct sp_http_request *request,
       const struct sp_refusal *refusal, const char *error)
{
    struct sp_buf challenge = sp_buf_new(MAX_CHALLENGE);

    write_challenge(auth, request->path, error, refusal->text, &challenge);
    auth_refuse(auth, return_of(request), request->path, refusal,
                sp_buf_view(&challenge));
    sp_buf_free(&challenge);
}

static void
report(struct auth *auth, const struct sp_http_request *request,
       const struct identity *who, const char *kind, unsigned status,
       const char *detail)
{
    struct sp_occurrence what = {
        .kind = kind,
        .request_id = request->request_id,
        .address = request->address,
        .object = request->path,
        .status = status,
        .detail = detail,
    };

    if (who != NULL) {
        what.subject = who->subject;
        what.client = who->client;
    }
    sp_runtime_event(auth->runtime, &what);
}

static void
refuse_missing(struct auth *auth, const struct sp_http_request *request)
{
    static const struct sp_refusal refusal = {
        .status = 401,
        .code = "token_missing",
        .text = "send an access token: Authorization: Bearer TOKEN",
    };

    auth->counts.missing++;
    refuse(auth, request, &refusal, NULL);
    report(auth, request, NULL, "token_missing", 401, NULL);
}

static void
refuse_header(struct auth *auth, const struct sp_http_request *request)
{
    static const struct sp_refusal refusal = {
        .status = 400,
        .code = "invalid_request",
        .text = "the Authorization header is malformed or there twice",
    };

    auth->counts.refused++;
    refuse(auth, request, &refusal, "invalid_request");
    report(auth, request, NULL, "token_refused", 400, "reason=header");
}

static void
refuse_token(struct auth *auth, const struct sp_http_request *request,
             enum token_fault fault)
{
    const struct sp_refusal refusal = {
        .status = 401,
        .code = "invalid_token",
        .text = token_fault_sentence(fault),
    };
    char detail[64];

    (void)snprintf(detail, sizeof(detail), "reason=%s",
                   token_fault_word(fault));
    auth->counts.refused++;
    refuse(auth, request, &refusal, "invalid_token");
    report(auth, request, NULL, "token_refused", 401, detail);
}

static void
refuse_path(struct auth *auth, const struct sp_http_request *request,
            const struct identity *who)
{
    static const struct sp_refusal refusal = {
        .status = 404,
        .code = "not_found",
        .text = "nothing is here",
    };

    auth_refuse(auth, return_of(request), request->path, &refusal,
                sp_view_make("", 0));
    report(auth, request, who, "path_unknown", 404, NULL);
}

static void
refuse_without_scopes(struct auth *auth, const struct sp_http_request *request,
                      const struct identity *who)
{
    static const struct sp_refusal refusal = {
        .status = 403,
        .code = "insufficient_scope",
        .text = "the token has no scope that its client may still use",
    };

    refuse(auth, request, &refusal, "insufficient_scope");
    report(auth, request, who, "scope_missing", 403, NULL);
}

static void
refuse_undelivered(struct auth *auth, const struct sp_http_request *request,
                   const struct identity *who, int error)
{
    static const struct sp_refusal refusal = {
        .status = 503,
        .code = "unavailable",
        .text = "a stage of the gate is not there; try again",
        .retry_after_s = 1,
    };
    char detail[96];

    auth->counts.undelivered++;
    (void)snprintf(detail, sizeof(detail), "to=validation reason=\"%s\"",
                   sp_strerror(error));
    sp_runtime_trouble(auth->runtime, "call_undelivered", "%s", detail);
    auth_refuse(auth, return_of(request), request->path, &refusal,
                sp_view_make("", 0));
    report(auth, request, who, "call_undelivered", 503, detail);
}

/* ---------------------------------------------------------------- admitting */

/* A client keeps only what the configuration gives it today: taking a scope or
 * a client away there ends its tokens with the reload. */
static enum token_fault
limit_to_client(struct auth *auth, struct identity *who)
{
    const struct client *client =
        clients_find(auth->policy->clients, who->client);

    if (client == NULL) {
        return TOKEN_FAULT_CLIENT;
    }
    sp_buf_reset(&auth->scopes);
    (void)scopes_narrow(who->scopes, sp_view_of(client_scopes(client)),
                        &auth->scopes);
    who->scopes = sp_buf_view(&auth->scopes);
    return auth->scopes.error == 0 ? TOKEN_FAULT_NONE : TOKEN_FAULT_CLAIM;
}

/* Who holds this token, from the cache or by verification. `ret_identity` lives
 * until the next call. */
static enum token_fault
identify(struct auth *auth, struct sp_view token, int64_t now_ms,
         const struct identity **ret_identity)
{
    unsigned char key[CACHE_KEY_BYTES];
    struct claims claims = { .expires_ms = 0 };
    struct identity own = { .expires_ms = 0 };
    enum token_fault fault = TOKEN_FAULT_NONE;
    const struct identity *known = NULL;

    token_cache_key(auth->cache, token, key);
    known = token_cache_get(auth->cache, key, now_ms);
    if (known != NULL) {
        auth->who = *known;
        fault = limit_to_client(auth, &auth->who);
        auth->counts.cached += fault == TOKEN_FAULT_NONE;
        *ret_identity = &auth->who;
        return fault;
    }
    fault = token_verify(auth->policy->verifier, token, now_ms, &claims);
    own = (struct identity){ .subject = claims.subject,
                             .client = claims.client,
                             .scopes = claims.scopes,
                             .expires_ms = claims.expires_ms };
    auth->who = own;
    if (fault == TOKEN_FAULT_NONE) {
        fault = limit_to_client(auth, &auth->who);
    }
    if (fault == TOKEN_FAULT_NONE) {
        auth->counts.verified++;
        /* As the token has it: the client's limit may change. */
        (void)token_cache_put(auth->cache, key, &own);
        *ret_identity = &auth->who;
    }
    return fault;
}

/* The passport lives as long as the request may take: the executor opens it
 * before the deadline or not at all. */
static int
seal(struct auth *auth, const struct sp_http_request *request,
     const struct identity *who, int64_t now_ms)
{
    const struct sp_passport passport = {
        .request_id = request->request_id,
        .subject = who->subject,
        .client = who->client,
        .scopes = who->scopes,
        .token_expires_ms = (uint64_t)who->expires_ms,
        .expires_ms = (uint64_t)now_ms + request->deadline_ms,
    };
    const struct sp_passport_request covered = {
        .method = request->method,
        .path = request->path,
        .query = request->query,
        .headers = request->headers,
        .body = request->body,
    };

    sp_buf_reset(&auth->passport);
    return sp_passport_seal(auth->passport_key, &auth->random, &passport,
                            &covered, &auth->passport);
}

static void
forward(struct auth *auth, const struct sp_http_request *request,
        const struct identity *who, int64_t now_ms)
{
    const struct sp_place any = { .kind = SP_PLACE_ANY };
    struct sp_call call = { .address = request->address,
                            .subject = who->subject,
                            .client = who->client,
                            .scopes = who->scopes };
    int error = seal(auth, request, who, now_ms);

    SP_COPY_ROUTE(&call, request);
    SP_COPY_HTTP(&call, request);
    call.passport = sp_buf_view(&auth->passport);
    if (error == 0) {
        error = sp_runtime_send(auth->runtime, SP_SERVICE_VALIDATION,
                                SP_MSG_CALL, &call, any);
    }
    if (error != 0) {
        refuse_undelivered(auth, request, who, error);
    }
}

void
access_handle(struct auth *auth, const struct sp_http_request *request)
{
    const struct identity *who = NULL;
    struct sp_view token = { 0 };
    int64_t now_ms = sp_clock_wall_ms();
    enum token_fault fault = TOKEN_FAULT_NONE;
    int error = credentials_bearer(request->credentials, &token);

    if (error == SP_EUNKNOWN) {
        refuse_missing(auth, request);
        return;
    }
    if (error != 0) {
        refuse_header(auth, request);
        return;
    }
    fault = identify(auth, token, now_ms, &who);
    if (fault != TOKEN_FAULT_NONE) {
        refuse_token(auth, request, fault);
    } else if (find_path(request->path) == NULL) {
        refuse_path(auth, request, who);
    } else if (who->scopes.len == 0) {
        refuse_without_scopes(auth, request, who);
    } else {
        forward(auth, request, who, now_ms);
    }
}
