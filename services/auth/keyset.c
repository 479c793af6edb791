/* Signing keys on OpenSSL's EVP interface. */
#include "services/auth/keyset.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "common/base/alloc.h"
#include "common/base/error.h"
#include "common/base/secret.h"
#include "services/auth/encoding.h"

#define COORDINATE_BYTES 32 /* P-256 */
#define MIN_RSA_BITS 2048   /* RFC 7518 section 3.3 */
#define MAX_RSA_BITS 4096   /* a larger one would only slow us down */
#define MAX_RSA_BYTES (MAX_RSA_BITS / 8)
#define MAX_DER 80 /* ECDSA-Sig-Value of two 32 byte numbers is at most 72 */
#define MAX_JWK 1024
#define MAX_NAME 64

struct signing_key {
    char name[MAX_NAME + 1];
    char kid[KEYSET_KID_LEN + 1];
    const char *alg;
    bool is_ec;
    bool is_private;
    EVP_PKEY *pkey;
    /* Set up once and copied for each use: setting up costs a fifth of an
     * RSA verification. */
    EVP_MD_CTX *verify;
    EVP_MD_CTX *sign;
    EVP_MD_CTX *work;
    struct sp_buf jwk; /* the members that the thumbprint covers */
};

struct keyset {
    struct signing_key *keys[KEYSET_MAX];
    size_t count;
};

/* ------------------------------------------------------------------ a key */

static void
signing_key_free(struct signing_key **key)
{
    if (*key != NULL) {
        EVP_MD_CTX_free((*key)->verify);
        EVP_MD_CTX_free((*key)->sign);
        EVP_MD_CTX_free((*key)->work);
        EVP_PKEY_free((*key)->pkey);
        sp_buf_free(&(*key)->jwk);
        sp_free(*key);
        *key = NULL;
    }
}

/* Answers "no password" so that OpenSSL never asks the terminal for one. */
static int
no_password(char *out, int size, int writing, void *arg)
{
    (void)out;
    (void)size;
    (void)writing;
    (void)arg;
    return 0;
}

static EVP_PKEY *
read_pem(struct sp_view pem, bool *ret_private)
{
    BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
    EVP_PKEY *pkey = NULL;

    if (bio == NULL) {
        return NULL;
    }
    pkey = PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
    *ret_private = pkey != NULL;
    if (pkey == NULL && BIO_reset(bio) == 1) {
        pkey = PEM_read_bio_PUBKEY(bio, NULL, no_password, NULL);
    }
    BIO_free(bio);
    ERR_clear_error();
    return pkey;
}

static bool
is_p256(const EVP_PKEY *pkey)
{
    char group[64] = "";
    size_t len = 0;

    return EVP_PKEY_get_base_id(pkey) == EVP_PKEY_EC &&
           EVP_PKEY_get_group_name(pkey, group, sizeof(group), &len) == 1 &&
           strcmp(group, "prime256v1") == 0;
}

static bool
is_good_rsa(const EVP_PKEY *pkey)
{
    int bits = EVP_PKEY_get_bits(pkey);

    return EVP_PKEY_get_base_id(pkey) == EVP_PKEY_RSA && bits >= MIN_RSA_BITS &&
           bits <= MAX_RSA_BITS;
}

static int
choose_alg(struct signing_key *key)
{
    if (is_p256(key->pkey)) {
        key->is_ec = true;
        key->alg = "ES256";
        return 0;
    }
    if (is_good_rsa(key->pkey)) {
        key->alg = "RS256";
        return 0;
    }
    return SP_EDENIED;
}

/* Appends a number of the public key as JWK members hold it; `len` 0 means as
 * many bytes as it needs. */
static int
add_number(const EVP_PKEY *pkey, const char *param, size_t len,
           struct sp_buf *out)
{
    unsigned char bytes[MAX_RSA_BYTES];
    BIGNUM *number = NULL;
    int want = 0;
    int error = SP_ECRYPTO;

