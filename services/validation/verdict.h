/* What the examination of a request comes to: on to an executor, or an answer
 * of our own. One struct is kept and reset for each request. */
#ifndef SP_SERVICES_VALIDATION_VERDICT_H
#define SP_SERVICES_VALIDATION_VERDICT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/view.h"
#include "common/stage/refusal.h"
#include "common/text/buf.h"
#include "proto/message.h"

struct tool_check;

/* What is known of the answer to a request that goes on. */
enum expect_kind {
    EXPECT_ANY,
    EXPECT_RPC,     /* a JSON-RPC response with the request's id */
    EXPECT_NOTHING, /* MCP: a bare status */
    EXPECT_MODEL,   /* an object, or a stream of events */
};

struct expectation {
    enum expect_kind kind;
    bool tool_list;                /* shows only what the caller may call */
    const struct tool_check *tool; /* called, or NULL */
    bool structured;               /* the version has structuredContent */
};

struct verdict {
    bool forward;
    /* Where it goes on; see CHECKED_CALL in proto/schema.h. */
    enum sp_service_id target;
    struct sp_view name;
    uint64_t cost;
    struct sp_view rpc_id; /* a view into the request's body */
    struct expectation expect;
    /* Where it does not: the answer, */
    unsigned status;
    struct sp_buf headers;
    struct sp_buf body;
    /* and what the audit record says; kind is NULL for what is no refusal. */
    const char *kind;
    const char *code;
    const char *rule;      /* of a schema, or NULL */
    struct sp_view object; /* a name that we know: tool, method or path */
};

struct verdict
verdict_new(void);

void
verdict_free(struct verdict *verdict);

/* Back to the state in which nothing is allowed. */
void
verdict_reset(struct verdict *verdict);

/* The request goes on. Returns 0. */
int
verdict_pass(struct verdict *verdict, enum sp_service_id target,
             struct sp_view name, uint64_t cost);

/* The request is answered with `refusal`, recorded as an event of this kind;
 * rpc_id is taken from the verdict. Returns SP_EDENIED. */
int
verdict_refuse(struct verdict *verdict, enum sp_refusal_form form,
               struct sp_refusal refusal, const char *kind);

/* The request is answered with `status`, and headers and body that the caller
 * has put into the verdict, recorded as an event of this kind. Returns
 * SP_EDENIED. */
int
verdict_answer(struct verdict *verdict, unsigned status, const char *kind,
               const char *code);

/* 202 without a body: taken, and nothing comes of it. Returns SP_EDENIED,
 * which only says that the request does not go on. */
int
verdict_accept(struct verdict *verdict);

#endif
