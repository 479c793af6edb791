/* Where in a YAML text a value stands, for messages about values that parse but
 * make no sense. */
#ifndef SP_COMMON_PROCESS_CONFIG_PLACE_H
#define SP_COMMON_PROCESS_CONFIG_PLACE_H

#include "common/base/view.h"

/* The line, from 1, of what `path` names: keys and list indices from 0, as in
 * "tiers[1].subject.burst". Of a path that leads further than the text, the
 * line of the last part that is there. */
unsigned long
sp_config_line(struct sp_view text, const char *path);

#endif
