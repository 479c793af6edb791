/* sallyport init */
#include "clients/sallyport/init.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clients/sallyport/commands.h"
#include "clients/sallyport/gate.h"
#include "clients/sallyport/state.h"
#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/log.h"

void
init_gate(const struct gate *gate)
{
    struct sp_buf why = sp_buf_new(STATE_WHY_MAX);
    char *host = gate_host(gate->settings.authority);

    gate_make_state(gate);
    if (state_make(host, sp_clock_wall_ms() / 1000, &why) != 0) {
        sp_refuse("%.*s", SP_VIEW(sp_buf_view(&why)));
    }
    sp_free(host);
    sp_buf_free(&why);
}

int
command_init(int argc, char **argv)
{
    struct gate gate = { .programs = NULL };
    struct sp_buf why = sp_buf_new(STATE_WHY_MAX);
    bool split = argc == 2 && strcmp(argv[0], "--split") == 0;
    bool give = argc == 1 && strcmp(argv[0], "--system") == 0;
    int error = 0;

    if (argc != 0 && !split && !give) {
        (void)fprintf(stderr,
                      "usage: sallyport init [--split DIR | --system]\n");
        return 2;
    }
    if (split && argv[1][0] != '/') {
        sp_refuse("--split %s: give an absolute path", argv[1]);
    }
    gate_open(&gate);
    init_gate(&gate);
    if (split) {
        error = state_split(argv[1], &why);
    }
    if (give) {
        error = state_give(&why);
    }
    if (error != 0) {
        sp_refuse("%.*s", SP_VIEW(sp_buf_view(&why)));
    }
    sp_buf_free(&why);
    gate_close(&gate);
    return EXIT_SUCCESS;
}
