/* The lines of `sallyport doctor`: ok or FAIL, what was looked at, and for a
 * failure the fix. */
#ifndef SP_CLIENTS_SALLYPORT_FINDING_H
#define SP_CLIENTS_SALLYPORT_FINDING_H

#include "common/base/compiler.h"

/* Counts what was printed. */
struct findings {
    unsigned good;
    unsigned bad;
};

/* Prints what is as it should be. */
void
finding_ok(struct findings *findings, const char *format, ...) SP_PRINTF(2, 3);

/* Prints what is wrong; the text ends with the fix. */
void
finding_bad(struct findings *findings, const char *format, ...) SP_PRINTF(2, 3);

#endif
