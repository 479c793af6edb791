/* The server's certificate and key. */
#include "clients/sallyport/server_pair.h"

#include "clients/sallyport/certificate.h"
#include "clients/sallyport/files.h"
#include "clients/sallyport/key_texts.h"
#include "common/base/alloc.h"

#define OR_OURS                                                                \
    ", or remove " SERVER_CERTIFICATE " and run `sallyport init`, which then " \
    "makes one of the gate's own CA"

static enum server_pair
bad(struct sp_buf *why, const char *sentence)
{
    (void)sp_buf_add_str(why, sentence);
    return SERVER_PAIR_BAD;
}

static enum server_pair
look_at_own(const struct sp_buf *cert, const struct sp_buf *key,
            struct sp_buf *why)
{
    if (key->len == 0) {
        return bad(why, SERVER_KEY " is missing, and " SERVER_CERTIFICATE
                                   " is a certificate of your own: put its key "
                                   "there" OR_OURS);
    }
    if (!certificate_matches(sp_buf_view(cert), sp_buf_view(key))) {
        return bad(
            why, SERVER_KEY
            " is not the key of your own certificate, " SERVER_CERTIFICATE
            ": put the one there that belongs to "
            "it" OR_OURS);
    }
    return SERVER_PAIR_OWN;
}

static enum server_pair
look_at_ours(const struct sp_buf *cert, const struct sp_buf *key,
             const char *host, int64_t now_s)
{
    struct sp_view pem = sp_buf_view(cert);
    struct sp_buf ca = sp_buf_new(CERTIFICATE_MAX);
    int64_t days = 0;
    bool good = certificate_days_left(pem, now_s, &days) == 0 &&
                days >= SERVER_RENEW_DAYS && certificate_names(pem, host) &&
                certificate_matches(pem, sp_buf_view(key)) &&
                file_read("keys/ca/ca.pem", &ca) == 0 &&
                certificate_signed_by(pem, sp_buf_view(&ca));

    sp_buf_free(&ca);
    return good ? SERVER_PAIR_GOOD : SERVER_PAIR_TO_SIGN;
}

static enum server_pair
judge(const struct sp_buf *cert, const struct sp_buf *key, const char *host,
      int64_t now_s, struct sp_buf *why)
{
    int64_t days = 0;

    if (key->len > 0 && !certificate_is_key(sp_buf_view(key))) {
        return bad(why, SERVER_KEY " is no private key in PEM without a "
                                   "passphrase; put a good one there, or "
                                   "remove it and run `sallyport init`");
    }
    if (cert->len == 0) {
        return SERVER_PAIR_TO_SIGN;
    }
    if (certificate_days_left(sp_buf_view(cert), now_s, &days) != 0) {
        return bad(why, SERVER_CERTIFICATE " is no certificate in PEM; put a "
                                           "good one there, or remove it and "
                                           "run `sallyport init`");
    }
    return certificate_is_ours(sp_buf_view(cert))
               ? look_at_ours(cert, key, host, now_s)
               : look_at_own(cert, key, why);
}

/* A file that is not there is an empty text. */
static bool
read_if_there(const char *path, struct sp_buf *out, struct sp_buf *why)
{
    if (file_present(path) && file_read(path, out) != 0) {
        (void)sp_buf_addf(why,
                          "%s cannot be read, or is too long; give it to this "
                          "user: chown it",
                          path);
        return false;
    }
    return true;
}

enum server_pair
server_pair_look(const char *host, int64_t now_s, struct sp_buf *why)
{
    struct sp_buf cert = sp_buf_new(CERTIFICATE_MAX);
    struct sp_buf key = sp_buf_new(KEY_TEXT_MAX);
    enum server_pair pair = SERVER_PAIR_BAD;

    if (read_if_there(SERVER_CERTIFICATE, &cert, why) &&
        read_if_there(SERVER_KEY, &key, why)) {
        pair = judge(&cert, &key, host, now_s, why);
    }
    sp_buf_free(&cert);
    key_text_free(&key);
    return pair;
}

char *
server_pair_pin(const char *path)
{
    struct sp_buf cert = sp_buf_new(CERTIFICATE_MAX);
    struct sp_buf pin = sp_buf_new(CERTIFICATE_PIN_MAX);
    char *text = NULL;

    if (file_read(path, &cert) == 0 &&
        !certificate_is_ours(sp_buf_view(&cert)) &&
        certificate_pin(sp_buf_view(&cert), &pin) == 0) {
        text = sp_dup_view(sp_buf_view(&pin));
    }
    sp_buf_free(&cert);
    sp_buf_free(&pin);
    return text;
}
