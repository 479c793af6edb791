/* Sealed passports: whatever bytes come, none opens but one that was sealed
 * with the key, for this request, unchanged. */
#include <stdint.h>
#include <stdlib.h>

#include "proto/passport.h"

#define NOW_MS 1000
#define ID SP_VIEW_LITERAL("0123456789abcdef")

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The input as a change of what was sealed: where, and what to add. */
static bool
change(struct sp_buf *sealed, const uint8_t *data, size_t size)
{
    struct sp_buf before = sp_buf_new(SP_MAX_PASSPORT_BYTES);
    bool changed = false;

    (void)sp_buf_add_view(&before, sp_buf_view(sealed));
    for (size_t i = 0; i + 1 < size; i += 2) {
        sealed->data[data[i] % sealed->len] ^= (char)data[i + 1];
    }
    changed = !sp_view_equal(sp_buf_view(&before), sp_buf_view(sealed));
    sp_buf_free(&before);
    return changed;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct sp_passport_request request = {
        .method = SP_VIEW_LITERAL("POST"),
        .path = SP_VIEW_LITERAL("/mcp"),
        .query = SP_VIEW_LITERAL(""),
        .headers = SP_VIEW_LITERAL(""),
        .body = sp_view_make(data, size),
    };
    const struct sp_passport passport = {
        .request_id = ID,
        .subject = SP_VIEW_LITERAL("anna"),
        .client = SP_VIEW_LITERAL("app"),
        .scopes = SP_VIEW_LITERAL("customer:read"),
        .expires_ms = NOW_MS + 1,
    };
    struct sp_secret *key =
        sp_secret_new(SP_VIEW_LITERAL("0123456789abcdef0123456789abcdef"));
    struct sp_random random = { 0 };
    struct sp_buf sealed = sp_buf_new(SP_MAX_PASSPORT_BYTES);
    struct sp_buf plain = sp_buf_new(SP_MAX_PASSPORT_BYTES);
    struct sp_passport opened = { 0 };

    if (sp_passport_open(key, sp_view_make(data, size), &request, ID, NOW_MS,
                         &plain, &opened) == 0 ||
        sp_passport_seal(key, &random, &passport, &request, &sealed) != 0 ||
        sp_passport_open(key, sp_buf_view(&sealed), &request, ID, NOW_MS,
                         &plain, &opened) != 0 ||
        !sp_view_equal(opened.subject, passport.subject)) {
        abort();
    }
    if (change(&sealed, data, size) &&
        sp_passport_open(key, sp_buf_view(&sealed), &request, ID, NOW_MS,
                         &plain, &opened) == 0) {
        abort();
    }
    sp_buf_free(&plain);
    sp_buf_free(&sealed);
    sp_secret_free(&key);
    return 0;
}
