/* Content-Type and Accept (RFC 9110 sections 8.3 and 12.5.1). */
#ifndef SP_SERVICES_VALIDATION_LLM_MEDIA_H
#define SP_SERVICES_VALIDATION_LLM_MEDIA_H

#include <stdbool.h>

#include "common/base/view.h"

/* True where a Content-Type value names `type` ("application/json"), whatever
 * its parameters, unless a charset other than UTF-8 stands among them. */
bool
media_is(struct sp_view content_type, const char *type);

/* True where the Accept lines of this header text allow `type`; no such line
 * allows everything. */
bool
media_accepted(struct sp_view headers, const char *type);

#endif
