/* What `sallyport init` makes: everything that the services read, closed to
 * others, and never twice. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sodium.h>

#include "clients/sallyport/certificate.h"
#include "clients/sallyport/files.h"
#include "clients/sallyport/finding.h"
#include "clients/sallyport/key_check.h"
#include "clients/sallyport/server_pair.h"
#include "clients/sallyport/state.h"
#include "common/base/error.h"
#include "common/base/secret.h"
#include "common/link/link_keys.h"

#define NOW_S 1800000000
#define DAY_S 86400
#define TEXT_MAX 16384

static char directory[64];

static int
remove_one(const char *path, const struct stat *st, int kind, struct FTW *where)
{
    (void)st;
    (void)kind;
    (void)where;
    return remove(path);
}

static void
enter(void)
{
    cr_assert_geq(sodium_init(), 0);
    (void)snprintf(directory, sizeof(directory), "/tmp/sp-keys-XXXXXX");
    cr_assert_not_null(mkdtemp(directory));
    cr_assert_eq(chdir(directory), 0);
}

static void
leave(void)
{
    cr_assert_eq(chdir("/"), 0);
    cr_assert_eq(nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

TestSuite(sallyport_keys, .init = enter, .fini = leave);

static void
make(const char *host, int64_t now_s)
{
    struct sp_buf why = sp_buf_new(STATE_WHY_MAX);
    int error = state_make(host, now_s, &why);

    cr_assert_eq(error, 0, "%.*s", SP_VIEW(sp_buf_view(&why)));
    sp_buf_free(&why);
}

static void
read_file(const char *path, char text[TEXT_MAX])
{
    struct sp_buf content = sp_buf_new(TEXT_MAX - 1);

    cr_assert_eq(file_read(path, &content), 0, "%s", path);
    memset(text, 0, TEXT_MAX);
    memcpy(text, content.data, content.len);
    sp_buf_free(&content);
}

Test(sallyport_keys, are_what_every_service_loads)
{
    make("localhost", NOW_S);
    for (int i = 0; i < 2 * SP_SERVICE_COUNT; i++) {
        struct sp_link_keys *keys = NULL;
        const char *why = "";
        int error = sp_link_keys_load((enum sp_service_id)(i / 2), i % 2 == 1,
                                      &keys, &why);

        cr_assert_eq(error, 0, "%s", why);
        sp_link_keys_free(&keys);
    }
}

Test(sallyport_keys, have_the_length_that_their_holders_want)
{
    make("localhost", NOW_S);
    for (size_t i = 0; i < state_shared_count; i++) {
        for (int s = 0; s < SP_SERVICE_COUNT; s++) {
            struct sp_secret *secret = NULL;
            char path[96];

            (void)snprintf(path, sizeof(path), "keys/%s/%s",
                           sp_service_name((enum sp_service_id)s),
                           state_shared[i].name);
            if ((state_shared[i].holders & (1u << s)) == 0) {
                cr_assert_not(file_present(path), "%s", path);
                continue;
            }
            cr_assert_eq(
                sp_secret_load_hex(path, state_shared[i].bytes, &secret), 0,
                "%s", path);
            sp_secret_free(&secret);
        }
    }
}

Test(sallyport_keys, client_secret_matches_its_hash)
{
    char secret[TEXT_MAX];
    char hash[TEXT_MAX];

    make("localhost", NOW_S);
    read_file("keys/operator/demo.secret", secret);
    read_file("keys/auth/clients/demo.hash", hash);
    hash[strcspn(hash, "\n")] = '\0';
    cr_assert_eq(strcspn(secret, "\n"), 64u);
    cr_assert_eq(crypto_pwhash_str_verify(hash, secret, 64), 0);
    cr_assert_neq(crypto_pwhash_str_verify(hash, secret, 63), 0);
}

static int
check_mode(const char *path, const struct stat *st, int kind, struct FTW *where)
{
    unsigned mode = st->st_mode & 07777;
    bool published = strcmp(path, "./ca.pem") == 0;

    (void)where;
    cr_expect_eq(mode,
                 kind == FTW_DP ? 0700u
                 : published    ? 0644u
                                : 0600u,
                 "%s: %03o", path, mode);
    return 0;
}

Test(sallyport_keys, are_closed_to_others_whatever_the_umask)
{
    (void)umask(0);
    make("localhost", NOW_S);
    cr_assert_eq(nftw(".", check_mode, 16, FTW_DEPTH | FTW_PHYS), 0);
}

/* Names and contents of everything below keys/, as one digest. */
static crypto_generichash_state digest_state;

