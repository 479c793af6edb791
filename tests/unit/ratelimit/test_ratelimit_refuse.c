/* What a client reads when it must wait. */
#include <string.h>

#include <criterion/criterion.h>

#include "services/ratelimit/refuse.h"

#define NS_PER_S INT64_C(1000000000)

static const struct verdict refused = {
    .tier = "standard",
    .wait_ns = 2 * NS_PER_S + 1,
    .limit = LIMIT_SUBJECT,
    .states = {
        [LIMIT_ADDRESS] = { .requests = 600, .window_s = 60,
                            .remaining = 540 },
        [LIMIT_CLIENT] = { .requests = 500, .window_s = 60,
                           .wait_ns = NS_PER_S },
        [LIMIT_SUBJECT] = { .requests = 60, .window_s = 60,
                            .wait_ns = 2 * NS_PER_S + 1 },
    },
};

static void
write_both(const char *path, const char *rpc_id, struct sp_buf *headers,
           struct sp_buf *body)
{
    *headers = sp_buf_new(4096);
    *body = sp_buf_new(4096);
    cr_assert_eq(refuse_limit(&refused, sp_view_of(path), sp_view_of(rpc_id),
                              headers, body),
                 0);
    (void)sp_buf_add(headers, "", 1);
    (void)sp_buf_add(body, "", 1);
}

Test(ratelimit_refuse, seconds_are_never_too_few)
{
    cr_assert_eq(refuse_seconds(1), 1);
    cr_assert_eq(refuse_seconds(NS_PER_S), 1);
    cr_assert_eq(refuse_seconds(NS_PER_S + 1), 2);
    cr_assert_eq(refuse_seconds(86400 * NS_PER_S), 86400);
    cr_assert_eq(refuse_seconds(0), 1);
}

Test(ratelimit_refuse, names_the_wait_and_every_limit)
{
    struct sp_buf headers;
    struct sp_buf body;

    write_both("/mcp", "7", &headers, &body);
    cr_assert_str_eq(headers.data,
                     "content-type: application/json\n"
                     "cache-control: no-store\n"
                     "retry-after: 3\n"
                     "ratelimit-policy: \"address\";q=600;w=60, "
                     "\"client\";q=500;w=60, \"subject\";q=60;w=60\n"
                     "ratelimit: \"address\";r=540, \"client\";r=0;t=1, "
                     "\"subject\";r=0;t=3\n");
    sp_buf_free(&headers);
    sp_buf_free(&body);
}

Test(ratelimit_refuse, speaks_the_language_of_the_path)
{
    static const struct {
        const char *path;
        const char *id;
        const char *want;
    } rows[] = {
        { "/mcp", "\"a-1\"", "{\"jsonrpc\":\"2.0\",\"id\":\"a-1\",\"error\":" },
        { "/mcp", "", "{\"jsonrpc\":\"2.0\",\"error\":{\"code\":429," },
        { "/v1/chat/completions", "", "\"type\":\"rate_limit_error\"" },
        { "/console", "", "{\"error\":\"rate_limited\"," },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct sp_buf headers;
        struct sp_buf body;

        write_both(rows[i].path, rows[i].id, &headers, &body);
        cr_assert_not_null(strstr(body.data, rows[i].want), "%s: %s",
                           rows[i].path, body.data);
        sp_buf_free(&headers);
        sp_buf_free(&body);
    }
}

Test(ratelimit_refuse, says_when_a_stage_is_away)
{
    struct sp_buf headers = sp_buf_new(4096);
    struct sp_buf body = sp_buf_new(4096);

    cr_assert_eq(refuse_fault(503, SP_VIEW_LITERAL("/mcp"),
                              SP_VIEW_LITERAL("1"), &headers, &body),
                 0);
    (void)sp_buf_add(&headers, "", 1);
    cr_assert_not_null(strstr(headers.data, "retry-after: 1\n"));
    sp_buf_free(&headers);
    sp_buf_free(&body);
}
