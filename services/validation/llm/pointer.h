/* Where in a request a fault stands, for the sentence that refuses it. */
#ifndef SP_SERVICES_VALIDATION_LLM_POINTER_H
#define SP_SERVICES_VALIDATION_LLM_POINTER_H

#include "common/text/buf.h"
#include "common/text/json.h"

/* Appends the JSON Pointer (RFC 6901) to `at`, a value of this document: "" for
 * the root. A name that is no plain word of at most 64 bytes stands there as
 * '*', so that nothing of a request is echoed but the names of its members.
 * Where there is no room (out->error), the way ends early. */
void
pointer_write(const struct sp_json *json, const struct sp_json_token *at,
              struct sp_buf *out);

#endif
