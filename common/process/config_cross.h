/* What one configuration file says of another: names that must be known there.
 */
#ifndef SP_COMMON_PROCESS_CONFIG_CROSS_H
#define SP_COMMON_PROCESS_CONFIG_CROSS_H

#include "common/base/compiler.h"
#include "common/text/buf.h"

/* Checks every reference from or to one of `files` (without ".yaml", NULL after
 * the last) of `directory`: scopes of tools.yaml and clients of ratelimit.yaml
 * are those of auth.yaml. A file that cannot be read or parsed is passed over:
 * whoever loads it refuses it. 0, or SP_ECONFIG with a sentence in `why`. */
SP_MUST_CHECK int
sp_config_cross(const char *directory, const char *const *files,
                struct sp_buf *why);

#endif
