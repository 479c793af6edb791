/* The scan directory. */
#include "clients/sallyport/supervise.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "clients/sallyport/files.h"
#include "clients/sallyport/process.h"
#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/stage/pulse.h"
#include "common/text/decimal.h"

/* s6-svscan leaves names alone that begin with a dot: the directories are
 * here, the scan directory links to them. A replica that is taken out keeps
 * its directory for as long as it drains. */
#define REPLICAS SUPERVISE_DIRECTORY "/.replicas"
#define STOPPING SUPERVISE_DIRECTORY "/.stopping"
#define CONTROL SUPERVISE_DIRECTORY "/.s6-svscan/control"
/* A draining process ends by itself; one that hangs does not. */
#define KILL_AFTER_MS 10000
#define FINISH_MS "60000\n"
#define STOP_AFTER_MS 15000
#define STOP_LOOK_MS 20 /* and for everything else that is waited for */
#define PATH_BYTES 96

/* The monitor writes one audit chain: there cannot be two. */
static const unsigned most[SP_SERVICE_COUNT] = {
    [SP_SERVICE_EDGE] = SUPERVISE_MAX_REPLICAS,
    [SP_SERVICE_AUTH] = SUPERVISE_MAX_REPLICAS,
    [SP_SERVICE_VALIDATION] = SUPERVISE_MAX_REPLICAS,
    [SP_SERVICE_RATELIMIT] = SUPERVISE_MAX_REPLICAS,
    [SP_SERVICE_TOOLS] = SUPERVISE_MAX_REPLICAS,
    [SP_SERVICE_LLM] = SUPERVISE_MAX_REPLICAS,
    [SP_SERVICE_MONITOR] = 1,
};

/* In which order the services are stopped. */
static const unsigned stop_order[SP_SERVICE_COUNT] = {
    [SP_SERVICE_EDGE] = 0,       [SP_SERVICE_AUTH] = 1,
    [SP_SERVICE_VALIDATION] = 1, [SP_SERVICE_RATELIMIT] = 1,
    [SP_SERVICE_TOOLS] = 1,      [SP_SERVICE_LLM] = 1,
    [SP_SERVICE_MONITOR] = 2,
};
#define STOP_STEPS 3

/* $1 is the exit status, 256 where a signal ended the process. 78 (EX_CONFIG)
 * will not get better by itself; 125 makes s6-supervise to leave it. The first
 * three crashes in a row cost no delay (s6-supervise itself lets a second pass
 * between two starts), then 1, 2, 4 ... 32 s. */
static const char finish_script[] =
    "#!/bin/sh\n"
    "[ \"$1\" != 78 ] || { : >failed; exit 125; }\n"
    "[ \"$1\" != 0 ] || { rm -f crashes delay; exit 0; }\n"
    "lived=$(($(date +%s) - $(stat -c %Y started)))\n"
    "crashes=0\n"
    "[ \"$lived\" -ge 5 ] || read -r crashes 2>/dev/null <crashes || "
    "crashes=0\n"
    "crashes=$((crashes + 1))\n"
    "restarts=0\n"
    "read -r restarts 2>/dev/null <restarts || restarts=0\n"
    "echo \"$((restarts + 1))\" >restarts\n"
    "echo \"$crashes\" >crashes\n"
    "delay=0\n"
    "[ \"$crashes\" -le 3 ] || delay=$((1 << (crashes - 4)))\n"
    "[ \"$crashes\" -le 9 ] || delay=32\n"
    "echo \"$delay\" >delay\n"
    "while [ \"$delay\" -gt 0 ] && [ ! -e ../../.stopping ]; do\n"
    "    sleep 1\n"
    "    delay=$((delay - 1))\n"
    "done\n"
    "exit 0\n";

struct path {
    char text[PATH_BYTES];
};

static int
failed(struct sp_buf *why, const char *path)
{
    (void)sp_buf_addf(why, "%s: %s; check owner and free space of SP_STATE",
                      path, strerror(errno));
    return SP_ESYSTEM;
}

