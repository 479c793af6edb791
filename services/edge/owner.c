/* Whose request it is. */
#include "services/edge/owner.h"

#include <string.h>

#include <sodium.h>

static uint64_t
hash(const unsigned char key[OWNER_KEY_BYTES], struct sp_view name)
{
    uint64_t result = 0;

    _Static_assert(OWNER_KEY_BYTES == crypto_shorthash_KEYBYTES, "key length");
    (void)crypto_shorthash((unsigned char *)&result,
                           (const unsigned char *)name.ptr, name.len, key);
    return result;
}

void
owner_set(struct owner *owner, const unsigned char key[OWNER_KEY_BYTES],
          const struct sp_started *started)
{
    *owner = (struct owner){
        .subject = hash(key, started->subject),
        .client = hash(key, started->client),
        .token_id_len = started->token_id.len,
        .token_expires_ms = (int64_t)started->token_expires_ms,
    };
    if (started->token_id.len > 0) {
        memcpy(owner->token_id, started->token_id.ptr, started->token_id.len);
    }
}

bool
owner_fits(const struct owner *owner, const unsigned char key[OWNER_KEY_BYTES],
           const struct sp_revoked *revoked)
{
    struct sp_view token_id =
        sp_view_make(owner->token_id, owner->token_id_len);

    if (revoked->subject.len + revoked->client.len + revoked->token_id.len ==
        0) {
        return false;
    }
    return (revoked->subject.len == 0 ||
            hash(key, revoked->subject) == owner->subject) &&
           (revoked->client.len == 0 ||
            hash(key, revoked->client) == owner->client) &&
           (revoked->token_id.len == 0 ||
            sp_view_equal(revoked->token_id, token_id));
}
