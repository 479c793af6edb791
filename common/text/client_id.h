/* The id of an OAuth client (RFC 6749 section 2.2), as the gate takes it. */
#ifndef SP_COMMON_TEXT_CLIENT_ID_H
#define SP_COMMON_TEXT_CLIENT_ID_H

#include <stdbool.h>

#include "common/base/view.h"

#define SP_CLIENT_ID_MAX 64

/* True for 1 to SP_CLIENT_ID_MAX of A-Z a-z 0-9 . _ - that do not begin with a
 * dot: an id is part of a file's name. */
bool
sp_client_id_ok(struct sp_view id);

#endif
