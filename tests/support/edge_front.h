/* A whole edge with its HTTP library, its TLS and its loop, in front of a
 * pipeline that answers as the test says. The client is another process. One
 * test program may include it. */
#ifndef SP_TESTS_SUPPORT_EDGE_FRONT_H
#define SP_TESTS_SUPPORT_EDGE_FRONT_H

#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include "common/base/alloc.h"
#include "common/base/compiler.h"
#include "common/base/error.h"
#include "common/process/jail.h"
#include "services/edge/edge.h"
#include "services/edge/life.h"
#include "services/edge/request_table.h"
#include "services/edge/wire.h"

#define FRONT_HOST "gate.example"
#define FRONT_MAX_OWED 64
#define FRONT_REPORT_MAX 65536
#define DAY_S (24 * 3600)

struct front_stand;

/* Answers a request by wire_on_answer(), in a turn of its own. */
typedef void
front_answer(struct front_stand *f, struct sp_view request_id);

struct sp_runtime {
    struct sp_loop *loop;
    struct sp_settings settings;
    char state[64];
    char owed[FRONT_MAX_OWED][REQUEST_ID_LEN];
    size_t owed_count;
    struct sp_timer answers; /* in the next turn */
    size_t taken;            /* requests that have come to the pipeline */
};

struct front_stand {
    struct sp_runtime rt;
    struct edge edge;
    front_answer *answer;
    uint16_t port;
    struct sp_watch watch; /* on what the client reports */
    char report[FRONT_REPORT_MAX];
    size_t report_len;
};

/* ------------------------------------------------------------- the runtime */

struct sp_loop *
sp_runtime_loop(struct sp_runtime *rt)
{
    return rt->loop;
}

const struct sp_settings *
sp_runtime_settings(struct sp_runtime *rt)
{
    return &rt->settings;
}

struct sp_view
sp_runtime_own_name(struct sp_runtime *rt)
{
    (void)rt;
    return SP_VIEW_LITERAL("edge-0");
}

bool
sp_runtime_is_replica(struct sp_runtime *rt, struct sp_view name,
                      struct sp_view peer)
{
    (void)rt;
    (void)name;
    (void)peer;
    return false;
}

char *
sp_runtime_key_path(struct sp_runtime *rt, const char *name)
{
    char path[128];

    (void)snprintf(path, sizeof(path), "%s/%s", rt->state, name);
    return sp_dup(path);
}

void
sp_runtime_event(struct sp_runtime *rt, const struct sp_occurrence *what)
{
    (void)rt;
    (void)what;
}

void
sp_runtime_trouble(struct sp_runtime *rt, const char *event, const char *format,
                   ...)
{
    (void)rt;
    (void)format;
    cr_assert_fail("%s", event);
}

int
sp_runtime_send(struct sp_runtime *rt, enum sp_service_id to,
                enum sp_message_id id, const void *message,
                struct sp_place place)
{
    const struct sp_http_request *request = message;

    (void)to;
    (void)place;
    if (id != SP_MSG_HTTP_REQUEST) {
        return 0;
    }
    if (rt->owed_count == FRONT_MAX_OWED) {
        return SP_EFULL;
    }
    memcpy(rt->owed[rt->owed_count++], request->request_id.ptr, REQUEST_ID_LEN);
    rt->taken++;
    sp_loop_start(rt->loop, &rt->answers, 0);
    return 0;
}

static void
on_answers_due(void *arg)
{
    struct front_stand *f = arg;

    for (size_t i = 0; i < f->rt.owed_count; i++) {
        f->answer(f, sp_view_make(f->rt.owed[i], REQUEST_ID_LEN));
    }
    f->rt.owed_count = 0;
}

/* --------------------------------------------------------------------- keys */

static void
write_file(struct front_stand *f, const char *name, const void *bytes,
           size_t len)
{
    char *path = sp_runtime_key_path(&f->rt, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, bytes, len), (ssize_t)len);
    (void)close(fd);
    sp_free(path);
}

