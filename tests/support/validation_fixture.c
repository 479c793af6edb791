/* The shipped tools and limits behind an examiner. */
#include "tests/support/validation_fixture.h"

#include "common/base/compiler.h"

void
gate_open_with(struct gate *g, const char *directory)
{
    struct sp_buf why = sp_buf_new(1024);
    struct schema_effort effort = { 0 };
    struct schema_size size = { 0 };
    struct examiner_parts parts = { .url = "https://gate.example" };

    memset(g, 0, sizeof(*g));
    cr_assert_eq(validation_config_load("deploy/config", &g->config, &why), 0,
                 "%.*s", SP_VIEW(sp_buf_view(&why)));
    cr_assert_eq(sp_catalogue_load(directory, &g->catalogue, &why), 0, "%.*s",
                 SP_VIEW(sp_buf_view(&why)));
    size.max_subschemas = g->config->schemas.subschemas;
    size.max_bytes = g->config->schemas.bytes;
    cr_assert_eq(toolbox_new(g->catalogue, &size, &g->toolbox, &why), 0, "%.*s",
                 SP_VIEW(sp_buf_view(&why)));
    effort.max_depth = g->config->effort.depth;
    effort.max_steps = g->config->effort.steps;
    effort.match_limit = g->config->effort.match_limit;
    g->checker = schema_checker_new(&effort);
    parts.config = g->config;
    parts.toolbox = g->toolbox;
    parts.checker = g->checker;
    g->examiner = examiner_new(&parts);
    g->verdict = verdict_new();
    sp_buf_free(&why);
}

void
gate_open(struct gate *g)
{
    gate_open_with(g, "deploy/config");
}

void
gate_close(struct gate *g)
{
    verdict_free(&g->verdict);
    examiner_free(&g->examiner);
    schema_checker_free(&g->checker);
    toolbox_free(&g->toolbox);
    sp_catalogue_free(&g->catalogue);
    validation_config_free(&g->config);
}

int
gate_ask(struct gate *g, const struct sp_call *call)
{
    int error = examine(g->examiner, call, &g->verdict);

    (void)snprintf(g->headers, sizeof(g->headers), "%.*s",
                   SP_VIEW(sp_buf_view(&g->verdict.headers)));
    (void)snprintf(g->body, sizeof(g->body), "%.*s",
                   SP_VIEW(sp_buf_view(&g->verdict.body)));
    cr_assert_eq(error == 0, g->verdict.forward);
    return error;
}

int
gate_post(struct gate *g, const char *headers, const char *body)
{
    const struct sp_call call = {
        .method = SP_VIEW_LITERAL("POST"),
        .path = SP_VIEW_LITERAL("/mcp"),
        .headers = sp_view_of(headers),
        .body = sp_view_of(body),
        .scopes = SP_VIEW_LITERAL(ALL_SCOPES),
    };

    return gate_ask(g, &call);
}
