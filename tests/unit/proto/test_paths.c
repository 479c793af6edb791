/* The path table: every path finds its one row, and the rows carry what later
 * paths need. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "common/base/compiler.h"
#include "proto/paths.h"

Test(paths, finds_the_row_of_a_path)
{
    static const struct {
        const char *path;
        enum sp_path_id id; /* SP_PATH_COUNT: 404 */
    } rows[] = {
        { "/mcp", SP_PATH_MCP },
        { "/v1/chat/completions", SP_PATH_CHAT },
        { "/v1/models", SP_PATH_MODELS },
        { "/token", SP_PATH_TOKEN },
        { "/jwks", SP_PATH_JWKS },
        { "/.well-known/oauth-authorization-server", SP_PATH_DOCUMENTS },
        { "/.well-known/", SP_PATH_DOCUMENTS },
        { "/healthz", SP_PATH_HEALTHZ },
        { "/readyz", SP_PATH_READYZ },
        { "", SP_PATH_COUNT },
        { "/", SP_PATH_COUNT },
        { "/mcp/", SP_PATH_COUNT },
        { "/mcp/a", SP_PATH_COUNT },
        { "/mcpx", SP_PATH_COUNT },
        { "/mc", SP_PATH_COUNT },
        { "/MCP", SP_PATH_COUNT },
        { "/v1/", SP_PATH_COUNT },
        { "/v1/models/x", SP_PATH_COUNT },
        { "/v1/messages", SP_PATH_COUNT },
        { "/introspect", SP_PATH_COUNT },
        { "/.well-known", SP_PATH_COUNT },
        { "/healthz/x", SP_PATH_COUNT },
        { "/metrics", SP_PATH_COUNT },
    };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        const struct sp_path *row = sp_path_find(sp_view_of(rows[i].path));

        if (rows[i].id == SP_PATH_COUNT) {
            cr_expect_null(row, "%s", rows[i].path);
            continue;
        }
        cr_assert_not_null(row, "%s", rows[i].path);
        cr_expect_eq(row->id, rows[i].id, "%s: %s", rows[i].path, row->path);
    }
}

/* A path as a request may name it, for a row. */
static struct sp_view
example_of(const struct sp_path *row, char out[64])
{
    size_t len = row->path[row->len - 1] == '*' ? row->len - 1 : row->len;

    cr_assert_lt(len, 60);
    memcpy(out, row->path, len);
    (void)snprintf(out + len, 64 - len, "%s", len < row->len ? "x" : "");
    return sp_view_of(out);
}

Test(paths, no_row_hides_another)
{
    for (int id = 0; id < SP_PATH_COUNT; id++) {
        const struct sp_path *row = sp_path_row((enum sp_path_id)id);
        char path[64];

        cr_expect_eq(row->id, id);
        cr_expect_eq(row->len, strlen(row->path));
        if (row->methods != SP_METHOD_NONE) {
            cr_expect_eq(sp_path_find(example_of(row, path)), row, "%s",
                         row->path);
        }
        cr_expect_eq(sp_path_form(example_of(row, path)), row->form, "%s",
                     row->path);
    }
}

Test(paths, form_follows_the_path)
{
    static const struct {
        const char *path;
        enum sp_refusal_form want;
    } rows[] = {
        { "/mcp", SP_REFUSAL_RPC },
        { "/mcp/", SP_REFUSAL_RPC },
        { "/mcp/x", SP_REFUSAL_RPC },
        { "/mcpx", SP_REFUSAL_PLAIN },
        { "/token", SP_REFUSAL_OAUTH },
        { "/v1/chat/completions", SP_REFUSAL_OPENAI },
        { "/v1/models", SP_REFUSAL_OPENAI },
        { "/v1/other", SP_REFUSAL_OPENAI },
        { "/v1/messages", SP_REFUSAL_ANTHROPIC },
        { "/v1/messages/count_tokens", SP_REFUSAL_ANTHROPIC },
        { "/api/chat", SP_REFUSAL_OLLAMA },
        { "/healthz", SP_REFUSAL_PLAIN },
        { "/", SP_REFUSAL_PLAIN },
        { "", SP_REFUSAL_PLAIN },
    };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        cr_expect_eq(sp_path_form(sp_view_of(rows[i].path)), rows[i].want, "%s",
                     rows[i].path);
    }
}

/* Rows as later paths need them. */
#define ROW(path, methods, target)                                             \
    {                                                                          \
        0, path, sizeof(path) - 1, methods, SP_CLASS_AUTH, target, NULL,       \
            SP_REFUSAL_PLAIN                                                   \
    }

static const struct sp_path later[] = {
    ROW("/one/*", SP_METHOD_GET | SP_METHOD_PUT, SP_SERVICE_TOOLS),
    ROW("/all/", SP_METHOD_OPTIONS, SP_SERVICE_MONITOR),
    ROW("/form", SP_METHOD_GET | SP_METHOD_POST | SP_METHOD_OPTIONS,
        SP_SERVICE_AUTH),
    ROW("/every", 0x3f, SP_SERVICE_LLM),
};

