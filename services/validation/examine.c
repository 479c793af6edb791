/* The examination of a request. */
#include "services/validation/examine.h"

#include "common/base/alloc.h"
#include "common/base/error.h"
#include "common/stage/refusal.h"
#include "proto/passport.h"
#include "proto/paths.h"
#include "services/validation/llm/llm_shape.h"
#include "services/validation/mcp/mcp_method.h"
#include "services/validation/mcp/mcp_shape.h"
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
check_mcp_message(struct examiner *e, const struct sp_call *call,
                  struct verdict *verdict)
{
    int error = mcp_shape_read(&e->mcp, call, verdict);

    return error != 0 ? error
                      : mcp_method_check(&e->methods, &e->mcp, call, verdict);
}

static int
check_session_end(struct examiner *e, const struct sp_call *call,
                  struct verdict *verdict)
{
    int error = mcp_shape_end(&e->mcp, call, verdict);

    if (error != 0) {
        return error;
    }
    verdict->expect.kind = EXPECT_NOTHING;
    return verdict_pass(verdict, SP_SERVICE_TOOLS,
                        SP_VIEW_LITERAL("session/end"), 1);
}

static int
check_chat(struct examiner *e, const struct sp_call *call,
           struct verdict *verdict)
{
    return llm_shape_chat(&e->llm, call, verdict);
}

static int
check_models(struct examiner *e, const struct sp_call *call,
             struct verdict *verdict)
{
    return llm_shape_models(&e->llm, call, verdict);
}

/* Of a path that another service answers, validation knows nothing. */
static int
refuse_path(const struct sp_call *call, struct verdict *verdict)
{
    const struct sp_refusal unknown = {
        .status = 404,
        .code = "not_found",
        .text = "This path is not served.",
    };

    return verdict_refuse(verdict, sp_path_form(call->path), unknown,
                          "request_refused");
}

static int
refuse_method(const struct sp_path *row, struct verdict *verdict)
{
    char allow[SP_PATH_ALLOW_MAX];
    const struct sp_refusal refusal = {
        .status = 405,
        .code = "method_not_allowed",
        .text = "This path does not take this method; see Allow.",
        .allow = sp_path_allow(row, allow),
    };

    return verdict_refuse(verdict, row->form, refusal, "request_refused");
}

typedef int
check_function(struct examiner *, const struct sp_call *, struct verdict *);

/* How the requests of each path are examined. What has no row is refused. */
static const struct {
    enum sp_path_id path;
    enum sp_method method;
    check_function *check;
} checks[] = {
    { SP_PATH_MCP, SP_METHOD_POST, check_mcp_message },
    { SP_PATH_MCP, SP_METHOD_DELETE, check_session_end },
    { SP_PATH_CHAT, SP_METHOD_POST, check_chat },
    { SP_PATH_MODELS, SP_METHOD_GET, check_models },
};

/* The check of a request. NULL where none has its path, or *ret_known where
 * only the method is wrong. */
static check_function *
find_check(const struct sp_path *row, enum sp_method method, bool *ret_known)
{
    *ret_known = false;
    for (size_t i = 0; i < SP_COUNT(checks); i++) {
        if (checks[i].path == row->id) {
            *ret_known = true;
            if (checks[i].method == method && sp_path_takes(row, method)) {
                return checks[i].check;
            }
        }
    }
    return NULL;
}

int
examine(struct examiner *examiner, const struct sp_call *call,
        struct verdict *verdict)
{
    const struct sp_path *row = sp_path_find(call->path);
    check_function *check = NULL;
    bool known = false;

    verdict_reset(verdict);
    if (row != NULL) {
        check = find_check(row, sp_method_find(call->method), &known);
    }
    if (check == NULL) {
        return known ? refuse_method(row, verdict) : refuse_path(call, verdict);
    }
    verdict->object = sp_view_of(row->path);
    if (row->scope != NULL &&
        !sp_scopes_have(call->scopes, sp_view_of(row->scope))) {
        return scope_refuse(verdict, call->path, examiner->methods.url,
                            row->scope);
    }
    return check(examiner, call, verdict);
}
