/* The kinds of events, those that alert rules may watch. "alert" is none of
 * them: a rule about alerts would watch itself. */
#ifndef SP_COMMON_STAGE_EVENT_KINDS_H
#define SP_COMMON_STAGE_EVENT_KINDS_H

#include <stdbool.h>

#include "common/text/buf.h"

/* True for a kind that some process reports. */
bool
sp_event_kind_known(const char *kind);

/* Appends all kinds, with ", " between. */
void
sp_event_kinds_add(struct sp_buf *out);

#endif
