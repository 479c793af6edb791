/* The doctor's look at keys. */
#include "clients/sallyport/key_check.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clients/sallyport/certificate.h"
#include "clients/sallyport/files.h"
#include "clients/sallyport/key_texts.h"
#include "clients/sallyport/server_pair.h"
#include "clients/sallyport/state.h"

/* ------------------------------------------------------------- permissions */

static void
check_one(const char *path, const struct stat *st, struct findings *findings)
{
    const char *mode = S_ISDIR(st->st_mode) ? "700" : "600";

    if (!S_ISDIR(st->st_mode) && !S_ISREG(st->st_mode)) {
        finding_bad(findings, "%s is neither file nor directory; remove it",
                    path);
    } else if ((st->st_mode & 077) != 0) {
        finding_bad(findings, "%s is open to others (%03o); chmod %s %s", path,
                    (unsigned)(st->st_mode & 07777), mode, path);
    } else if (st->st_uid != geteuid() && geteuid() != 0) {
        finding_bad(findings, "%s belongs to another user; chown it", path);
    }
}

static unsigned
walk(const char *path, struct findings *findings)
{
    DIR *directory = opendir(path);
    unsigned count = 0;

    if (directory == NULL) {
        finding_bad(findings, "%s: %s; run `sallyport init`", path,
                    strerror(errno));
        return 0;
    }
    for (const struct dirent *entry = readdir(directory); entry != NULL;
         entry = readdir(directory)) {
        char name[PATH_MAX];
        struct stat st;
        int n = snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);

        if (strcmp(entry->d_name, ".") == 0 ||
            strcmp(entry->d_name, "..") == 0 || n >= PATH_MAX ||
            lstat(name, &st) != 0) {
            continue;
        }
        check_one(name, &st, findings);
        count += S_ISDIR(st.st_mode) ? walk(name, findings) : 1;
    }
    (void)closedir(directory);
    return count;
}

void
key_check_permissions(struct findings *findings)
{
    unsigned before = findings->bad;
    unsigned count = walk("keys", findings);

    if (findings->bad == before) {
        finding_ok(findings, "permissions of %u key files", count);
    }
}

/* ------------------------------------------------------------ certificates */

static void
check_life(const char *path, struct sp_view pem, int64_t now_s,
           struct findings *findings)
{
    int64_t days = 0;

    if (certificate_days_left(pem, now_s, &days) != 0) {
        finding_bad(findings,
                    "%s is no certificate; remove it and run `sallyport init`",
                    path);
    } else if (days < SERVER_RENEW_DAYS) {
        finding_bad(findings,
                    "%s ends in %" PRId64 " days; run `sallyport init` and "
                    "start the edge again",
                    path, days);
    } else {
        finding_ok(findings, "%s is good for %" PRId64 " days", path, days);
    }
}

static void
check_ours(struct sp_view pem, struct sp_view ca, bool pair_fits,
           const char *host, int64_t now_s, struct findings *findings)
{
    check_life("ca.pem", ca, now_s, findings);
    check_life(SERVER_CERTIFICATE, pem, now_s, findings);
    if (!certificate_names(pem, host)) {
        finding_bad(findings,
                    SERVER_CERTIFICATE " is not for %s; run `sallyport init` "
                                       "and start the edge again",
                    host);
    }
    if (!certificate_signed_by(pem, ca)) {
        finding_bad(findings, SERVER_CERTIFICATE
                    " is not signed by ca.pem; remove both and run "
                    "`sallyport init`");
    }
    if (!pair_fits) {
        finding_bad(findings, SERVER_KEY
                    " is not the key of " SERVER_CERTIFICATE
                    "; run `sallyport init` and start the edge again");
    }
}

/* What its clients will look at: end, name and chain. */
static void
check_own(struct sp_view pem, struct sp_view ca, const char *host,
          int64_t now_s, struct findings *findings)
{
    static const char renew[] = "get a new one, put it and its key there, and "
                                "run `sallyport restart edge`";
    unsigned before = findings->bad;
    struct sp_buf why = sp_buf_new(STATE_WHY_MAX);
    int64_t days = 0;

    if (certificate_days_left(pem, now_s, &days) != 0 || days < 0) {
        finding_bad(findings, "%s, your own, has ended; %s", SERVER_CERTIFICATE,
                    renew);
    } else if (days < SERVER_OWN_DAYS) {
        finding_bad(findings, "%s, your own, ends in %" PRId64 " days; %s",
                    SERVER_CERTIFICATE, days, renew);
    } else if (certificate_verify(pem, ca, now_s, &why) != 0) {
        finding_bad(findings,
                    "%s, your own: %.*s; add the certificates between it and "
                    "its authority to the file, and where this machine does "
                    "not know the authority, put its certificate into ca.pem",
                    SERVER_CERTIFICATE, SP_VIEW(sp_buf_view(&why)));
    }
    if (!certificate_names(pem, host)) {
        finding_bad(findings,
                    "%s, your own, is not for %s; correct SP_URL, or get one "
                    "for this name",
                    SERVER_CERTIFICATE, host);
    }
    if (findings->bad == before) {
        finding_ok(findings,
                   "%s, your own, is for %s and good for %" PRId64 " days",
                   SERVER_CERTIFICATE, host, days);
    }
    sp_buf_free(&why);
}

