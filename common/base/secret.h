/* Key material and passwords: loaded from files, wiped at the end, compared in
 * constant time, and without any formatter that could print them. */
#ifndef SP_COMMON_BASE_SECRET_H
#define SP_COMMON_BASE_SECRET_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/compiler.h"
#include "common/base/view.h"

#define SP_SECRET_MAX 16384 /* the largest PEM file that we read, with room */

struct sp_secret;

/* The whole file, one trailing newline removed. The file must be regular, not
 * a link, owned by the caller or root (else SP_EOWNER), and closed to group and
 * others (0600 or tighter, else SP_EPERM). SP_ESYSTEM with errno where it
 * cannot be read, SP_EEMPTY, SP_ELIMIT where it is larger than SP_SECRET_MAX.
 * Freed by sp_secret_free(). */
SP_MUST_CHECK int
sp_secret_load(const char *path, struct sp_secret **ret_secret);

/* As sp_secret_load(), for a file of exactly 2 * `len` hex digits: the secret
 * is the `len` bytes. SP_EFORMAT for anything else. */
SP_MUST_CHECK int
sp_secret_load_hex(const char *path, size_t len, struct sp_secret **ret_secret);

/* A copy of the bytes; the caller wipes its own. */
struct sp_secret *
sp_secret_new(struct sp_view bytes);

/* Wipes and frees; accepts a pointer to NULL and leaves NULL behind. */
void
sp_secret_free(struct sp_secret **secret);

/* The bytes, for as long as the secret lives. */
struct sp_view
sp_secret_view(const struct sp_secret *secret);

/* Constant-time comparison of the content. */
bool
sp_secret_equal(const struct sp_secret *secret, struct sp_view other);

#endif
