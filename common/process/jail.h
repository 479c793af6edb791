/* The jail that a process closes around itself: rlimits, a root directory with
 * its own paths only, no capabilities, no new privileges, not dumpable,
 * Landlock rules and a seccomp allow-list.
 * Closed before the first ZeroMQ socket exists, because libzmq's threads
 * inherit the filter only then. */
#ifndef SP_COMMON_PROCESS_JAIL_H
#define SP_COMMON_PROCESS_JAIL_H

#include "common/base/compiler.h"
#include "common/process/jail_needs.h"

/* Closes the jail. Parts that the kernel lacks are left out and logged. 0, or
 * SP_ESYSTEM with a sentence in ret_error. */
SP_MUST_CHECK int
sp_jail_close(const struct sp_jail *jail, const char **ret_error);

#endif
