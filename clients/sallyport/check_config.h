/* The configuration as a gate would read it, tried by the programs. */
#ifndef SP_CLIENTS_SALLYPORT_CHECK_CONFIG_H
#define SP_CLIENTS_SALLYPORT_CHECK_CONFIG_H

#include <stdbool.h>

struct gate;

/* True where every file is good. Prints one line for each service, or for those
 * with faults only. The current directory is "/" afterwards. */
bool
check_config(const struct gate *gate, bool only_faults);

#endif