/* "supervise/validation.0", or "supervise/.replicas/validation.0/run". */
static struct path
path_of(const char *top, struct replica replica, const char *file)
{
    struct path path;

    (void)snprintf(path.text, sizeof(path.text), "%s/%s.%u%s%s", top,
                   sp_service_name(replica.service), replica.number,
                   file == NULL ? "" : "/", file == NULL ? "" : file);
    return path;
}

int
supervise_parse(const char *text, struct replica_counts *counts,
                struct sp_buf *why)
{
    const char *equals = strchr(text, '=');
    enum sp_service_id service = SP_SERVICE_EDGE;
    uint64_t count = UINT64_MAX; /* where it is too large to be read */

    if (equals == NULL || sp_number_read(sp_view_of(equals + 1), UINT64_MAX,
                                         &count) == SP_EFORMAT) {
        (void)sp_buf_addf(why, "%.64s: write SERVICE=N, as validation=3", text);
        return SP_EFORMAT;
    }
    if (sp_service_find(sp_view_make(text, (size_t)(equals - text)),
                        &service) != 0) {
        (void)sp_buf_addf(why,
                          "%.64s: no such service; `sallyport status` "
                          "lists them",
                          text);
        return SP_EUNKNOWN;
    }
    if (count > most[service]) {
        (void)sp_buf_addf(why, "%.64s: at most %u replicas of this service",
                          text, most[service]);
        return SP_ELIMIT;
    }
    if (count == 0) {
        (void)sp_buf_addf(why,
                          "%.64s: a stage must have one replica at least; "
                          "`sallyport stop` ends the gate",
                          text);
        return SP_ELIMIT;
    }
    counts->of[service] = (unsigned)count;
    return 0;
}

/* ----------------------------------------------------------------- writing */

/* Single quotes, for /bin/sh. */
static void
add_quoted(struct sp_buf *out, const char *text)
{
    (void)sp_buf_add_str(out, "'");
    for (; *text != '\0'; text++) {
        if (*text == '\'') {
            (void)sp_buf_add_str(out, "'\\''");
        } else {
            (void)sp_buf_add(out, text, 1);
        }
    }
    (void)sp_buf_add_str(out, "'");
}

static int
write_file(struct replica replica, const char *name, struct sp_view content,
           mode_t mode, struct sp_buf *why)
{
    struct path path = path_of(REPLICAS, replica, name);

    return file_replace(path.text, content, mode) == 0 ? 0
                                                       : failed(why, path.text);
}

static int
write_run(const char *programs, struct replica replica, struct sp_buf *why)
{
    struct sp_buf script = sp_buf_new(2 * PATH_MAX);
    char program[PATH_MAX];
    int error = 0;

    (void)snprintf(program, sizeof(program), "%s/%s", programs,
                   sp_service_name(replica.service));
    /* A SIGHUP that comes before the program is ready for it ends nothing: its
     * configuration is still to be read. */
    (void)sp_buf_add_str(&script, "#!/bin/sh\n: >started\ntrap '' HUP\nexec ");
    add_quoted(&script, program);
    (void)sp_buf_addf(&script, " --replica %u\n", replica.number);
    error = write_file(replica, "run", sp_buf_view(&script), 0700, why);
    sp_buf_free(&script);
    return error;
}

/* What an earlier life of this replica left behind. */
static void
forget(struct replica replica)
{
    static const char *const leftovers[] = { "failed", "crashes", "delay",
                                             "down" };
    char pulse[PATH_BYTES];

    for (size_t i = 0; i < SP_COUNT(leftovers); i++) {
        struct path path = path_of(REPLICAS, replica, leftovers[i]);

        (void)unlink(path.text);
    }
    (void)snprintf(pulse, sizeof(pulse), "run/%s/%u.pulse",
                   sp_service_name(replica.service), replica.number);
    (void)unlink(pulse);
}

static int
enter(struct replica replica, struct sp_buf *why)
{
    struct path link = path_of(SUPERVISE_DIRECTORY, replica, NULL);
    struct path target = path_of(".replicas", replica, NULL);

    if (symlink(target.text, link.text) != 0 && errno != EEXIST) {
        return failed(why, link.text);
    }
    return 0;
}

