/* validation.yaml, and the schemas of tools.yaml: what is shipped loads, what
 * is wrong is refused with its place. */
#include <stdlib.h>
#include <unistd.h>

#include "tests/support/validation_fixture.h"

#define HEAD                                                                   \
    "schemas: { bytes: 65536, subschemas: 1000 }\n"                            \
    "effort: { depth: 128, steps: 100000, match_limit: 100000 }\n"             \
    "chat: { messages: 1, content_parts: 1, tools: 1, choices: 1,\n"           \
    "  output_tokens: 1, assumed_output_tokens: 1, image_tokens: 1 }\n"
#define RESULTS "results: { remembered: 16, json_bytes: 1024, "

static int
load(const char *text, struct validation_config **ret, struct sp_buf *why)
{
    char directory[] = "/tmp/sp-validation-XXXXXX";
    char path[sizeof(directory) + sizeof("/validation.yaml")];
    FILE *file = NULL;
    int error = 0;

    cr_assert_not_null(mkdtemp(directory));
    (void)snprintf(path, sizeof(path), "%s/validation.yaml", directory);
    file = fopen(path, "w");
    cr_assert_not_null(file);
    cr_assert_geq(fputs(text, file), 0);
    cr_assert_eq(fclose(file), 0);
    error = validation_config_load(directory, ret, why);
    (void)unlink(path);
    (void)rmdir(directory);
    return error;
}

Test(validation_config, loads_a_good_file_and_refuses_others)
{
    static const struct {
        const char *text;
        const char *why; /* NULL: loads */
    } rows[] = {
        { HEAD RESULTS "stream_bytes: 1024 }\n", NULL },
        { HEAD RESULTS "stream_bytes: 1 }\n",
          "results.stream_bytes is 1; give a number from 1024" },
        { HEAD RESULTS "stream_bytes: 1024, other: 1 }\n", "other" },
        { HEAD, "results" },
        { "", "validation.yaml" },
    };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct validation_config *config = NULL;
        struct sp_buf why = sp_buf_new(1024);
        int error = load(rows[i].text, &config, &why);

        cr_assert_eq(error == 0, rows[i].why == NULL, "row %zu: %.*s", i,
                     SP_VIEW(sp_buf_view(&why)));
        if (rows[i].why != NULL) {
            (void)sp_buf_add(&why, "", 1);
            cr_assert_not_null(strstr(why.data, rows[i].why), "%s", why.data);
        }
        validation_config_free(&config);
        sp_buf_free(&why);
    }
}

Test(validation_config, a_schema_that_cannot_be_honoured_names_its_tool)
{
    const struct schema_size tiny = { .max_subschemas = 2, .max_bytes = 4096 };
    struct sp_catalogue *catalogue = NULL;
    struct toolbox *toolbox = NULL;
    struct sp_buf why = sp_buf_new(1024);

    cr_assert_eq(sp_catalogue_load("deploy/config", &catalogue, &why), 0);
    cr_assert_eq(toolbox_new(catalogue, &tiny, &toolbox, &why), SP_ECONFIG);
    (void)sp_buf_add(&why, "", 1);
    cr_assert_not_null(strstr(why.data, "tools[0].input_schema "
                                        "(get_customer_info): more than 2 "
                                        "subschemas"),
                       "%s", why.data);
    cr_assert_null(toolbox);
    sp_buf_free(&why);
    sp_catalogue_free(&catalogue);
}

Test(toolbox, finds_exactly_what_is_named)
{
    struct gate g;

    gate_open(&g);
    cr_assert_not_null(
        toolbox_find(g.toolbox, SP_VIEW_LITERAL("create_support_ticket")));
    cr_assert_null(
        toolbox_find(g.toolbox, SP_VIEW_LITERAL("create_support_ticke")));
    cr_assert_null(
        toolbox_find(g.toolbox, SP_VIEW_LITERAL("create_support_tickets")));
    cr_assert_null(
        toolbox_find(g.toolbox, SP_VIEW_LITERAL("Create_support_ticket")));
    cr_assert_null(
        toolbox_find(g.toolbox, SP_VIEW_LITERAL("get_customer_info\0")));
    cr_assert_null(toolbox_find(g.toolbox, SP_VIEW_LITERAL("")));
    gate_close(&g);
}
