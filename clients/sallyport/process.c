/* posix_spawn() and what comes back. */
#include "clients/sallyport/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/error.h"

#define OUTPUT_MAX 65536
/* Longer than a drain: no helper takes longer than that. */
#define CAPTURE_MAX_MS 60000

extern char **environ;

/* posix_spawn() takes char *const[] for historical reasons and changes
 * nothing. */
static char *const *
as_argv(const char *const argv[])
{
    union {
        const char *const *from;
        char *const *to;
    } view = { .from = argv };

    return view.to;
}

static int
spawn(const char *const argv[], const posix_spawn_file_actions_t *actions,
      pid_t *ret_pid)
{
    posix_spawnattr_t attributes;
    sigset_t all;
    sigset_t none;
    int error = 0;

    (void)sigfillset(&all);
    (void)sigemptyset(&none);
    if (posix_spawnattr_init(&attributes) != 0) {
        return SP_ESYSTEM;
    }
    (void)posix_spawnattr_setsigdefault(&attributes, &all);
    (void)posix_spawnattr_setsigmask(&attributes, &none);
    (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF |
                                                    POSIX_SPAWN_SETSIGMASK);
    error = posix_spawnp(ret_pid, argv[0], actions, &attributes, as_argv(argv),
                         environ);
    (void)posix_spawnattr_destroy(&attributes);
    errno = error;
    return error == 0 ? 0 : SP_ESYSTEM;
}

/* In the child: never returns. */
static void
become(const char *const argv[], pid_t parent, int report)
{
    sigset_t none;
    int why = 0;

    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)setsid();
    /* posix_spawn() has no word for this one. */
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) == 0 && getppid() == parent) {
        (void)execvp(argv[0], as_argv(argv));
    }
    why = errno;
    (void)!write(report, &why, sizeof(why));
    _exit(127);
}

int
process_start_apart(const char *const argv[], pid_t *ret_pid)
{
    int ends[2] = { -1, -1 };
    pid_t parent = getpid();
    pid_t pid = -1;
    int why = 0;

    if (pipe2(ends, O_CLOEXEC) != 0) {
        return SP_ESYSTEM;
    }
    pid = fork();
    if (pid == 0) {
        become(argv, parent, ends[1]);
    }
    (void)close(ends[1]);
    /* The pipe closes by exec; what it carries is why that failed. */
    if (pid > 0 && read(ends[0], &why, sizeof(why)) > 0) {
        (void)waitpid(pid, NULL, 0);
        pid = -1;
    }
    (void)close(ends[0]);
    if (pid < 0) {
        errno = why != 0 ? why : errno;
        return SP_ESYSTEM;
    }
    *ret_pid = pid;
    return 0;
}

/* 128 + n for signal n. */
static int
status_of(int wait_status)
{
    return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status)
                                    : WEXITSTATUS(wait_status);
}

static int
await(pid_t pid, int *ret_status)
{
    int status = 0;

    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) {
            return SP_ESYSTEM;
        }
    }
    *ret_status = status_of(status);
    return 0;
}

/* Reads until all writers are gone; false where that takes too long. */
static bool
drain(int fd, struct sp_buf *out)
{
    int64_t until_ms = sp_clock_ms() + CAPTURE_MAX_MS;
    struct pollfd wait = { .fd = fd, .events = POLLIN };
    char part[4096];
    ssize_t n = 1;

    while (n > 0) {
        int64_t left_ms = until_ms - sp_clock_ms();

        if (left_ms <= 0 || poll(&wait, 1, (int)left_ms) == 0) {
            return false;
        }
        n = read(fd, part, sizeof(part));
        if (n > 0) {
            (void)sp_buf_add(out, part, (size_t)n);
        }
    }
    return true;
}

int
process_capture(const char *const argv[], bool errors, struct sp_buf *out,
                int *ret_status)
{
    posix_spawn_file_actions_t actions;
    int ends[2] = { -1, -1 };
    pid_t pid = 0;
    int error = 0;

    if (pipe2(ends, O_CLOEXEC) != 0) {
        return SP_ESYSTEM;
    }
    if (posix_spawn_file_actions_init(&actions) != 0) {
        (void)close(ends[0]);
        (void)close(ends[1]);
        return SP_ESYSTEM;
    }
    (void)posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    if (errors) {
        (void)posix_spawn_file_actions_adddup2(&actions, ends[1],
                                               STDERR_FILENO);
    }
    error = spawn(argv, &actions, &pid);
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)close(ends[1]);
    if (error == 0) {
        if (!drain(ends[0], out)) {
            (void)kill(pid, SIGKILL);
        }
        error = await(pid, ret_status);
    }
    (void)close(ends[0]);
    return error;
}

int
process_quietly(const char *const argv[], int *ret_status)
{
    struct sp_buf out = sp_buf_new(OUTPUT_MAX);
    int error = process_capture(argv, true, &out, ret_status);

    sp_buf_free(&out);
    return error;
}
