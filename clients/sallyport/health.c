/* sallyport health: for the container's health check. */
#include <stdio.h>
#include <stdlib.h>

#include "clients/sallyport/commands.h"
#include "clients/sallyport/gate.h"
#include "common/stage/pulse.h"
#include "proto/message.h"

int
command_health(int argc, char **argv)
{
    struct gate gate = { .programs = NULL };
    enum sp_service_id service = SP_SERVICE_EDGE;
    struct sp_pulse pulse;
    enum sp_pulse_state state = SP_PULSE_NONE;

    if (argc != 1 || sp_service_find(sp_view_of(argv[0]), &service) != 0) {
        (void)fprintf(stderr, "usage: sallyport health SERVICE\n");
        return 2;
    }
    gate_open(&gate);
    gate_enter_state(&gate);
    state =
        sp_pulse_read(sp_service_name(service), gate.settings.replica, &pulse);
    gate_close(&gate);
    return state == SP_PULSE_READY ? EXIT_SUCCESS : EXIT_FAILURE;
}