Test(paths, a_row_may_stand_for_many_paths)
{
    static const struct {
        const char *path;
        int row; /* -1: none */
    } rows[] = {
        { "/one/a", 0 }, { "/one/a.b-c", 0 }, { "/one/", -1 },
        { "/one", -1 },  { "/one/a/", -1 },   { "/one/a/b", -1 },
        { "/all/", 1 },  { "/all/a", 1 },     { "/all/a/b", 1 },
        { "/all", -1 },  { "/form", 2 },      { "/form/", -1 },
    };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        const struct sp_path *row =
            sp_path_match(later, SP_COUNT(later), sp_view_of(rows[i].path));

        cr_expect_eq(row, rows[i].row < 0 ? NULL : &later[rows[i].row], "%s",
                     rows[i].path);
    }
}

/* A 405 must name what is allowed (RFC 9110 section 15.5.6). */
Test(paths, allow_names_what_is_taken)
{
    const struct {
        const struct sp_path *row;
        const char *allow;
        unsigned taken;
    } rows[] = {
        { sp_path_row(SP_PATH_MCP), "POST, DELETE",
          SP_METHOD_POST | SP_METHOD_DELETE },
        { sp_path_row(SP_PATH_CHAT), "POST", SP_METHOD_POST },
        { sp_path_row(SP_PATH_TOKEN), "POST", SP_METHOD_POST },
        { sp_path_row(SP_PATH_MODELS), "GET, HEAD",
          SP_METHOD_GET | SP_METHOD_HEAD },
        { sp_path_row(SP_PATH_HEALTHZ), "GET, HEAD",
          SP_METHOD_GET | SP_METHOD_HEAD },
        { &later[0], "GET, HEAD, PUT",
          SP_METHOD_GET | SP_METHOD_HEAD | SP_METHOD_PUT },
        { &later[1], "OPTIONS", SP_METHOD_OPTIONS },
        { &later[2], "GET, HEAD, POST, OPTIONS",
          SP_METHOD_GET | SP_METHOD_HEAD | SP_METHOD_POST | SP_METHOD_OPTIONS },
        { &later[3], "GET, HEAD, POST, PUT, DELETE, OPTIONS", 0x3f },
    };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        const char *path = rows[i].row->path;
        char allow[SP_PATH_ALLOW_MAX];

        cr_expect_str_eq(sp_path_allow(rows[i].row, allow), rows[i].allow, "%s",
                         path);
        for (unsigned bit = 1; bit <= SP_METHOD_OPTIONS; bit *= 2) {
            cr_expect_eq(sp_path_takes(rows[i].row, (enum sp_method)bit),
                         (rows[i].taken & bit) != 0, "%s %s", path,
                         sp_method_name((enum sp_method)bit));
        }
        cr_expect_not(sp_path_takes(rows[i].row, SP_METHOD_NONE), "%s", path);
    }
}

Test(paths, only_auth_and_monitor_show_pages)
{
    cr_expect(sp_path_has_pages(sp_path_row(SP_PATH_TOKEN)));
    cr_expect(sp_path_has_pages(&later[1]));
    cr_expect_not(sp_path_has_pages(sp_path_row(SP_PATH_MCP)));
    cr_expect_not(sp_path_has_pages(sp_path_row(SP_PATH_CHAT)));
    cr_expect_not(sp_path_has_pages(sp_path_row(SP_PATH_HEALTHZ)));
}

Test(paths, knows_methods_by_their_exact_name)
{
    static const struct {
        struct sp_view name;
        enum sp_method method;
    } rows[] = {
        { { "GET", 3 }, SP_METHOD_GET },
        { { "HEAD", 4 }, SP_METHOD_HEAD },
        { { "POST", 4 }, SP_METHOD_POST },
        { { "PUT", 3 }, SP_METHOD_PUT },
        { { "DELETE", 6 }, SP_METHOD_DELETE },
        { { "OPTIONS", 7 }, SP_METHOD_OPTIONS },
        { { "get", 3 }, SP_METHOD_NONE },
        { { "GETS", 4 }, SP_METHOD_NONE },
        { { "GE", 2 }, SP_METHOD_NONE },
        { { "PATCH", 5 }, SP_METHOD_NONE },
        { { "", 0 }, SP_METHOD_NONE },
        { { "GET\0", 4 }, SP_METHOD_NONE },
    };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        cr_expect_eq(sp_method_find(rows[i].name), rows[i].method, "%.*s",
                     SP_VIEW(rows[i].name));
        if (rows[i].method != SP_METHOD_NONE) {
            cr_expect_str_eq(sp_method_name(rows[i].method), rows[i].name.ptr);
        }
    }
    cr_expect_str_empty(sp_method_name(SP_METHOD_NONE));
}
