/* NAME
 *   sallyport - the operator's command line
 *
 * PURPOSE
 *   Makes a gate's keys, starts and stops it on one machine, looks at it, and
 *   fetches tokens to try it with. `sallyport help` lists the commands.
 *
 * SETTINGS
 *   SP_* variables from the environment, else from .env in the current
 *   directory (see .env.example). The services' programs are those beside this
 *   one; their configuration is in SP_CONFIG.
 *
 * EXIT STATUS
 *   0 done, 1 not done or a check failed, 2 wrong usage, 78 a setting or a file
 *   that only the operator can mend. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <sodium.h>

#include "clients/sallyport/commands.h"
#include "common/compiler.h"
#include "common/log.h"

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
    (void)fprintf(out, "  help\n      this list\n");
}

int
main(int argc, char **argv)
{
    sp_log_open("sallyport", SP_LOG_INFO);
    (void)umask(077);
    if (sodium_init() < 0) {
        sp_fatal("sodium_init", "status=-1");
    }
    if (argc >= 2 &&
        (strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0)) {
        print_help(stdout);
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
