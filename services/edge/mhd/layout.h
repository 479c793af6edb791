/* What the HTTP library hides. libmicrohttpd 0.9 ends lines at a bare LF, ends
 * names and values at a NUL, joins folded lines and skips spaces, and says
 * nothing. But it parses in place: a well-formed request tiles the block
 * exactly, so whatever it passed over shows as a gap. One thing does not show:
 * a NUL that the client sent where a line ends, such as NUL LF for CR LF, which
 * 0.9.75 takes. The lines are the same for everybody who takes an LF for the
 * end of one.
 *
 * From 1.0 on the library's strict mode refuses all of this by itself in header
 * lines, and may read the body over the end of the block: only the request line
 * is held against the block then. */
#ifndef SP_SERVICES_EDGE_MHD_LAYOUT_H
#define SP_SERVICES_EDGE_MHD_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>

#include <microhttpd.h>

#include "common/base/view.h"

#define LAYOUT_LIBRARY_IS_STRICT (MHD_VERSION >= 0x01000000)

struct layout {
    const char *at;  /* where the next header line must start */
    const char *end; /* behind the block */
    bool broken;
};

/* The request line, each part as the library points to it. The block starts at
 * method.ptr and is `len` bytes long. */
struct layout
layout_begin(struct sp_view method, struct sp_view target,
             struct sp_view version, size_t len);

/* One header line, in the order received; `value` with trailing spaces. */
void
layout_header(struct layout *l, struct sp_view name, struct sp_view value);

/* True where the lines and the empty line at the end fill the block. */
bool
layout_whole(const struct layout *l);

#endif