static int
digest_one(const char *path, const struct stat *st, int kind, struct FTW *where)
{
    char text[TEXT_MAX];

    (void)st;
    (void)where;
    if (kind == FTW_F) {
        read_file(path, text);
        (void)crypto_generichash_update(
            &digest_state, (const unsigned char *)text, strlen(text));
    }
    return 0;
}

static void
digest(unsigned char out[crypto_generichash_BYTES])
{
    (void)crypto_generichash_init(&digest_state, NULL, 0,
                                  crypto_generichash_BYTES);
    cr_assert_eq(nftw("keys", digest_one, 16, FTW_PHYS), 0);
    (void)crypto_generichash_final(&digest_state, out,
                                   crypto_generichash_BYTES);
}

Test(sallyport_keys, second_init_changes_nothing)
{
    unsigned char before[crypto_generichash_BYTES];
    unsigned char after[crypto_generichash_BYTES];

    make("localhost", NOW_S);
    digest(before);
    make("localhost", NOW_S + DAY_S);
    digest(after);
    cr_assert_arr_eq(before, after, sizeof(before));
}

Test(sallyport_keys, lost_copy_of_a_link_secret_comes_from_the_other_end)
{
    char before[TEXT_MAX];
    char after[TEXT_MAX];

    make("localhost", NOW_S);
    read_file("keys/auth/links/edge-auth", before);
    cr_assert_eq(unlink("keys/auth/links/edge-auth"), 0);
    make("localhost", NOW_S);
    read_file("keys/auth/links/edge-auth", after);
    cr_assert_str_eq(before, after);
}

Test(sallyport_keys, empty_file_of_a_crash_is_made_again)
{
    struct sp_secret *secret = NULL;

    make("localhost", NOW_S);
    cr_assert_eq(truncate("keys/tools/session.key", 0), 0);
    make("localhost", NOW_S);
    cr_assert_eq(sp_secret_load_hex("keys/tools/session.key", 32, &secret), 0);
    sp_secret_free(&secret);
}

static void
read_server(struct sp_buf *pem)
{
    sp_buf_reset(pem);
    cr_assert_eq(file_read("keys/edge/tls.pem", pem), 0);
}

Test(sallyport_keys, server_certificate_is_renewed_before_it_ends)
{
    struct sp_buf pem = sp_buf_new(CERTIFICATE_MAX);
    int64_t days = 0;
    int64_t later_s = NOW_S + (397 - 29) * (int64_t)DAY_S;

    make("localhost", NOW_S);
    make("localhost", NOW_S + (397 - 31) * (int64_t)DAY_S);
    read_server(&pem);
    cr_assert_eq(certificate_days_left(sp_buf_view(&pem), later_s, &days), 0);
    cr_assert_eq(days, 29, "renewed too early");
    make("localhost", later_s);
    read_server(&pem);
    cr_assert_eq(certificate_days_left(sp_buf_view(&pem), later_s, &days), 0);
    cr_assert_eq(days, 397);
    sp_buf_free(&pem);
}

Test(sallyport_keys, server_certificate_follows_the_name)
{
    static const char *const names[] = { "gate.example.com", "localhost",
                                         "127.0.0.1", "::1" };
    struct sp_buf pem = sp_buf_new(CERTIFICATE_MAX);
    struct sp_buf ca = sp_buf_new(CERTIFICATE_MAX);

    make("localhost", NOW_S);
    read_server(&pem);
    cr_assert_not(certificate_names(sp_buf_view(&pem), "gate.example.com"));
    make("gate.example.com", NOW_S);
    read_server(&pem);
    for (size_t i = 0; i < SP_COUNT(names); i++) {
        cr_assert(certificate_names(sp_buf_view(&pem), names[i]), "%s",
                  names[i]);
    }
    cr_assert_eq(file_read("ca.pem", &ca), 0);
    cr_assert(certificate_signed_by(sp_buf_view(&pem), sp_buf_view(&ca)));
    sp_buf_free(&pem);
    sp_buf_free(&ca);
}

