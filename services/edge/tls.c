/* TLS material. */
#include "services/edge/tls.h"

#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/secret.h"
#include "common/stage/service.h"

/* Server certificate with its chain. */
#define MAX_CHAIN 65536
/* What gnutls_session_ticket_key_generate() makes; GnuTLS derives from it the
 * keys in use, by the clock, so that replicas agree. */
#define TICKET_KEY_LEN 64

/* Not %SAFE_RENEGOTIATION: GnuTLS then turns away clients of TLS 1.3 that leave
 * out a sign which only TLS 1.2 knows, as OpenSSL 3.5 does. Nothing
 * renegotiates here in any case: the library hangs up on who asks for it. */
const char tls_priorities[] =
    "NONE:+VERS-TLS1.3:+VERS-TLS1.2:"
    "+AES-128-GCM:+CHACHA20-POLY1305:+AES-256-GCM:+AEAD:"
    "+ECDHE-ECDSA:+ECDHE-RSA:"
    "+GROUP-X25519:+GROUP-SECP256R1:+GROUP-SECP384R1:"
    "+SIGN-ECDSA-SECP256R1-SHA256:+SIGN-ECDSA-SHA256:"
    "+SIGN-ECDSA-SECP384R1-SHA384:+SIGN-ECDSA-SHA384:+SIGN-EDDSA-ED25519:"
    "+SIGN-RSA-PSS-RSAE-SHA256:+SIGN-RSA-PSS-RSAE-SHA384:"
    "+SIGN-RSA-SHA256:+SIGN-RSA-SHA384:"
    "+CTYPE-X509:+COMP-NULL:%SERVER_PRECEDENCE";

struct tls {
    char *certificate;
    char *key;
    unsigned char ticket_key[TICKET_KEY_LEN];
};

static char *
read_chain(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    char *text = sp_alloc(MAX_CHAIN + 1);
    size_t len = 0;
    ssize_t n = 0;

    if (fd < 0) {
        sp_refuse("%s cannot be read; run `sallyport init` to make it", path);
    }
    do {
        n = read(fd, text + len, MAX_CHAIN - len);
        len += n > 0 ? (size_t)n : 0;
    } while (n > 0 && len < MAX_CHAIN);
    (void)close(fd);
    if (n < 0 || len == 0 || len == MAX_CHAIN) {
        sp_refuse("%s is empty, unreadable or longer than %d bytes", path,
                  MAX_CHAIN);
    }
    return text;
}

static char *
read_key(const char *path)
{
    struct sp_secret *secret = NULL;
    int error = sp_secret_load(path, &secret);
    char *text = NULL;

    if (error != 0) {
        sp_refuse("%s: %s; the key must be a file of ours with mode 0600", path,
                  sp_error_reason(error));
    }
    text = sp_dup_view(sp_secret_view(secret));
    sp_secret_free(&secret);
    return text;
}

static void
read_ticket_key(const char *path, unsigned char key[TICKET_KEY_LEN])
{
    struct sp_secret *secret = NULL;
    int error = sp_secret_load_hex(path, TICKET_KEY_LEN, &secret);

    if (error != 0) {
        sp_refuse("%s: %s; it must hold %d hex digits, mode 0600", path,
                  sp_error_reason(error), 2 * TICKET_KEY_LEN);
    }
    memcpy(key, sp_secret_view(secret).ptr, TICKET_KEY_LEN);
    sp_secret_free(&secret);
}

/* A certificate and a key that do not belong together would only show at the
 * first handshake. */
static void
check_pair(const struct tls *tls, const char *path)
{
    gnutls_certificate_credentials_t credentials = NULL;
    gnutls_datum_t certificate = {
        .data = (unsigned char *)tls->certificate,
        .size = (unsigned)strlen(tls->certificate),
    };
    gnutls_datum_t key = {
        .data = (unsigned char *)tls->key,
        .size = (unsigned)strlen(tls->key),
    };
    int error = gnutls_certificate_allocate_credentials(&credentials);

    if (error == 0) {
        error = gnutls_certificate_set_x509_key_mem2(
            credentials, &certificate, &key, GNUTLS_X509_FMT_PEM, NULL, 0);
        gnutls_certificate_free_credentials(credentials);
    }
    if (error < 0) {
        sp_refuse("%s and its key: %s", path, gnutls_strerror(error));
    }
}

struct tls *
tls_load(struct sp_runtime *rt)
{
    struct tls *tls = sp_alloc(sizeof(*tls));
    char *chain_path = sp_runtime_key_path(rt, "tls.pem");
    char *key_path = sp_runtime_key_path(rt, "tls.key");
    char *ticket_path = sp_runtime_key_path(rt, "ticket.key");

    tls->certificate = read_chain(chain_path);
    tls->key = read_key(key_path);
    read_ticket_key(ticket_path, tls->ticket_key);
    check_pair(tls, chain_path);
    sp_free(chain_path);
    sp_free(key_path);
    sp_free(ticket_path);
    return tls;
}

void
tls_forget_key(struct tls *tls)
{
    if (tls->key != NULL) {
        explicit_bzero(tls->key, strlen(tls->key));
        sp_free(tls->key);
        tls->key = NULL;
    }
}

void
tls_free(struct tls **tls)
{
    if (*tls != NULL) {
        tls_forget_key(*tls);
        sp_free((*tls)->certificate);
        explicit_bzero((*tls)->ticket_key, sizeof((*tls)->ticket_key));
        sp_free(*tls);
        *tls = NULL;
    }
}

const char *
tls_certificate(const struct tls *tls)
{
    return tls->certificate;
}

const char *
tls_key(const struct tls *tls)
{
    return tls->key;
}

void
tls_enable_tickets(const struct tls *tls, gnutls_session_t session)
{
    unsigned char copy[TICKET_KEY_LEN];
    gnutls_datum_t key = { .data = copy, .size = sizeof(copy) };

    memcpy(copy, tls->ticket_key, sizeof(copy));
    /* Without tickets the session still works; it costs a full handshake. */
    (void)gnutls_session_ticket_enable_server(session, &key);
    explicit_bzero(copy, sizeof(copy));
}
