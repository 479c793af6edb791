/* Compact JWS: three parts, each of one spelling. */
#include "services/auth/jws.h"

#include <string.h>

#include "common/base/alloc.h"
#include "services/auth/encoding.h"

struct jws *
jws_new(void)
{
    struct jws *jws = sp_alloc(sizeof(*jws));

    jws->header = sp_buf_new(JWS_MAX);
    jws->payload = sp_buf_new(JWS_MAX);
    jws->signature = sp_buf_new(JWS_MAX);
    jws->scratch = sp_buf_new(JWS_MAX);
    return jws;
}

void
jws_free(struct jws **jws)
{
    if (*jws != NULL) {
        sp_buf_free(&(*jws)->header);
        sp_buf_free(&(*jws)->payload);
        sp_buf_free(&(*jws)->signature);
        sp_buf_free(&(*jws)->scratch);
        sp_json_free(&(*jws)->json);
        sp_free(*jws);
        *jws = NULL;
    }
}

/* Cuts `text` at its two dots. False where it has more, fewer, or an empty
 * part: an empty signature is how "none" looks. */
static bool
split(struct sp_view text, struct sp_view parts[3])
{
    size_t start = 0;
    size_t n = 0;

    for (size_t i = 0; i <= text.len; i++) {
        if (i < text.len && text.ptr[i] != '.') {
            continue;
        }
        if (n == 3 || i == start) {
            return false;
        }
        parts[n++] = sp_view_make(text.ptr + start, i - start);
        start = i + 1;
    }
    return n == 3;
}

/* A header member that must be a string where it is there. */
static bool
read_member(struct jws *jws, const char *name, struct sp_view *ret_value)
{
    const struct sp_json_token *root = sp_json_root(&jws->json);
    const struct sp_json_token *value = sp_json_get(&jws->json, root, name);

    *ret_value = sp_view_make("", 0);
    if (value == NULL) {
        return true;
    }
    /* Header strings of ours hold no escapes: refused, so that no unescaped
     * view can move when the scratch grows. */
    return sp_json_is(value, SP_JSON_STRING) && !value->escaped &&
           sp_json_string(&jws->json, value, &jws->scratch, ret_value) == 0;
}

static bool
read_header(struct jws *jws)
{
    const struct sp_json_token *root = NULL;

    if (sp_json_parse(&jws->json, sp_buf_view(&jws->header)) != 0) {
        return false;
    }
    root = sp_json_root(&jws->json);
    jws->critical = sp_json_get(&jws->json, root, "crit") != NULL;
    return sp_json_is(root, SP_JSON_OBJECT) &&
           read_member(jws, "alg", &jws->alg) && jws->alg.len > 0 &&
           read_member(jws, "kid", &jws->kid) &&
           read_member(jws, "typ", &jws->typ);
}

enum token_fault
jws_parse(struct jws *jws, struct sp_view text)
{
    struct sp_view parts[3] = { { 0 } };

    sp_buf_reset(&jws->header);
    sp_buf_reset(&jws->payload);
    sp_buf_reset(&jws->signature);
    sp_buf_reset(&jws->scratch);
    if (text.len > JWS_MAX) {
        return TOKEN_FAULT_TOO_LONG;
    }
    if (!split(text, parts) ||
        encoding_from_base64url(parts[0], &jws->header) != 0 ||
        encoding_from_base64url(parts[1], &jws->payload) != 0 ||
        encoding_from_base64url(parts[2], &jws->signature) != 0 ||
        !read_header(jws)) {
        return TOKEN_FAULT_MALFORMED;
    }
    jws->signed_part = sp_view_make(text.ptr, parts[0].len + 1 + parts[1].len);
    return TOKEN_FAULT_NONE;
}

enum token_fault
jws_verify(const struct jws *jws, struct signing_key *key)
{
    /* attack: the token says HS256 and is signed with our public key as the
     * secret, or says none. The key decides, the token must only agree. */
    if (!sp_view_is(jws->alg, signing_key_alg(key))) {
        return TOKEN_FAULT_ALGORITHM;
    }
    return signing_key_verify(key, jws->signed_part,
                              sp_buf_view(&jws->signature)) == 0
               ? TOKEN_FAULT_NONE
               : TOKEN_FAULT_SIGNATURE;
}