/* ------------------------------------------------ an operator's certificate */

static void
write_pem(const char *path, EVP_PKEY *key, X509 *cert)
{
    FILE *file = fopen(path, "w");

    cr_assert_not_null(file);
    cr_assert_eq(cert != NULL ? PEM_write_X509(file, cert)
                              : PEM_write_PKCS8PrivateKey(file, key, NULL, NULL,
                                                          0, NULL, NULL),
                 1);
    cr_assert_eq(fclose(file), 0);
}

/* Self-signed, as a company's might be. */
static void
write_own(const char *name, int days)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    X509_NAME *subject = X509_get_subject_name(cert);

    cr_assert_eq(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                                            (const unsigned char *)name, -1, -1,
                                            0),
                 1);
    cr_assert_eq(X509_set_issuer_name(cert, subject), 1);
    cr_assert_not_null(ASN1_TIME_set(X509_getm_notBefore(cert), NOW_S - DAY_S));
    cr_assert_not_null(
        ASN1_TIME_set(X509_getm_notAfter(cert), NOW_S + (time_t)days * DAY_S));
    cr_assert_eq(X509_set_pubkey(cert, key), 1);
    cr_assert_gt(X509_sign(cert, key, EVP_sha256()), 0);
    write_pem(SERVER_CERTIFICATE, NULL, cert);
    write_pem(SERVER_KEY, key, NULL);
    X509_free(cert);
    EVP_PKEY_free(key);
}

static void
refuse_and_name(const char *host, const char *name)
{
    struct sp_buf why = sp_buf_new(STATE_WHY_MAX);

    cr_expect_eq(state_make(host, NOW_S, &why), SP_ECONFIG);
    cr_expect_not_null(memmem(why.data, why.len, name, strlen(name)),
                       "%s in: %.*s", name, SP_VIEW(sp_buf_view(&why)));
    sp_buf_free(&why);
}

/* One that ends soon, one that has ended, and one for another name. */
Test(sallyport_keys, own_certificate_is_never_overwritten)
{
    static const struct {
        const char *name;
        int days;
    } rows[] = {
        { "gate.example.com", 900 },
        { "gate.example.com", 20 },
        { "gate.example.com", -3 },
        { "other.example.com", 900 },
    };

    make("gate.example.com", NOW_S);
    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        unsigned char before[crypto_generichash_BYTES];
        unsigned char after[crypto_generichash_BYTES];

        write_own(rows[i].name, rows[i].days);
        digest(before);
        make("gate.example.com", NOW_S);
        digest(after);
        cr_expect_arr_eq(before, after, sizeof(before), "row %zu", i);
    }
}

Test(sallyport_keys, own_certificate_without_its_key_is_refused)
{
    make("localhost", NOW_S);
    write_own("localhost", 900);
    cr_assert_eq(unlink(SERVER_KEY), 0);
    refuse_and_name("localhost", SERVER_KEY " is missing");
    cr_expect_not(file_present(SERVER_KEY), "a new key helps nobody");
    write_own("localhost", 900);
    cr_assert_eq(rename(SERVER_CERTIFICATE, "own.pem"), 0);
    write_own("localhost", 900);
    cr_assert_eq(rename("own.pem", SERVER_CERTIFICATE), 0);
    refuse_and_name("localhost", SERVER_KEY " is not the key");
}

Test(sallyport_keys, lost_server_key_is_made_anew_with_its_certificate)
{
    struct sp_buf pem = sp_buf_new(CERTIFICATE_MAX);
    struct sp_buf key = sp_buf_new(TEXT_MAX);

    make("localhost", NOW_S);
    cr_assert_eq(unlink(SERVER_KEY), 0);
    make("localhost", NOW_S);
    read_server(&pem);
    cr_assert_eq(file_read(SERVER_KEY, &key), 0);
    cr_assert(certificate_matches(sp_buf_view(&pem), sp_buf_view(&key)));
    sp_buf_free(&pem);
    sp_buf_free(&key);
}

