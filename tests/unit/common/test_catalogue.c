/* The tool catalogue: what is shipped loads, what is wrong is refused with the
 * place and the mend. */
#include "common/stage/catalogue.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "common/base/compiler.h"
#include "common/base/error.h"

#define SCHEMA_LINES                                                           \
    "    input_schema: |\n"                                                    \
    "      {\"type\": \"object\",\n"                                           \
    "       \"properties\": {\"a\": {\"pattern\": \"^\\\" x \\\\\\\\ $\"}}}\n"
#define HINT_LINES                                                             \
    "    annotations: {read_only: true, destructive: false,\n"                 \
    "                  idempotent: true, open_world: false}\n"
#define TOOL(name)                                                             \
    "  - name: " name "\n"                                                     \
    "    description: d\n"                                                     \
    "    scope: a:b\n"                                                         \
    "    cost: 1\n"                                                            \
    "    changes: false\n"                                                     \
    "    run: account_value\n" HINT_LINES SCHEMA_LINES

static int
load_text(const char *text, struct sp_catalogue **ret, struct sp_buf *why)
{
    char directory[] = "/tmp/sp-catalogue-XXXXXX";
    char path[sizeof(directory) + sizeof("/tools.yaml")];
    FILE *file = NULL;
    int error = 0;

    cr_assert_not_null(mkdtemp(directory));
    (void)snprintf(path, sizeof(path), "%s/tools.yaml", directory);
    file = fopen(path, "w");
    cr_assert_not_null(file);
    cr_assert_geq(fputs(text, file), 0);
    cr_assert_eq(fclose(file), 0);
    error = sp_catalogue_load(directory, ret, why);
    (void)unlink(path);
    (void)rmdir(directory);
    return error;
}

Test(catalogue, loads_what_is_shipped)
{
    static const struct {
        const char *name;
        const char *scope;
        uint64_t cost;
        bool changes;
    } want[] = {
        { "get_customer_info", "customer:read", 100, false },
        { "create_support_ticket", "ticket:create", 200, true },
        { "calculate_account_value", "account:calculate", 300, false },
    };
    struct sp_catalogue *catalogue = NULL;
    struct sp_buf why = sp_buf_new(4096);

    cr_assert_eq(sp_catalogue_load("deploy/config", &catalogue, &why), 0,
                 "%.*s", SP_VIEW(sp_buf_view(&why)));
    cr_assert_eq(sp_catalogue_count(catalogue), SP_COUNT(want));
    for (size_t i = 0; i < SP_COUNT(want); i++) {
        const struct sp_tool *tool = sp_catalogue_at(catalogue, i);

        cr_expect_str_eq(tool->name, want[i].name);
        cr_expect_str_eq(tool->scope, want[i].scope);
        cr_expect_eq(tool->cost, want[i].cost);
        cr_expect_eq(tool->changes, want[i].changes);
        cr_expect_eq(tool->read_only_hint, !want[i].changes);
        cr_expect_eq(sp_catalogue_find(catalogue, sp_view_of(want[i].name)),
                     tool);
        cr_expect_null(strchr(tool->input_schema, '\n'));
        cr_expect_not_null(tool->output_schema);
    }
    cr_expect_null(sp_catalogue_at(catalogue, SP_COUNT(want)));
    sp_catalogue_free(&catalogue);
    cr_expect_null(catalogue);
    sp_buf_free(&why);
}

Test(catalogue, finds_exact_names_only)
{
    static const struct {
        struct sp_view name;
        bool found;
    } rows[] = {
        { SP_VIEW_LITERAL("b"), true },   { SP_VIEW_LITERAL("b.c"), true },
        { SP_VIEW_LITERAL("B"), true },   { SP_VIEW_LITERAL(""), false },
        { SP_VIEW_LITERAL("b."), false }, { SP_VIEW_LITERAL("b.c "), false },
        { SP_VIEW_LITERAL("a"), false },  { SP_VIEW_LITERAL("b\0"), false },
        { SP_VIEW_LITERAL("c"), false },
    };
    struct sp_catalogue *catalogue = NULL;
    struct sp_buf why = sp_buf_new(4096);

    cr_assert_eq(
        load_text("tools:\n" TOOL("b.c") TOOL("B") TOOL("b"), &catalogue, &why),
        0, "%.*s", SP_VIEW(sp_buf_view(&why)));
    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        const struct sp_tool *tool = sp_catalogue_find(catalogue, rows[i].name);

        cr_expect_eq(tool != NULL, rows[i].found, "%.*s",
                     SP_VIEW(rows[i].name));
        if (tool != NULL) {
            cr_expect(sp_view_is(rows[i].name, tool->name));
        }
    }
    cr_expect_str_eq(sp_catalogue_at(catalogue, 0)->name, "b.c");
    sp_catalogue_free(&catalogue);
    sp_buf_free(&why);
}

