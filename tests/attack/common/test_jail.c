/* Attacks from inside a jail: every forbidden thing of the trial table, tried
 * in real processes. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/compiler.h"
#include "common/process/jail.h"
#include "common/process/jail_trial.h"

#define MAX_TRIALS 32

/* A directory that looks like $SP_STATE, so that the trials that reach for
 * neighbours' sockets and keys find something to reach for. */
static void
enter_state(char directory[64])
{
    static const char *const paths[] = { "keys",       "keys/auth", "run",
                                         "run/edge",   "run/auth",  "run/tools",
                                         "run/monitor" };

    (void)snprintf(directory, 64, "/tmp/sallyport-jail-XXXXXX");
    cr_assert_not_null(mkdtemp(directory));
    cr_assert_eq(chdir(directory), 0);
    for (size_t i = 0; i < SP_COUNT(paths); i++) {
        cr_assert_eq(mkdir(paths[i], 0700), 0);
    }
    FILE *key = fopen("keys/auth/es256.key", "w");
    cr_assert_not_null(key);
    cr_assert_eq(fclose(key), 0);
}

static void
leave_state(const char *directory)
{
    pid_t child = fork();

    if (child == 0) {
        (void)execlp("rm", "rm", "-rf", directory, (char *)NULL);
        _exit(127);
    }
    cr_assert_eq(waitpid(child, NULL, 0), child);
}

static void
assert_all_refused(const struct sp_jail *jail, const char *label)
{
    struct sp_jail_trial trials[MAX_TRIALS];
    size_t count = sp_jail_try(jail, trials, MAX_TRIALS);

    cr_assert_geq(count, 17);
    for (size_t i = 0; i < count; i++) {
        cr_assert(trials[i].refused, "%s: could %s", label, trials[i].name);
    }
}

Test(jail, refuses_everything_to_a_process_with_sockets_only)
{
    static const struct sp_jail_path paths[] = {
        { "run/auth", SP_JAIL_SOCKETS, false },
        { "run/edge", SP_JAIL_LIST, false },
        { "run/tools", SP_JAIL_LIST, false },
        { "run/monitor", SP_JAIL_LIST, false },
    };
    const struct sp_jail jail = { .paths = paths,
                                  .path_count = SP_COUNT(paths) };
    char directory[64];

    enter_state(directory);
    assert_all_refused(&jail, "sockets only");
    leave_state(directory);
}

Test(jail, refuses_everything_to_a_process_with_a_store_and_the_network)
{
    static const struct sp_jail_path paths[] = {
        { "run/tools", SP_JAIL_SOCKETS, false },
    };
    static const uint16_t ports[] = { 11434 };
    const struct sp_jail jail = { .paths = paths,
                                  .path_count = SP_COUNT(paths),
                                  .inet = true,
                                  .file_locks = true,
                                  .connect_ports = ports,
                                  .connect_port_count = SP_COUNT(ports) };
    char directory[64];

    enter_state(directory);
    assert_all_refused(&jail, "store and network");
    leave_state(directory);
}

/* The trials can fail: with the doors open, they say so. */
Test(jail, trials_notice_an_open_door)
{
    static const struct sp_jail_path paths[] = {
        { "/", SP_JAIL_READ | SP_JAIL_WRITE | SP_JAIL_SOCKETS, false },
    };
    static const char *const open[] = { "read /etc/passwd", "read key files",
                                        "list the key directory",
                                        "write into the state directory",
                                        "make a socket in a neighbour's "
                                        "directory" };
    const struct sp_jail jail = { .paths = paths,
                                  .path_count = SP_COUNT(paths) };
    struct sp_jail_trial trials[MAX_TRIALS];
    char directory[64];
    size_t noticed = 0;
    size_t count = 0;

    enter_state(directory);
    count = sp_jail_try(&jail, trials, MAX_TRIALS);
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < SP_COUNT(open); j++) {
            if (strcmp(trials[i].name, open[j]) == 0) {
                cr_assert_not(trials[i].refused, "%s", open[j]);
                noticed++;
            }
        }
    }
    cr_assert_eq(noticed, SP_COUNT(open));
    leave_state(directory);
}

/* Threads that a library starts later are inside too. */
Test(jail, holds_for_a_call_that_only_attackers_make)
{
    const struct sp_jail jail = { 0 };
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        const char *why = NULL;

        if (sp_jail_close(&jail, &why) != 0) {
            _exit(2);
        }
        (void)syscall(SYS_unshare, 0);
        _exit(3);
    }
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFSIGNALED(status));
    cr_assert_eq(WTERMSIG(status), SIGSYS);
}
