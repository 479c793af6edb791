/* What a way of running tools offers: the values of `run` in tools.yaml. */
#ifndef SP_SERVICES_TOOLS_RUN_RUNNER_H
#define SP_SERVICES_TOOLS_RUN_RUNNER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/compiler.h"
#include "common/stage/catalogue.h"
#include "common/text/buf.h"
#include "services/tools/ledger.h"
#include "services/tools/run/arguments.h"
#include "services/tools/run/customers.h"

struct tool_call {
    const struct sp_tool *tool;
    struct arguments arguments;
    struct sp_view subject; /* who calls, as the passport says */
    struct sp_view client;
    int64_t now_ms; /* wall clock */
};

struct tool_result {
    bool failed;        /* `text` is a sentence for the caller, not JSON */
    struct sp_buf text; /* the structured result as JSON text */
};

/* What runners may use. */
struct runner_means {
    struct customers *customers;
    struct ledger *ledger;
    struct sp_buf *scratch; /* empty at the start of each call */
};

struct runner {
    bool changes; /* what `changes` must say */
    /* Checks and prepares one tool. 0, or SP_ECONFIG with the rest of a
     * sentence in `why`. NULL: nothing to prepare. */
    int (*bind)(const struct runner_means *means, const struct sp_tool *tool,
                void **ret_state, struct sp_buf *why);
    /* As toolset_run(). */
    int (*run)(const struct runner_means *means, void *state,
               const struct tool_call *call, struct tool_result *result);
    void (*unbind)(void *state); /* NULL where bind is */
};

extern const struct runner runner_query;
extern const struct runner runner_ticket;
extern const struct runner runner_account;

/* Makes the result a failure with this sentence. Returns 0 or SP_ELIMIT. */
SP_MUST_CHECK int
runner_fail(struct tool_result *result, const char *sentence);

/* Reads the argument customer_id into ret_id and makes sure that the customer
 * exists. 1 where so; 0 with the result made a failure; SP_ESTORE,
 * SP_ELIMIT. */
SP_MUST_CHECK int
runner_customer(const struct runner_means *means, const struct tool_call *call,
                struct tool_result *result, struct sp_view *ret_id);

/* Appends `"name":"text"`, the text escaped. */
void
runner_add_text(struct sp_buf *out, const char *name, struct sp_view text);

#endif
