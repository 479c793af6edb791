/* Files of the state directory: written whole or not at all, closed to others,
 * and never overwritten unless that is asked for. */
#ifndef SP_CLIENTS_SALLYPORT_FILES_H
#define SP_CLIENTS_SALLYPORT_FILES_H

#include <stdbool.h>
#include <sys/types.h>

#include "common/base/compiler.h"
#include "common/base/view.h"
#include "common/text/buf.h"

/* True where `path` is a regular file that holds something. An empty one is
 * what a crashed machine leaves of a file that never reached the disk. */
bool
file_present(const char *path);

/* Makes the file in one step, with `mode`, where none is present. 0, also where
 * one is; SP_ESYSTEM with errno. */
SP_MUST_CHECK int
file_create(const char *path, struct sp_view content, mode_t mode);

/* As file_create(), but puts `content` in the place of what is there. */
SP_MUST_CHECK int
file_replace(const char *path, struct sp_view content, mode_t mode);

/* Appends the whole file to `out`. 0, SP_ESYSTEM, or SP_ELIMIT where it does
 * not fit. */
SP_MUST_CHECK int
file_read(const char *path, struct sp_buf *out);

/* Makes a directory where none is. 0 or SP_ESYSTEM. */
SP_MUST_CHECK int
file_make_directory(const char *path, mode_t mode);

/* As file_make_directory(), with every directory above it. */
SP_MUST_CHECK int
file_make_path(const char *path, mode_t mode);

#endif
