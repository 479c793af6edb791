/* The fetcher's TLS, from inside a closed jail: which servers it believes. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "common/process/jail.h"
#include "tests/support/fetch_fixture.h"

#define ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
#define DAY_S 86400L

struct tls_server {
    EVP_PKEY *key;
    X509 *certificate;
    SSL_CTX *context;
    pid_t process; /* a thread would hold locks while we fork */
    int fd;
    uint16_t port;
    char ca_file[64];
    char pin[96];
};

static void
make_certificate(struct tls_server *s, const char *names, long days)
{
    X509_NAME *name = NULL;
    X509_EXTENSION *extension = NULL;

    s->key = EVP_EC_gen("P-256");
    s->certificate = X509_new();
    (void)X509_set_version(s->certificate, X509_VERSION_3);
    (void)ASN1_INTEGER_set(X509_get_serialNumber(s->certificate), 1);
    (void)X509_gmtime_adj(X509_getm_notBefore(s->certificate), -2 * DAY_S);
    (void)X509_gmtime_adj(X509_getm_notAfter(s->certificate), days * DAY_S);
    name = X509_get_subject_name(s->certificate);
    (void)X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                     (const unsigned char *)"test", -1, -1, 0);
    (void)X509_set_issuer_name(s->certificate, name);
    (void)X509_set_pubkey(s->certificate, s->key);
    extension = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);
    (void)X509_add_ext(s->certificate, extension, -1);
    X509_EXTENSION_free(extension);
    cr_assert_gt(X509_sign(s->certificate, s->key, EVP_sha256()), 0);
}

/* The certificate as a file, and the pin of its key. */
static void
write_trust(struct tls_server *s)
{
    unsigned char digest[SHA256_DIGEST_LENGTH];
    unsigned char text[64];
    unsigned char *der = NULL;
    int len = i2d_PUBKEY(s->key, &der);
    FILE *file = NULL;
    int fd = -1;

    (void)SHA256(der, (size_t)len, digest);
    OPENSSL_free(der);
    (void)EVP_EncodeBlock(text, digest, sizeof(digest));
    (void)snprintf(s->pin, sizeof(s->pin), "sha256//%s", (char *)text);
    (void)snprintf(s->ca_file, sizeof(s->ca_file), "/tmp/sp-ca-XXXXXX");
    fd = mkstemp(s->ca_file);
    cr_assert_geq(fd, 0);
    file = fdopen(fd, "w");
    cr_assert_not_null(file);
    cr_assert_eq(PEM_write_X509(file, s->certificate), 1);
    (void)fclose(file);
}

static void
serve(struct tls_server *s)
{
    int fd = -1;

    while ((fd = accept(s->fd, NULL, NULL)) >= 0) {
        SSL *ssl = SSL_new(s->context);
        char request[4096];

        (void)SSL_set_fd(ssl, fd);
        if (SSL_accept(ssl) == 1 &&
            SSL_read(ssl, request, sizeof(request)) > 0) {
            (void)SSL_write(ssl, ANSWER, sizeof(ANSWER) - 1);
            (void)SSL_shutdown(ssl);
        }
        SSL_free(ssl);
        (void)close(fd);
    }
}

static void
start(struct tls_server *s, const char *names, long days, int version)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(address);

    *s = (struct tls_server){ .fd = socket(AF_INET, SOCK_STREAM, 0) };
    make_certificate(s, names, days);
    write_trust(s);
    s->context = SSL_CTX_new(TLS_server_method());
    SSL_CTX_set_security_level(s->context, 0);
    (void)SSL_CTX_set_min_proto_version(s->context, TLS1_VERSION);
    (void)SSL_CTX_set_max_proto_version(s->context, version);
    cr_assert_eq(SSL_CTX_use_certificate(s->context, s->certificate), 1);
    cr_assert_eq(SSL_CTX_use_PrivateKey(s->context, s->key), 1);
    cr_assert_eq(bind(s->fd, (struct sockaddr *)&address, len), 0);
    cr_assert_eq(listen(s->fd, 8), 0);
    cr_assert_eq(getsockname(s->fd, (struct sockaddr *)&address, &len), 0);
    s->port = ntohs(address.sin_port);
    s->process = fork();
    if (s->process == 0) {
        serve(s);
        _exit(0);
    }
    cr_assert_gt(s->process, 0);
}

