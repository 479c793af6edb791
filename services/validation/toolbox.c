/* The tools of the catalogue with their schemas compiled. */
#include "services/validation/toolbox.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/error.h"

struct toolbox {
    const struct sp_catalogue *catalogue;
    struct tool_check *checks; /* by name */
    size_t count;
};

static int
compare(const void *a, const void *b)
{
    const struct tool_check *left = a;
    const struct tool_check *right = b;

    return strcmp(left->tool->name, right->tool->name);
}

static int
compile(const struct toolbox *box, const struct sp_tool *tool, const char *key,
        const char *text, const struct schema_size *size,
        struct schema **ret_schema, struct sp_buf *why)
{
    sp_catalogue_place(box->catalogue, tool, key, why);
    if (schema_compile(sp_view_of(text), size, ret_schema, why) != 0) {
        return SP_ECONFIG;
    }
    sp_buf_reset(why);
    return 0;
}

static int
add_tool(struct toolbox *box, const struct sp_tool *tool,
         const struct schema_size *size, struct sp_buf *why)
{
    struct tool_check *check = &box->checks[box->count++];

    check->tool = tool;
    if (compile(box, tool, "input_schema", tool->input_schema, size,
                &check->input, why) != 0) {
        return SP_ECONFIG;
    }
    if (tool->output_schema != NULL &&
        compile(box, tool, "output_schema", tool->output_schema, size,
                &check->output, why) != 0) {
        return SP_ECONFIG;
    }
    sp_catalogue_place(box->catalogue, tool, "input_schema", why);
    if (mcp_params_compile(schema_document(check->input), &check->params,
                           why) != 0) {
        return SP_ECONFIG;
    }
    sp_buf_reset(why);
    return 0;
}

int
toolbox_new(const struct sp_catalogue *catalogue,
            const struct schema_size *size, struct toolbox **ret_toolbox,
            struct sp_buf *why)
{
    struct toolbox *box = sp_alloc(sizeof(*box));
    size_t count = sp_catalogue_count(catalogue);

    box->catalogue = catalogue;
    box->checks = sp_alloc_n(count, sizeof(*box->checks));
    for (size_t i = 0; i < count; i++) {
        if (add_tool(box, sp_catalogue_at(catalogue, i), size, why) != 0) {
            toolbox_free(&box);
            return SP_ECONFIG;
        }
    }
    qsort(box->checks, box->count, sizeof(*box->checks), compare);
    *ret_toolbox = box;
    return 0;
}

void
toolbox_free(struct toolbox **toolbox)
{
    struct toolbox *box = *toolbox;

    if (box == NULL) {
        return;
    }
    for (size_t i = 0; i < box->count; i++) {
        schema_free(&box->checks[i].input);
        schema_free(&box->checks[i].output);
        mcp_params_free(&box->checks[i].params);
    }
    sp_free(box->checks);
    sp_free(box);
    *toolbox = NULL;
}

const struct tool_check *
toolbox_find(const struct toolbox *toolbox, struct sp_view name)
{
    size_t low = 0;
    size_t high = toolbox->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        struct sp_view at = sp_view_of(toolbox->checks[middle].tool->name);
        size_t shorter = at.len < name.len ? at.len : name.len;
        int order = shorter == 0 ? 0 : memcmp(at.ptr, name.ptr, shorter);

        if (order == 0 && at.len == name.len) {
            return &toolbox->checks[middle];
        }
        if (order < 0 || (order == 0 && at.len < name.len)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}
