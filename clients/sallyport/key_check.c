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
    } else if (days < STATE_RENEW_DAYS) {
        finding_bad(findings,
                    "%s ends in %" PRId64 " days; run `sallyport init` and "
                    "start the edge again",
                    path, days);
    } else {
        finding_ok(findings, "%s is good for %" PRId64 " days", path, days);
    }
}

void
key_check_certificates(const char *host, int64_t now_s,
                       struct findings *findings)
{
    static const char server[] = "keys/edge/tls.pem";
    struct sp_buf ca = sp_buf_new(CERTIFICATE_MAX);
    struct sp_buf cert = sp_buf_new(CERTIFICATE_MAX);

    if (file_read("ca.pem", &ca) != 0 || file_read(server, &cert) != 0) {
        finding_bad(findings, "ca.pem or %s: %s; run `sallyport init`", server,
                    strerror(errno));
    } else {
        check_life("ca.pem", sp_buf_view(&ca), now_s, findings);
        check_life(server, sp_buf_view(&cert), now_s, findings);
        if (!certificate_names(sp_buf_view(&cert), host)) {
            finding_bad(findings,
                        "%s is not for %s; run `sallyport init` and start the "
                        "edge again",
                        server, host);
        }
        if (!certificate_signed_by(sp_buf_view(&cert), sp_buf_view(&ca))) {
            finding_bad(findings,
                        "%s is not signed by ca.pem; remove both and run "
                        "`sallyport init`",
                        server);
        }
    }
    sp_buf_free(&ca);
    sp_buf_free(&cert);
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
