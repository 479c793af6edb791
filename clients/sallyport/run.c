/* sallyport run */
#include "clients/sallyport/run.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "clients/sallyport/commands.h"
#include "clients/sallyport/files.h"
#include "clients/sallyport/gate.h"
#include "clients/sallyport/init.h"
#include "clients/sallyport/process.h"
#include "clients/sallyport/server_pair.h"
#include "clients/sallyport/supervise.h"
#include "clients/sallyport/web.h"
#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/log.h"

#define LOCK "run.lock"
#define LOOK_MS 15
#define READY_MAX_MS 30000
#define READYZ_MS 2000
#define ENV_MAX 65536
#define WHY_MAX 1024

struct run {
    struct gate gate;
    struct replica_counts counts;
    sigset_t signals;
    pid_t supervisor;
    pid_t reloader; /* 0: none at work */
    int lock;
    bool hung_up;   /* and not yet seen to */
    unsigned asked; /* how often we were asked to stop */
};

/* ------------------------------------------------------------------- start */

/* The first start on a machine; one that has no example (installed) needs
 * none. */
static void
copy_env_example(void)
{
    struct sp_buf text = sp_buf_new(ENV_MAX);

    if (!file_present(".env") && file_present(".env.example") &&
        (file_read(".env.example", &text) != 0 ||
         file_create(".env", sp_buf_view(&text), 0600) != 0)) {
        sp_refuse(".env: %s; copy .env.example to it", strerror(errno));
    }
    sp_buf_free(&text);
}

/* Holds the gate's lock for as long as we live. A record lock, because the
 * kernel knows its holder: a process id written into the file could be an old
 * one by now, and somebody else's. The file stays: whoever removes a lock file
 * takes it from the next one that has opened it. */