void
key_check_certificates(const char *host, int64_t now_s,
                       struct findings *findings)
{
    struct sp_buf ca = sp_buf_new(CERTIFICATE_MAX);
    struct sp_buf cert = sp_buf_new(CERTIFICATE_MAX);
    struct sp_buf key = sp_buf_new(KEY_TEXT_MAX);
    struct sp_buf why = sp_buf_new(STATE_WHY_MAX);
    enum server_pair pair = server_pair_look(host, now_s, &why);

    if (pair == SERVER_PAIR_BAD) {
        finding_bad(findings, "%.*s", SP_VIEW(sp_buf_view(&why)));
    } else if (!file_present(SERVER_KEY)) {
        finding_bad(findings, SERVER_KEY
                    " is missing; run `sallyport init` and start the edge "
                    "again");
    } else if (file_read("ca.pem", &ca) != 0 ||
               file_read(SERVER_CERTIFICATE, &cert) != 0) {
        finding_bad(findings, "ca.pem or %s: %s; run `sallyport init`",
                    SERVER_CERTIFICATE, strerror(errno));
    } else if (pair == SERVER_PAIR_OWN) {
        check_own(sp_buf_view(&cert), sp_buf_view(&ca), host, now_s, findings);
    } else {
        bool fits = file_read(SERVER_KEY, &key) == 0 &&
                    certificate_matches(sp_buf_view(&cert), sp_buf_view(&key));

        check_ours(sp_buf_view(&cert), sp_buf_view(&ca), fits, host, now_s,
                   findings);
    }
    sp_buf_free(&ca);
    sp_buf_free(&cert);
    key_text_free(&key);
    sp_buf_free(&why);
}

/* ------------------------------------------------------------------- links */

static void
check_same(const char *one, const char *other, struct findings *findings)
{
    struct sp_buf a = sp_buf_new(KEY_TEXT_MAX);
    struct sp_buf b = sp_buf_new(KEY_TEXT_MAX);

    if (file_read(one, &a) != 0 || file_read(other, &b) != 0) {
        finding_bad(findings, "%s or %s: %s; run `sallyport init`", one, other,
                    strerror(errno));
    } else if (!sp_view_equal(sp_buf_view(&a), sp_buf_view(&b))) {
        finding_bad(findings,
                    "%s and %s differ; remove both, run `sallyport init` and "
                    "start the gate again",
                    one, other);
    }
    key_text_free(&a);
    key_text_free(&b);
}

static void
check_link(enum sp_service_id from, enum sp_service_id to,
           struct findings *findings)
{
    const char *a = sp_service_name(from);
    const char *b = sp_service_name(to);
    char one[96];
    char other[96];

    (void)snprintf(one, sizeof(one), "keys/%s/links/%s-%s", a, a, b);
    (void)snprintf(other, sizeof(other), "keys/%s/links/%s-%s", b, a, b);
    check_same(one, other, findings);
    (void)snprintf(one, sizeof(one), "keys/%s/curve.public", a);
    (void)snprintf(other, sizeof(other), "keys/%s/peers/%s.public", b, a);
    check_same(one, other, findings);
    (void)snprintf(one, sizeof(one), "keys/%s/curve.public", b);
    (void)snprintf(other, sizeof(other), "keys/%s/peers/%s.public", a, b);
    check_same(one, other, findings);
}

static void
check_shared(const struct state_shared *shared, struct findings *findings)
{
    char first[96] = "";

    for (int i = 0; i < SP_SERVICE_COUNT; i++) {
        char path[96];

        if ((shared->holders & (1u << i)) == 0) {
            continue;
        }
        (void)snprintf(path, sizeof(path), "keys/%s/%s",
                       sp_service_name((enum sp_service_id)i), shared->name);
        if (first[0] == '\0') {
            memcpy(first, path, sizeof(first));
        }
        check_same(first, path, findings);
    }
}

void
key_check_links(struct findings *findings)
{
    unsigned before = findings->bad;
    unsigned count = 0;

    for (int i = 0; i < SP_SERVICE_COUNT * SP_SERVICE_COUNT; i++) {
        enum sp_service_id from = (enum sp_service_id)(i / SP_SERVICE_COUNT);
        enum sp_service_id to = (enum sp_service_id)(i % SP_SERVICE_COUNT);

        if (sp_link_exists(from, to)) {
            check_link(from, to, findings);
            count++;
        }
    }
    for (size_t i = 0; i < state_shared_count; i++) {
        check_shared(&state_shared[i], findings);
    }
    if (findings->bad == before) {
        finding_ok(findings, "secrets of %u links and the shared keys", count);
    }
}
