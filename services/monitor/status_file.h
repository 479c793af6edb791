/* store/monitor/status.json: what `sallyport status` shows. */
#ifndef SP_SERVICES_MONITOR_STATUS_FILE_H
#define SP_SERVICES_MONITOR_STATUS_FILE_H

#include <stdint.h>

#include "common/base/compiler.h"
#include "common/text/buf.h"
#include "services/monitor/sources.h"

/* Appends a JSON array with one object for each process: service, replica, pid,
 * ready, queue_depth, last_error, config (the version in force), config_error
 * (why the last reload was refused), seen_ms (wall clock of its last status).
 * 0 or SP_ELIMIT. */
int
status_write(const struct sources *sources, int64_t now_ms, int64_t wall_ms,
             struct sp_buf *out);

/* Replaces the file at `path` by `text`, so that a reader finds the old or the
 * new, never half of it. 0, or SP_ESTORE with errno. */
SP_MUST_CHECK int
status_replace(const char *path, struct sp_view text);

#endif
