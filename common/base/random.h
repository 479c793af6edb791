/* Random bytes from a pool: small wishes cost no system call each. */
#ifndef SP_COMMON_BASE_RANDOM_H
#define SP_COMMON_BASE_RANDOM_H

#include <stddef.h>

#define SP_RANDOM_BYTES 4096

/* Zero it before first use. Not for two threads, nor across a fork. */
struct sp_random {
    size_t left;
    unsigned char bytes[SP_RANDOM_BYTES];
};

/* `len` bytes that nobody can guess, at most SP_RANDOM_BYTES. No bytes are
 * given twice, and none stay in the pool. */
void
sp_random_take(struct sp_random *random, unsigned char *out, size_t len);

#endif
