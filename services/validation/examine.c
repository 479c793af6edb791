/* The examination of a request. */
#include "services/validation/examine.h"

#include "common/base/alloc.h"
#include "common/base/error.h"
#include "common/stage/refusal.h"
#include "proto/passport.h"
#include "services/validation/llm/llm_shape.h"
#include "services/validation/mcp/mcp_method.h"
#include "services/validation/mcp/mcp_shape.h"
#include "services/validation/policy.h"
#include "services/validation/scope.h"

struct examiner {
    struct mcp_method_context methods;
    struct mcp_shape mcp;
    struct llm_shape llm;
};

struct examiner *
examiner_new(const struct examiner_parts *parts)
{
    struct examiner *examiner = sp_alloc(sizeof(*examiner));

    examiner->methods = (struct mcp_method_context){
        .toolbox = parts->toolbox,
        .checker = parts->checker,
        .url = parts->url,
    };
    mcp_shape_init(&examiner->mcp);
    llm_shape_init(&examiner->llm, &parts->config->chat);
    return examiner;
}

void
examiner_free(struct examiner **examiner)
{
    if (*examiner == NULL) {
        return;
    }
    mcp_shape_free(&(*examiner)->mcp);
    llm_shape_free(&(*examiner)->llm);
    sp_free(*examiner);
    *examiner = NULL;
}

static int
check_mcp_message(struct examiner *e, const struct inquiry *inquiry,
                  struct verdict *verdict)
{
    int error = mcp_shape_read(&e->mcp, inquiry, verdict);

    return error != 0
               ? error
               : mcp_method_check(&e->methods, &e->mcp, inquiry, verdict);
}

static int
check_session_end(struct examiner *e, const struct inquiry *inquiry,
                  struct verdict *verdict)
{
    int error = mcp_shape_end(&e->mcp, inquiry, verdict);

    if (error != 0) {
        return error;
    }
    verdict->expect.kind = EXPECT_NOTHING;
    return verdict_pass(verdict, SP_SERVICE_TOOLS,
                        SP_VIEW_LITERAL("session/end"), 1);
}

static int
check_chat(struct examiner *e, const struct inquiry *inquiry,
           struct verdict *verdict)
{
    return llm_shape_chat(&e->llm, inquiry, verdict);
}

static int
check_models(struct examiner *e, const struct inquiry *inquiry,
             struct verdict *verdict)
{
    return llm_shape_models(&e->llm, inquiry, verdict);
}

static int
refuse_path(const struct inquiry *inquiry, struct verdict *verdict,
            const char *allow)
{
    const struct sp_refusal unknown = {
        .status = 404,
        .code = "not_found",
        .text = "This path is not served.",
    };
    const struct sp_refusal method = {
        .status = 405,
        .code = "method_not_allowed",
        .text = "This path does not take this method; see Allow.",
    };
    int result =
        verdict_refuse(verdict, sp_refusal_form(inquiry->path),
                       allow == NULL ? unknown : method, "request_refused");

    if (allow != NULL) {
        (void)sp_buf_addf(&verdict->headers, "allow: %s\n", allow);
    }
    return result;
}

int
examine(struct examiner *examiner, const struct inquiry *inquiry,
        struct verdict *verdict)
{
    static int (*const checks[])(struct examiner *, const struct inquiry *,
                                 struct verdict *) = {
        [POLICY_MCP_MESSAGE] = check_mcp_message,
        [POLICY_MCP_SESSION_END] = check_session_end,
        [POLICY_CHAT] = check_chat,
        [POLICY_MODELS] = check_models,
    };
    const struct policy_row *row = NULL;
    const char *allow = NULL;

    verdict_reset(verdict);
    if (policy_find(inquiry->path, inquiry->method, &row, &allow) != 0) {
        return refuse_path(inquiry, verdict, allow);
    }
    verdict->object = sp_view_of(row->path);
    if (row->scope != NULL &&
        !sp_scopes_have(inquiry->scopes, sp_view_of(row->scope))) {
        return scope_refuse(verdict, inquiry->path, examiner->methods.url,
                            row->scope);
    }
    return checks[row->check](examiner, inquiry, verdict);
}
