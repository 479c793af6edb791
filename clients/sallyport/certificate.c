/* X.509, by OpenSSL. */
#include "clients/sallyport/certificate.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>

#include "common/base/error.h"

#define DAY_S 86400
/* Clients whose clock is a little behind take it at once. */
#define BACKDATE_S 3600
#define CA_DAYS 3652
/* The longest life that browsers accept is 398 days. */
#define SERVER_DAYS 397
#define SERIAL_BITS 127
/* Tell our certificates from an operator's own. */
#define CA_NAME "Sallyport CA"
#define SERVER_NAME "Sallyport"
#define NAME_MAX_LEN 128

struct extension {
    int nid;
    const char *value;
};

/* Without it OpenSSL asks at the terminal. */
static int
no_passphrase(char *text, int size, int writing, void *arg)
{
    (void)text;
    (void)size;
    (void)writing;
    (void)arg;
    return -1;
}

static EVP_PKEY *
read_key(struct sp_view pem)
{
    BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
    EVP_PKEY *key =
        bio == NULL ? NULL
                    : PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);

    BIO_free(bio);
    return key;
}

static X509 *
read_certificate(struct sp_view pem)
{
    BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
    X509 *cert = bio == NULL ? NULL : PEM_read_bio_X509(bio, NULL, NULL, NULL);

    BIO_free(bio);
    return cert;
}

static bool
set_serial(X509 *cert)
{
    BIGNUM *number = BN_new();
    bool ok = number != NULL &&
              BN_rand(number, SERIAL_BITS, BN_RAND_TOP_ONE,
                      BN_RAND_BOTTOM_ANY) == 1 &&
              BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert)) != NULL;

    BN_free(number);
    return ok;
}

static bool
set_life(X509 *cert, int64_t now_s, int days)
{
    time_t from = (time_t)now_s - BACKDATE_S;
    time_t until = (time_t)now_s + (time_t)days * DAY_S;

    return ASN1_TIME_set(X509_getm_notBefore(cert), from) != NULL &&
           ASN1_TIME_set(X509_getm_notAfter(cert), until) != NULL;
}

static bool
set_name(X509_NAME *name, const char *text)
{
    return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                      (const unsigned char *)text, -1, -1,
                                      0) == 1;
}

static bool
add_extensions(X509 *cert, X509 *issuer, const struct extension *list,
               size_t count)
{
    X509V3_CTX context;

    X509V3_set_ctx(&context, issuer, cert, NULL, NULL, 0);
    for (size_t i = 0; i < count; i++) {
        X509_EXTENSION *one =
            X509V3_EXT_conf_nid(NULL, &context, list[i].nid, list[i].value);
        bool ok = one != NULL && X509_add_ext(cert, one, -1) == 1;

        X509_EXTENSION_free(one);
        if (!ok) {
            return false;
        }
    }
    return true;
}

static int
write_certificate(X509 *cert, struct sp_buf *out)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;
    int error = SP_ECRYPTO;

    if (bio != NULL && PEM_write_bio_X509(bio, cert) == 1) {
        long len = BIO_get_mem_data(bio, &text);

        error = sp_buf_add(out, text, (size_t)len);
    }
    BIO_free(bio);
    return error;
}

int
certificate_make_ca(struct sp_view key_pem, int64_t now_s, struct sp_buf *out)
{
    static const struct extension list[] = {
        { NID_basic_constraints, "critical,CA:TRUE,pathlen:0" },
        { NID_key_usage, "critical,keyCertSign,cRLSign" },
        { NID_subject_key_identifier, "hash" },
    };
    EVP_PKEY *key = read_key(key_pem);
    X509 *cert = X509_new();
    int error = SP_ECRYPTO;

    if (key != NULL && cert != NULL &&
        X509_set_version(cert, X509_VERSION_3) == 1 && set_serial(cert) &&
        set_life(cert, now_s, CA_DAYS) &&
        set_name(X509_get_subject_name(cert), CA_NAME) &&
        X509_set_issuer_name(cert, X509_get_subject_name(cert)) == 1 &&
        X509_set_pubkey(cert, key) == 1 &&
        add_extensions(cert, cert, list, SP_COUNT(list)) &&
        X509_sign(cert, key, EVP_sha256()) > 0) {
        error = write_certificate(cert, out);
    }
    X509_free(cert);
    EVP_PKEY_free(key);
    return error;
}