    if (EVP_PKEY_get_bn_param(pkey, param, &number) != 1) {
        return SP_ECRYPTO;
    }
    want = len != 0 ? (int)len : BN_num_bytes(number);
    if (want > 0 && (size_t)want <= sizeof(bytes) &&
        BN_bn2binpad(number, bytes, want) == want) {
        encoding_to_base64url(sp_view_make(bytes, (size_t)want), out);
        error = 0;
    }
    BN_free(number);
    return error;
}

/* The required members in lexical order and nothing else: RFC 7638 section
 * 3.2. */
static int
write_jwk(struct signing_key *key)
{
    struct sp_buf *out = &key->jwk;
    int error = 0;

    if (key->is_ec) {
        (void)sp_buf_add_str(out, "\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"");
        error = add_number(key->pkey, OSSL_PKEY_PARAM_EC_PUB_X,
                           COORDINATE_BYTES, out);
        (void)sp_buf_add_str(out, "\",\"y\":\"");
        if (error == 0) {
            error = add_number(key->pkey, OSSL_PKEY_PARAM_EC_PUB_Y,
                               COORDINATE_BYTES, out);
        }
    } else {
        (void)sp_buf_add_str(out, "\"e\":\"");
        error = add_number(key->pkey, OSSL_PKEY_PARAM_RSA_E, 0, out);
        (void)sp_buf_add_str(out, "\",\"kty\":\"RSA\",\"n\":\"");
        if (error == 0) {
            error = add_number(key->pkey, OSSL_PKEY_PARAM_RSA_N, 0, out);
        }
    }
    (void)sp_buf_add_str(out, "\"");
    return error != 0 ? error : out->error;
}

static int
write_kid(struct signing_key *key)
{
    struct sp_buf text = sp_buf_new(MAX_JWK + 2);
    struct sp_buf kid = sp_buf_new(KEYSET_KID_LEN);
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    int error = SP_ECRYPTO;

    (void)sp_buf_add_str(&text, "{");
    (void)sp_buf_add_view(&text, sp_buf_view(&key->jwk));
    (void)sp_buf_add_str(&text, "}");
    if (EVP_Digest(text.data, text.len, digest, &len, EVP_sha256(), NULL) ==
        1) {
        encoding_to_base64url(sp_view_make(digest, len), &kid);
        error = kid.len == KEYSET_KID_LEN ? 0 : SP_ECRYPTO;
    }
    if (error == 0) {
        memcpy(key->kid, kid.data, KEYSET_KID_LEN);
    }
    sp_buf_free(&text);
    sp_buf_free(&kid);
    return error;
}

static int
prepare_contexts(struct signing_key *key)
{
    key->verify = EVP_MD_CTX_new();
    key->sign = EVP_MD_CTX_new();
    key->work = EVP_MD_CTX_new();
    if (key->verify == NULL || key->sign == NULL || key->work == NULL) {
        return SP_ECRYPTO;
    }
    if (EVP_DigestVerifyInit(key->verify, NULL, EVP_sha256(), NULL,
                             key->pkey) != 1) {
        return SP_ECRYPTO;
    }
    if (key->is_private && EVP_DigestSignInit(key->sign, NULL, EVP_sha256(),
                                              NULL, key->pkey) != 1) {
        return SP_ECRYPTO;
    }
    return 0;
}

static int
signing_key_new(const char *name, struct sp_view pem,
                struct signing_key **ret_key)
{
    struct signing_key *key = sp_alloc(sizeof(*key));
    int error = 0;

    key->jwk = sp_buf_new(MAX_JWK);
    key->pkey = read_pem(pem, &key->is_private);
    error = key->pkey == NULL || strlen(name) > MAX_NAME ? SP_EFORMAT : 0;
    if (error == 0) {
        memcpy(key->name, name, strlen(name));
        error = choose_alg(key);
    }
    if (error == 0) {
        error = write_jwk(key);
    }
    if (error == 0) {
        error = write_kid(key);
    }
    if (error == 0) {
        error = prepare_contexts(key);
    }
    if (error != 0) {
        signing_key_free(&key);
        return error;
    }
    *ret_key = key;
    return 0;
}

const char *
signing_key_alg(const struct signing_key *key)
{
    return key->alg;
}

const char *
signing_key_kid(const struct signing_key *key)
{
    return key->kid;
}

/* -------------------------------------------------------------- signatures */

/* DER, which OpenSSL makes, to r and s side by side, which JWS wants. */
static int
add_pair(struct sp_view der, struct sp_buf *out)
{
    const unsigned char *at = (const unsigned char *)der.ptr;
    unsigned char pair[2 * COORDINATE_BYTES];
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &at, (long)der.len);
    int error = SP_ECRYPTO;

    if (sig == NULL) {
        return SP_ECRYPTO;
    }
    if (BN_bn2binpad(ECDSA_SIG_get0_r(sig), pair, COORDINATE_BYTES) ==
            COORDINATE_BYTES &&
        BN_bn2binpad(ECDSA_SIG_get0_s(sig), pair + COORDINATE_BYTES,
                     COORDINATE_BYTES) == COORDINATE_BYTES) {
        error = sp_buf_add(out, pair, sizeof(pair));
    }
    ECDSA_SIG_free(sig);
    return error;
}

