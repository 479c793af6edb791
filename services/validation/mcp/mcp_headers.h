/* The headers that MCP gives a meaning (2026-07-28 basic/transports). */
#ifndef SP_SERVICES_VALIDATION_MCP_MCP_HEADERS_H
#define SP_SERVICES_VALIDATION_MCP_MCP_HEADERS_H

#include <stdbool.h>

#include "common/base/compiler.h"
#include "common/base/view.h"
#include "common/text/buf.h"

/* Views into the header text; ptr NULL where a header is absent. */
struct mcp_headers {
    struct sp_view content_type;
    struct sp_view version; /* MCP-Protocol-Version */
    struct sp_view method;  /* Mcp-Method */
    struct sp_view name;    /* Mcp-Name */
    bool repeated;          /* one of these stands twice */
};

/* Reads them out of header text. 0, or SP_EFORMAT where it is malformed. */
SP_MUST_CHECK int
mcp_headers_read(struct sp_view text, struct mcp_headers *ret_headers);

/* The plain text of a Mcp-Name or Mcp-Param-* value: as it stands, or what is
 * inside =?base64?...?=, decoded into `scratch`, whose content it replaces. 0,
 * or SP_EFORMAT: bad base64, or bytes that should have been encoded. */
SP_MUST_CHECK int
mcp_headers_decode(struct sp_view value, struct sp_buf *scratch,
                   struct sp_view *ret_text);

#endif
