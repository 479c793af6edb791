/* A sign of life that the outside can read without a socket: the file
 * run/<service>/<replica>.pulse, rewritten every second by the loop itself, and
 * at once where it has read its configuration again. A process that hangs stops
 * writing it. */
#ifndef SP_COMMON_STAGE_PULSE_H
#define SP_COMMON_STAGE_PULSE_H

#include <stdint.h>

#include "common/base/compiler.h"
#include "common/process/config.h"

/* A pulse older than this many seconds means a process that hangs. */
#define SP_PULSE_STALE_S 5

/* Bytes of a refusal, without the NUL. */
#define SP_PULSE_REFUSAL_MAX 512

enum sp_pulse_state {
    SP_PULSE_NONE,  /* no file, or a stale one */
    SP_PULSE_WAITS, /* alive, but not ready for work */
    SP_PULSE_READY,
};

struct sp_pulse {
    enum sp_pulse_state state;
    uint64_t reloads;                        /* readings of the configuration */
    char version[SP_CONFIG_VERSION_LEN + 1]; /* of the one in force */
    char refusal[SP_PULSE_REFUSAL_MAX + 1];  /* why the last was not taken */
};

/* Makes the file, and run/<service>/ where it is missing; before the jail
 * closes. The descriptor, owned by the caller, or SP_ESYSTEM. The working
 * directory is $SP_STATE. */
SP_MUST_CHECK int
sp_pulse_open(const char *service, const char *replica);

/* Writes the sign; `state` is waits or ready. A failure is not reported: it
 * shows as a stale pulse. */
void
sp_pulse_beat(int fd, const struct sp_pulse *pulse);

/* Reads another process's sign; all but the state is empty where there is
 * none. Returns the state. */
enum sp_pulse_state
sp_pulse_read(const char *service, const char *replica,
              struct sp_pulse *ret_pulse);

#endif
