/* The metrics of all processes as one page in the Prometheus text format 0.0.4:
 * each sample gets the labels service and replica, families are kept together.
 * What a process sent is checked line by line: a bad line is left out. */
#ifndef SP_SERVICES_MONITOR_SCRAPE_H
#define SP_SERVICES_MONITOR_SCRAPE_H

#include <stddef.h>
#include <stdint.h>

#include "common/text/buf.h"
#include "services/monitor/sources.h"

/* A page of 256 processes with 32 KiB each, and their labels. */
#define SCRAPE_MAX (32u * 1024 * 1024)

/* Appends the page. 0 or SP_ELIMIT. */
int
scrape_write(const struct sources *sources, int64_t now_ms, struct sp_buf *out);

#endif