static bool
is_address(const char *host)
{
    unsigned char raw[sizeof(struct in6_addr)];

    return inet_pton(AF_INET, host, raw) == 1 ||
           inet_pton(AF_INET6, host, raw) == 1;
}

/* The loopback names are in every certificate, so that a gate can be tried from
 * its own machine; none of them twice. */
static bool
write_names(const char *host, char *text, size_t size)
{
    static const char loopback[] = "DNS:localhost,IP:127.0.0.1,IP:::1";
    int n = 0;

    if (strcmp(host, "localhost") == 0 || strcmp(host, "127.0.0.1") == 0 ||
        strcmp(host, "::1") == 0) {
        n = snprintf(text, size, "%s", loopback);
    } else {
        n = snprintf(text, size, "%s:%s,%s", is_address(host) ? "IP" : "DNS",
                     host, loopback);
    }
    return n > 0 && (size_t)n < size;
}

static X509 *
build_server(X509 *ca, EVP_PKEY *key, const char *host, int64_t now_s)
{
    char names[512];
    const struct extension list[] = {
        { NID_basic_constraints, "critical,CA:FALSE" },
        { NID_key_usage, "critical,digitalSignature" },
        { NID_ext_key_usage, "serverAuth" },
        { NID_subject_key_identifier, "hash" },
        { NID_authority_key_identifier, "keyid:always" },
        { NID_subject_alt_name, names },
    };
    X509 *cert = X509_new();

    if (write_names(host, names, sizeof(names)) && cert != NULL &&
        X509_set_version(cert, X509_VERSION_3) == 1 && set_serial(cert) &&
        set_life(cert, now_s, SERVER_DAYS) &&
        set_name(X509_get_subject_name(cert), SERVER_NAME) &&
        X509_set_issuer_name(cert, X509_get_subject_name(ca)) == 1 &&
        X509_set_pubkey(cert, key) == 1 &&
        add_extensions(cert, ca, list, SP_COUNT(list))) {
        return cert;
    }
    X509_free(cert);
    return NULL;
}

int
certificate_make_server(struct sp_view ca_pem, struct sp_view ca_key_pem,
                        struct sp_view key_pem, const char *host, int64_t now_s,
                        struct sp_buf *out)
{
    X509 *ca = read_certificate(ca_pem);
    EVP_PKEY *ca_key = read_key(ca_key_pem);
    EVP_PKEY *key = read_key(key_pem);
    X509 *cert = NULL;
    int error = SP_ECRYPTO;

    if (ca != NULL && ca_key != NULL && key != NULL) {
        cert = build_server(ca, key, host, now_s);
    }
    if (cert != NULL && X509_sign(cert, ca_key, EVP_sha256()) > 0) {
        error = write_certificate(cert, out);
    }
    X509_free(cert);
    X509_free(ca);
    EVP_PKEY_free(ca_key);
    EVP_PKEY_free(key);
    return error;
}

int
certificate_days_left(struct sp_view pem, int64_t now_s, int64_t *ret_days)
{
    X509 *cert = read_certificate(pem);
    ASN1_TIME *now = ASN1_TIME_set(NULL, (time_t)now_s);
    int days = 0;
    int seconds = 0;
    int error = SP_EFORMAT;

    if (cert != NULL && now != NULL &&
        ASN1_TIME_diff(&days, &seconds, now, X509_get0_notAfter(cert)) == 1) {
        *ret_days = seconds < 0 ? days - 1 : days;
        error = 0;
    }
    ASN1_TIME_free(now);
    X509_free(cert);
    return error;
}

bool
certificate_names(struct sp_view pem, const char *host)
{
    X509 *cert = read_certificate(pem);
    bool named =
        cert != NULL &&
        (is_address(host) ? X509_check_ip_asc(cert, host, 0) == 1
                          : X509_check_host(cert, host, 0, 0, NULL) == 1);

    X509_free(cert);
    return named;
}

