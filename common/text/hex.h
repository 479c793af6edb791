/* Hexadecimal digits in text. */
#ifndef SP_COMMON_TEXT_HEX_H
#define SP_COMMON_TEXT_HEX_H

#include "common/base/view.h"
#include "common/text/buf.h"

/* The value of a digit of either case, or -1. */
int
sp_hex_digit(char c);

/* The byte that "%XX" at the beginning of `v` stands for (RFC 3986 section
 * 2.1), or -1. */
int
sp_hex_escaped(struct sp_view v);

/* Appends `bytes` in lower case. 0 or SP_ELIMIT. */
int
sp_hex_add(struct sp_buf *out, struct sp_view bytes);

#endif
