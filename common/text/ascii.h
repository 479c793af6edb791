/* Text from outside for files and terminals: ASCII only, so that no control,
 * no bidirectional mark and no broken sequence can forge what is shown. */
#ifndef SP_COMMON_TEXT_ASCII_H
#define SP_COMMON_TEXT_ASCII_H

#include "common/base/view.h"
#include "common/text/buf.h"

/* Appends `v` as the inside of a JSON string (RFC 8259 section 7) in printable
 * ASCII: other characters as \uXXXX, bytes that are no UTF-8 as \ufffd. At
 * most 6 bytes for each byte of `v`. 0 or SP_ELIMIT. */
int
sp_ascii_json(struct sp_buf *out, struct sp_view v);

#endif
