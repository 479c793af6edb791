/* A sign of life that the outside can read without a socket: the file
 * run/<service>/<replica>.pulse, rewritten every second by the loop itself. A
 * process that hangs stops writing it. */
#ifndef SP_COMMON_STAGE_PULSE_H
#define SP_COMMON_STAGE_PULSE_H

#include <stdbool.h>

#include "common/base/compiler.h"

/* A pulse older than this many seconds means a process that hangs. */
#define SP_PULSE_STALE_S 5

enum sp_pulse {
    SP_PULSE_NONE,  /* no file, or a stale one */
    SP_PULSE_WAITS, /* alive, but not ready for work */
    SP_PULSE_READY,
};

/* Makes the file, and run/<service>/ where it is missing; before the jail
 * closes. The descriptor, owned by the caller, or SP_ESYSTEM. The working
 * directory is $SP_STATE. */
SP_MUST_CHECK int
sp_pulse_open(const char *service, const char *replica);

/* Writes the sign. A failure is not told: it shows as a stale pulse. */
void
sp_pulse_beat(int fd, bool ready);

/* Reads another process's sign. */
enum sp_pulse
sp_pulse_read(const char *service, const char *replica);

#endif
