/* An alert as a line for the person who tails the monitor's output. */
#ifndef SP_SERVICES_MONITOR_ALERT_LINE_H
#define SP_SERVICES_MONITOR_ALERT_LINE_H

#include <stdint.h>

#include "common/text/buf.h"
#include "services/monitor/detect.h"

/* Appends time, severity, rule, what it means and the facts of the last event,
 * with a newline; bytes from outside escaped. 0 or SP_ELIMIT. */
int
alert_line(struct sp_buf *out, const struct alert *alert, int64_t wall_ms);

/* The same facts as key=value text, for the audit record. */
int
alert_detail(struct sp_buf *out, const struct alert *alert);

#endif
