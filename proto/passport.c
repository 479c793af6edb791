/* The passport: XChaCha20-Poly1305 over fixed fields and counted texts. */
#include "proto/passport.h"

#include <stddef.h>
#include <string.h>

#include <sodium.h>

#include "common/base/compiler.h"
#include "common/base/error.h"

#define NONCE_BYTES crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG_BYTES crypto_aead_xchacha20poly1305_ietf_ABYTES
#define REQUEST_ID_BYTES 16
#define EXPIRY_BYTES 8
#define LENGTH_BYTES 2

/* Binds a sealed passport to its purpose: a key used elsewhere by mistake would
 * still not make passports. */
static const unsigned char purpose[] = "sallyport passport 3";

/* Fixed part of the plain text: request id, both expiries; then the texts, each
 * behind its length in two bytes. */
#define FIXED_BYTES (REQUEST_ID_BYTES + 2 * EXPIRY_BYTES)

/* What the seal covers besides: the purpose, and each part of the request
 * behind its length. Poly1305 reads a short part faster than BLAKE2b makes a
 * digest of it; a longer one is represented by its digest. */
#define SHORT_PART 1024
#define PART_LENGTH_BYTES 8
#define PARTS 5
#define COVERED_MAX (sizeof(purpose) + PARTS * (PART_LENGTH_BYTES + SHORT_PART))

static const size_t parts[PARTS] = {
    offsetof(struct sp_passport_request, method),
    offsetof(struct sp_passport_request, path),
    offsetof(struct sp_passport_request, query),
    offsetof(struct sp_passport_request, headers),
    offsetof(struct sp_passport_request, body),
};

static const size_t texts[] = {
    offsetof(struct sp_passport, subject),
    offsetof(struct sp_passport, client),
    offsetof(struct sp_passport, scopes),
    offsetof(struct sp_passport, tenant),
    offsetof(struct sp_passport, roles),
    offsetof(struct sp_passport, groups),
    offsetof(struct sp_passport, strength),
    offsetof(struct sp_passport, cnf),
    offsetof(struct sp_passport, token_id),
};

static void
hash_part(crypto_generichash_state *state, struct sp_view part)
{
    unsigned char len[8];

    for (size_t i = 0; i < sizeof(len); i++) {
        len[i] = (unsigned char)(part.len >> (8 * i) & 0xff);
    }
    (void)crypto_generichash_update(state, len, sizeof(len));
    (void)crypto_generichash_update(state, (const unsigned char *)part.ptr,
                                    part.len);
}

static struct sp_view
part_of(const struct sp_passport_request *request, size_t i)
{
    return *(const struct sp_view *)(const void *)((const char *)request +
                                                   parts[i]);
}

/* Each part behind its length, so that bytes cannot move from one to the
 * next. */
void
sp_passport_digest(const struct sp_passport_request *request,
                   unsigned char ret_digest[SP_PASSPORT_DIGEST_BYTES])
{
    crypto_generichash_state state;

    (void)crypto_generichash_init(&state, NULL, 0, SP_PASSPORT_DIGEST_BYTES);
    for (size_t i = 0; i < PARTS; i++) {
        hash_part(&state, part_of(request, i));
    }
    (void)crypto_generichash_final(&state, ret_digest,
                                   SP_PASSPORT_DIGEST_BYTES);
}

static void
put_number(struct sp_buf *out, uint64_t value, size_t bytes)
{
    for (size_t i = bytes; i > 0; i--) {
        char byte = (char)(value >> (8 * (i - 1)) & 0xff);

        (void)sp_buf_add(out, &byte, 1);
    }
}

static void
put_text(struct sp_buf *out, struct sp_view text)
{
    put_number(out, text.len, LENGTH_BYTES);
    (void)sp_buf_add_view(out, text);
}

/* Fills `covered` for the seal. The lengths say which form each part has. */
static size_t
write_covered(const struct sp_passport_request *request,
              unsigned char covered[COVERED_MAX])
{
    size_t len = sizeof(purpose);

    memcpy(covered, purpose, sizeof(purpose));
    for (size_t i = 0; i < PARTS; i++) {
        struct sp_view part = part_of(request, i);

        for (size_t j = 0; j < PART_LENGTH_BYTES; j++) {
            covered[len++] = (unsigned char)(part.len >> (8 * j) & 0xff);
        }
        if (part.len > SHORT_PART) {
            (void)crypto_generichash(covered + len, SP_PASSPORT_DIGEST_BYTES,
                                     (const unsigned char *)part.ptr, part.len,
                                     NULL, 0);
            len += SP_PASSPORT_DIGEST_BYTES;
        } else if (part.len > 0) {
            memcpy(covered + len, part.ptr, part.len);
            len += part.len;
        }
    }
    return len;
}

static int
write_plain(const struct sp_passport *passport, struct sp_buf *plain)
{
    if (passport->request_id.len != REQUEST_ID_BYTES) {
        return SP_ELIMIT;
    }
    (void)sp_buf_add_view(plain, passport->request_id);
    put_number(plain, passport->expires_ms, EXPIRY_BYTES);
    put_number(plain, passport->token_expires_ms, EXPIRY_BYTES);
    for (size_t i = 0; i < SP_COUNT(texts); i++) {
        const struct sp_view *text =
            (const void *)((const char *)passport + texts[i]);

        if (text->len > UINT16_MAX) {
            return SP_ELIMIT;
        }
        put_text(plain, *text);
    }
    return plain->error;
}

