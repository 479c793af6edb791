/* Checked allocation; the one file that may call the C allocator. */
#include "common/base/alloc.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"

void *
sp_alloc(size_t size)
{
    void *ptr = calloc(1, size == 0 ? 1 : size);

    if (ptr == NULL) {
        sp_fatal("out_of_memory", "size=%zu", size);
    }
    return ptr;
}

void *
sp_alloc_n(size_t count, size_t size)
{
    if (size != 0 && count > SIZE_MAX / size) {
        sp_fatal("allocation_overflow", "count=%zu size=%zu", count, size);
    }
    return sp_alloc(count * size);
}

void *
sp_realloc_n(void *ptr, size_t count, size_t size)
{
    void *grown = NULL;

    if (size != 0 && count > SIZE_MAX / size) {
        sp_fatal("allocation_overflow", "count=%zu size=%zu", count, size);
    }
    grown = realloc(ptr, count * size == 0 ? 1 : count * size);
    if (grown == NULL) {
        sp_fatal("out_of_memory", "size=%zu", count * size);
    }
    return grown;
}

char *
sp_dup(const char *s)
{
    return s == NULL ? NULL : sp_dup_view(sp_view_of(s));
}

char *
sp_dup_view(struct sp_view v)
{
    char *copy = sp_alloc(v.len + 1);

    if (v.len > 0) {
        memcpy(copy, v.ptr, v.len);
    }
    return copy;
}

void
sp_free(void *ptr)
{
    free(ptr);
}
