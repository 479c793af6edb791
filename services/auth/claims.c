/* Claims: each required one present, of the right type, and about us. */
#include "services/auth/claims.h"

#include "common/base/error.h"

/* Beyond it milliseconds would not fit; the year 292,000,000. */
#define MAX_SECONDS (INT64_MAX / 1000)

static bool
visible(struct sp_view v)
{
    for (size_t i = 0; i < v.len; i++) {
        if (v.ptr[i] <= ' ' || v.ptr[i] > '~') {
            return false;
        }
    }
    return v.len > 0;
}

bool
claims_scopes_ok(struct sp_view scopes)
{
    bool after_space = true;

    for (size_t i = 0; i < scopes.len; i++) {
        char c = scopes.ptr[i];

        if ((c == ' ' && after_space) || c < ' ' || c > '~' || c == '"' ||
            c == '\\') {
            return false;
        }
        after_space = c == ' ';
    }
    return !after_space;
}

/* A required string of visible ASCII, without escapes: our own issuer never
 * needs them. */
static bool
read_name(const struct sp_json *json, const char *name,
          struct sp_view *ret_value)
{
    const struct sp_json_token *value =
        sp_json_get(json, sp_json_root(json), name);

    if (!sp_json_is(value, SP_JSON_STRING) || value->escaped) {
        return false;
    }
    *ret_value = sp_json_raw(json, value);
    *ret_value = sp_view_make(ret_value->ptr + 1, ret_value->len - 2);
    return visible(*ret_value) && ret_value->len <= CLAIMS_MAX_NAME;
}

static bool
read_scopes(const struct sp_json *json, struct sp_view *ret_value)
{
    const struct sp_json_token *value =
        sp_json_get(json, sp_json_root(json), "scope");

    *ret_value = sp_view_make("", 0);
    if (value == NULL) {
        return true;
    }
    if (!sp_json_is(value, SP_JSON_STRING) || value->escaped) {
        return false;
    }
    *ret_value = sp_json_raw(json, value);
    *ret_value = sp_view_make(ret_value->ptr + 1, ret_value->len - 2);
    return ret_value->len == 0 || (claims_scopes_ok(*ret_value) &&
                                   ret_value->len <= CLAIMS_MAX_SCOPES);
}

/* A NumericDate (RFC 7519 section 2) in whole seconds. */
static bool
read_date(const struct sp_json *json, const char *name, int64_t *ret_ms)
{
    const struct sp_json_token *value =
        sp_json_get(json, sp_json_root(json), name);
    int64_t seconds = 0;

    if (!sp_json_is(value, SP_JSON_NUMBER) ||
        sp_json_int(json, value, &seconds) != 0 || seconds < 0 ||
        seconds > MAX_SECONDS) {
        return false;
    }
    *ret_ms = seconds * 1000;
    return true;
}

static bool
among(const struct sp_json *json, const struct sp_json_token *value,
      const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (sp_json_equals(json, value, names[i])) {
            return true;
        }
    }
    return false;
}

static enum token_fault
check_issuer(const struct sp_json *json, const struct claims_rules *rules)
{
    const struct sp_json_token *iss =
        sp_json_get(json, sp_json_root(json), "iss");

    if (!sp_json_is(iss, SP_JSON_STRING)) {
        return TOKEN_FAULT_CLAIM;
    }
    return among(json, iss, rules->issuers, rules->issuer_count)
               ? TOKEN_FAULT_NONE
               : TOKEN_FAULT_ISSUER;
}

/* One string or an array of strings (RFC 7519 section 4.1.3). */
static enum token_fault
check_audience(const struct sp_json *json, const struct claims_rules *rules)
{
    const struct sp_json_token *aud =
        sp_json_get(json, sp_json_root(json), "aud");
    bool found = false;

    if (sp_json_is(aud, SP_JSON_STRING)) {
        found = among(json, aud, rules->audiences, rules->audience_count);
        return found ? TOKEN_FAULT_NONE : TOKEN_FAULT_AUDIENCE;
    }
    if (!sp_json_is(aud, SP_JSON_ARRAY)) {
        return TOKEN_FAULT_CLAIM;
    }
    for (const struct sp_json_token *at = sp_json_first(json, aud); at != NULL;
         at = sp_json_next(json, aud, at)) {
        if (!sp_json_is(at, SP_JSON_STRING)) {
            return TOKEN_FAULT_CLAIM;
        }
        found |= among(json, at, rules->audiences, rules->audience_count);
    }
    return found ? TOKEN_FAULT_NONE : TOKEN_FAULT_AUDIENCE;
}

static enum token_fault
check_times(const struct sp_json *json, const struct claims_rules *rules,
            int64_t now_ms, int64_t *ret_expires_ms)
{
    const struct sp_json_token *root = sp_json_root(json);
    int64_t issued_ms = 0;
    int64_t starts_ms = 0;

    if (!read_date(json, "exp", ret_expires_ms) ||
        !read_date(json, "iat", &issued_ms)) {
        return TOKEN_FAULT_CLAIM;
    }
    if (sp_json_get(json, root, "nbf") != NULL &&
        !read_date(json, "nbf", &starts_ms)) {
        return TOKEN_FAULT_CLAIM;
    }
    if (*ret_expires_ms <= now_ms) {
        return TOKEN_FAULT_EXPIRED;
    }
    if (issued_ms > now_ms + rules->skew_ms ||
        starts_ms > now_ms + rules->skew_ms) {
        return TOKEN_FAULT_NOT_YET;
    }
    return TOKEN_FAULT_NONE;
}

enum token_fault
claims_read(struct sp_json *json, struct sp_view payload,
            const struct claims_rules *rules, int64_t now_ms,
            struct claims *ret_claims)
{
    struct claims claims = { .expires_ms = 0 };
    struct sp_view jti = { 0 };
    enum token_fault fault = TOKEN_FAULT_NONE;

    if (sp_json_parse(json, payload) != 0 ||
        !sp_json_is(sp_json_root(json), SP_JSON_OBJECT)) {
        return TOKEN_FAULT_MALFORMED;
    }
    fault = check_issuer(json, rules);
    if (fault == TOKEN_FAULT_NONE) {
        fault = check_audience(json, rules);
    }
    if (fault == TOKEN_FAULT_NONE) {
        fault = check_times(json, rules, now_ms, &claims.expires_ms);
    }
    if (fault != TOKEN_FAULT_NONE) {
        return fault;
    }
    if (!read_name(json, "sub", &claims.subject) ||
        !read_name(json, "client_id", &claims.client) ||
        !read_name(json, "jti", &jti) || !read_scopes(json, &claims.scopes)) {
        return TOKEN_FAULT_CLAIM;
    }
    *ret_claims = claims;
    return TOKEN_FAULT_NONE;
}
