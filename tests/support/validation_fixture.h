/* The shipped tools and limits behind an examiner, for the tests of the
 * validation service. Run from the root of the repository. */
#ifndef SP_TESTS_SUPPORT_VALIDATION_FIXTURE_H
#define SP_TESTS_SUPPORT_VALIDATION_FIXTURE_H

#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "common/base/compiler.h"
#include "common/base/error.h"
#include "services/validation/examine.h"

#define ALL_SCOPES "customer:read ticket:create account:calculate llm:chat"
#define LEGACY_HEADERS                                                         \
    "content-type: application/json\n"                                         \
    "accept: application/json, text/event-stream\n"
#define MODERN_HEADERS LEGACY_HEADERS "mcp-protocol-version: 2026-07-28\n"
#define META                                                                   \
    "\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":"                  \
    "\"2026-07-28\",\"io.modelcontextprotocol/clientCapabilities\":{}}"

struct gate {
    struct validation_config *config;
    struct sp_catalogue *catalogue;
    struct toolbox *toolbox;
    struct schema_checker *checker;
    struct examiner *examiner;
    struct verdict verdict;
    char headers[8192]; /* of the answer, as text */
    char body[16384];
};

static inline void
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

static inline void
gate_open(struct gate *g)
{
    gate_open_with(g, "deploy/config");
}

static inline void
gate_close(struct gate *g)
{
    verdict_free(&g->verdict);
    examiner_free(&g->examiner);
    schema_checker_free(&g->checker);
    toolbox_free(&g->toolbox);
    sp_catalogue_free(&g->catalogue);
    validation_config_free(&g->config);
}

static inline int
gate_ask(struct gate *g, const struct inquiry *inquiry)
{
    int error = examine(g->examiner, inquiry, &g->verdict);

    (void)snprintf(g->headers, sizeof(g->headers), "%.*s",
                   SP_VIEW(sp_buf_view(&g->verdict.headers)));
    (void)snprintf(g->body, sizeof(g->body), "%.*s",
                   SP_VIEW(sp_buf_view(&g->verdict.body)));
    cr_assert_eq(error == 0, g->verdict.forward);
    return error;
}

/* POST /mcp with these headers and this body. */
static inline int
gate_post(struct gate *g, const char *headers, const char *body)
{
    const struct inquiry inquiry = {
        .method = SP_VIEW_LITERAL("POST"),
        .path = SP_VIEW_LITERAL("/mcp"),
        .headers = sp_view_of(headers),
        .body = sp_view_of(body),
        .scopes = SP_VIEW_LITERAL(ALL_SCOPES),
    };

    return gate_ask(g, &inquiry);
}

#endif