Test(sallyport_keys, server_key_that_is_none_is_told_and_kept)
{
    char text[TEXT_MAX];

    make("localhost", NOW_S);
    cr_assert_eq(file_replace(SERVER_KEY, sp_view_of("hello\n"), 0600), 0);
    refuse_and_name("localhost", SERVER_KEY " is no private key");
    read_file(SERVER_KEY, text);
    cr_expect_str_eq(text, "hello\n");
}

Test(sallyport_keys, chain_is_verified_to_its_authority)
{
    struct sp_buf pem = sp_buf_new(CERTIFICATE_MAX);
    struct sp_buf ca = sp_buf_new(CERTIFICATE_MAX);
    struct sp_buf why = sp_buf_new(STATE_WHY_MAX);
    const int64_t ended_s = NOW_S + 400 * (int64_t)DAY_S;

    make("localhost", NOW_S);
    read_server(&pem);
    cr_assert_eq(file_read("ca.pem", &ca), 0);
    cr_expect_eq(
        certificate_verify(sp_buf_view(&pem), sp_buf_view(&ca), NOW_S, &why), 0,
        "%.*s", SP_VIEW(sp_buf_view(&why)));
    cr_expect_neq(
        certificate_verify(sp_buf_view(&pem), sp_buf_view(&ca), ended_s, &why),
        0);
    cr_expect_neq(
        certificate_verify(sp_buf_view(&pem), sp_view_of(""), NOW_S, &why), 0);
    cr_expect_neq(
        certificate_verify(sp_view_of("x"), sp_buf_view(&ca), NOW_S, &why), 0);
    sp_buf_free(&pem);
    sp_buf_free(&ca);
    sp_buf_free(&why);
}

/* ------------------------------------------------------------------- split */

static void
split(void)
{
    struct sp_buf why = sp_buf_new(STATE_WHY_MAX);
    char target[96];

    (void)snprintf(target, sizeof(target), "%s/split", directory);
    cr_assert_eq(state_split(target, &why), 0, "%.*s",
                 SP_VIEW(sp_buf_view(&why)));
    sp_buf_free(&why);
}

static int
check_foreign(const char *path, const struct stat *st, int kind,
              struct FTW *where)
{
    const char *owner = path + strlen("split/");
    size_t len = strcspn(owner, "/");
    const char *keys = strstr(path, "/keys/");

    (void)st;
    (void)where;
    if (kind == FTW_F && keys != NULL) {
        keys += strlen("/keys/");
        cr_expect(strncmp(keys, owner, len) == 0 && keys[len] == '/',
                  "%s is not its own", path);
        cr_expect(strstr(path, "ca.key") == NULL && st->st_size > 0);
    }
    return 0;
}

Test(sallyport_keys, split_gives_each_service_only_its_own)
{
    make("localhost", NOW_S);
    split();
    cr_assert_eq(nftw("split", check_foreign, 16, FTW_PHYS), 0);
    cr_assert(file_present("split/edge/keys/edge/tls.key"));
    cr_assert(file_present("split/auth/keys/auth/es256.key"));
    cr_assert(file_present("split/monitor/ca.pem"));
    cr_assert_neq(access("split/edge/keys/operator", F_OK), 0);
}

Test(sallyport_keys, split_gives_redis_the_digest_of_a_random_password)
{
    unsigned char digest[crypto_hash_sha256_BYTES];
    char hex[2 * sizeof(digest) + 1];
    char want[TEXT_MAX];
    char first[TEXT_MAX];
    char text[TEXT_MAX];

    make("localhost", NOW_S);
    cr_assert_eq(file_make_path("split/redis", 0700), 0);
    split();
    read_file("split/ratelimit/keys/ratelimit/redis.password", first);
    cr_assert_eq(strlen(first), 65, "256 bits as one line of hex digits");
    (void)crypto_hash_sha256(digest, (const unsigned char *)first, 64);
    (void)sodium_bin2hex(hex, sizeof(hex), digest, sizeof(digest));
    (void)snprintf(want, sizeof(want), "user default on #%s ", hex);
    read_file("split/redis/redis.acl", text);
    cr_expect_eq(strncmp(text, want, strlen(want)), 0, "%s", text);
    split();
    read_file("split/ratelimit/keys/ratelimit/redis.password", text);
    cr_expect_str_eq(text, first, "a second start keeps it");
    cr_expect_neq(access("split/edge/keys/ratelimit", F_OK), 0);
}

