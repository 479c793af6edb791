/* Trying the services' programs without disturbing a gate that runs: on a copy
 * of its keys, split by service, with ports of its own, and with the tables
 * that its tools use. */
#ifndef SP_CLIENTS_SALLYPORT_TRIAL_H
#define SP_CLIENTS_SALLYPORT_TRIAL_H

#include <limits.h>

#include "common/base/compiler.h"
#include "common/text/buf.h"
#include "proto/message.h"

struct gate;

struct trial {
    const struct gate *gate;
    char directory[64]; /* removed at the end */
};

/* Makes the copy; where the gate has no keys yet, of fresh ones. Changes the
 * current directory. Refuses by sp_refuse(). */
void
trial_open(const struct gate *gate, struct trial *ret_trial);

/* Runs a service's program with one option. What it prints is appended to
 * `out`. 0 with its exit status, or SP_ESYSTEM with errno. */
SP_MUST_CHECK int
trial_run(const struct trial *trial, enum sp_service_id service,
          const char *option, struct sp_buf *out, int *ret_status);

/* Removes the copy. */
void
trial_close(struct trial *trial);

#endif