Test(catalogue, publishes_schemas_without_blanks_between_tokens)
{
    struct sp_catalogue *catalogue = NULL;
    struct sp_buf why = sp_buf_new(4096);

    cr_assert_eq(load_text("tools:\n" TOOL("b"), &catalogue, &why), 0, "%.*s",
                 SP_VIEW(sp_buf_view(&why)));
    cr_expect_str_eq(sp_catalogue_at(catalogue, 0)->input_schema,
                     "{\"type\":\"object\",\"properties\":{\"a\":{"
                     "\"pattern\":\"^\\\" x \\\\\\\\ $\"}}}");
    sp_catalogue_free(&catalogue);
    sp_buf_free(&why);
}

Test(catalogue, allows_by_scope_and_denies_by_default)
{
    static const struct sp_tool tool = { .scope = "ticket:create" };
    static const struct {
        const char *scopes;
        bool want;
    } rows[] = {
        { "ticket:create", true },
        { "a ticket:create b", true },
        { "", false },
        { "ticket:create2", false },
        { "xticket:create", false },
        { "ticket:", false },
        { "*", false },
        { "TICKET:CREATE", false },
    };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        cr_expect_eq(sp_catalogue_allows(&tool, sp_view_of(rows[i].scopes)),
                     rows[i].want, "%s", rows[i].scopes);
        cr_expect_not(sp_catalogue_allows(NULL, sp_view_of(rows[i].scopes)));
    }
}

#define WITHOUT_SCHEMA(hints)                                                  \
    "tools:\n  - name: n\n    description: d\n    scope: a:b\n    cost: 1\n"   \
    "    changes: true\n    run: ticket\n" hints

Test(catalogue, refuses_what_is_wrong)
{
    static const struct {
        const char *label;
        const char *text;
        const char *says;
    } rows[] = {
        { "no tools", "tools: []\n", "" },
        { "unknown key at the top", "tools:\n" TOOL("b") "extra: 1\n", "" },
        { "unknown key in a tool", "tools:\n" TOOL("b") "    extra: 1\n", "" },
        { "no truth value", "tools:\n  - name: n\n    changes: maybe\n", "" },
        { "bad name", "tools:\n" TOOL("b/c"),
          "tools.yaml:2: tools[0].name (b/c):" },
        { "the same name twice", "tools:\n" TOOL("b") TOOL("b"), "used twice" },
        { "changes and read_only", WITHOUT_SCHEMA(HINT_LINES) SCHEMA_LINES,
          "tools[0].annotations (n):" },
        { "no way to run, and a query",
          "tools:\n  - name: n\n    run: http\n    query: SELECT 1\n",
          "tools.yaml:3: tools[0].run is 'http'; give one of sql, ticket, "
          "account_value" },
        { "sql without a query",
          "tools:\n  - name: n\n    description: d\n    scope: a:b\n"
          "    cost: 1\n    changes: false\n    run: sql\n" HINT_LINES
              SCHEMA_LINES,
          "tools.yaml:7: tools[0].run (n): sql needs a query" },
        { "a truth value that is a word", "tools:\n  - changes: nope\n",
          "tools[0].changes is 'nope'; give true or false" },
        { "query without sql", "tools:\n" TOOL("b") "    query: SELECT 1\n",
          "tools[0].query (b):" },
        { "schema is no JSON",
          "tools:\n" TOOL("b") "    output_schema: |\n      {\"type\":\n"
                               "       object}\n",
          "tools[0].output_schema (b): line 2" },
        { "schema has a key twice",
          "tools:\n" TOOL("b") "    output_schema: |\n"
                               "      {\"type\": \"object\", \"a\": 1,"
                               " \"a\": 1}\n",
          "tools[0].output_schema (b):" },
        { "schema is no object's",
          "tools:\n" TOOL("b") "    output_schema: '{\"type\": \"array\"}'\n",
          "tools[0].output_schema (b): not a JSON object" },
    };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct sp_catalogue *catalogue = NULL;
        struct sp_buf why = sp_buf_new(4096);
        int error = load_text(rows[i].text, &catalogue, &why);

        (void)sp_buf_add(&why, "", 1);
        cr_expect_eq(error, SP_ECONFIG, "%s", rows[i].label);
        cr_expect_null(catalogue, "%s", rows[i].label);
        cr_expect_gt(why.len, 1, "%s", rows[i].label);
        cr_expect_not_null(strstr(why.data, rows[i].says), "%s: %s",
                           rows[i].label, why.data);
        sp_buf_free(&why);
    }
}
