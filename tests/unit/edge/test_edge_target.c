/* Request targets are read strictly. */
#include <criterion/criterion.h>
#include <string.h>

#include "common/base/compiler.h"
#include "common/base/error.h"
#include "services/edge/target.h"

Test(edge_target, reads_plain_targets)
{
    static const struct {
        const char *target;
        const char *path;
        const char *query;
    } rows[] = {
        { "/", "/", "" },
        { "/mcp", "/mcp", "" },
        { "/mcp/", "/mcp/", "" },
        { "/mcp?", "/mcp", "" },
        { "/a?b=c&d[]=e?f/%41", "/a", "b=c&d[]=e?f/%41" },
        { "/a%62c", "/abc", "" },
        { "/%e2%82%ac", "/\xe2\x82\xac", "" },
        { "/%F0%9f%92%A9", "/\xf0\x9f\x92\xa9", "" },
        { "/-._~!$&'()*+,;=:@", "/-._~!$&'()*+,;=:@", "" },
        { "/%20", "/ ", "" },
        { "/...", "/...", "" },
        { "/.well-known/x", "/.well-known/x", "" },
        { "/..a/a../.a", "/..a/a../.a", "" },
    };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct sp_buf path = sp_buf_new(TARGET_MAX_PATH + 1);
        struct sp_view query = { 0 };

        cr_expect_eq(target_read(sp_view_of(rows[i].target), &path, &query), 0,
                     "%s", rows[i].target);
        cr_expect(sp_view_is(sp_buf_view(&path), rows[i].path), "%s: got %.*s",
                  rows[i].target, SP_VIEW(sp_buf_view(&path)));
        cr_expect(sp_view_is(query, rows[i].query), "%s: got %.*s",
                  rows[i].target, SP_VIEW(query));
        sp_buf_free(&path);
    }
}

static const char *const two_ways[] = {
    "",
    "*",
    "mcp",
    "http://gate/mcp",
    "gate:443",
    "?a=/",
    "//",
    "//mcp",
    "/a//b",
    "/.",
    "/..",
    "/./mcp",
    "/../mcp",
    "/mcp/.",
    "/mcp/..",
    "/a/../mcp",
    "/%2e",
    "/%2e%2E/mcp",
    "/a/.%2e",
    "/a%2fb",
    "/a%2Fb",
    "/a%5cb",
    "/a\\b",
    "/a%25b",
    "/a%00",
    "/a%0a",
    "/a%0d",
    "/a%1f",
    "/a%7f",
    "/a%",
    "/a%4",
    "/a%4g",
    "/a%g4",
    "/a% 41",
    "/a%-1",
    "/a b",
    "/a\tb",
    "/a#b",
    "/a\x7f",
    "/a\x80",
    "/a<",
    "/a\"",
    "/a{}",
    "/a|b",
    "/a^",
    "/a`",
    "/a[b]",
    "/%80",
    "/%c0%af",
    "/%c1%bf",
    "/%e0%80%af",
    "/%e0%9f%bf",
    "/%ed%a0%80",
    "/%f0%80%80%af",
    "/%f4%90%80%80",
    "/%f5%80%80%80",
    "/%ff",
    "/%e2%82",
    "/%e2%82x",
    "/%c3%28",
    "/a?b c",
    "/a?b#c",
    "/a?%",
    "/a?%4",
    "/a?%00",
    "/a?%zz",
    "/a?\x80",
    "/a?\x01",
    "/a?\"",
    "/a?<",
    "/a?\\",
    "/a?{",
};

Test(edge_target, refuses_targets_that_two_parsers_read_in_two_ways)
{
    for (size_t i = 0; i < SP_COUNT(two_ways); i++) {
        struct sp_buf path = sp_buf_new(TARGET_MAX_PATH + 1);
        struct sp_view query = SP_VIEW_LITERAL("untouched");

        cr_expect_eq(target_read(sp_view_of(two_ways[i]), &path, &query),
                     SP_EFORMAT, "%s", two_ways[i]);
        cr_expect(sp_view_is(query, "untouched"), "%s", two_ways[i]);
        sp_buf_free(&path);
    }
}

Test(edge_target, a_nul_ends_nothing)
{
    static const struct sp_view rows[] = {
        { "/mcp\0", 5 },
        { "/mcp\0/../x", 10 },
        { "/mcp?a\0b", 8 },
    };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct sp_buf path = sp_buf_new(TARGET_MAX_PATH + 1);
        struct sp_view query = { 0 };

        cr_expect_eq(target_read(rows[i], &path, &query), SP_EFORMAT, "row %zu",
                     i);
        sp_buf_free(&path);
    }
}

Test(edge_target, holds_to_the_limits_of_the_schema)
{
    static const struct {
        const char *label;
        size_t path;
        size_t query;
        int want;
    } rows[] = {
        { "longest path", TARGET_MAX_PATH, 0, 0 },
        { "path too long", TARGET_MAX_PATH + 1, 0, SP_ELIMIT },
        { "path far too long", TARGET_MAX_PATH * 3, 0, SP_ELIMIT },
        { "longest query", 1, TARGET_MAX_QUERY, 0 },
        { "query too long", 1, TARGET_MAX_QUERY + 1, SP_ELIMIT },
        { "both", TARGET_MAX_PATH, TARGET_MAX_QUERY, 0 },
    };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        char target[TARGET_MAX_PATH * 3 + TARGET_MAX_QUERY + 2];
        size_t len = rows[i].path + (rows[i].query > 0 ? 1 : 0) + rows[i].query;
        struct sp_buf path = sp_buf_new(TARGET_MAX_PATH + 1);
        struct sp_view query = { 0 };

        memset(target, 'a', sizeof(target));
        target[0] = '/';
        if (rows[i].query > 0) {
            target[rows[i].path] = '?';
        }
        cr_expect_eq(target_read(sp_view_make(target, len), &path, &query),
                     rows[i].want, "%s", rows[i].label);
        if (rows[i].want == 0) {
            cr_expect_eq(path.len, rows[i].path, "%s", rows[i].label);
            cr_expect_eq(query.len, rows[i].query, "%s", rows[i].label);
        }
        sp_buf_free(&path);
    }
}

/* What is counted is the path as it travels on, not as it was written. */
Test(edge_target, counts_the_decoded_path)
{
    char target[TARGET_MAX_PATH * 3 + 2];
    struct sp_buf path = sp_buf_new(TARGET_MAX_PATH + 1);
    struct sp_view query = { 0 };
    size_t len = 1;

    target[0] = '/';
    for (size_t i = 1; i < TARGET_MAX_PATH; i++) {
        memcpy(target + len, "%61", 3);
        len += 3;
    }
    cr_expect_eq(target_read(sp_view_make(target, len), &path, &query), 0);
    cr_expect_eq(path.len, TARGET_MAX_PATH);
    sp_buf_free(&path);
}

Test(edge_target, reuses_its_buffer)
{
    struct sp_buf path = sp_buf_new(TARGET_MAX_PATH + 1);
    struct sp_view query = { 0 };

    cr_assert_eq(target_read(sp_view_of("/first?q"), &path, &query), 0);
    cr_assert_eq(target_read(sp_view_of("/x%2f"), &path, &query), SP_EFORMAT);
    cr_assert_eq(target_read(sp_view_of("/b"), &path, &query), 0);
    cr_expect(sp_view_is(sp_buf_view(&path), "/b"));
    cr_expect_eq(query.len, 0);
    sp_buf_free(&path);
}
