/* What each metric means, for the HELP lines of the page. The words are the
 * monitor's own: what a process says of itself is data. */
#ifndef SP_SERVICES_MONITOR_METRIC_HELP_H
#define SP_SERVICES_MONITOR_METRIC_HELP_H

#include "common/base/view.h"

/* One line, or NULL for a name that is not known. */
const char *
metric_help(struct sp_view family);

#endif
