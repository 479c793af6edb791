/* Authorization headers (RFC 9110 section 11.6.2). */
#include "services/auth/oauth/credentials.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "common/base/error.h"
#include "common/text/headers.h"
#include "services/auth/encoding.h"
#include "services/auth/oauth/form.h"

/* attack: with two Authorization lines one stage may believe the first and
 * another the second. */
static int
authorization(struct sp_view lines, struct sp_view *ret_value)
{
    struct sp_view name = { 0 };
    struct sp_view value = { 0 };
    bool found = false;
    int got = 0;

    for (got = sp_headers_next(&lines, &name, &value); got == 1;
         got = sp_headers_next(&lines, &name, &value)) {
        if (!sp_view_is(name, "authorization")) {
            continue;
        }
        if (found) {
            return SP_EFORMAT;
        }
        found = true;
        *ret_value = value;
    }
    if (got < 0) {
        return SP_EFORMAT;
    }
    return found ? 0 : SP_EUNKNOWN;
}

/* What stands behind "scheme " in `value`; schemes have no case. */
static int
behind_scheme(struct sp_view value, const char *scheme,
              struct sp_view *ret_rest)
{
    size_t len = strlen(scheme);

    if (value.len < len || strncasecmp(value.ptr, scheme, len) != 0 ||
        (value.len > len && value.ptr[len] != ' ')) {
        return SP_EUNKNOWN;
    }
    while (len < value.len && value.ptr[len] == ' ') {
        len++;
    }
    *ret_rest = sp_view_skip(value, len);
    return ret_rest->len > 0 ? 0 : SP_EFORMAT;
}

int
credentials_bearer(struct sp_view lines, struct sp_view *ret_token)
{
    struct sp_view value = { 0 };
    int error = authorization(lines, &value);

    return error != 0 ? error : behind_scheme(value, "bearer", ret_token);
}

/* Decodes both halves of "id:secret" behind the joined text in `scratch`. */
static int
split_pair(struct sp_buf *scratch, struct sp_view *ret_id,
           struct sp_view *ret_secret)
{
    size_t joined = scratch->len;
    const char *colon = memchr(scratch->data, ':', joined);
    size_t id_len = colon == NULL ? 0 : (size_t)(colon - scratch->data);
    size_t middle = 0;

    if (id_len == 0) {
        return SP_EFORMAT;
    }
    /* The caller made room: decoding never lengthens, so nothing moves. */
    if (form_decode(sp_view_make(scratch->data, id_len), scratch) != 0) {
        return SP_EFORMAT;
    }
    middle = scratch->len;
    if (form_decode(
            sp_view_make(scratch->data + id_len + 1, joined - id_len - 1),
            scratch) != 0) {
        return SP_EFORMAT;
    }
    *ret_id = sp_view_make(scratch->data + joined, middle - joined);
    *ret_secret = sp_view_make(scratch->data + middle, scratch->len - middle);
    return 0;
}

int
credentials_basic(struct sp_view lines, struct sp_buf *scratch,
                  struct sp_view *ret_id, struct sp_view *ret_secret)
{
    struct sp_view value = { 0 };
    struct sp_view text = { 0 };
    int error = authorization(lines, &value);

    sp_buf_reset(scratch);
    if (error != 0) {
        return error;
    }
    if (behind_scheme(value, "basic", &text) != 0) {
        return SP_EFORMAT;
    }
    /* Takes the room for everything now, so that views stay where they are:
     * both decodings together are shorter than the text twice. */
    (void)sp_buf_add_view(scratch, text);
    (void)sp_buf_add_view(scratch, text);
    error = scratch->error;
    sp_buf_reset(scratch);
    if (error == 0) {
        error = encoding_from_base64(text, scratch);
    }
    return error != 0 || scratch->len == 0
               ? SP_EFORMAT
               : split_pair(scratch, ret_id, ret_secret);
}
