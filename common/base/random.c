/* A pool that the kernel fills. */
#include "common/base/random.h"

#include <string.h>

#include <sodium.h>

void
sp_random_take(struct sp_random *random, unsigned char *out, size_t len)
{
    if (random->left < len) {
        randombytes_buf(random->bytes, sizeof(random->bytes));
        random->left = sizeof(random->bytes);
    }
    random->left -= len;
    memcpy(out, random->bytes + random->left, len);
    sodium_memzero(random->bytes + random->left, len);
}
