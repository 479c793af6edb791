/* The published tools. */
#include "services/tools/mcp/mcp_list.h"

#include "common/base/alloc.h"

#define MAX_TOOL (256 * 1024) /* two schemas and the texts, with room */

/* 2025-03-26 knows neither titles nor output schemas. */
enum wording {
    WORDING_FIRST,
    WORDING_LATER,
    WORDINGS,
};

struct mcp_list {
    const struct sp_catalogue *catalogue;
    struct sp_buf *tools[WORDINGS]; /* in the order of the catalogue */
};

static void
add_text(struct sp_buf *out, const char *name, const char *text)
{
    (void)sp_buf_addf(out, "\"%s\":\"", name);
    (void)sp_buf_add_json(out, sp_view_of(text));
    (void)sp_buf_add_str(out, "\",");
}

static const char *
truth(bool value)
{
    return value ? "true" : "false";
}

static void
write_tool(const struct sp_tool *tool, enum wording wording, struct sp_buf *out)
{
    bool later = wording == WORDING_LATER;

    (void)sp_buf_add_str(out, "{");
    add_text(out, "name", tool->name);
    if (later && tool->title != NULL) {
        add_text(out, "title", tool->title);
    }
    add_text(out, "description", tool->description);
    (void)sp_buf_add_str(out, "\"inputSchema\":");
    (void)sp_buf_add_str(out, tool->input_schema);
    if (later && tool->output_schema != NULL) {
        (void)sp_buf_add_str(out, ",\"outputSchema\":");
        (void)sp_buf_add_str(out, tool->output_schema);
    }
    (void)sp_buf_addf(
        out,
        ",\"annotations\":{\"readOnlyHint\":%s,"
        "\"destructiveHint\":%s,\"idempotentHint\":%s,"
        "\"openWorldHint\":%s}}",
        truth(tool->read_only_hint), truth(tool->destructive_hint),
        truth(tool->idempotent_hint), truth(tool->open_world_hint));
}

struct mcp_list *
mcp_list_new(const struct sp_catalogue *catalogue)
{
    struct mcp_list *list = sp_alloc(sizeof(*list));
    size_t count = sp_catalogue_count(catalogue);

    list->catalogue = catalogue;
    for (int w = 0; w < WORDINGS; w++) {
        list->tools[w] = sp_alloc_n(count, sizeof(struct sp_buf));
        for (size_t i = 0; i < count; i++) {
            list->tools[w][i] = sp_buf_new(MAX_TOOL);
            write_tool(sp_catalogue_at(catalogue, i), (enum wording)w,
                       &list->tools[w][i]);
        }
    }
    return list;
}

void
mcp_list_free(struct mcp_list **list)
{
    struct mcp_list *l = *list;

    if (l == NULL) {
        return;
    }
    for (int w = 0; w < WORDINGS; w++) {
        for (size_t i = 0; i < sp_catalogue_count(l->catalogue); i++) {
            sp_buf_free(&l->tools[w][i]);
        }
        sp_free(l->tools[w]);
    }
    sp_free(l);
    *list = NULL;
}

int
mcp_list_write(const struct mcp_list *list, enum mcp_version version,
               struct sp_view scopes, struct sp_buf *out)
{
    const struct sp_buf *tools =
        list->tools[version == MCP_VERSION_2025_03_26 ? WORDING_FIRST
                                                      : WORDING_LATER];
    const char *before = "";

    (void)sp_buf_add_str(out, "\"tools\":[");
    for (size_t i = 0; i < sp_catalogue_count(list->catalogue); i++) {
        if (sp_catalogue_allows(sp_catalogue_at(list->catalogue, i), scopes)) {
            (void)sp_buf_add_str(out, before);
            (void)sp_buf_add_view(out, sp_buf_view(&tools[i]));
            before = ",";
        }
    }
    return sp_buf_add_str(out, "]");
}
