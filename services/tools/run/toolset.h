/* The declared tools, each bound to what runs it. Knows no socket and no
 * protocol: arguments in, a JSON object or a sentence out. */
#ifndef SP_SERVICES_TOOLS_RUN_TOOLSET_H
#define SP_SERVICES_TOOLS_RUN_TOOLSET_H

#include "common/base/compiler.h"
#include "common/stage/catalogue.h"
#include "common/text/buf.h"
#include "services/tools/ledger.h"
#include "services/tools/run/customers.h"
#include "services/tools/run/runner.h"

struct toolset;

/* Binds every tool of `catalogue`, which must outlive the toolset as must the
 * stores. 0, or SP_ECONFIG with a sentence in `why` that names the tool. */
SP_MUST_CHECK int
toolset_new(const struct sp_catalogue *catalogue, struct customers *customers,
            struct ledger *ledger, struct toolset **ret_toolset,
            struct sp_buf *why);

void
toolset_free(struct toolset **toolset);

/* Runs the tool; for one that changes something only between ledger_claim() and
 * ledger_keep(). result->text must be empty. 0 with the result (a business
 * failure is one too), or SP_ESTORE or SP_ELIMIT where it could not be run. */
SP_MUST_CHECK int
toolset_run(struct toolset *toolset, const struct tool_call *call,
            struct tool_result *result);

#endif
