/* Session ids of the versions before 2026-07-28 (Mcp-Session-Id). An id is
 * sealed, not stored: any replica can open it, also after a restart. It is
 * bound to its caller, so that a stolen one is worth nothing to others. */
#ifndef SP_SERVICES_TOOLS_MCP_SESSION_H
#define SP_SERVICES_TOOLS_MCP_SESSION_H

#include <stdint.h>

#include "common/base/compiler.h"
#include "common/base/secret.h"
#include "common/base/view.h"
#include "common/text/buf.h"
#include "services/tools/mcp/mcp_version.h"

#define SESSION_KEY_BYTES 32
#define SESSION_NAME_BYTES 24

/* Whose session it is, as the passport says. */
struct session_owner {
    struct sp_view subject;
    struct sp_view client;
};

struct session {
    unsigned char name[SESSION_NAME_BYTES]; /* random, unique */
    enum mcp_version version;
    int64_t expires_ms; /* wall clock */
};

/* Appends the id of `session` to `out`: base64url characters only. `key` must
 * hold SESSION_KEY_BYTES, session->name fresh random bytes. 0, SP_ELIMIT, or
 * SP_ECRYPTO for a wrong key length. */
SP_MUST_CHECK int
session_seal(const struct sp_secret *key, const struct session *session,
             const struct session_owner *owner, struct sp_buf *out);

/* Opens an id that a client sent. 0, SP_EFORMAT (not one of ours at all),
 * SP_EAUTH (forged, or another owner's), SP_EEXPIRED, SP_ECRYPTO. */
SP_MUST_CHECK int
session_open(const struct sp_secret *key, struct sp_view id,
             const struct session_owner *owner, int64_t now_ms,
             struct session *ret_session);

#endif
