/* sallyport check-config */
#include "clients/sallyport/check_config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clients/sallyport/commands.h"
#include "clients/sallyport/gate.h"
#include "clients/sallyport/trial.h"

#define SAID_MAX 65536

/* Each program knows its own file best. */
static bool
check(const struct trial *trial, enum sp_service_id service, bool only_faults)
{
    struct sp_buf said = sp_buf_new(SAID_MAX);
    int status = 0;
    int error = trial_run(trial, service, "--check", &said, &status);
    bool ok = error == 0 && status == 0;

    if (ok && !only_faults) {
        (void)printf("ok   %s\n", sp_service_name(service));
    } else if (error != 0) {
        (void)printf("FAIL %s: %s; build it by `make`\n",
                     sp_service_name(service), strerror(errno));
    } else if (!ok) {
        (void)printf("FAIL %.*s%s", SP_VIEW(sp_buf_view(&said)),
                     said.len > 0 ? "" : "it ended without a word\n");
    }
    sp_buf_free(&said);
    return ok;
}

bool
check_config(const struct gate *gate, bool only_faults)
{
    struct trial trial;
    bool ok = true;

    trial_open(gate, &trial);
    for (int i = 0; i < SP_SERVICE_COUNT; i++) {
        ok = check(&trial, (enum sp_service_id)i, only_faults) && ok;
    }
    trial_close(&trial);
    return ok;
}

int
command_check_config(int argc, char **argv)
{
    struct gate gate = { .programs = NULL };
    bool ok = true;

    (void)argv;
    if (argc != 0) {
        (void)fprintf(stderr, "usage: sallyport check-config\n");
        return 2;
    }
    gate_open(&gate);
    ok = check_config(&gate, false);
    gate_close(&gate);
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