static void
stop(struct tls_server *s)
{
    (void)kill(s->process, SIGKILL);
    (void)waitpid(s->process, NULL, 0);
    (void)close(s->fd);
    (void)unlink(s->ca_file);
    SSL_CTX_free(s->context);
    X509_free(s->certificate);
    EVP_PKEY_free(s->key);
}

/* From a child, in its jail: 0 where the answer came, 1 where not. */
static int
fetch(const struct tls_server *s, const char *host, const char *ca_file,
      const char *pin)
{
    const struct sp_jail_path paths[] = { SP_FETCHER_JAIL_PATHS,
                                          { s->ca_file, SP_JAIL_READ, false } };
    const struct sp_jail jail = { .paths = paths,
                                  .path_count = SP_COUNT(paths),
                                  .inet = true,
                                  .connect_ports = &s->port,
                                  .connect_port_count = 1 };
    struct fetch_world w;
    struct fetch_record r = { 0 };
    const char *why = NULL;
    char url[128] = "";
    struct sp_fetch_request asked = fetch_request(url);

    (void)snprintf(url, sizeof(url), "https://%s:%u/", host, s->port);
    asked.ca_file = ca_file;
    asked.pin_sha256 = pin;
    fetch_world_begin(&w);
    if (sp_jail_close(&jail, &why) != 0 || fetch_start(&w, &asked, &r) != 0) {
        return 2;
    }
    sp_loop_run(w.loop);
    fetch_world_end(&w);
    return r.error == 0 && r.body.len == 5     ? 0
           : r.error == SP_ESYSTEM && !r.heads ? 1
                                               : 3;
}

static int
fetch_in_child(const struct tls_server *s, const char *host,
               const char *ca_file, const char *pin)
{
    int status = -1;
    pid_t child = fork();

    if (child == 0) {
        _exit(fetch(s, host, ca_file, pin));
    }
    cr_assert_eq(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#define OTHER_PIN "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

/* attack: somebody else answers in the upstream's place. */
Test(fetch_tls, believes_only_the_server_that_was_meant)
{
    static const struct {
        const char *label;
        const char *names;
        long days;
        int version;
        const char *host;
        bool trusted;
        bool pinned;
        const char *other_pin;
        int want;
    } rows[] = {
        { "by name", "DNS:localhost", 1, TLS1_3_VERSION, "localhost", true,
          false, NULL, 0 },
        { "by address", "IP:127.0.0.1", 1, TLS1_2_VERSION, "127.0.0.1", true,
          false, NULL, 0 },
        { "pinned", "DNS:localhost", 1, TLS1_3_VERSION, "localhost", true, true,
          NULL, 0 },
        { "unknown authority", "DNS:localhost", 1, TLS1_3_VERSION, "localhost",
          false, false, NULL, 1 },
        { "pinned, but unknown", "DNS:localhost", 1, TLS1_3_VERSION,
          "localhost", false, true, NULL, 1 },
        { "another pin", "DNS:localhost", 1, TLS1_3_VERSION, "localhost", true,
          false, OTHER_PIN, 1 },
        { "another name", "DNS:example.com", 1, TLS1_3_VERSION, "localhost",
          true, false, NULL, 1 },
        { "name for address", "DNS:localhost", 1, TLS1_3_VERSION, "127.0.0.1",
          true, false, NULL, 1 },
        { "expired", "DNS:localhost", -1, TLS1_3_VERSION, "localhost", true,
          false, NULL, 1 },
        { "old TLS", "DNS:localhost", 1, TLS1_1_VERSION, "localhost", true,
          false, NULL, 1 },
    };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct tls_server s;
        const char *pin = rows[i].other_pin;

        start(&s, rows[i].names, rows[i].days, rows[i].version);
        pin = rows[i].pinned ? s.pin : pin;
        cr_expect_eq(fetch_in_child(&s, rows[i].host,
                                    rows[i].trusted ? s.ca_file : NULL, pin),
                     rows[i].want, "%s", rows[i].label);
        stop(&s);
    }
}
