/* The credential lines of a request: which of them is the Authorization, and
 * what it says. */
#ifndef SP_SERVICES_AUTH_OAUTH_CREDENTIALS_H
#define SP_SERVICES_AUTH_OAUTH_CREDENTIALS_H

#include "common/base/compiler.h"
#include "common/base/view.h"
#include "common/text/buf.h"

/* The token of "Authorization: Bearer TOKEN" (RFC 6750 section 2.1). 0,
 * SP_EUNKNOWN where there is no Authorization or one of another scheme,
 * SP_EFORMAT where there are two, or nothing behind the scheme. */
SP_MUST_CHECK int
credentials_bearer(struct sp_view lines, struct sp_view *ret_token);

/* Client id and secret of "Authorization: Basic ..." as OAuth has it: both
 * form-encoded, then joined, then base64 (RFC 6749 section 2.3.1). The views
 * point into `scratch`, which is reset and holds a secret afterwards. 0,
 * SP_EUNKNOWN where there is no Authorization, SP_EFORMAT for anything that is
 * not exactly that. */
SP_MUST_CHECK int
credentials_basic(struct sp_view lines, struct sp_buf *scratch,
                  struct sp_view *ret_id, struct sp_view *ret_secret);

#endif
