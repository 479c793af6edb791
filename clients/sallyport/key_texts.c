/* Key generation. */
#include "clients/sallyport/key_texts.h"

#include <stdint.h>
#include <string.h>

#include <czmq.h>
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <sodium.h>

#include "common/base/error.h"

#define RSA_BITS 2048
#define HEX_MAX 64

static int
write_pem(EVP_PKEY *key, struct sp_buf *out)
{
    BIO *bio = BIO_new(BIO_s_secmem());
    char *text = NULL;
    long len = 0;
    int error = SP_ECRYPTO;

    if (key != NULL && bio != NULL &&
        PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) ==
            1) {
        len = BIO_get_mem_data(bio, &text);
        error = len > 0 ? sp_buf_add(out, text, (size_t)len) : SP_ECRYPTO;
    }
    BIO_free(bio);
    EVP_PKEY_free(key);
    return error;
}

int
key_text_ec(struct sp_buf *out)
{
    return write_pem(EVP_EC_gen("P-256"), out);
}

int
key_text_rsa(struct sp_buf *out)
{
    return write_pem(EVP_RSA_gen(RSA_BITS), out);
}

void
key_text_hex(struct sp_buf *out, size_t len)
{
    unsigned char bytes[HEX_MAX];
    char text[2 * HEX_MAX + 1];

    len = len < HEX_MAX ? len : HEX_MAX;
    randombytes_buf(bytes, len);
    (void)sodium_bin2hex(text, sizeof(text), bytes, len);
    (void)sp_buf_addf(out, "%s\n", text);
    explicit_bzero(bytes, sizeof(bytes));
    explicit_bzero(text, sizeof(text));
}

int
key_text_curve(struct sp_buf *secret, struct sp_buf *out)
{
    zcert_t *pair = zcert_new();

    if (pair == NULL) {
        return SP_ECRYPTO;
    }
    (void)sp_buf_addf(out, "%s\n", zcert_public_txt(pair));
    (void)sp_buf_addf(secret, "%s\n", zcert_secret_txt(pair));
    zcert_destroy(&pair);
    return 0;
}

int
key_text_hash(struct sp_view password, struct sp_buf *out)
{
    char text[crypto_pwhash_STRBYTES];

    if (crypto_pwhash_str(text, password.ptr, password.len,
                          crypto_pwhash_OPSLIMIT_INTERACTIVE,
                          crypto_pwhash_MEMLIMIT_INTERACTIVE) != 0) {
        return SP_ECRYPTO;
    }
    (void)sp_buf_addf(out, "%s\n", text);
    return 0;
}

void
key_text_free(struct sp_buf *b)
{
    if (b->data != NULL) {
        explicit_bzero(b->data, b->len);
    }
    sp_buf_free(b);
}