static void
make_keys(struct front_stand *f)
{
    gnutls_x509_privkey_t key = NULL;
    gnutls_x509_crt_t certificate = NULL;
    gnutls_datum_t text = { 0 };

    cr_assert_eq(gnutls_x509_privkey_init(&key), 0);
    cr_assert_eq(gnutls_x509_privkey_generate(
                     key, GNUTLS_PK_ECDSA,
                     GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0),
                 0);
    cr_assert_eq(gnutls_x509_crt_init(&certificate), 0);
    (void)gnutls_x509_crt_set_version(certificate, 3);
    (void)gnutls_x509_crt_set_serial(certificate, "1", 1);
    (void)gnutls_x509_crt_set_activation_time(certificate, time(NULL) - DAY_S);
    (void)gnutls_x509_crt_set_expiration_time(certificate, time(NULL) + DAY_S);
    (void)gnutls_x509_crt_set_key(certificate, key);
    cr_assert_eq(gnutls_x509_crt_sign2(certificate, certificate, key,
                                       GNUTLS_DIG_SHA256, 0),
                 0);
    cr_assert_eq(
        gnutls_x509_crt_export2(certificate, GNUTLS_X509_FMT_PEM, &text), 0);
    write_file(f, "tls.pem", text.data, text.size);
    gnutls_free(text.data);
    cr_assert_eq(gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &text),
                 0);
    write_file(f, "tls.key", text.data, text.size);
    gnutls_free(text.data);
    memset(f->report, 'a', 128);
    write_file(f, "ticket.key", f->report, 128);
    gnutls_x509_crt_deinit(certificate);
    gnutls_x509_privkey_deinit(key);
}

/* ---------------------------------------------------------------- the stand */

/* The port that the system has chosen for the only socket that is bound. What
 * it accepts gets a send buffer that no long head fits into. */
static uint16_t
bound_port(void)
{
    const int small = 4096;

    for (int fd = 3; fd < 64; fd++) {
        struct sockaddr_in address = { 0 };
        socklen_t len = sizeof(address);

        if (getsockname(fd, (struct sockaddr *)&address, &len) == 0 &&
            address.sin_family == AF_INET && address.sin_port != 0) {
            (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
            return ntohs(address.sin_port);
        }
    }
    cr_assert_fail("no socket is bound");
    return 0;
}

static void
front_open(struct front_stand *f, front_answer *answer)
{
    static char url[] = "https://" FRONT_HOST;
    static char host[] = "127.0.0.1";
    static char authority[] = FRONT_HOST;
    static char config[] = "deploy/config";
    struct sp_jail jail = { 0 };

    memset(f, 0, sizeof(*f));
    f->answer = answer;
    f->rt.loop = sp_loop_new();
    f->rt.settings.url = url;
    f->rt.settings.authority = authority;
    f->rt.settings.config = config;
    f->rt.settings.listen = host;
    f->rt.settings.listen_host = host;
    (void)snprintf(f->rt.state, sizeof(f->rt.state), "/tmp/edge-front.XXXXXX");
    cr_assert_not_null(mkdtemp(f->rt.state));
    make_keys(f);
    life_before_jail(&f->rt, &f->edge, &jail);
    f->port = bound_port();
    f->rt.answers = (struct sp_timer){ .expired = on_answers_due, .arg = f };
    life_in_jail(&f->rt, &f->edge);
}

static void
front_close(struct front_stand *f)
{
    static const char *const names[] = { "tls.pem", "tls.key", "ticket.key" };

    sp_loop_stop(f->rt.loop, &f->edge.probe);
    life_fini(&f->edge);
    sp_loop_free(&f->rt.loop);
    for (size_t i = 0; i < SP_COUNT(names); i++) {
        char *path = sp_runtime_key_path(&f->rt, names[i]);

        (void)unlink(path);
        sp_free(path);
    }
    (void)rmdir(f->rt.state);
}

static void
on_report(void *arg, uint32_t events)
{
    struct front_stand *f = arg;
    ssize_t n = read(f->watch.fd, f->report + f->report_len,
                     sizeof(f->report) - 1 - f->report_len);

    (void)events;
    if (n > 0) {
        f->report_len += (size_t)n;
        f->report[f->report_len] = '\0';
    } else {
        sp_loop_end(f->rt.loop);
    }
}

/* Serves until `client`, in a process of its own, has written its report to the
 * file and returned. The report is in f->report. */
static void
front_serve(struct front_stand *f,
            void (*client)(const struct front_stand *f, FILE *report))
{
    int ends[2] = { -1, -1 };
    int status = 0;
    pid_t pid = 0;

    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    pid = fork();
    cr_assert_geq(pid, 0);
    if (pid == 0) {
        FILE *report = fdopen(ends[1], "w");

        client(f, report);
        (void)fclose(report);
        _exit(0);
    }
    (void)close(ends[1]);
    f->report_len = 0;
    f->report[0] = '\0';
    f->watch = (struct sp_watch){ .ready = on_report, .arg = f, .fd = ends[0] };
    cr_assert_eq(sp_loop_add(f->rt.loop, &f->watch, EPOLLIN), 0);
    sp_loop_run(f->rt.loop);
    sp_loop_remove(f->rt.loop, &f->watch);
    (void)close(ends[0]);
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_expect_eq(status, 0);
}

#endif
