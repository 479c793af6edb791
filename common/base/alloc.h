/* Allocation that never returns NULL: running out of memory ends the process
 * and the supervisor starts a fresh one. */
#ifndef SP_COMMON_BASE_ALLOC_H
#define SP_COMMON_BASE_ALLOC_H

#include <stddef.h>

#include "common/base/view.h"

/* `size` zeroed bytes, owned by the caller, released by sp_free(). */
void *
sp_alloc(size_t size);

/* An array of `count` zeroed elements; the product is checked. */
void *
sp_alloc_n(size_t count, size_t size);

/* Changes an array to `count` elements; new elements are not zeroed. */
void *
sp_realloc_n(void *ptr, size_t count, size_t size);

/* A copy of the string, owned by the caller. NULL gives NULL. */
char *
sp_dup(const char *s);

/* A NUL-terminated copy of the view, owned by the caller. */
char *
sp_dup_view(struct sp_view v);

/* Releases what the functions above gave; NULL is allowed. */
void
sp_free(void *ptr);

#endif