/* The way back. 0 where `pair` has not exactly the length of two numbers. */
static size_t
pair_to_der(struct sp_view pair, unsigned char der[MAX_DER])
{
    const unsigned char *at = (const unsigned char *)pair.ptr;
    ECDSA_SIG *sig = NULL;
    BIGNUM *r = NULL;
    BIGNUM *s = NULL;
    int len = 0;

    if (pair.len != 2 * COORDINATE_BYTES) {
        return 0;
    }
    sig = ECDSA_SIG_new();
    r = BN_bin2bn(at, COORDINATE_BYTES, NULL);
    s = BN_bin2bn(at + COORDINATE_BYTES, COORDINATE_BYTES, NULL);
    if (sig == NULL || r == NULL || s == NULL ||
        ECDSA_SIG_set0(sig, r, s) != 1) {
        BN_free(r);
        BN_free(s);
        ECDSA_SIG_free(sig);
        return 0;
    }
    if (i2d_ECDSA_SIG(sig, NULL) <= MAX_DER) {
        len = i2d_ECDSA_SIG(sig, &der);
    }
    ECDSA_SIG_free(sig);
    return len > 0 ? (size_t)len : 0;
}

int
signing_key_sign(struct signing_key *key, struct sp_view data,
                 struct sp_buf *out)
{
    unsigned char signature[MAX_RSA_BYTES];
    size_t len = sizeof(signature);

    if (!key->is_private) {
        return SP_EDENIED;
    }
    if (EVP_MD_CTX_copy_ex(key->work, key->sign) != 1 ||
        EVP_DigestSign(key->work, signature, &len,
                       (const unsigned char *)data.ptr, data.len) != 1) {
        ERR_clear_error();
        return SP_ECRYPTO;
    }
    if (key->is_ec) {
        return add_pair(sp_view_make(signature, len), out);
    }
    return sp_buf_add(out, signature, len);
}

int
signing_key_verify(struct signing_key *key, struct sp_view data,
                   struct sp_view signature)
{
    unsigned char der[MAX_DER];
    bool good = false;

    if (key->is_ec) {
        size_t len = pair_to_der(signature, der);

        if (len == 0) {
            return SP_EAUTH;
        }
        signature = sp_view_make(der, len);
    } else if (signature.len != (size_t)EVP_PKEY_get_size(key->pkey)) {
        return SP_EAUTH;
    }
    good = EVP_MD_CTX_copy_ex(key->work, key->verify) == 1 &&
           EVP_DigestVerify(key->work, (const unsigned char *)signature.ptr,
                            signature.len, (const unsigned char *)data.ptr,
                            data.len) == 1;
    if (!good) {
        /* The error queue of the thread would grow with each bad token. */
        ERR_clear_error();
    }
    return good ? 0 : SP_EAUTH;
}

/* ------------------------------------------------------------------ the set */

struct keyset *
keyset_new(void)
{
    return sp_alloc(sizeof(struct keyset));
}

