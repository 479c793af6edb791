/* JSON-RPC 2.0 messages. */
#include "services/validation/mcp/rpc.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/base/error.h"

static const struct {
    const char *name;
    size_t offset;
} members[] = {
    { "method", offsetof(struct rpc_message, method) },
    { "params", offsetof(struct rpc_message, params) },
    { "result", offsetof(struct rpc_message, result) },
    { "error", offsetof(struct rpc_message, error) },
};

static bool
is_plain_integer(struct sp_view raw)
{
    return memchr(raw.ptr, '.', raw.len) == NULL &&
           memchr(raw.ptr, 'e', raw.len) == NULL &&
           memchr(raw.ptr, 'E', raw.len) == NULL;
}

/* The id is echoed as text: 1.0 and 1 must not both be ids. */
static int
read_id(const struct sp_json *json, const struct sp_json_token *t,
        struct sp_view *ret_id)
{
    struct sp_view raw = sp_json_raw(json, t);
    int64_t number = 0;

    if (t == NULL) {
        return 0;
    }
    if (raw.len > RPC_MAX_ID ||
        !(sp_json_is(t, SP_JSON_STRING) ||
          (sp_json_int(json, t, &number) == 0 && is_plain_integer(raw)))) {
        return SP_EFORMAT;
    }
    *ret_id = raw;
    return 0;
}

/* Takes the known members; false where another one stands there. */
static bool
take_members(const struct sp_json *json, struct rpc_message *m)
{
    const struct sp_json_token *root = sp_json_root(json);
    const struct sp_json_token *key = sp_json_first(json, root);
    size_t known = 0;

    for (; key != NULL; key = sp_json_next(json, root, key)) {
        known += sp_json_equals(json, key, "jsonrpc") ||
                 sp_json_equals(json, key, "id");
        for (size_t i = 0; i < SP_COUNT(members); i++) {
            const struct sp_json_token **slot =
                (void *)((char *)m + members[i].offset);

            if (sp_json_equals(json, key, members[i].name)) {
                *slot = sp_json_value(json, key);
                known++;
            }
        }
    }
    return known == root->count;
}

static const char *
read_call(struct rpc_message *m)
{
    if (m->result != NULL || m->error != NULL) {
        return "A message with a method has neither result nor error.";
    }
    if (!sp_json_is(m->method, SP_JSON_STRING)) {
        return "The method must be a string.";
    }
    if (m->params != NULL && !sp_json_is(m->params, SP_JSON_OBJECT)) {
        return "The params must be an object.";
    }
    m->kind = m->id.len > 0 ? RPC_REQUEST : RPC_NOTIFICATION;
    return NULL;
}

static const char *
read_response(const struct sp_json *json, struct rpc_message *m)
{
    int64_t code = 0;

    if (m->params != NULL || (m->result == NULL) == (m->error == NULL)) {
        return "The message has no method, and is no response either.";
    }
    if (m->result != NULL &&
        (m->id.len == 0 || !sp_json_is(m->result, SP_JSON_OBJECT))) {
        return "A result must be an object and needs an id.";
    }
    if (m->error != NULL &&
        (sp_json_int(json, sp_json_get(json, m->error, "code"), &code) != 0 ||
         !sp_json_is(sp_json_get(json, m->error, "message"), SP_JSON_STRING))) {
        return "An error must have a code and a message.";
    }
    m->kind = RPC_RESPONSE;
    return NULL;
}

int
rpc_read(const struct sp_json *json, struct rpc_message *ret_message,
         const char **ret_why)
{
    const struct sp_json_token *root = sp_json_root(json);
    struct rpc_message m = { .kind = RPC_REQUEST };

    *ret_message = m;
    if (sp_json_is(root, SP_JSON_ARRAY)) {
        *ret_why = "Send one message per request: batches are not served.";
        return SP_EFORMAT;
    }
    if (!sp_json_is(root, SP_JSON_OBJECT)) {
        *ret_why = "The body must be a JSON-RPC 2.0 object.";
        return SP_EFORMAT;
    }
    if (read_id(json, sp_json_get(json, root, "id"), &m.id) != 0) {
        *ret_why = "The id must be a string or an integer of at most 256 "
                   "characters.";
        return SP_EFORMAT;
    }
    ret_message->id = m.id;
    if (!sp_json_equals(json, sp_json_get(json, root, "jsonrpc"), "2.0")) {
        *ret_why = "The member jsonrpc must be \"2.0\".";
        return SP_EFORMAT;
    }
    if (!take_members(json, &m)) {
        *ret_why = "The message has a member that JSON-RPC 2.0 does not name.";
        return SP_EFORMAT;
    }
    *ret_why = m.method != NULL ? read_call(&m) : read_response(json, &m);
    if (*ret_why != NULL) {
        return SP_EFORMAT;
    }
    *ret_message = m;
    return 0;
}
