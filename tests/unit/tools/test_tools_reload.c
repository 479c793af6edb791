/* Another tools.yaml for a process that runs: taken whole, or not at all. */
#include "tests/support/tools_fixture.h"

#define TOOL(name, run, more)                                                  \
    "  - name: " name "\n    description: d\n    scope: a:b\n    cost: 1\n"    \
    "    changes: false\n    annotations: {read_only: true,\n"                 \
    "      destructive: false, idempotent: false, open_world: false}\n"        \
    "    run: " run "\n" more "    input_schema: '{\"type\":\"object\"}'\n"
#define QUERY(text) "    query: \"" text "\"\n"

/* The error, with what it said in `said`. */
static int
load_text(struct desk *desk, const char *text, char said[1024])
{
    struct sp_buf why = sp_buf_new(8192);
    char path[64];
    FILE *file = NULL;
    int error = 0;

    desk_path(desk, "tools.yaml", path);
    file = fopen(path, "w");
    cr_assert_not_null(file);
    cr_assert_geq(fputs(text, file), 0);
    cr_assert_eq(fclose(file), 0);
    error = tools_load(&desk->tools, desk->directory, &why);
    sp_view_copy_text(said, 1024, sp_buf_view(&why));
    sp_buf_free(&why);
    return error;
}

static bool
offers(const struct desk *desk, const char *name)
{
    return sp_catalogue_find(desk->tools.offer->catalogue, sp_view_of(name)) !=
           NULL;
}

Test(tools_reload, counts_stay_with_the_names_of_the_tools)
{
    struct desk desk;
    struct offer *held = NULL;
    char said[1024];

    desk_open(&desk);
    cr_assert_eq(load_text(&desk,
                           "tools:\n" TOOL("one", "sql", QUERY("SELECT 1"))
                               TOOL("two", "sql", QUERY("SELECT 2")),
                           said),
                 0, "%s", said);
    desk.tools.offer->calls[1] = 5;
    desk.tools.offer->failed[1] = 2;
    held = desk.tools.offer;
    (void)sp_snapshot_hold(&held->snapshot);
    cr_assert_eq(load_text(&desk,
                           "tools:\n" TOOL("two", "sql", QUERY("SELECT 3")),
                           said),
                 0, "%s", said);
    cr_expect_eq(desk.tools.offer->calls[0], 5);
    cr_expect_eq(desk.tools.offer->failed[0], 2);
    cr_expect_not(offers(&desk, "one"));
    /* Whoever is still at work with the old one can finish. */
    cr_expect_not_null(
        sp_catalogue_find(held->catalogue, SP_VIEW_LITERAL("one")));
    offer_release(&held);
    desk_close(&desk);
}

Test(tools_reload, a_bad_file_changes_nothing_and_is_told_with_its_line)
{
    static const struct {
        const char *text;
        const char *says;
    } rows[] = {
        { "tools:\n" TOOL("one", "sql", QUERY("SELEC 1")),
          "tools.yaml:10: tools[0].query (one): near" },
        { "tools:\n" TOOL("one", "magic", ""),
          "tools.yaml:9: tools[0].run is 'magic'; give one of sql" },
        { "tools:\n" TOOL("one", "sql", QUERY("SELECT 1")) "    price: 1\n",
          "tools.yaml:12:" },
        { "tools: []\n", "tools.yaml:" },
    };
    struct desk desk;

    desk_open(&desk);
    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        const struct offer *before = desk.tools.offer;
        char said[1024];

        cr_expect_eq(load_text(&desk, rows[i].text, said), SP_ECONFIG);
        cr_expect_not_null(strstr(said, rows[i].says), "row %zu: %s", i, said);
        cr_expect_eq(desk.tools.offer, before);
        cr_expect(offers(&desk, "get_customer_info"));
    }
    desk_close(&desk);
}
