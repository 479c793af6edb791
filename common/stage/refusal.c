/* Refusals in the words that each kind of client understands. */
#include "common/stage/refusal.h"

#include <inttypes.h>

#include "common/base/error.h"
#include "common/text/headers.h"

/* JSON-RPC 2.0 section 5.1. */
#define RPC_INVALID_REQUEST (-32600)
#define RPC_UNKNOWN_METHOD (-32601)
#define RPC_INTERNAL (-32603)

/* How a status is called elsewhere. JSON-RPC reserves -32768 to -32000 and MCP
 * gives the rest of that range its own meanings, so what neither names gets
 * the HTTP status itself as its code. */
static const struct status_names {
    unsigned status;
    int rpc_code;
    const char *openai;
    const char *anthropic;
} status_names[] = {
    { 400, RPC_INVALID_REQUEST, "invalid_request_error",
      "invalid_request_error" },
    { 401, 401, "authentication_error", "authentication_error" },
    { 402, 402, "invalid_request_error", "billing_error" },
    { 403, 403, "permission_error", "permission_error" },
    { 404, RPC_UNKNOWN_METHOD, "invalid_request_error", "not_found_error" },
    { 413, RPC_INVALID_REQUEST, "invalid_request_error", "request_too_large" },
    { 429, 429, "rate_limit_error", "rate_limit_error" },
    { 503, 503, "server_error", "overloaded_error" },
    { 504, 504, "server_error", "timeout_error" },
    { 529, 503, "server_error", "overloaded_error" },
};

static const struct status_names other_4xx = { 0, RPC_INVALID_REQUEST,
                                               "invalid_request_error",
                                               "invalid_request_error" };
static const struct status_names other_5xx = { 0, RPC_INTERNAL, "server_error",
                                               "api_error" };

static const struct status_names *
names_of(unsigned status)
{
    for (size_t i = 0; i < SP_COUNT(status_names); i++) {
        if (status_names[i].status == status) {
            return &status_names[i];
        }
    }
    return status < 500 ? &other_4xx : &other_5xx;
}

/* Appends `before` and the string in quotes. */
static void
add_string(struct sp_buf *body, const char *before, const char *s)
{
    (void)sp_buf_addf(body, "%s\"", before);
    (void)sp_buf_add_json(body, sp_view_of(s));
    (void)sp_buf_add_str(body, "\"");
}

static void
write_rpc(const struct sp_refusal *r, struct sp_buf *body)
{
    int code = r->rpc_code != 0 ? r->rpc_code : names_of(r->status)->rpc_code;

    (void)sp_buf_add_str(body, "{\"jsonrpc\":\"2.0\",");
    if (r->rpc_id.len > 0) {
        (void)sp_buf_add_str(body, "\"id\":");
        (void)sp_buf_add_view(body, r->rpc_id);
        (void)sp_buf_add_str(body, ",");
    }
    (void)sp_buf_addf(body, "\"error\":{\"code\":%d", code);
    add_string(body, ",\"message\":", r->text);
    if (r->data != NULL) {
        (void)sp_buf_addf(body, ",\"data\":%s}}", r->data);
        return;
    }
    add_string(body, ",\"data\":{\"code\":", r->code);
    if (r->retry_after_s > 0) {
        (void)sp_buf_addf(body, ",\"retry_after_s\":%" PRId64,
                          r->retry_after_s);
    }
    (void)sp_buf_add_str(body, "}}}");
}

static void
write_oauth(const struct sp_refusal *r, struct sp_buf *body)
{
    add_string(body, "{\"error\":", r->code);
    add_string(body, ",\"error_description\":", r->text);
    (void)sp_buf_add_str(body, "}");
}

static void
write_openai(const struct sp_refusal *r, struct sp_buf *body)
{
    add_string(body, "{\"error\":{\"message\":", r->text);
    add_string(body, ",\"type\":", names_of(r->status)->openai);
    if (r->param != NULL) {
        add_string(body, ",\"param\":", r->param);
    } else {
        (void)sp_buf_add_str(body, ",\"param\":null");
    }
    add_string(body, ",\"code\":", r->code);
    (void)sp_buf_add_str(body, "}}");
}

static void
write_anthropic(const struct sp_refusal *r, struct sp_buf *body)
{
    const char *type = names_of(r->status)->anthropic;

    add_string(body, "{\"type\":\"error\",\"error\":{\"type\":", type);
    add_string(body, ",\"message\":", r->text);
    (void)sp_buf_add_str(body, "}}");
}

static void
write_ollama(const struct sp_refusal *r, struct sp_buf *body)
{
    add_string(body, "{\"error\":", r->text);
    (void)sp_buf_add_str(body, "}");
}

static void
write_plain(const struct sp_refusal *r, struct sp_buf *body)
{
    add_string(body, "{\"error\":", r->code);
    add_string(body, ",\"message\":", r->text);
    (void)sp_buf_add_str(body, "}");
}

static void
write_headers(const struct sp_refusal *r, struct sp_buf *headers)
{
    (void)sp_buf_add_str(headers, "content-type: application/json\n"
                                  "cache-control: no-store\n");
    if (r->retry_after_s > 0) {
        (void)sp_buf_addf(headers, "retry-after: %" PRId64 "\n",
                          r->retry_after_s);
    }
    if (r->allow != NULL) {
        (void)sp_buf_addf(headers, "allow: %s\n", r->allow);
    }
}

int
sp_refusal_write(const struct sp_refusal *refusal, enum sp_refusal_form form,
                 struct sp_buf *headers, struct sp_buf *body)
{
    static void (*const writers[])(const struct sp_refusal *,
                                   struct sp_buf *) = {
        [SP_REFUSAL_RPC] = write_rpc,
        [SP_REFUSAL_OAUTH] = write_oauth,
        [SP_REFUSAL_OPENAI] = write_openai,
        [SP_REFUSAL_ANTHROPIC] = write_anthropic,
        [SP_REFUSAL_OLLAMA] = write_ollama,
        [SP_REFUSAL_PLAIN] = write_plain,
    };

    write_headers(refusal, headers);
    writers[form](refusal, body);
    return headers->error != 0 || body->error != 0 ? SP_ELIMIT : 0;
}
