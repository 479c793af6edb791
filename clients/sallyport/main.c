/*
 * NAME
 *     sallyport - the operator's command line
 *
 * PURPOSE
 *     Makes a gate's keys, starts and stops it on one machine, looks at it,
 *     keeps its clients, and fetches tokens and calls tools to try it.
 *     `sallyport help` lists the commands.
 *
 * SUPERVISOR
 *     `run` makes what is missing below SP_STATE, writes a service directory
 *     for each replica into SP_STATE/supervise and starts s6-svscan on it. A
 *     crashed process is back within a second; the fourth crash in a row and
 *     every further one waits, 1 s to 32 s. A process that refuses to start
 *     (exit 78) ends `run`, which then exits 1. SIGINT, SIGTERM and `stop` end
 *     the gate in order: the edge answers what it still owes, then the stages,
 *     last the monitor; a second signal hurries it. So does the end of its
 *     terminal. `scale` adds replicas or lets them drain; the last one of a
 *     stage stays. Where `run` itself is killed, all ends too.
 *     `status` believes a process's own sign of life (run/SERVICE/N.pulse) and
 *     the monitor: ready is who shows both, and runs. Its exit status is 0
 *     where each stage is there and every replica ready, else 1.
 *
 * CHANGES
 *     `reload` checks the whole configuration first, and sends nothing where
 *     something is wrong. Then each process reads its files again, one after
 *     the other, and takes them whole or goes on with the old ones: one line
 *     each. It also starts a process again that had refused to start. SIGHUP to
 *     `run` does the same, to one process that one alone. What only a start can
 *     change is refused with a sentence that names `restart`.
 *     `restart` adds a replica of each service, waits until they are ready,
 *     starts the others anew one by one, each after it has drained, and takes
 *     the added ones away: requests go on. The monitor, of which there is one,
 *     is away for a moment; no request waits for it, and its events are kept.
 *
 * KEYS
 *     `init` never overwrites; only a server certificate that it has made is
 *     made anew, 30 days before its end, when SP_URL gets another host, or when
 *     its key is lost. An operator's own, put as keys/edge/tls.pem (with the
 *     certificates between it and its authority) and keys/edge/tls.key, is left
 *     alone; where the key is missing or another's, the gate does not start.
 *     `doctor` judges it as clients will, by end, name and chain; an authority
 *     that this machine does not know is put into ca.pem. A key that both
 *     ends of a link hold and one has lost is copied from the other.
 *     --split DIR gives each service a directory of its own with only what it
 *     may read, for containers, and Redis a random password where DIR/redis
 *     is; --system gives keys and stores to the users of the systemd units.
 *
 * CLIENTS
 *     `client add` makes a secret (keys/operator/NAME.secret) and its hash for
 *     auth, and enters the client into auth.yaml, whose other lines stay as
 *     they are. It is taken back where the configuration is not good with it;
 *     where the file cannot be written, or its list is of another form, the
 *     lines to be added are printed. `rotate` makes a new secret, `remove`
 *     undoes `add`. `reload` puts each in force, and `token --client NAME`
 *     tries it; a token of before `rotate` lives to its end. `call` makes one
 *     tool call over TLS, as an MCP client of 2026-07-28 would.
 *
 * CHECKS
 *     `check-config` and `doctor` run the services' own programs (--check,
 *     --jail-trial) on a split copy of the keys and on free ports, so that
 *     neither needs a gate that is down nor disturbs one that runs.
 *
 * CONFIG
 *     SP_* variables from the environment, else from .env in the current
 *     directory (see .env.example). The services' programs are those beside
 *     this one. Configuration: SP_CONFIG, else deploy/config here, else what
 *     was installed with the programs.
 *
 * FAILURE
 *     Exit status 0: done; 1: not done, or a check failed; 2: wrong usage; 78:
 *     a setting or a file that only the operator can fix. One sentence on
 *     stderr says which, and the fix.
 *
 * TESTS
 *     tests/unit/sallyport/, tests/system/test_operator.py,
 *     tests/system/test_install.py
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <sodium.h>

#include "clients/sallyport/commands.h"
#include "common/base/compiler.h"
#include "common/base/log.h"
#include "common/base/version.h"

#define USAGE 2

static const struct {
    const char *name;
    const char *arguments;
    const char *meaning;
    int (*run)(int argc, char **argv);
} commands[] = {
#define COMMAND_ROW(symbol, name, arguments, meaning)                          \
    { name, arguments, meaning, command_##symbol },
    COMMANDS(COMMAND_ROW)
#undef COMMAND_ROW
};

static void
print_help(FILE *out)
{
    (void)fprintf(out, "usage: sallyport COMMAND [ARGUMENTS]\n\n");
    for (size_t i = 0; i < SP_COUNT(commands); i++) {
        (void)fprintf(out, "  %s %s\n      %s\n", commands[i].name,
                      commands[i].arguments, commands[i].meaning);
    }
    (void)fprintf(out, "  version\n      print the version\n"
                       "  help\n      this list\n");
}

/* "help" or "--help". */
static bool
is_word(const char *argument, const char *word)
{
    return strcmp(argument, word) == 0 ||
           (strncmp(argument, "--", 2) == 0 && strcmp(argument + 2, word) == 0);
}

/* Keys pass through here, and the services that `run` starts read theirs before
 * their jails close: none of it may end in a core file. */
static void
forbid_core_files(void)
{
    const struct rlimit none = { 0, 0 };

    if (setrlimit(RLIMIT_CORE, &none) != 0) {
        sp_fatal("setrlimit", "errno=%d", errno);
    }
}

int
main(int argc, char **argv)
{
    sp_log_open("sallyport", SP_LOG_INFO);
    (void)umask(077);
    forbid_core_files();
    if (sodium_init() < 0) {
        sp_fatal("sodium_init", "status=-1");
    }
    if (argc == 2 && is_word(argv[1], "help")) {
        print_help(stdout);
        return EXIT_SUCCESS;
    }
    if (argc == 2 && is_word(argv[1], "version")) {
        (void)printf("sallyport " SP_VERSION "\n");
        return EXIT_SUCCESS;
    }
    for (size_t i = 0; argc >= 2 && i < SP_COUNT(commands); i++) {
        if (strcmp(argv[1], commands[i].name) == 0) {
            return commands[i].run(argc - 2, argv + 2);
        }
    }
    print_help(stderr);
    return USAGE;
}