int
sp_passport_seal(const struct sp_secret *key, struct sp_random *random,
                 const struct sp_passport *passport,
                 const struct sp_passport_request *request, struct sp_buf *out)
{
    unsigned char sealed[SP_MAX_PASSPORT_BYTES];
    unsigned char covered[COVERED_MAX];
    struct sp_buf plain = sp_buf_new(sizeof(sealed) - NONCE_BYTES - TAG_BYTES);
    struct sp_view key_bytes = sp_secret_view(key);
    unsigned long long len = 0;
    int error = SP_ECRYPTO;

    if (key_bytes.len == SP_PASSPORT_KEY_BYTES) {
        error = write_plain(passport, &plain);
    }
    if (error == 0) {
        sp_random_take(random, sealed, NONCE_BYTES);
        (void)crypto_aead_xchacha20poly1305_ietf_encrypt(
            sealed + NONCE_BYTES, &len, (const unsigned char *)plain.data,
            plain.len, covered, write_covered(request, covered), NULL, sealed,
            (const unsigned char *)key_bytes.ptr);
        error = sp_buf_add(out, sealed, NONCE_BYTES + (size_t)len);
    }
    sp_buf_free(&plain);
    return error;
}

static uint64_t
get_number(const char *at, size_t bytes)
{
    uint64_t value = 0;

    for (size_t i = 0; i < bytes; i++) {
        value = value << 8 | (unsigned char)at[i];
    }
    return value;
}

static int
take_text(struct sp_view *rest, struct sp_view *ret_text)
{
    size_t len = 0;

    if (rest->len < LENGTH_BYTES) {
        return SP_EFORMAT;
    }
    len = (size_t)get_number(rest->ptr, LENGTH_BYTES);
    *rest = sp_view_skip(*rest, LENGTH_BYTES);
    if (rest->len < len) {
        return SP_EFORMAT;
    }
    *ret_text = sp_view_make(rest->ptr, len);
    *rest = sp_view_skip(*rest, len);
    return 0;
}

static int
read_plain(struct sp_view plain, struct sp_passport *passport)
{
    struct sp_view rest = { 0 };

    if (plain.len < FIXED_BYTES) {
        return SP_EFORMAT;
    }
    passport->request_id = sp_view_make(plain.ptr, REQUEST_ID_BYTES);
    rest = sp_view_skip(plain, REQUEST_ID_BYTES);
    passport->expires_ms = get_number(rest.ptr, EXPIRY_BYTES);
    passport->token_expires_ms =
        get_number(rest.ptr + EXPIRY_BYTES, EXPIRY_BYTES);
    rest = sp_view_skip(rest, (size_t)2 * EXPIRY_BYTES);
    for (size_t i = 0; i < SP_COUNT(texts); i++) {
        struct sp_view *text = (void *)((char *)passport + texts[i]);

        if (take_text(&rest, text) != 0) {
            return SP_EFORMAT;
        }
    }
    return rest.len == 0 ? 0 : SP_EFORMAT;
}

static int
decrypt(const struct sp_secret *key, struct sp_view sealed,
        const struct sp_passport_request *request, struct sp_buf *plain)
{
    unsigned char bytes[SP_MAX_PASSPORT_BYTES];
    unsigned char covered[COVERED_MAX];
    struct sp_view key_bytes = sp_secret_view(key);
    const unsigned char *at = (const unsigned char *)sealed.ptr;
    unsigned long long len = 0;

    if (key_bytes.len != SP_PASSPORT_KEY_BYTES) {
        return SP_ECRYPTO;
    }
    if (sealed.len < NONCE_BYTES + TAG_BYTES || sealed.len > sizeof(bytes)) {
        return SP_EFORMAT;
    }
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(
            bytes, &len, NULL, at + NONCE_BYTES, sealed.len - NONCE_BYTES,
            covered, write_covered(request, covered), at,
            (const unsigned char *)key_bytes.ptr) != 0) {
        return SP_EAUTH;
    }
    sp_buf_reset(plain);
    return sp_buf_add(plain, bytes, (size_t)len);
}

int
sp_passport_open(const struct sp_secret *key, struct sp_view sealed,
                 const struct sp_passport_request *request,
                 struct sp_view request_id, uint64_t now_ms,
                 struct sp_buf *plain, struct sp_passport *ret_passport)
{
    struct sp_passport passport = { 0 };
    int error = decrypt(key, sealed, request, plain);

    if (error == 0) {
        error = read_plain(sp_buf_view(plain), &passport);
    }
    if (error != 0) {
        return error;
    }
    if (!sp_view_equal(passport.request_id, request_id)) {
        return SP_EAUTH;
    }
    if (passport.expires_ms <= now_ms) {
        return SP_EEXPIRED;
    }
    *ret_passport = passport;
    return 0;
}

bool
sp_scopes_have(struct sp_view scopes, struct sp_view scope)
{
    size_t start = 0;

    if (scope.len == 0) {
        return false;
    }
    for (size_t i = 0; i <= scopes.len; i++) {
        if (i == scopes.len || scopes.ptr[i] == ' ') {
            if (sp_view_equal(sp_view_make(scopes.ptr + start, i - start),
                              scope)) {
                return true;
            }
            start = i + 1;
        }
    }
    return false;
}

void
sp_principal_key(struct sp_view subject, struct sp_view client,
                 unsigned char ret_key[SP_PRINCIPAL_KEY_BYTES])
{
    unsigned char digest[crypto_generichash_BYTES_MIN];
    crypto_generichash_state state;

    (void)crypto_generichash_init(&state, NULL, 0, sizeof(digest));
    hash_part(&state, subject);
    hash_part(&state, client);
    (void)crypto_generichash_final(&state, digest, sizeof(digest));
    memcpy(ret_key, digest, SP_PRINCIPAL_KEY_BYTES);
}
