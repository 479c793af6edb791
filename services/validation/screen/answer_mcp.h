/* MCP answers: a JSON-RPC response to the request that was made, with a result
 * that the caller may see and the tool has declared. */
#ifndef SP_SERVICES_VALIDATION_SCREEN_ANSWER_MCP_H
#define SP_SERVICES_VALIDATION_SCREEN_ANSWER_MCP_H

#include "services/validation/screen/answer_check.h"

/* Checks the document in check->json against `entry`, which is NULL where the
 * request passed another replica. NULL, or a constant word for what is wrong.
 */
const char *
answer_mcp_check(struct answer_check *check, const struct pending_entry *entry);

#endif
