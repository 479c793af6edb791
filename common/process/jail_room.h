/* The room of a jail: a root directory of its own, empty but for the jail's
 * paths, each under its own name. Landlock says which files a process may open;
 * it says nothing about the unix sockets that a process may connect to by
 * their paths, and the user's session bus, an ssh agent or a container engine
 * would each run programs for whoever asks. What is not in the room has no
 * path. */
#ifndef SP_COMMON_PROCESS_JAIL_ROOM_H
#define SP_COMMON_PROCESS_JAIL_ROOM_H

#include <stdbool.h>

#include "common/base/compiler.h"
#include "common/process/jail_needs.h"

/* Goes into the room; the working directory keeps its name. Without privileges
 * this takes a user namespace: where the system permits none (in most
 * containers, below most systemd units) everything stays as it was and
 * *ret_entered is false. 0, or SP_ESYSTEM where a room is half made: the
 * process must end. */
SP_MUST_CHECK int
sp_jail_room_enter(const struct sp_jail *jail, bool *ret_entered);

#endif
