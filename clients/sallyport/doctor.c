/* sallyport doctor */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clients/sallyport/commands.h"
#include "clients/sallyport/finding.h"
#include "clients/sallyport/gate.h"
#include "clients/sallyport/key_check.h"
#include "clients/sallyport/process.h"
#include "clients/sallyport/run.h"
#include "clients/sallyport/supervise.h"
#include "clients/sallyport/trial.h"
#include "clients/sallyport/web.h"
#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/text/address.h"

#define SAID_MAX 65536
#define WHY_MAX 1024

static void
check_supervisor(struct findings *findings)
{
    static const char *const argv[] = { "s6-svscan", "-?", NULL };
    int status = 0;

    if (process_quietly(argv, &status) != 0 || status == 127) {
        finding_bad(findings, "s6-svscan is missing; install the package s6");
    } else {
        finding_ok(findings, "the supervisor s6 is installed");
    }
}

/* ------------------------------------------------------------------- ports */

static void
check_port(const char *name, const char *host, uint16_t port, bool runs,
           struct findings *findings)
{
    union sp_address address;
    socklen_t len = 0;
    int fd = -1;
    bool reached = false;
    bool usable = false;
    int on = 1;

    if (sp_address_parse(runs ? gate_local(host) : host, port, &address,
                         &len) == 0) {
        fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    }
    if (fd >= 0 && runs) {
        reached = connect(fd, &address.any, len) == 0;
    } else if (fd >= 0) {
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
        usable = bind(fd, &address.any, len) == 0;
    }
    if (reached || usable) {
        finding_ok(findings, "%s: port %u %s", name, (unsigned)port,
                   runs ? "answers" : "is free");
    } else {
        finding_bad(findings, "%s: port %u of %s: %s; %s", name, (unsigned)port,
                    host, strerror(errno),
                    runs ? "see the gate's log lines" : "give another one");
    }
    if (fd >= 0) {
        (void)close(fd);
    }
}

static void
check_ready(const struct gate *gate, struct findings *findings)
{
    struct sp_buf why = sp_buf_new(WHY_MAX);
    bool answered = false;

    if (run_ready(gate, &answered, &why)) {
        finding_ok(findings, "%s is ready", gate->settings.url);
    } else {
        finding_bad(findings, "%.*s; see `sallyport status`",
                    SP_VIEW(sp_buf_view(&why)));
    }
    sp_buf_free(&why);
}

/* ------------------------------------------------------------------- jails */

/* Lines "name<TAB>refused" and "name<TAB>ALLOWED", after a log line or two. */
static void
read_trials(const char *service, struct sp_view said, struct findings *findings)
{
    unsigned refused = 0;
    unsigned allowed = 0;

    while (said.len > 0) {
        const char *end = memchr(said.ptr, '\n', said.len);
        size_t len = end == NULL ? said.len : (size_t)(end - said.ptr);
        const char *tab = memchr(said.ptr, '\t', len);
        size_t name = tab == NULL ? 0 : (size_t)(tab - said.ptr);
        struct sp_view verdict = sp_view_make(tab == NULL ? NULL : tab + 1,
                                              tab == NULL ? 0 : len - name - 1);

        if (sp_view_is(verdict, "refused")) {
            refused++;
        } else if (sp_view_is(verdict, "ALLOWED")) {
            allowed++;
            finding_bad(findings,
                        "jail of %s: %.*s is allowed; use a kernel with "
                        "seccomp and Landlock (5.13 or later)",
                        service, (int)name, said.ptr);
        }
        said = sp_view_skip(said, end == NULL ? len : len + 1);
    }
    if (allowed == 0 && refused > 0) {
        finding_ok(findings, "jail of %s refuses %u forbidden things", service,
                   refused);
    }
    if (allowed + refused == 0) {
        finding_bad(findings, "jail of %s: nothing was tried; run it by hand",
                    service);
    }
}

static struct sp_view
first_line(struct sp_view text)
{
    const char *end = text.len == 0 ? NULL : memchr(text.ptr, '\n', text.len);

    return sp_view_make(text.ptr,
                        end == NULL ? text.len : (size_t)(end - text.ptr));
}

static void
check_jail(const struct trial *trial, enum sp_service_id service,
           struct findings *findings)
{
    const char *name = sp_service_name(service);
    struct sp_buf said = sp_buf_new(SAID_MAX);
    int status = 0;

    if (trial_run(trial, service, "--jail-trial", &said, &status) != 0) {
        finding_bad(findings, "%s: %s; build it by `make`", name,
                    strerror(errno));
    } else if (status > 1) {
        finding_bad(findings, "%s does not start: %.*s", name,
                    SP_VIEW(first_line(sp_buf_view(&said))));
    } else {
        read_trials(name, sp_buf_view(&said), findings);
    }
    sp_buf_free(&said);
}

/* ------------------------------------------------------------------- whole */

static void
examine(const struct gate *gate, struct findings *findings)
{
    const struct sp_settings *s = &gate->settings;
    char *host = gate_host(s->authority);
    struct trial trial;
    bool runs = false;

    gate_enter_state(gate);
    runs = supervise_running();
    check_supervisor(findings);
    key_check_permissions(findings);
    key_check_certificates(host, sp_clock_wall_ms() / 1000, findings);
    key_check_links(findings);
    check_port("SP_LISTEN", s->listen_host, s->listen_port, runs, findings);
    check_port("SP_METRICS_LISTEN", s->metrics_host, s->metrics_port, runs,
               findings);
    if (runs) {
        check_ready(gate, findings);
    }
    trial_open(gate, &trial);
    for (int i = 0; i < SP_SERVICE_COUNT; i++) {
        check_jail(&trial, (enum sp_service_id)i, findings);
    }
    trial_close(&trial);
    sp_free(host);
}

int
command_doctor(int argc, char **argv)
{
    struct gate gate = { .programs = NULL };
    struct findings findings = { .good = 0 };

    (void)argv;
    if (argc != 0) {
        (void)fprintf(stderr, "usage: sallyport doctor\n");
        return 2;
    }
    gate_open(&gate);
    examine(&gate, &findings);
    (void)printf("%u ok, %u failed\n", findings.good, findings.bad);
    gate_close(&gate);
    return findings.bad == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
