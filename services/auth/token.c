/* Tokens: libjwt writes the claims, EVP with keys at hand signs and verifies.
 * libjwt's own signing reads the PEM text again for each token, which costs
 * ten times what the signature does. */
#include "services/auth/token.h"

#include <errno.h>
#include <stdlib.h>
#include <strings.h>

#include <jwt.h>

#include "common/base/alloc.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "services/auth/encoding.h"
#include "services/auth/jws.h"

struct token_verifier {
    const struct keyset *keys;
    struct claims_rules rules;
    struct jws *jws;
    struct sp_json json;
};

struct token_verifier *
token_verifier_new(const struct keyset *keys, const struct claims_rules *rules)
{
    struct token_verifier *verifier = sp_alloc(sizeof(*verifier));

    verifier->keys = keys;
    verifier->rules = *rules;
    verifier->jws = jws_new();
    return verifier;
}

void
token_verifier_free(struct token_verifier **verifier)
{
    if (*verifier != NULL) {
        jws_free(&(*verifier)->jws);
        sp_json_free(&(*verifier)->json);
        sp_free(*verifier);
        *verifier = NULL;
    }
}

/* RFC 9068 section 4; media types are compared without case (RFC 7515 section
 * 4.1.9). */
static bool
is_access_token(struct sp_view typ)
{
    static const char *const types[] = { "at+jwt", "application/at+jwt" };

    for (size_t i = 0; i < SP_COUNT(types); i++) {
        if (typ.len == strlen(types[i]) &&
            strncasecmp(typ.ptr, types[i], typ.len) == 0) {
            return true;
        }
    }
    return false;
}

enum token_fault
token_verify(struct token_verifier *verifier, struct sp_view text,
             int64_t now_ms, struct claims *ret_claims)
{
    struct jws *jws = verifier->jws;
    struct signing_key *key = NULL;
    enum token_fault fault = jws_parse(jws, text);

    if (fault != TOKEN_FAULT_NONE) {
        return fault;
    }
    if (!is_access_token(jws->typ)) {
        return TOKEN_FAULT_TYPE;
    }
    if (jws->critical) {
        return TOKEN_FAULT_CRITICAL;
    }
    key = keyset_find(verifier->keys, jws->kid);
    if (key == NULL) {
        return TOKEN_FAULT_KEY;
    }
    fault = jws_verify(jws, key);
    if (fault != TOKEN_FAULT_NONE) {
        return fault;
    }
    return claims_read(&verifier->json, sp_buf_view(&jws->payload),
                       &verifier->rules, now_ms, ret_claims);
}

/* -------------------------------------------------------------------- make */

static int
fill(jwt_t *jwt, struct signing_key *key, const struct token_content *c)
{
    bool failed =
        jwt_add_header(jwt, "typ", "at+jwt") != 0 ||
        jwt_add_header(jwt, "alg", signing_key_alg(key)) != 0 ||
        jwt_add_header(jwt, "kid", signing_key_kid(key)) != 0 ||
        jwt_add_grant(jwt, "iss", c->issuer) != 0 ||
        jwt_add_grant(jwt, "aud", c->audience) != 0 ||
        jwt_add_grant(jwt, "sub", c->subject) != 0 ||
        jwt_add_grant(jwt, "client_id", c->client) != 0 ||
        jwt_add_grant(jwt, "scope", c->scopes) != 0 ||
        jwt_add_grant(jwt, "jti", c->id) != 0 ||
        jwt_add_grant_int(jwt, "iat", (long)c->issued_s) != 0 ||
        jwt_add_grant_int(jwt, "exp", (long)(c->issued_s + c->lifetime_s)) != 0;

    return failed ? SP_ECRYPTO : 0;
}

/* Appends the JSON text, which libjwt allocated, in base64url. */
static void
add_part(char *json, struct sp_buf *out)
{
    if (json == NULL) {
        sp_fatal("jwt_out_of_memory", "errno=%d", errno);
    }
    encoding_to_base64url(sp_view_of(json), out);
    /* libjwt's interface hands over memory of malloc(). */
    free(json);
}

int
token_make(struct signing_key *key, const struct token_content *content,
           struct sp_buf *out)
{
    struct sp_buf text = sp_buf_new(JWS_MAX);
    struct sp_buf signature = sp_buf_new(1024);
    jwt_t *jwt = NULL;
    int error = jwt_new(&jwt) == 0 ? 0 : SP_ECRYPTO;

    if (error == 0) {
        error = fill(jwt, key, content);
    }
    if (error == 0) {
        add_part(jwt_get_headers_json(jwt, NULL), &text);
        (void)sp_buf_add_str(&text, ".");
        add_part(jwt_get_grants_json(jwt, NULL), &text);
        error = text.error;
    }
    if (error == 0) {
        error = signing_key_sign(key, sp_buf_view(&text), &signature);
    }
    if (error == 0) {
        (void)sp_buf_add_str(&text, ".");
        encoding_to_base64url(sp_buf_view(&signature), &text);
        error = text.error != 0 ? text.error
                                : sp_buf_add_view(out, sp_buf_view(&text));
    }
    jwt_free(jwt);
    sp_buf_free(&text);
    sp_buf_free(&signature);
    return error;
}
