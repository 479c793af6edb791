/* base64 by libsodium, whose decoder refuses every second spelling. */
#include "services/auth/encoding.h"

#include <sodium.h>

#include "common/base/alloc.h"
#include "common/base/error.h"

static int
decode(struct sp_view text, int variant, struct sp_buf *out)
{
    size_t room = text.len / 4 * 3 + 3;
    size_t len = 0;
    unsigned char *bytes = NULL;
    int error = SP_EFORMAT;

    if (text.len == 0) {
        return 0;
    }
    bytes = sp_alloc(room);
    if (sodium_base642bin(bytes, room, text.ptr, text.len, NULL, &len, NULL,
                          variant) == 0) {
        error = sp_buf_add(out, bytes, len);
    }
    explicit_bzero(bytes, room);
    sp_free(bytes);
    return error;
}

int
encoding_from_base64url(struct sp_view text, struct sp_buf *out)
{
    return decode(text, sodium_base64_VARIANT_URLSAFE_NO_PADDING, out);
}

int
encoding_from_base64(struct sp_view text, struct sp_buf *out)
{
    return decode(text, sodium_base64_VARIANT_ORIGINAL, out);
}

void
encoding_to_base64url(struct sp_view bytes, struct sp_buf *out)
{
    const int variant = sodium_base64_VARIANT_URLSAFE_NO_PADDING;
    size_t room = sodium_base64_encoded_len(bytes.len, variant);
    char *text = sp_alloc(room);

    (void)sodium_bin2base64(text, room, (const unsigned char *)bytes.ptr,
                            bytes.len, variant);
    (void)sp_buf_add_str(out, text);
    sp_free(text);
}
