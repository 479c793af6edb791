/* The services' programs, tried on a copy of the gate's keys. */
#include "clients/sallyport/trial.h"

#include <errno.h>
#include <ftw.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clients/sallyport/files.h"
#include "clients/sallyport/gate.h"
#include "clients/sallyport/process.h"
#include "clients/sallyport/state.h"
#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/log.h"

#define MAX_OPEN 16

static void export(const char *name, const char *value)
{
    if (setenv(name, value, 1) != 0) {
        sp_refuse("%s: %s", name, strerror(errno));
    }
}

/* A port that is free now; nothing holds it until the program binds it. */
static void
export_free_port(const char *name)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char text[32];

    if (fd < 0 || bind(fd, (struct sockaddr *)&address, len) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) != 0) {
        sp_refuse("no free port: %s", strerror(errno));
    }
    (void)close(fd);
    (void)snprintf(text, sizeof(text), "127.0.0.1:%u",
                   (unsigned)ntohs(address.sin_port));
    export(name, text);
}

static void
enter_keys(const struct gate *gate, const char *directory, struct sp_buf *why)
{
    char *host = gate_host(gate->settings.authority);

    if (chdir(gate->settings.state) != 0 || !file_present("ca.pem")) {
        if (chdir(directory) != 0 || file_make_directory("fresh", 0700) != 0 ||
            chdir("fresh") != 0) {
            sp_refuse("%s: %s", directory, strerror(errno));
        }
        if (state_make(host, sp_clock_wall_ms() / 1000, why) != 0) {
            sp_refuse("%.*s", SP_VIEW(sp_buf_view(why)));
        }
    }
    sp_free(host);
}

/* Queries are held against the tables that they will find: the store of tools
 * is the gate's own, as for one more replica. The other stores and a gate that
 * has not run yet get empty ones. */
static int
use_store(const struct gate *gate, const char *directory)
{
    char own[PATH_MAX];
    char tried[PATH_MAX];
    struct stat st;
    int n = snprintf(own, sizeof(own), "%s/store/tools/customers.db",
                     gate->settings.state);

    if (n < 0 || n >= (int)sizeof(own) || lstat(own, &st) != 0) {
        return 0;
    }
    *strrchr(own, '/') = '\0';
    (void)snprintf(tried, sizeof(tried), "%s/tools/store/tools", directory);
    return rmdir(tried) == 0 && symlink(own, tried) == 0 ? 0 : SP_ESYSTEM;
}

void
trial_open(const struct gate *gate, struct trial *ret_trial)
{
    struct sp_buf why = sp_buf_new(STATE_WHY_MAX);
    struct trial trial = { .gate = gate,
                           .directory = "/tmp/sallyport-trial.XXXXXX" };

    if (mkdtemp(trial.directory) == NULL) {
        sp_refuse("%s: %s", trial.directory, strerror(errno));
    }
    enter_keys(gate, trial.directory, &why);
    if (state_split(trial.directory, &why) != 0) {
        trial_close(&trial);
        sp_refuse("%.*s; run `sallyport init`", SP_VIEW(sp_buf_view(&why)));
    }
    if (use_store(gate, trial.directory) != 0) {
        int error = errno;

        trial_close(&trial);
        sp_refuse("the store of tools: %s", strerror(error));
    }
    export_free_port("SP_LISTEN");
    export_free_port("SP_METRICS_LISTEN");
    sp_buf_free(&why);
    *ret_trial = trial;
}

int
trial_run(const struct trial *trial, enum sp_service_id service,
          const char *option, struct sp_buf *out, int *ret_status)
{
    char *program = gate_program(trial->gate, sp_service_name(service));
    const char *const argv[] = { program, option, NULL };
    char state[PATH_MAX];
    int error = 0;

    (void)snprintf(state, sizeof(state), "%s/%s", trial->directory,
                   sp_service_name(service));
    export("SP_STATE", state);
    error = process_capture(argv, true, out, ret_status);
    export("SP_STATE", trial->gate->settings.state);
    sp_free(program);
    return error;
}

static int
remove_one(const char *path, const struct stat *st, int kind, struct FTW *where)
{
    (void)st;
    (void)kind;
    (void)where;
    return remove(path);
}

void
trial_close(struct trial *trial)
{
    /* Not from inside of what goes away. */
    (void)!chdir("/");
    (void)nftw(trial->directory, remove_one, MAX_OPEN, FTW_DEPTH | FTW_PHYS);
}
