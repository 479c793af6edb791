/* The native gate as a whole: does it run, is it ready? The current directory
 * is $SP_STATE. */
#ifndef SP_CLIENTS_SALLYPORT_RUN_H
#define SP_CLIENTS_SALLYPORT_RUN_H

#include <stdbool.h>
#include <sys/types.h>

#include "common/text/buf.h"

struct gate;

/* The `sallyport run` that serves this state, or 0. */
pid_t
run_holder(void);

/* True where /readyz says 200. ret_answered says whether anything answered;
 * `why` gets a sentence where it is not ready. */
bool
run_ready(const struct gate *gate, bool *ret_answered, struct sp_buf *why);

#endif
