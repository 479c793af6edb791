/* The strict reading of a request target (RFC 9112 section 3.2: origin-form
 * only). */
#ifndef SP_SERVICES_EDGE_TARGET_H
#define SP_SERVICES_EDGE_TARGET_H

#include "common/base/compiler.h"
#include "common/base/view.h"
#include "common/text/buf.h"

/* Limits of the schema's path and query fields. */
#define TARGET_MAX_PATH 2048
#define TARGET_MAX_QUERY 4096

/* Reads a raw target. `path` gets the percent-decoded path: it starts with
 * '/', is valid UTF-8, and holds no dot segment, empty segment, encoded slash,
 * backslash or control. ret_query is the raw query, a view into `target`. 0,
 * SP_EFORMAT, or SP_ELIMIT where it is too long. */
SP_MUST_CHECK int
target_read(struct sp_view target, struct sp_buf *path,
            struct sp_view *ret_query);

#endif
