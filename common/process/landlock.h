/* The Landlock part of a jail: which files a process can touch, which TCP ports
 * it can use (kernel documentation: userspace-api/landlock). */
#ifndef SP_COMMON_PROCESS_LANDLOCK_H
#define SP_COMMON_PROCESS_LANDLOCK_H

#include "common/base/compiler.h"
#include "common/process/jail_needs.h"

/* The kernel's Landlock version, 0 where there is none. */
int
sp_landlock_version(void);

/* Restricts this thread, and all that it starts, to the jail's paths and
 * ports. Rights that the kernel does not know are left out. 0, or SP_ESYSTEM
 * with a sentence in ret_error. */
SP_MUST_CHECK int
sp_landlock_close(const struct sp_jail *jail, const char **ret_error);

#endif
