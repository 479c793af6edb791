/* JSON-RPC 2.0 messages, as MCP narrows them: one object, no array, ids are
 * strings or integers, params are objects, and nothing else stands in it. */
#ifndef SP_SERVICES_VALIDATION_MCP_RPC_H
#define SP_SERVICES_VALIDATION_MCP_RPC_H

#include "common/base/compiler.h"
#include "common/base/view.h"
#include "common/text/json.h"

/* Longest id as JSON text: what CHECKED_CALL carries. */
#define RPC_MAX_ID 256

enum rpc_kind {
    RPC_REQUEST,
    RPC_NOTIFICATION,
    RPC_RESPONSE,
};

struct rpc_message {
    enum rpc_kind kind;
    struct sp_view id;                  /* JSON text; empty: none */
    const struct sp_json_token *method; /* a string, or NULL */
    const struct sp_json_token *params; /* an object, or NULL */
    const struct sp_json_token *result; /* of a response, or NULL */
    const struct sp_json_token *error;  /* of a response, or NULL */
};

/* Reads the parsed document. 0, or SP_EFORMAT with what is wrong in ret_why (a
 * constant sentence). A well-formed id is given even then, so that the refusal
 * can name it. */
SP_MUST_CHECK int
rpc_read(const struct sp_json *json, struct rpc_message *ret_message,
         const char **ret_why);

#endif