void
keyset_free(struct keyset **keyset)
{
    if (*keyset != NULL) {
        for (size_t i = 0; i < (*keyset)->count; i++) {
            signing_key_free(&(*keyset)->keys[i]);
        }
        sp_free(*keyset);
        *keyset = NULL;
    }
}

int
keyset_add(struct keyset *keyset, const char *name, struct sp_view pem)
{
    struct signing_key *key = NULL;
    int error = 0;

    if (keyset->count == KEYSET_MAX) {
        return SP_ELIMIT;
    }
    error = signing_key_new(name, pem, &key);
    if (error != 0) {
        return error;
    }
    if (keyset_find(keyset, sp_view_of(key->kid)) != NULL) {
        signing_key_free(&key);
        return SP_EDUPLICATE;
    }
    keyset->keys[keyset->count++] = key;
    return 0;
}

/* The name of a key file without ".key"; empty for other files. */
static struct sp_view
key_name(const char *file)
{
    static const char suffix[] = ".key";
    size_t len = strlen(file);
    size_t end = sizeof(suffix) - 1;

    if (len <= end || len - end > MAX_NAME || file[0] == '.' ||
        strcmp(file + len - end, suffix) != 0) {
        return sp_view_make("", 0);
    }
    return sp_view_make(file, len - end);
}

static int
load_file(struct keyset *keyset, const char *directory, const char *file,
          struct sp_buf *why)
{
    struct sp_view base = key_name(file);
    struct sp_secret *pem = NULL;
    char path[512];
    char name[MAX_NAME + 1] = "";
    int error = 0;

    if (base.len == 0) {
        return 0;
    }
    memcpy(name, base.ptr, base.len);
    (void)snprintf(path, sizeof(path), "%s/%s", directory, file);
    error = sp_secret_load(path, &pem);
    if (error == 0 && sp_view_starts(sp_secret_view(pem), "-----BEGIN ")) {
        error = keyset_add(keyset, name, sp_secret_view(pem));
    }
    sp_secret_free(&pem);
    if (error != 0) {
        (void)sp_buf_addf(why,
                          "%s: %s; give an unencrypted PEM key, EC P-256 or "
                          "RSA of 2048 to 4096 bits, mode 0600",
                          path, sp_error_reason(error));
    }
    return error;
}

int
keyset_load(struct keyset *keyset, const char *directory, struct sp_buf *why)
{
    DIR *dir = opendir(directory);
    int error = 0;

    if (dir == NULL) {
        (void)sp_buf_addf(why, "%s: %s; run `sallyport init` to make the keys",
                          directory, strerror(errno));
        return SP_ESYSTEM;
    }
    for (struct dirent *at = readdir(dir); at != NULL && error == 0;
         at = readdir(dir)) {
        error = load_file(keyset, directory, at->d_name, why);
    }
    (void)closedir(dir);
    return error;
}

struct signing_key *
keyset_find(const struct keyset *keyset, struct sp_view kid)
{
    for (size_t i = 0; i < keyset->count; i++) {
        if (sp_view_is(kid, keyset->keys[i]->kid)) {
            return keyset->keys[i];
        }
    }
    return NULL;
}

struct signing_key *
keyset_named(const struct keyset *keyset, struct sp_view name)
{
    for (size_t i = 0; i < keyset->count; i++) {
        if (sp_view_is(name, keyset->keys[i]->name)) {
            return keyset->keys[i];
        }
    }
    return NULL;
}

void
keyset_write(const struct keyset *keyset, struct sp_buf *out)
{
    (void)sp_buf_add_str(out, "{\"keys\":[");
    for (size_t i = 0; i < keyset->count; i++) {
        const struct signing_key *key = keyset->keys[i];

        (void)sp_buf_addf(out, "%s{", i == 0 ? "" : ",");
        (void)sp_buf_add_view(out, sp_buf_view(&key->jwk));
        (void)sp_buf_addf(out,
                          ",\"use\":\"sig\",\"alg\":\"%s\",\"kid\":\"%s\"}",
                          key->alg, key->kid);
    }
    (void)sp_buf_add_str(out, "]}");
}
