/* Reading a call's arguments. validation has held them to the tool's schema
 * already; here the bounds that a tool's own safety rests on are checked again,
 * since a captured validation would let anything pass. */
#ifndef SP_SERVICES_TOOLS_RUN_ARGUMENTS_H
#define SP_SERVICES_TOOLS_RUN_ARGUMENTS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/compiler.h"
#include "common/base/view.h"
#include "common/text/buf.h"
#include "common/text/json.h"

struct arguments {
    const struct sp_json *json;
    const struct sp_json_token *object; /* NULL: none were sent */
};

/* How long a text may be, in characters (Unicode code points). */
struct text_bounds {
    const char *name;
    size_t min;
    size_t max;
};

/* The value of the text argument `bounds->name`, unescaped: a view into the
 * call or into `scratch`, as sp_json_string() gives it. 0, SP_EUNKNOWN where it
 * is absent, SP_EFORMAT where it is no string, SP_ELIMIT where it is too short
 * or too long. */
SP_MUST_CHECK int
arguments_text(const struct arguments *arguments,
               const struct text_bounds *bounds, struct sp_buf *scratch,
               struct sp_view *ret_text);

/* True for 5 to 10 capital letters and digits. */
bool
arguments_is_customer_id(struct sp_view text);

#endif