Test(sallyport_keys, split_without_redis_makes_no_password)
{
    make("localhost", NOW_S);
    split();
    cr_expect_not(file_present("keys/ratelimit/redis.password"));
    cr_expect_neq(access("split/redis", F_OK), 0);
}

Test(sallyport_keys, split_again_hands_on_the_renewed_certificate)
{
    char renewed[TEXT_MAX];
    char handed[TEXT_MAX];

    make("localhost", NOW_S);
    split();
    make("gate.example.com", NOW_S);
    split();
    read_file("keys/edge/tls.pem", renewed);
    read_file("split/edge/keys/edge/tls.pem", handed);
    cr_assert_str_eq(renewed, handed);
}

/* ------------------------------------------------------------------ doctor */

static struct findings
examine(void)
{
    struct findings findings = { .good = 0 };

    key_check_permissions(&findings);
    key_check_certificates("localhost", NOW_S, &findings);
    key_check_links(&findings);
    return findings;
}

Test(sallyport_keys, doctor_finds_nothing_in_fresh_keys)
{
    struct findings findings;

    make("localhost", NOW_S);
    findings = examine();
    cr_assert_eq(findings.bad, 0u);
    cr_assert_eq(findings.good, 4u);
}

Test(sallyport_keys, doctor_finds_wide_permissions)
{
    make("localhost", NOW_S);
    cr_assert_eq(chmod("keys/auth/es256.key", 0640), 0);
    cr_assert_eq(chmod("keys/edge", 0755), 0);
    cr_assert_eq(examine().bad, 2u);
}

Test(sallyport_keys, doctor_finds_ends_of_a_link_that_differ)
{
    make("localhost", NOW_S);
    cr_assert_eq(
        file_replace("keys/llm/links/llm-edge", sp_view_of("00\n"), 0600), 0);
    cr_assert_eq(unlink("keys/auth/peers/edge.public"), 0);
    /* The public key is missed in both directions of that pair. */
    cr_assert_eq(examine().bad, 3u);
}

Test(sallyport_keys, doctor_finds_a_certificate_of_another_authority)
{
    make("localhost", NOW_S);
    cr_assert_eq(rename("keys/edge/tls.pem", "old.pem"), 0);
    cr_assert_eq(unlink("keys/ca/ca.pem"), 0);
    cr_assert_eq(unlink("keys/ca/ca.key"), 0);
    make("localhost", NOW_S);
    cr_assert_eq(examine().bad, 1u);
}

Test(sallyport_keys, doctor_judges_an_own_certificate_by_its_clients_eyes)
{
    static const struct {
        const char *name;
        int days;
        bool known; /* its authority is in ca.pem */
        unsigned bad;
    } rows[] = {
        { "localhost", 900, true, 0 },  { "localhost", 15, true, 0 },
        { "localhost", 13, true, 1 },   { "localhost", -1, true, 1 },
        { "localhost", 900, false, 1 }, { "other.example.com", 900, true, 1 },
    };

    make("localhost", NOW_S);
    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct sp_buf pem = sp_buf_new(CERTIFICATE_MAX);
        struct findings findings = { .good = 0 };

        write_own(rows[i].name, rows[i].days);
        cr_assert_eq(
            file_read(rows[i].known ? SERVER_CERTIFICATE : "keys/ca/ca.pem",
                      &pem),
            0);
        cr_assert_eq(file_replace("ca.pem", sp_buf_view(&pem), 0644), 0);
        key_check_certificates("localhost", NOW_S, &findings);
        cr_expect_eq(findings.bad, rows[i].bad, "row %zu", i);
        sp_buf_free(&pem);
    }
}
