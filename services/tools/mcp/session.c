/* Sealed session ids. */
#include "services/tools/mcp/session.h"

#include <sodium.h>

#include "common/base/error.h"

/* A format byte, the version, the expiry in 8 bytes. */
#define FORMAT 1
#define PLAIN_BYTES 10
#define SEALED_BYTES                                                           \
    (SESSION_NAME_BYTES + PLAIN_BYTES +                                        \
     crypto_aead_xchacha20poly1305_ietf_ABYTES)
#define ID_BYTES                                                               \
    sodium_base64_ENCODED_LEN(SEALED_BYTES,                                    \
                              sodium_base64_VARIANT_URLSAFE_NO_PADDING)

/* Two names of 256 bytes (proto/schema.h) and the length of the first. */
#define MAX_OWNER_BYTES 1024

_Static_assert(SESSION_NAME_BYTES ==
                   crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
               "the session's name is the nonce");
_Static_assert(SESSION_KEY_BYTES == crypto_aead_xchacha20poly1305_ietf_KEYBYTES,
               "key size");

/* The owner as additional data: not in the id, yet needed to open it. */
static int
write_owner(const struct session_owner *owner, struct sp_buf *out)
{
    unsigned char len[2] = { (unsigned char)(owner->subject.len >> 8),
                             (unsigned char)owner->subject.len };

    (void)sp_buf_add_str(out, "sallyport session");
    (void)sp_buf_add(out, len, sizeof(len));
    (void)sp_buf_add_view(out, owner->subject);
    (void)sp_buf_add_view(out, owner->client);
    return out->error;
}

static void
write_plain(const struct session *session, unsigned char plain[PLAIN_BYTES])
{
    uint64_t expires = (uint64_t)session->expires_ms;

    plain[0] = FORMAT;
    plain[1] = (unsigned char)session->version;
    for (int i = 0; i < 8; i++) {
        plain[2 + i] = (unsigned char)(expires >> (56 - 8 * i));
    }
}

static int
read_plain(const unsigned char plain[PLAIN_BYTES], struct session *session)
{
    uint64_t expires = 0;

    for (int i = 0; i < 8; i++) {
        expires = expires << 8 | plain[2 + i];
    }
    session->version = (enum mcp_version)plain[1];
    session->expires_ms = (int64_t)expires;
    return plain[0] == FORMAT && mcp_version_is_legacy(session->version)
               ? 0
               : SP_EFORMAT;
}

int
session_seal(const struct sp_secret *key, const struct session *session,
             const struct session_owner *owner, struct sp_buf *out)
{
    struct sp_view raw_key = sp_secret_view(key);
    struct sp_buf bound = sp_buf_new(MAX_OWNER_BYTES);
    unsigned char plain[PLAIN_BYTES];
    unsigned char sealed[SEALED_BYTES];
    char id[ID_BYTES];
    int error = raw_key.len == SESSION_KEY_BYTES ? 0 : SP_ECRYPTO;

    if (error == 0) {
        error = write_owner(owner, &bound);
    }
    if (error == 0) {
        write_plain(session, plain);
        memcpy(sealed, session->name, SESSION_NAME_BYTES);
        (void)crypto_aead_xchacha20poly1305_ietf_encrypt(
            sealed + SESSION_NAME_BYTES, NULL, plain, sizeof(plain),
            (const unsigned char *)bound.data, bound.len, NULL, session->name,
            (const unsigned char *)raw_key.ptr);
        (void)sodium_bin2base64(id, sizeof(id), sealed, sizeof(sealed),
                                sodium_base64_VARIANT_URLSAFE_NO_PADDING);
        error = sp_buf_add_str(out, id);
    }
    sp_buf_free(&bound);
    return error;
}

static int
decode(struct sp_view id, unsigned char sealed[SEALED_BYTES])
{
    size_t len = 0;

    if (id.len != ID_BYTES - 1 ||
        sodium_base642bin(sealed, SEALED_BYTES, id.ptr, id.len, NULL, &len,
                          NULL,
                          sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0 ||
        len != SEALED_BYTES) {
        return SP_EFORMAT;
    }
    return 0;
}

static int
decrypt(struct sp_view raw_key, const unsigned char sealed[SEALED_BYTES],
        const struct session_owner *owner, unsigned char plain[PLAIN_BYTES])
{
    struct sp_buf bound = sp_buf_new(MAX_OWNER_BYTES);
    int error = write_owner(owner, &bound);

    if (error == 0 && crypto_aead_xchacha20poly1305_ietf_decrypt(
                          plain, NULL, NULL, sealed + SESSION_NAME_BYTES,
                          SEALED_BYTES - SESSION_NAME_BYTES,
                          (const unsigned char *)bound.data, bound.len, sealed,
                          (const unsigned char *)raw_key.ptr) != 0) {
        error = SP_EAUTH;
    }
    sp_buf_free(&bound);
    return error;
}

int
session_open(const struct sp_secret *key, struct sp_view id,
             const struct session_owner *owner, int64_t now_ms,
             struct session *ret_session)
{
    struct sp_view raw_key = sp_secret_view(key);
    struct session session = { 0 };
    unsigned char sealed[SEALED_BYTES];
    unsigned char plain[PLAIN_BYTES];
    int error = raw_key.len == SESSION_KEY_BYTES ? 0 : SP_ECRYPTO;

    if (error == 0) {
        error = decode(id, sealed);
    }
    if (error == 0) {
        error = decrypt(raw_key, sealed, owner, plain);
    }
    if (error == 0) {
        error = read_plain(plain, &session);
    }
    if (error == 0 && session.expires_ms <= now_ms) {
        error = SP_EEXPIRED;
    }
    if (error == 0) {
        memcpy(session.name, sealed, SESSION_NAME_BYTES);
        *ret_session = session;
    }
    return error;
}