int
supervise_add(const char *programs, int64_t drain_ms, struct replica replica,
              struct sp_buf *why)
{
    char kill_ms[32];
    struct path directory = path_of(REPLICAS, replica, NULL);
    struct path restarts = path_of(REPLICAS, replica, "restarts");
    int error = 0;

    if (file_make_directory(directory.text, 0700) != 0) {
        return failed(why, directory.text);
    }
    forget(replica);
    (void)unlink(restarts.text);
    error = write_run(programs, replica, why);
    if (error == 0) {
        error =
            write_file(replica, "finish", sp_view_of(finish_script), 0700, why);
    }
    if (error == 0) {
        (void)snprintf(kill_ms, sizeof(kill_ms), "%" PRId64 "\n",
                       drain_ms + KILL_AFTER_MS);
        error =
            write_file(replica, "timeout-kill", sp_view_of(kill_ms), 0600, why);
    }
    if (error == 0) {
        error = write_file(replica, "timeout-finish", sp_view_of(FINISH_MS),
                           0600, why);
    }
    return error == 0 ? enter(replica, why) : error;
}

int
supervise_remove(struct replica replica, struct sp_buf *why)
{
    struct path link = path_of(SUPERVISE_DIRECTORY, replica, NULL);

    return unlink(link.text) == 0 || errno == ENOENT ? 0
                                                     : failed(why, link.text);
}

int
supervise_reset(struct sp_buf *why)
{
    struct replicas all = { .count = 0 };
    int error = 0;

    if (file_make_directory(SUPERVISE_DIRECTORY, 0700) != 0 ||
        file_make_directory(REPLICAS, 0700) != 0) {
        return failed(why, REPLICAS);
    }
    (void)unlink(STOPPING);
    supervise_list(&all);
    for (size_t i = 0; error == 0 && i < all.count; i++) {
        error = supervise_remove(all.list[i], why);
    }
    return error;
}

/* ----------------------------------------------------------------- looking */

static bool
read_name(const char *name, struct replica *ret_replica)
{
    const char *dot = strchr(name, '.');
    uint64_t number = 0;

    if (dot == NULL ||
        sp_number_read(sp_view_of(dot + 1), SUPERVISE_MAX_REPLICAS - 1,
                       &number) != 0 ||
        sp_service_find(sp_view_make(name, (size_t)(dot - name)),
                        &ret_replica->service) != 0) {
        return false;
    }
    ret_replica->number = (unsigned)number;
    return true;
}

static int
compare(const void *a, const void *b)
{
    const struct replica *x = a;
    const struct replica *y = b;

    if (x->service != y->service) {
        return x->service < y->service ? -1 : 1;
    }
    return x->number < y->number ? -1 : x->number > y->number;
}

static void
list_directory(const char *path, struct replicas *ret_replicas)
{
    DIR *directory = opendir(path);

    ret_replicas->count = 0;
    if (directory == NULL) {
        return;
    }
    for (const struct dirent *entry = readdir(directory); entry != NULL;
         entry = readdir(directory)) {
        if (ret_replicas->count < SUPERVISE_MAX &&
            read_name(entry->d_name,
                      &ret_replicas->list[ret_replicas->count])) {
            ret_replicas->count++;
        }
    }
    (void)closedir(directory);
    qsort(ret_replicas->list, ret_replicas->count,
          sizeof(ret_replicas->list[0]), compare);
}

void
supervise_list(struct replicas *ret_replicas)
{
    list_directory(SUPERVISE_DIRECTORY, ret_replicas);
}

/* Each of s6's programs holds its fifo open for reading: without it nobody
 * does. */
static bool
has_reader(const char *fifo)
{
    int fd = open(fifo, O_WRONLY | O_NONBLOCK | O_CLOEXEC);

    if (fd >= 0) {
        (void)close(fd);
    }
    return fd >= 0;
}

