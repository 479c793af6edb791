/* The upstream's failures in our words. */
#include "services/llm/upstream.h"

#include <criterion/criterion.h>

#include "common/base/compiler.h"
#include "common/base/error.h"

#define CODE(code) "{\"error\":{\"message\":\"sk-1\",\"code\":\"" code "\"}}"

Test(upstream, tells_each_status_in_its_own_words)
{
    static const struct {
        unsigned status;
        const char *body;
        unsigned want;
        const char *code;
    } rows[] = {
        { 400, "", 400, "upstream_refused" },
        { 400, CODE("context_length_exceeded"), 400,
          "context_length_exceeded" },
        { 401, "", 502, "upstream_auth" },
        { 401, CODE("invalid_api_key"), 502, "upstream_auth" },
        { 402, "", 503, "upstream_quota" },
        { 403, "", 502, "upstream_auth" },
        { 404, "", 404, "model_not_found" },
        { 408, "", 504, "upstream_timeout" },
        { 413, "", 413, "upstream_too_large" },
        { 422, "", 400, "upstream_refused" },
        { 429, "", 429, "upstream_rate_limited" },
        { 429, CODE("insufficient_quota"), 503, "upstream_quota" },
        { 503, "", 503, "upstream_busy" },
        { 504, "", 504, "upstream_timeout" },
        { 529, "", 503, "upstream_busy" },
        { 500, CODE("sk-1"), 502, "upstream_error" },
        { 302, "", 502, "upstream_error" },
        { 201, "", 502, "upstream_error" },
        { 418, "<html>", 502, "upstream_error" },
        { 0, "{\"error\":\"text\"}", 502, "upstream_error" },
        { 0, CODE("model_not_found"), 404, "model_not_found" },
        /* A failure under 200, in the dialects of real servers. */
        { 200, "{\"error\":{\"code\":429,\"message\":\"sk-1\"}}", 429,
          "upstream_rate_limited" },
        { 200, "{\"error\":{\"code\":402}}", 503, "upstream_quota" },
        { 200, CODE("503"), 503, "upstream_busy" },
        { 200, "{\"error\":{\"code\":200}}", 502, "upstream_error" },
        { 200, "{\"error\":{\"code\":4e99}}", 502, "upstream_error" },
        { 200, "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"}}",
          503, "upstream_busy" },
        { 200, "{\"error\":{\"type\":\"insufficient_quota\"}}", 503,
          "upstream_quota" },
        { 200,
          "{\"object\":\"error\",\"message\":\"sk-1\",\"code\":400,"
          "\"type\":\"BadRequestError\"}",
          400, "upstream_refused" },
        { 500, "{\"error\":{\"code\":429}}", 502, "upstream_error" },
    };
    struct sp_json json = { 0 };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        const struct sp_refusal *f =
            upstream_refused(rows[i].status, &json, sp_view_of(rows[i].body));

        cr_expect_eq(f->status, rows[i].want, "%u", rows[i].status);
        cr_expect_str_eq(f->code, rows[i].code, "%u", rows[i].status);
        cr_expect_null(strstr(f->text, "sk-1"));
        cr_expect_lt(strlen(f->text), 256);
    }
    sp_json_free(&json);
}

Test(upstream, tells_each_broken_fetch)
{
    static const struct {
        int error;
        unsigned status;
        const char *code;
    } rows[] = {
        { SP_EEXPIRED, 504, "upstream_timeout" },
        { SP_ELIMIT, 502, "upstream_too_long" },
        { SP_EDENIED, 502, "upstream_address" },
        { SP_EFORMAT, 502, "upstream_malformed" },
        { SP_ESYSTEM, 502, "upstream_unreachable" },
        { SP_ECRYPTO, 502, "upstream_unreachable" },
    };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        const struct sp_refusal *f = upstream_unreached(rows[i].error);

        cr_expect_eq(f->status, rows[i].status);
        cr_expect_str_eq(f->code, rows[i].code);
    }
    cr_expect_str_eq(upstream_cut()->code, "upstream_cut");
    cr_expect_str_eq(upstream_malformed()->code, "upstream_malformed");
}

Test(upstream, reads_how_long_to_wait)
{
    static const struct {
        const char *headers;
        uint64_t want;
    } rows[] = {
        { "retry-after: 7\n", 7 },
        { "retry-after: 0\n", 0 },
        { "retry-after: 3600\n", 3600 },
        { "retry-after: 3601\n", 3600 },
        { "retry-after: 99999999999999999999999\n", 3600 },
        { "retry-after: \n", 0 },
        { "date: Wed, 21 Oct 2026 07:28:00 GMT\n", 0 },
        { "retry-after: -1\n", 0 },
        { "retry-after: 1.5\n", 0 },
        { "retry-after: soon\n", 0 },
        /* The clock stands at 07:28:00. */
        { "retry-after: Wed, 21 Oct 2026 07:28:09 GMT\n", 9 },
        { "retry-after: Wednesday, 21-Oct-26 07:28:09 GMT\n", 9 },
        { "retry-after: Wed Oct 21 07:28:09 2026\n", 9 },
        { "retry-after: Wed, 21 Oct 2026 07:28:00 GMT\n", 0 },
        { "retry-after: Wed, 21 Oct 2026 07:27:00 GMT\n", 0 },
        { "retry-after: Wed, 21 Oct 2026 09:28:00 GMT\n", 3600 },
        { "retry-after: Fri, 31 Dec 9999 23:59:59 GMT\n", 3600 },
        /* Its clock is a day off. */
        { "date: Thu, 22 Oct 2026 07:28:00 GMT\n"
          "retry-after: Thu, 22 Oct 2026 07:28:09 GMT\n",
          9 },
        { "date: yesterday\n"
          "retry-after: Wed, 21 Oct 2026 07:28:09 GMT\n",
          9 },
    };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        cr_expect_eq(
            upstream_retry_after(sp_view_of(rows[i].headers), 1792567680),
            rows[i].want, "%s", rows[i].headers);
    }
}

Test(upstream, writes_a_failure_as_an_event_that_sdks_raise)
{
    struct sp_buf out = sp_buf_new(1024);

    cr_assert_eq(upstream_write_event(upstream_cut(), &out), 0);
    cr_expect(sp_view_is(
        sp_buf_view(&out),
        "data: {\"error\":{\"message\":\"The upstream's answer ended early; "
        "try again.\",\"type\":\"server_error\",\"param\":null,\"code\":"
        "\"upstream_cut\"}}\n\n"));
    sp_buf_free(&out);
}
