/* What `sallyport call` sends, and what it makes of an answer. */
#include <criterion/criterion.h>
#include <string.h>

#include "clients/sallyport/call_text.h"
#include "common/base/compiler.h"
#include "common/base/error.h"
#include "common/text/json.h"

#define TEXT_MAX 65536

TestSuite(sallyport_call_text);

Test(sallyport_call_text, arguments_become_text_or_json)
{
    static const struct {
        const char *argument;
        const char *want; /* NULL: refused */
    } rows[] = {
        { "id=ABC", "{\"id\":\"ABC\"}" },
        { "id=", "{\"id\":\"\"}" },
        { "id=5", "{\"id\":\"5\"}" },
        { "note=a=b \"c\" :=", "{\"note\":\"a=b \\\"c\\\" :=\"}" },
        { "n:=5", "{\"n\":5}" },
        { "list:=[1, {\"a\": null}]", "{\"list\":[1, {\"a\": null}]}" },
        { "n:=", NULL },
        { "n:=1, \"x\":2", NULL },
        { "n:=[", NULL },
        { "=x", NULL },
        { ":=1", NULL },
        { "x", NULL },
        { "", NULL },
    };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct sp_buf out = sp_buf_new(TEXT_MAX);
        struct sp_buf why = sp_buf_new(TEXT_MAX);
        struct sp_json json = { .count = 0 };
        int error = call_text_request("tool", &rows[i].argument, 1, &out, &why);

        cr_expect_eq(error == 0, rows[i].want != NULL, "%s", rows[i].argument);
        cr_expect_eq(error == 0, why.len == 0, "%s", rows[i].argument);
        if (error == 0) {
            cr_assert_eq(sp_json_parse(&json, sp_buf_view(&out)), 0);
            cr_expect(sp_view_is(
                          sp_json_raw(
                              &json, sp_json_get(
                                         &json,
                                         sp_json_get(&json, sp_json_root(&json),
                                                     "params"),
                                         "arguments")),
                          rows[i].want),
                      "%.*s", SP_VIEW(sp_buf_view(&out)));
        }
        sp_json_free(&json);
        sp_buf_free(&out);
        sp_buf_free(&why);
    }
}

Test(sallyport_call_text, answer_is_told_in_plain_words)
{
    static const struct {
        const char *body;
        long status;
        bool worked;
        const char *want;
    } rows[] = {
        { "{\"result\":{\"content\":[{\"type\":\"text\",\"text\":\"a\\nb\"},"
          "{\"type\":\"image\"},{\"type\":\"text\",\"text\":\"c\"}]}}",
          200, true, "a\nb\nc" },
        { "{\"result\":{\"content\":[],\"x\":1}}", 200, true,
          "{\"content\":[],\"x\":1}" },
        { "{\"result\":{\"isError\":true,\"content\":[{\"text\":\"no\"}]}}",
          200, false, "the tool failed: no" },
        { "{\"error\":{\"code\":-1,\"message\":\"no\",\"data\":[1]}}", 400,
          false, "refused (400): no\n[1]" },
        { "{\"error\":\"access_denied\"}", 401, false,
          "the gate answered 401: {\"error\":\"access_denied\"}" },
        { "", 503, false, "the gate answered 503: " },
        { "event: x\ndata: {\"method\":\"m\"}\n\n"
          "data: {\"result\":{\"content\":[{\"text\":\"z\"}]}}\n\n",
          200, true, "z" },
        /* attack: a tool's text drives the operator's terminal */
        { "{\"result\":{\"content\":[{\"text\":\"\\u001b[2J\\u0007x\"}]}}", 200,
          true, "?[2J?x" },
    };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct sp_buf out = sp_buf_new(TEXT_MAX);

        cr_expect_eq(
            call_text_answer(sp_view_of(rows[i].body), rows[i].status, &out),
            rows[i].worked, "row %zu", i);
        cr_expect(sp_view_is(sp_buf_view(&out), rows[i].want), "row %zu: %.*s",
                  i, SP_VIEW(sp_buf_view(&out)));
        sp_buf_free(&out);
    }
}