/* Where s6-svscan has died of a signal, those that it started go on. */
static void
list_orphans(struct replicas *ret_orphans)
{
    struct replicas all = { .count = 0 };

    ret_orphans->count = 0;
    list_directory(REPLICAS, &all);
    for (size_t i = 0; i < all.count; i++) {
        struct path fifo = path_of(REPLICAS, all.list[i], "supervise/control");

        if (has_reader(fifo.text)) {
            ret_orphans->list[ret_orphans->count++] = all.list[i];
        }
    }
}

bool
supervise_running(void)
{
    struct replicas orphans;

    if (has_reader(CONTROL)) {
        return true;
    }
    list_orphans(&orphans);
    return orphans.count > 0;
}

bool
supervise_failed(struct replica replica)
{
    struct path path = path_of(REPLICAS, replica, "failed");

    return access(path.text, F_OK) == 0;
}

/* How often the finish script has seen it crash. */
static uint64_t
count_restarts(struct replica replica)
{
    struct path path = path_of(REPLICAS, replica, "restarts");
    struct sp_buf text = sp_buf_new(32);
    uint64_t count = 0;

    if (file_read(path.text, &text) == 0 && text.len > 0 &&
        sp_number_read(sp_view_make(text.data, text.len - 1), UINT64_MAX,
                       &count) != 0) {
        count = 0; /* being written */
    }
    sp_buf_free(&text);
    return count;
}

/* False where `path` is older than the start of the replica, or one of them is
 * not there. */
static bool
is_of_this_life(struct replica replica, const char *path)
{
    struct path started = path_of(REPLICAS, replica, "started");
    struct stat of_start;
    struct stat of_path;

    return stat(started.text, &of_start) == 0 && stat(path, &of_path) == 0 &&
           (of_path.st_mtim.tv_sec > of_start.st_mtim.tv_sec ||
            (of_path.st_mtim.tv_sec == of_start.st_mtim.tv_sec &&
             of_path.st_mtim.tv_nsec >= of_start.st_mtim.tv_nsec));
}

bool
supervise_pulse(struct replica replica, struct sp_pulse *ret_pulse)
{
    char number[16];
    char path[PATH_BYTES];

    (void)snprintf(number, sizeof(number), "%u", replica.number);
    (void)snprintf(path, sizeof(path), "run/%s/%u.pulse",
                   sp_service_name(replica.service), replica.number);
    return sp_pulse_read(sp_service_name(replica.service), number, ret_pulse) !=
               SP_PULSE_NONE &&
           is_of_this_life(replica, path);
}

void
supervise_look(struct replica replica, struct replica_state *ret_state)
{
    struct path path = path_of(REPLICAS, replica, NULL);
    const char *const argv[] = { "s6-svstat", "-o", "pid,updownfor", path.text,
                                 NULL };
    struct sp_buf out = sp_buf_new(512);
    char text[64] = "";
    char *rest = text;
    int status = 0;
    long pid = 0;

    *ret_state = (struct replica_state){ .failed = supervise_failed(replica),
                                         .restarts = count_restarts(replica) };
    if (process_capture(argv, true, &out, &status) == 0 && status == 0 &&
        out.len < sizeof(text)) {
        memcpy(text, out.data, out.len);
        pid = strtol(text, &rest, 10);
    }
    sp_buf_free(&out);
    if (pid > 0) {
        ret_state->up = true;
        ret_state->pid = (pid_t)pid;
        ret_state->up_s = strtoll(rest, NULL, 10);
    }
}

/* ---------------------------------------------------------------- stopping */

static int
control(const char *option)
{
    const char *const argv[] = { "s6-svscanctl", option, SUPERVISE_DIRECTORY,
                                 NULL };
    int status = 0;
    int error = process_quietly(argv, &status);

    return error == 0 && status != 0 ? SP_ESYSTEM : error;
}

int
supervise_rescan(void)
{
    return control("-an");
}

static void
command(struct replica replica, const char *option)
{
    struct path path = path_of(REPLICAS, replica, NULL);
    const char *const argv[] = { "s6-svc", option, path.text, NULL };
    int status = 0;

    /* A replica without a supervisor is down already. */
    (void)!process_quietly(argv, &status);
}