bool
certificate_signed_by(struct sp_view pem, struct sp_view ca_pem)
{
    X509 *cert = read_certificate(pem);
    X509 *ca = read_certificate(ca_pem);
    bool ok = cert != NULL && ca != NULL &&
              X509_verify(cert, X509_get0_pubkey(ca)) == 1;

    X509_free(ca);
    X509_free(cert);
    return ok;
}

static bool
is_named(const X509_NAME *name, const char *want)
{
    char text[NAME_MAX_LEN] = "";

    return X509_NAME_get_text_by_NID(name, NID_commonName, text, sizeof(text)) >
               0 &&
           strcmp(text, want) == 0;
}

bool
certificate_is_ours(struct sp_view pem)
{
    X509 *cert = read_certificate(pem);
    bool ours = cert != NULL &&
                is_named(X509_get_subject_name(cert), SERVER_NAME) &&
                is_named(X509_get_issuer_name(cert), CA_NAME);

    X509_free(cert);
    return ours;
}

bool
certificate_is_key(struct sp_view key_pem)
{
    EVP_PKEY *key = read_key(key_pem);

    EVP_PKEY_free(key);
    return key != NULL;
}

bool
certificate_matches(struct sp_view pem, struct sp_view key_pem)
{
    X509 *cert = read_certificate(pem);
    EVP_PKEY *key = read_key(key_pem);
    bool same =
        cert != NULL && key != NULL && X509_check_private_key(cert, key) == 1;

    X509_free(cert);
    EVP_PKEY_free(key);
    return same;
}

/* All certificates of the text; owned by the caller, NULL without memory. */
static STACK_OF(X509) * read_chain(struct sp_view pem)
{
    STACK_OF(X509) *chain = sk_X509_new_null();
    BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
    X509 *cert = NULL;

    while (chain != NULL && bio != NULL &&
           (cert = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
        if (sk_X509_push(chain, cert) <= 0) {
            X509_free(cert);
            break;
        }
    }
    BIO_free(bio);
    return chain;
}

static X509_STORE *
make_store(struct sp_view ca_pem, int64_t now_s)
{
    X509_STORE *store = X509_STORE_new();
    STACK_OF(X509) *more = read_chain(ca_pem);

    if (store != NULL) {
        (void)X509_STORE_set_default_paths(store);
        X509_VERIFY_PARAM_set_time(X509_STORE_get0_param(store), (time_t)now_s);
        (void)X509_STORE_set_purpose(store, X509_PURPOSE_SSL_SERVER);
    }
    for (int i = 0; store != NULL && i < sk_X509_num(more); i++) {
        (void)X509_STORE_add_cert(store, sk_X509_value(more, i));
    }
    sk_X509_pop_free(more, X509_free);
    return store;
}

int
certificate_verify(struct sp_view pem, struct sp_view ca_pem, int64_t now_s,
                   struct sp_buf *why)
{
    STACK_OF(X509) *chain = read_chain(pem);
    X509_STORE *store = make_store(ca_pem, now_s);
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    int error = SP_ECRYPTO;

    if (sk_X509_num(chain) > 0 && store != NULL && context != NULL &&
        X509_STORE_CTX_init(context, store, sk_X509_value(chain, 0), chain) ==
            1) {
        error = X509_verify_cert(context) == 1 ? 0 : SP_ECRYPTO;
    }
    if (error != 0) {
        (void)sp_buf_add_str(why, context == NULL
                                      ? "out of memory"
                                      : X509_verify_cert_error_string(
                                            X509_STORE_CTX_get_error(context)));
    }
    X509_STORE_CTX_free(context);
    X509_STORE_free(store);
    sk_X509_pop_free(chain, X509_free);
    return error;
}

int
certificate_pin(struct sp_view pem, struct sp_buf *out)
{
    X509 *cert = read_certificate(pem);
    unsigned char *der = NULL;
    unsigned char digest[SHA256_DIGEST_LENGTH];
    unsigned char text[SHA256_DIGEST_LENGTH * 2];
    int len =
        cert == NULL ? -1 : i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);
    int error = SP_ECRYPTO;

    if (len > 0) {
        (void)SHA256(der, (size_t)len, digest);
        (void)EVP_EncodeBlock(text, digest, sizeof(digest));
        error = sp_buf_addf(out, "sha256//%s", (const char *)text);
    }
    OPENSSL_free(der);
    X509_free(cert);
    return error;
}
