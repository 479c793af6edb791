/* The tools of the catalogue with their schemas compiled. */
#ifndef SP_SERVICES_VALIDATION_TOOLBOX_H
#define SP_SERVICES_VALIDATION_TOOLBOX_H

#include "common/base/compiler.h"
#include "common/base/view.h"
#include "common/stage/catalogue.h"
#include "common/text/buf.h"
#include "services/validation/mcp/mcp_param.h"
#include "services/validation/schema/schema.h"

struct tool_check {
    const struct sp_tool *tool;
    struct schema *input;
    struct schema *output;     /* or NULL */
    struct mcp_params *params; /* or NULL */
};

struct toolbox;

/* Compiles every schema of `catalogue`, which must outlive the toolbox. 0, or
 * SP_ECONFIG with a sentence in `why` that names the tool. */
SP_MUST_CHECK int
toolbox_new(const struct sp_catalogue *catalogue,
            const struct schema_size *size, struct toolbox **ret_toolbox,
            struct sp_buf *why);

void
toolbox_free(struct toolbox **toolbox);

/* The tool of this exact name, or NULL. */
const struct tool_check *
toolbox_find(const struct toolbox *toolbox, struct sp_view name);

#endif
