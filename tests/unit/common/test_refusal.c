/* Refusals: the form that each client reads, and bodies that parse. */
#include <criterion/criterion.h>

#include "common/base/error.h"
#include "common/stage/refusal.h"
#include "common/text/headers.h"
#include "common/text/json.h"

struct written {
    struct sp_buf headers;
    struct sp_buf body;
};

static struct written
write_form(const struct sp_refusal *refusal, enum sp_refusal_form form)
{
    struct written w = { sp_buf_new(4096), sp_buf_new(4096) };

    cr_assert_eq(sp_refusal_write(refusal, form, &w.headers, &w.body), 0);
    return w;
}

static void
written_free(struct written *w)
{
    sp_buf_free(&w->headers);
    sp_buf_free(&w->body);
}

Test(refusal, bodies_have_the_form_of_each_client)
{
    static const struct sp_refusal refusal = {
        .status = 429,
        .code = "limit_reached",
        .text = "Wait a little.",
        .rpc_id = { "\"a1\"", 4 },
        .retry_after_s = 3,
    };
    static const struct {
        enum sp_refusal_form form;
        const char *want;
    } rows[] = {
        { SP_REFUSAL_RPC,
          "{\"jsonrpc\":\"2.0\",\"id\":\"a1\",\"error\":{\"code\":429,"
          "\"message\":\"Wait a little.\",\"data\":{"
          "\"code\":\"limit_reached\",\"retry_after_s\":3}}}" },
        { SP_REFUSAL_OAUTH, "{\"error\":\"limit_reached\","
                            "\"error_description\":\"Wait a little.\"}" },
        { SP_REFUSAL_OPENAI, "{\"error\":{\"message\":\"Wait a little.\","
                             "\"type\":\"rate_limit_error\",\"param\":null,"
                             "\"code\":\"limit_reached\"}}" },
        { SP_REFUSAL_ANTHROPIC,
          "{\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\","
          "\"message\":\"Wait a little.\"}}" },
        { SP_REFUSAL_OLLAMA, "{\"error\":\"Wait a little.\"}" },
        { SP_REFUSAL_PLAIN, "{\"error\":\"limit_reached\","
                            "\"message\":\"Wait a little.\"}" },
    };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct written w = write_form(&refusal, rows[i].form);

        cr_expect(sp_view_is(sp_buf_view(&w.body), rows[i].want),
                  "got %.*s\nwant %s", SP_VIEW(sp_buf_view(&w.body)),
                  rows[i].want);
        cr_expect(sp_view_is(sp_buf_view(&w.headers),
                             "content-type: application/json\n"
                             "cache-control: no-store\nretry-after: 3\n"));
        written_free(&w);
    }
}

Test(refusal, rpc_omits_id_and_takes_data)
{
    static const struct sp_refusal refusal = {
        .status = 400,
        .rpc_code = -32022,
        .code = "unsupported_version",
        .text = "This version is not served.",
        .data = "{\"supported\":[\"2026-07-28\"]}",
    };
    struct written w = write_form(&refusal, SP_REFUSAL_RPC);

    cr_expect(sp_view_is(sp_buf_view(&w.body),
                         "{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32022,"
                         "\"message\":\"This version is not served.\","
                         "\"data\":{\"supported\":[\"2026-07-28\"]}}}"));
    cr_expect_null(sp_headers_get(sp_buf_view(&w.headers), "retry-after").ptr);
    written_free(&w);
}

Test(refusal, rpc_code_follows_the_status)
{
    static const struct {
        unsigned status;
        int64_t want;
    } rows[] = {
        { 400, -32600 }, { 401, 401 },    { 403, 403 }, { 404, -32601 },
        { 405, -32600 }, { 413, -32600 }, { 429, 429 }, { 500, -32603 },
        { 502, -32603 }, { 503, 503 },    { 504, 504 },
    };
    struct sp_json json = { 0 };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct sp_refusal refusal = {
            .status = rows[i].status,
            .code = "x",
            .text = "y",
        };
        struct written w = write_form(&refusal, SP_REFUSAL_RPC);
        const struct sp_json_token *error = NULL;
        int64_t code = 0;

        cr_assert_eq(sp_json_parse(&json, sp_buf_view(&w.body)), 0);
        error = sp_json_get(&json, sp_json_root(&json), "error");
        cr_assert_eq(
            sp_json_int(&json, sp_json_get(&json, error, "code"), &code), 0);
        cr_expect_eq(code, rows[i].want, "status %u", rows[i].status);
        written_free(&w);
    }
    sp_json_free(&json);
}

Test(refusal, every_form_is_json_whatever_the_text)
{
    static const struct sp_refusal refusal = {
        .status = 418,
        .code = "quote\"",
        .text = "a \"b\"\n\\c\x01",
    };
    struct sp_json json = { 0 };

    for (int form = SP_REFUSAL_RPC; form <= SP_REFUSAL_PLAIN; form++) {
        struct written w = write_form(&refusal, (enum sp_refusal_form)form);

        cr_expect_eq(sp_json_parse(&json, sp_buf_view(&w.body)), 0, "form %d",
                     form);
        written_free(&w);
    }
    sp_json_free(&json);
}

Test(refusal, tells_when_a_buffer_is_full)
{
    static const struct sp_refusal refusal = {
        .status = 400,
        .code = "bad",
        .text = "Bad.",
    };
    struct sp_buf headers = sp_buf_new(10);
    struct sp_buf body = sp_buf_new(4096);

    cr_expect_eq(sp_refusal_write(&refusal, SP_REFUSAL_PLAIN, &headers, &body),
                 SP_ELIMIT);
    sp_buf_free(&headers);
    sp_buf_free(&body);
    headers = sp_buf_new(4096);
    body = sp_buf_new(10);
    cr_expect_eq(sp_refusal_write(&refusal, SP_REFUSAL_PLAIN, &headers, &body),
                 SP_ELIMIT);
    sp_buf_free(&headers);
    sp_buf_free(&body);
}

Test(refusal, names_the_member_where_the_form_has_a_place_for_it)
{
    static const struct sp_refusal refusal = {
        .status = 400,
        .code = "invalid_value",
        .text = "/n must be 1.",
        .param = "/n",
    };
    struct written w = write_form(&refusal, SP_REFUSAL_OPENAI);

    cr_expect(sp_view_is(sp_buf_view(&w.body),
                         "{\"error\":{\"message\":\"/n must be 1.\","
                         "\"type\":\"invalid_request_error\",\"param\":\"/n\","
                         "\"code\":\"invalid_value\"}}"),
              "%.*s", SP_VIEW(sp_buf_view(&w.body)));
    written_free(&w);
}
