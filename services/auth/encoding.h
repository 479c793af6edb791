/* base64 in its strict forms: no white space, no missing or extra padding, no
 * stray bits behind the last byte, so that each value has one spelling. */
#ifndef SP_SERVICES_AUTH_ENCODING_H
#define SP_SERVICES_AUTH_ENCODING_H

#include "common/base/compiler.h"
#include "common/base/view.h"
#include "common/text/buf.h"

/* Appends the bytes of base64url text without padding (RFC 7515 section 2). 0,
 * SP_EFORMAT, or SP_ELIMIT where `out` is full. */
SP_MUST_CHECK int
encoding_from_base64url(struct sp_view text, struct sp_buf *out);

/* Appends the bytes of padded base64 text (RFC 7617). 0, SP_EFORMAT or
 * SP_ELIMIT. */
SP_MUST_CHECK int
encoding_from_base64(struct sp_view text, struct sp_buf *out);

/* Appends `bytes` as base64url text without padding; errors stick to `out`. */
void
encoding_to_base64url(struct sp_view bytes, struct sp_buf *out);

#endif
