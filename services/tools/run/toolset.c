/* The declared tools, bound to their runners. */
#include "services/tools/run/toolset.h"

#include "common/base/alloc.h"
#include "common/base/error.h"

/* Unescaped arguments of one call: a request body is smaller. */
#define MAX_SCRATCH (8 * 1024 * 1024)

static const struct runner *const runners[SP_RUN_COUNT] = {
    [SP_RUN_SQL] = &runner_query,
    [SP_RUN_TICKET] = &runner_ticket,
    [SP_RUN_ACCOUNT_VALUE] = &runner_account,
};

struct bound {
    const struct sp_tool *tool;
    const struct runner *runner;
    void *state;
};

struct toolset {
    struct runner_means means;
    struct sp_buf scratch;
    struct bound *tools;
    size_t count;
};

static int
bind_tool(struct toolset *set, const struct sp_catalogue *catalogue,
          const struct sp_tool *tool, struct sp_buf *why)
{
    struct bound *bound = &set->tools[set->count];
    const struct runner *runner = runners[tool->run];

    sp_catalogue_place(catalogue, tool, "run", why);
    if (runner->changes != tool->changes) {
        (void)sp_buf_addf(why, "wants changes: %s",
                          runner->changes ? "true" : "false");
        return SP_ECONFIG;
    }
    sp_buf_reset(why);
    sp_catalogue_place(catalogue, tool, tool->query != NULL ? "query" : "run",
                       why);
    *bound = (struct bound){ .tool = tool, .runner = runner };
    if (runner->bind != NULL &&
        runner->bind(&set->means, tool, &bound->state, why) != 0) {
        return SP_ECONFIG;
    }
    set->count++;
    sp_buf_reset(why);
    return 0;
}

int
toolset_new(const struct sp_catalogue *catalogue, struct customers *customers,
            struct ledger *ledger, struct toolset **ret_toolset,
            struct sp_buf *why)
{
    size_t count = sp_catalogue_count(catalogue);
    struct toolset *set = sp_alloc(sizeof(*set));

    set->scratch = sp_buf_new(MAX_SCRATCH);
    set->means = (struct runner_means){ .customers = customers,
                                        .ledger = ledger,
                                        .scratch = &set->scratch };
    set->tools = sp_alloc_n(count, sizeof(*set->tools));
    for (size_t i = 0; i < count; i++) {
        if (bind_tool(set, catalogue, sp_catalogue_at(catalogue, i), why) !=
            0) {
            toolset_free(&set);
            return SP_ECONFIG;
        }
    }
    *ret_toolset = set;
    return 0;
}

void
toolset_free(struct toolset **toolset)
{
    struct toolset *set = *toolset;

    if (set == NULL) {
        return;
    }
    for (size_t i = 0; i < set->count; i++) {
        if (set->tools[i].runner->unbind != NULL) {
            set->tools[i].runner->unbind(set->tools[i].state);
        }
    }
    sp_buf_free(&set->scratch);
    sp_free(set->tools);
    sp_free(set);
    *toolset = NULL;
}

int
toolset_run(struct toolset *toolset, const struct tool_call *call,
            struct tool_result *result)
{
    sp_buf_reset(&toolset->scratch);
    for (size_t i = 0; i < toolset->count; i++) {
        const struct bound *bound = &toolset->tools[i];

        if (bound->tool == call->tool) {
            return bound->runner->run(&toolset->means, bound->state, call,
                                      result);
        }
    }
    return SP_ESTORE;
}
