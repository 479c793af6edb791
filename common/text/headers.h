/* Header text, as messages carry it: lines "name: value\n", names in lower
 * case, no controls in values. */
#ifndef SP_COMMON_TEXT_HEADERS_H
#define SP_COMMON_TEXT_HEADERS_H

#include <stdbool.h>

#include "common/base/compiler.h"
#include "common/base/view.h"
#include "common/text/buf.h"

/* True for an RFC 9110 token. */
bool
sp_headers_is_name(struct sp_view name);

/* True where no control but TAB is in it. */
bool
sp_headers_is_value(struct sp_view value);

/* Appends a line; the name is lowered. 0, SP_EFORMAT where the name is no RFC
 * 9110 token or the value holds CR, LF, NUL or another control but TAB, or
 * SP_ELIMIT. On error the text is unchanged. */
int
sp_headers_add(struct sp_buf *text, struct sp_view name, struct sp_view value);

/* Takes the next line off `text`. 1 with name and value, 0 at the end,
 * SP_EFORMAT where a line is malformed. */
SP_MUST_CHECK int
sp_headers_next(struct sp_view *text, struct sp_view *ret_name,
                struct sp_view *ret_value);

/* The first value of the header, or a view with ptr NULL. `name` in lower
 * case. */
struct sp_view
sp_headers_get(struct sp_view text, const char *name);

#endif
