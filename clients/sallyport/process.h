/* Other programs, started without a shell. */
#ifndef SP_CLIENTS_SALLYPORT_PROCESS_H
#define SP_CLIENTS_SALLYPORT_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

#include "common/base/compiler.h"
#include "common/text/buf.h"

/* Starts `argv` (looked up in PATH) with all signals as they are by default, in
 * a session of its own, so that the terminal's Ctrl-C does not reach it. It
 * gets SIGTERM when this process ends. 0 or SP_ESYSTEM with errno. */
SP_MUST_CHECK int
process_start_apart(const char *const argv[], pid_t *ret_pid);

/* Runs `argv` to its end. What it writes to stdout is appended to `out`, to
 * stderr also where `errors`; what does not fit is lost. ret_status is the exit
 * status, 128 + n where signal n ended it; what runs longer than a minute is
 * killed. 0, or SP_ESYSTEM with errno where it could not be run. */
SP_MUST_CHECK int
process_capture(const char *const argv[], bool errors, struct sp_buf *out,
                int *ret_status);

/* As process_capture(), with its output thrown away. */
SP_MUST_CHECK int
process_quietly(const char *const argv[], int *ret_status);

#endif
