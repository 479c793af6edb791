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

Test(upstream, reads_seconds_to_wait)
{
    static const struct {
        const char *value;
        uint64_t want;
    } rows[] = {
        { "7", 7 },
        { "0", 0 },
        { "3600", 3600 },
        { "3601", 0 },
        { "99999999999999999999999", 0 },
        { "", 0 },
        { "-1", 0 },
        { "1.5", 0 },
        { " 7", 0 },
        { "Wed, 21 Oct 2026 07:28:00 GMT", 0 },
    };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        cr_expect_eq(upstream_retry_after(sp_view_of(rows[i].value)),
                     rows[i].want, "%s", rows[i].value);
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
