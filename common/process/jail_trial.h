/* Trying a jail from inside: for `sallyport doctor` and the attack tests. */
#ifndef SP_COMMON_PROCESS_JAIL_TRIAL_H
#define SP_COMMON_PROCESS_JAIL_TRIAL_H

#include <stdbool.h>
#include <stddef.h>

#include "common/process/jail_needs.h"

/* One forbidden thing and how it ended. */
struct sp_jail_trial {
    const char *name;
    bool refused;
};

/* Tries each forbidden thing in a child of its own, because some end the
 * process that tries; call before the jail is closed. Fills at most `max` and
 * returns their number. */
size_t
sp_jail_try(const struct sp_jail *jail, struct sp_jail_trial *trials,
            size_t max);

#endif
