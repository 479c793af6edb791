/*
 * NAME
 *     auth - who is it?
 *
 * PURPOSE
 *     Verifies the access token of each request (RFC 9068: ES256 or RS256, typ,
 *     issuer, audience, expiry, not-before), seals what it found into a
 *     passport that covers exactly this request, and sends both on to
 *     validation. It is also the authorization server: POST /token gives
 *     registered clients tokens (client credentials), and the documents below
 *     /.well-known/ say where everything is. Every other path needs a
 *     token.
 *
 * PEERS
 *     edge sends. validation receives. Answers and refusals go to the edge that
 *     waits.
 *
 * MESSAGES
 *     served  HTTP_REQUEST, CANCEL, CREDIT, PROBE
 *     sent    CALL, CANCEL, CREDIT and PROBE to validation; ANSWER, IN_HAND
 *             (where the helper is asked) and PEER_LOST to the edge; EVENT and
 *             STATUS to monitor
 *     Events: token_missing (401), token_refused (401 or 400, with the reason),
 *     scope_missing (403), path_unknown (404), client_refused (400 or 401, with
 *     the reason), client_throttled (429 or 503), token_issued (200, with the
 *     scopes), call_undelivered (503).
 *
 * PRIVILEGES
 *     Holds the signing keys and the passport key, read before the jail closes,
 *     and the hashes of client secrets; the jail has no path but those of the
 *     links, of the configuration and of these hashes. A helper process in a
 *     jail of its own, forked before any key is read, verifies client secrets
 *     with Argon2id, so that the loop never waits for it; a secret that was
 *     right once is recognised by a keyed digest.
 *
 * CONFIG
 *     deploy/config/auth.yaml: life of tokens, signing key, scopes, clients,
 *     limit on failures. keys/auth/: *.key (PEM signing keys), passport.key,
 *     clients/<id>.hash. SIGHUP reads auth.yaml and the hashes again: another
 *     signing key must have been there at the start.
 *
 * METRICS
 *     sallyport_auth_tokens_accepted_total{by}, _tokens_refused_total,
 *     _tokens_missing_total, _tokens_issued_total, _clients_refused_total,
 *     _clients_throttled_total, _messages_undelivered_total,
 *     _tokens_cached, _secrets_hashing
 *
 * FAILURE
 *     A missing or unreadable key, an unknown configuration key or a client
 *     without a hash: refuses to start. validation missing or full: 503 with
 *     Retry-After 1. A killed replica forgets its verified tokens and client
 *     secrets; both are verified again, no token ends. The helper gone: the
 *     process ends and is started again.
 *
 * TESTS
 *     tests/unit/auth/, tests/attack/auth/test_token.c,
 *     tests/fuzz/auth/fuzz_token.c, tests/fuzz/auth/fuzz_form.c
 */
#include "common/base/compiler.h"
#include "services/auth/auth.h"
#include "services/auth/life.h"
#include "services/auth/wire.h"

static int
reload(void *self, struct sp_buf *why)
{
    struct auth *auth = self;

    return life_reload(auth, sp_runtime_settings(auth->runtime)->config, why);
}

int
main(int argc, char **argv)
{
    static const struct sp_handler handlers[] = {
        { SP_MSG_HTTP_REQUEST, wire_on_http_request },
        { SP_MSG_CANCEL, wire_on_cancel },
        { SP_MSG_CREDIT, wire_on_credit },
        { SP_MSG_PROBE, wire_on_probe },
    };
    static const char *const config_files[] = { "auth", NULL };
    static const struct sp_service service = {
        .id = SP_SERVICE_AUTH,
        .handlers = handlers,
        .handler_count = SP_COUNT(handlers),
        .before_jail = life_before_jail,
        .in_jail = life_in_jail,
        .peer = wire_peer,
        .metrics = life_metrics,
        .in_flight = life_in_flight,
        .config_files = config_files,
        .reload = reload,
        .fini = life_fini,
    };
    struct auth auth = { 0 };

    return sp_service_main(&service, &auth, argc, argv);
}
