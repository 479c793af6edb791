/* Which request needs which right and goes to which executor. What has no row
 * here is refused. */
#ifndef SP_SERVICES_VALIDATION_POLICY_H
#define SP_SERVICES_VALIDATION_POLICY_H

#include "common/base/compiler.h"
#include "common/base/view.h"
#include "proto/message.h"

/* How the request is examined. */
enum policy_check {
    POLICY_MCP_MESSAGE,
    POLICY_MCP_SESSION_END,
    POLICY_CHAT,
    POLICY_MODELS,
};

struct policy_row {
    const char *path;
    const char *method;
    enum policy_check check;
    const char *scope; /* NULL: a valid token is enough, tools have their own */
    enum sp_service_id target;
};

/* The row of a request. 0; SP_EUNKNOWN where no row has the path, SP_EDENIED
 * where none has it with this method, with *ret_allow naming the methods. */
SP_MUST_CHECK int
policy_find(struct sp_view path, struct sp_view method,
            const struct policy_row **ret_row, const char **ret_allow);

#endif