static void
take_lock(struct run *run)
{
    struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

    run->lock = open(LOCK, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (run->lock < 0) {
        sp_refuse("%s: %s; check the owner of SP_STATE", LOCK, strerror(errno));
    }
    if (fcntl(run->lock, F_SETLK, &whole) != 0 || supervise_running()) {
        sp_refuse("a gate runs already on SP_STATE=%s; `sallyport stop` ends "
                  "it, or give another SP_STATE",
                  run->gate.settings.state);
    }
}

pid_t
run_holder(void)
{
    struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    int fd = open(LOCK, O_RDWR | O_CLOEXEC);
    pid_t pid = 0;

    if (fd < 0) {
        return 0;
    }
    if (fcntl(fd, F_GETLK, &whole) == 0 && whole.l_type != F_UNLCK) {
        pid = whole.l_pid;
    }
    (void)close(fd);
    return pid;
}

static void
check_programs(const struct gate *gate)
{
    for (int i = 0; i < SP_SERVICE_COUNT; i++) {
        char *path = gate_program(gate, sp_service_name((enum sp_service_id)i));

        if (access(path, X_OK) != 0) {
            sp_refuse("%s: %s; build it by `make`", path, strerror(errno));
        }
        sp_free(path);
    }
}

static void
write_replicas(struct run *run)
{
    struct sp_buf why = sp_buf_new(WHY_MAX);
    int error = supervise_reset(&why);

    for (int i = 0; i < SP_SERVICE_COUNT; i++) {
        for (unsigned n = 0; error == 0 && n < run->counts.of[i]; n++) {
            const struct replica replica = { (enum sp_service_id)i, n };

            error = supervise_add(run->gate.programs,
                                  run->gate.settings.drain_ms, replica, &why);
        }
    }
    if (error != 0) {
        sp_refuse("%.*s", SP_VIEW(sp_buf_view(&why)));
    }
    sp_buf_free(&why);
}

static void
start_supervisor(struct run *run)
{
    static const char *const argv[] = { "s6-svscan", SUPERVISE_DIRECTORY,
                                        NULL };

    if (process_start_apart(argv, &run->supervisor) != 0) {
        sp_refuse("s6-svscan: %s; install the package s6", strerror(errno));
    }
}

/* --------------------------------------------------------------- readiness */

bool
run_ready(const struct gate *gate, bool *ret_answered, struct sp_buf *why)
{
    const struct sp_settings *s = &gate->settings;
    struct sp_buf url = sp_buf_new(4096);
    struct sp_buf body = sp_buf_new(WEB_ANSWER_MAX);
    struct web_request request = { .ca = "ca.pem",
                                   .host = gate_local(s->listen_host),
                                   .port = s->listen_port,
                                   .timeout_ms = READYZ_MS };
    char *pin = server_pair_pin(SERVER_CERTIFICATE);
    char *text = NULL;
    long status = 0;

    (void)sp_buf_addf(&url, "%s/readyz", s->url);
    text = sp_dup_view(sp_buf_view(&url));
    request.url = text;
    request.pin = pin;
    *ret_answered = web_call(&request, &body, &status, why) == 0;
    if (*ret_answered && status != 200) {
        (void)sp_buf_addf(why, "%s: %ld %.*s", text, status,
                          (int)(body.len < 256 ? body.len : 256),
                          body.data == NULL ? "" : body.data);
    }
    sp_free(text);
    sp_free(pin);
    sp_buf_free(&url);
    sp_buf_free(&body);
    return status == 200;
}

/* Forgets a child that has ended. */
static void
take_end(pid_t *child)
{
    if (*child > 0 && waitpid(*child, NULL, WNOHANG) == *child) {
        *child = 0;
    }
}

/* Waits at most `ms` for a signal; counts the requests to stop, and takes note
 * of a request to reload and of the end of a child. The kernel itself sends
 * SIGHUP only where the terminal has gone: that ends the gate. */
static void
await_signal(struct run *run, long ms)
{
    const struct timespec time = { .tv_sec = ms / 1000,
                                   .tv_nsec = ms % 1000 * 1000000 };
    siginfo_t info = { .si_signo = 0 };
    int signal_number = sigtimedwait(&run->signals, &info, &time);

    if (signal_number == SIGCHLD) {
        take_end(&run->supervisor);
        take_end(&run->reloader);
    } else if (signal_number == SIGHUP && info.si_code != SI_KERNEL) {
        run->hung_up = true;
    } else if (signal_number > 0) {
        run->asked++;
    }
}

/* As an operator's `sallyport reload`: it checks everything before it informs
 * anybody, and its lines stand in our output. */
static void
start_reload(struct run *run)
{
    static const char *const argv[] = { "/proc/self/exe", "reload", NULL };

    run->hung_up = false;
    if (process_start_apart(argv, &run->reloader) != 0) {
        (void)fprintf(stderr, "sallyport: cannot reload: %s\n",
                      strerror(errno));
    }
}

/* True where a replica refused to start: it has said why. */
static bool
one_failed(void)
{
    struct replicas all = { .count = 0 };

    supervise_list(&all);
    for (size_t i = 0; i < all.count; i++) {
        if (supervise_failed(all.list[i])) {
            (void)fprintf(
                stderr, "sallyport: %s.%u cannot start; see its line above\n",
                sp_service_name(all.list[i].service), all.list[i].number);
            return true;
        }
    }
    return false;
}

/* True once the gate is ready; false where it cannot be, or is not wanted any
 * more. */
static bool
await_ready(struct run *run)
{
    int64_t until_ms = sp_clock_ms() + READY_MAX_MS;
    struct sp_buf why = sp_buf_new(WHY_MAX);
    bool answered = false;
    bool ready = false;

    while (run->asked == 0 && run->supervisor > 0 && !one_failed()) {
        sp_buf_reset(&why);
        ready = run_ready(&run->gate, &answered, &why);
        if (ready) {
            break;
        }
        if (sp_clock_ms() > until_ms) {
            (void)fprintf(stderr, "sallyport: not ready after %d s: %.*s\n",
                          READY_MAX_MS / 1000, SP_VIEW(sp_buf_view(&why)));
            break;
        }
        await_signal(run, LOOK_MS);
    }
    sp_buf_free(&why);
    return ready;
}

/* -------------------------------------------------------------------- whole */

static bool
asked_again(void *arg)
{
    struct run *run = arg;

    await_signal(run, 0);
    return run->asked > 1;
}

static void
block_signals(struct run *run)
{
    static const int numbers[] = { SIGINT, SIGTERM, SIGHUP, SIGCHLD };

    (void)sigemptyset(&run->signals);
    for (size_t i = 0; i < SP_COUNT(numbers); i++) {
        (void)sigaddset(&run->signals, numbers[i]);
    }
    if (sigprocmask(SIG_BLOCK, &run->signals, NULL) != 0) {
        sp_fatal("sigprocmask", "errno=%d", errno);
    }
}

static void
say_ready(const struct run *run)
{
    (void)printf("Sallyport is ready at %s, CA %s/ca.pem; `make -s token` "
                 "prints an access token, Ctrl-C stops.\n",
                 run->gate.settings.url, run->gate.settings.state);
    (void)fflush(stdout);
}

static int
serve(struct run *run)
{
    int status = EXIT_SUCCESS;

    start_supervisor(run);
    if (await_ready(run)) {
        say_ready(run);
        while (run->asked == 0 && run->supervisor > 0) {
            if (run->hung_up && run->reloader == 0) {
                start_reload(run);
            }
            await_signal(run, 3600000);
        }
    } else if (run->asked == 0) {
        status = EXIT_FAILURE;
    }
    if (run->supervisor == 0) {
        (void)fprintf(stderr, "sallyport: the supervisor has ended\n");
        status = EXIT_FAILURE;
    }
    supervise_stop(run->gate.settings.drain_ms, asked_again, run);
    if (run->supervisor > 0) {
        (void)waitpid(run->supervisor, NULL, 0);
    }
    return status;
}

static void
read_counts(struct run *run, int argc, char **argv)
{
    struct sp_buf why = sp_buf_new(WHY_MAX);

    for (int i = 0; i < SP_SERVICE_COUNT; i++) {
        run->counts.of[i] = 1;
    }
    for (int i = 0; i < argc; i++) {
        if (supervise_parse(argv[i], &run->counts, &why) != 0) {
            sp_refuse("%.*s", SP_VIEW(sp_buf_view(&why)));
        }
    }
    sp_buf_free(&why);
}

int
command_run(int argc, char **argv)
{
    struct run run = { .lock = -1 };
    int status = 0;

    read_counts(&run, argc, argv);
    copy_env_example();
    gate_open(&run.gate);
    check_programs(&run.gate);
    block_signals(&run);
    gate_make_state(&run.gate);
    take_lock(&run);
    init_gate(&run.gate);
    write_replicas(&run);
    status = serve(&run);
    (void)close(run.lock);
    gate_close(&run.gate);
    return status;
}