static void
pause_ms(long ms)
{
    const struct timespec time = { .tv_nsec = ms * 1000000 };

    (void)nanosleep(&time, NULL);
}

void
supervise_hangup(struct replica replica)
{
    command(replica, "-h");
}

void
supervise_revive(struct replica replica)
{
    forget(replica);
    command(replica, "-u");
}

void
supervise_restart(struct replica replica)
{
    command(replica, "-r");
    /* Of the old process: the new one makes its own. */
    forget(replica);
}

bool
supervise_scales(enum sp_service_id service)
{
    return most[service] > 1;
}

bool
supervise_await_ready(struct replica replica, int64_t max_ms)
{
    int64_t until_ms = sp_clock_ms() + max_ms;
    struct sp_pulse pulse;
    char number[16];

    (void)snprintf(number, sizeof(number), "%u", replica.number);
    while (sp_pulse_read(sp_service_name(replica.service), number, &pulse) !=
           SP_PULSE_READY) {
        if (sp_clock_ms() > until_ms || supervise_failed(replica)) {
            return false;
        }
        pause_ms(STOP_LOOK_MS);
    }
    return true;
}

bool
supervise_await_down(struct replica replica, int64_t max_ms)
{
    int64_t until_ms = sp_clock_ms() + max_ms;
    struct replica_state state = { .up = true };

    for (;;) {
        supervise_look(replica, &state);
        if (!state.up || sp_clock_ms() > until_ms) {
            return !state.up;
        }
        pause_ms(STOP_LOOK_MS);
    }
}

struct stopping {
    bool (*hurry)(void *arg);
    void *arg;
    bool hurried;
    int64_t until_ms;
};

static void
command_step(const struct replicas *all, unsigned step, const char *option)
{
    for (size_t i = 0; i < all->count; i++) {
        if (stop_order[all->list[i].service] == step) {
            command(all->list[i], option);
        }
    }
}

static bool
step_is_down(const struct replicas *all, unsigned step)
{
    for (size_t i = 0; i < all->count; i++) {
        struct replica_state state;

        if (stop_order[all->list[i].service] != step) {
            continue;
        }
        supervise_look(all->list[i], &state);
        if (state.up) {
            return false;
        }
    }
    return true;
}

static void
stop_step(const struct replicas *all, unsigned step, struct stopping *stopping)
{
    command_step(all, step, "-d");
    if (stopping->hurried) {
        command_step(all, step, "-t");
    }
    while (!step_is_down(all, step) && sp_clock_ms() < stopping->until_ms) {
        if (!stopping->hurried && stopping->hurry(stopping->arg)) {
            stopping->hurried = true;
            command_step(all, step, "-t");
        }
        pause_ms(STOP_LOOK_MS);
    }
}

/* Ends what supervises. s6-svscan takes along what an earlier `scale` left
 * draining; without it each s6-supervise must be asked. */
static void
end_supervisors(void)
{
    struct replicas orphans = { .count = 0 };

    if (has_reader(CONTROL)) {
        (void)!control("-t");
        return;
    }
    list_orphans(&orphans);
    for (size_t i = 0; i < orphans.count; i++) {
        command(orphans.list[i], "-xd");
    }
}

void
supervise_stop(int64_t drain_ms, bool (*hurry)(void *arg), void *arg)
{
    struct stopping stopping = { .hurry = hurry,
                                 .arg = arg,
                                 .until_ms =
                                     sp_clock_ms() + drain_ms + STOP_AFTER_MS };
    struct replicas all = { .count = 0 };

    if (!supervise_running()) {
        return;
    }
    /* Wakes the finish scripts that wait. */
    (void)!file_replace(STOPPING, sp_view_of("1\n"), 0600);
    supervise_list(&all);
    for (unsigned step = 0; step < STOP_STEPS; step++) {
        stop_step(&all, step, &stopping);
    }
    end_supervisors();
    while (supervise_running() && sp_clock_ms() < stopping.until_ms) {
        (void)hurry(arg);
        pause_ms(STOP_LOOK_MS);
    }
}
