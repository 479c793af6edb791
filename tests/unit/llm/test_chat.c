/* Chat Completions: what is read, what is changed, what is counted. */
#include "services/llm/chat.h"

#include <criterion/criterion.h>

#include "common/base/compiler.h"
#include "common/base/error.h"
#include "tests/support/chat_answers.h"

#define M "\"messages\":[]"

Test(chat, reads_what_a_request_asks_for)
{
    static const struct {
        const char *body;
        int want;
        const char *model;
        bool stream;
        bool usage;
    } rows[] = {
        { "{\"model\":\"m\"," M "}", 0, "m", false, false },
        { "{" M ",\"model\":\"a\\u0062c\",\"stream\":true}", 0, "abc", true,
          false },
        { "{\"model\":\"m\"," M ",\"stream\":null,\"stream_options\":null}", 0,
          "m", false, false },
        { "{\"model\":\"m\"," M
          ",\"stream\":true,\"stream_options\":{\"include_usage\":true}}",
          0, "m", true, true },
        { "", SP_EFORMAT, NULL, false, false },
        { "[]", SP_EFORMAT, NULL, false, false },
        { "{\"model\":\"m\"}", SP_EFORMAT, NULL, false, false },
        { "{\"model\":\"m\",\"messages\":{}}", SP_EFORMAT, NULL, false, false },
        { "{\"model\":\"\"," M "}", SP_EFORMAT, NULL, false, false },
        { "{\"model\":7," M "}", SP_EFORMAT, NULL, false, false },
        { "{" M "}", SP_EFORMAT, NULL, false, false },
        { "{\"model\":\"m\"," M ",\"stream\":1}", SP_EFORMAT, NULL, false,
          false },
        { "{\"model\":\"m\"," M ",\"stream\":\"true\"}", SP_EFORMAT, NULL,
          false, false },
        { "{\"model\":\"m\",\"model\":\"n\"," M "}", SP_EFORMAT, NULL, false,
          false },
        { "{\"model\":\"m\"," M ",\"Model\":\"n\"}", SP_EFORMAT, NULL, false,
          false },
        { "{\"model\":\"m\"," M ",\"\\u017ftream\":true}", SP_EFORMAT, NULL,
          false, false },
        { "{\"model\":\"m\"," M ",\"max_to\xe2\x84\xaa"
          "ens\":9}",
          SP_EFORMAT, NULL, false, false },
        { "{\"model\":\"m\"," M "} ", 0, "m", false, false },
        { "{\"model\":\"m\"," M "}x", SP_EFORMAT, NULL, false, false },
    };
    struct sp_json json = { 0 };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct sp_buf scratch = sp_buf_new(64);
        struct chat_request request = { 0 };

        cr_expect_eq(
            chat_read(&json, sp_view_of(rows[i].body), &scratch, &request),
            rows[i].want, "%s", rows[i].body);
        cr_expect(sp_view_is(request.model, rows[i].model), "%s", rows[i].body);
        cr_expect_eq(request.stream, rows[i].stream, "%s", rows[i].body);
        cr_expect_eq(request.wants_usage, rows[i].usage, "%s", rows[i].body);
        sp_buf_free(&scratch);
    }
    sp_json_free(&json);
}

static const struct {
    enum llm_kind kind;
    const char *in;
    const char *out;
} written[] = {
    { LLM_OPENAI, "{\"model\":\"m\"," M "}",
      "{\"stream\":false,\"store\":false,\"model\":\"m\"," M "}" },
    { LLM_OPENAI,
      "{\"model\":\"m\",\"store\":true,\"st\\u006fre\\u0032\":1," M
      ",\"stream\":true}",
      "{\"stream\":true,\"stream_options\":{\"include_usage\":true},"
      "\"store\":false,\"model\":\"m\",\"st\\u006fre\\u0032\":1," M "}" },
    { LLM_OPENAI, "{\"model\":\"m\",\"\\u0073tore\":true," M "}",
      "{\"stream\":false,\"store\":false,\"model\":\"m\"," M "}" },
    { LLM_OPENAI,
      "{\"model\":\"m\"," M ",\"max_completion_tokens\":5,\"stream\":true,"
      "\"stream_options\":{\"include_usage\":false}}",
      "{\"stream\":true,\"stream_options\":{\"include_usage\":true},"
      "\"store\":false,\"model\":\"m\"," M ",\"max_completion_tokens\":5}" },
    { LLM_OLLAMA,
      "{\"model\":\"m\"," M
      ",\"stream\":true,\"stream_options\":{\"a\":{\"include_usage\":0},"
      "\"include_usag\\u0065\":false,\"include_obfuscation\":false}}",
      "{\"stream\":true,\"stream_options\":{\"include_usage\":true,"
      "\"a\":{\"include_usage\":0},\"include_obfuscation\":false},"
      "\"model\":\"m\"," M "}" },
    { LLM_OLLAMA,
      "{\"model\":\"m\"," M
      ",\"stream\":true,\"stream_options\":{\"Include_Usage\":false}}",
      "{\"stream\":true,\"stream_options\":{\"include_usage\":true},"
      "\"model\":\"m\"," M "}" },
    { LLM_OLLAMA,
      "{\"model\":\"m\"," M ",\"stream\":true,\"stream_options\":[\"a\"]}",
      "{\"stream\":true,\"stream_options\":{\"include_usage\":true},"
      "\"model\":\"m\"," M "}" },
    { LLM_OLLAMA, "{\"model\":\"m\"," M ",\"max_completion_tokens\":5}",
      "{\"stream\":false,\"max_tokens\":5,\"model\":\"m\"," M "}" },
    { LLM_OLLAMA,
      "{\"model\":\"m\"," M ",\"max_tokens\":9,\"max_completion_tokens\":5}",
      "{\"stream\":false,\"max_tokens\":5,\"model\":\"m\"," M "}" },
    { LLM_OLLAMA,
      "{\"model\":\"m\"," M ",\"max_tokens\":9,\"max_completion_tokens\":null}",
      "{\"stream\":false,\"max_tokens\":9,\"model\":\"m\"," M "}" },
    { LLM_OLLAMA, "{\"model\":\"m\",\"store\":true," M "}",
      "{\"stream\":false,\"model\":\"m\"," M "}" },
};

Test(chat, writes_the_request_for_its_upstream)
{
    struct sp_json json = { 0 };

    for (size_t i = 0; i < SP_COUNT(written); i++) {
        struct sp_buf scratch = sp_buf_new(64);
        struct sp_buf out = sp_buf_new(1024);
        struct chat_request request = { 0 };

        cr_assert_eq(
            chat_read(&json, sp_view_of(written[i].in), &scratch, &request), 0);
        cr_expect_eq(chat_write(&json, &request, written[i].kind, &out), 0);
        cr_expect(sp_view_is(sp_buf_view(&out), written[i].out),
                  "%s gives %.*s", written[i].in, SP_VIEW(sp_buf_view(&out)));
        cr_expect_eq(sp_json_parse(&json, sp_buf_view(&out)), 0);
        sp_buf_free(&out);
        sp_buf_free(&scratch);
    }
    sp_json_free(&json);
}

Test(chat, says_when_a_request_does_not_fit)
{
    struct sp_json json = { 0 };
    struct sp_buf scratch = sp_buf_new(64);
    struct sp_buf out = sp_buf_new(40);
    struct chat_request request = { 0 };

    cr_assert_eq(chat_read(&json, SP_VIEW_LITERAL("{\"model\":\"m\"," M "}"),
                           &scratch, &request),
                 0);
    cr_expect_eq(chat_write(&json, &request, LLM_OPENAI, &out), SP_ELIMIT);
    sp_buf_free(&out);
    sp_json_free(&json);
}

#define USAGE(in, out)                                                         \
    "\"usage\":{\"prompt_tokens\":" in ",\"completion_tokens\":" out "}"

Test(chat, checks_whole_answers_and_counts)
{
    static const struct {
        const char *body;
        enum chat_event want;
        struct chat_usage usage;
    } rows[] = {
        { "{\"choices\":[]," USAGE("3", "4") "}", CHAT_PIECE, { true, 3, 4 } },
        { "{\"choices\":[{}]}", CHAT_PIECE, { false, 0, 0 } },
        { "{\"choices\":[],\"usage\":null}", CHAT_PIECE, { false, 0, 0 } },
        { "{\"choices\":[]," USAGE("-3", "4") "}", CHAT_PIECE, { 0 } },
        { "{\"choices\":[]," USAGE("1.5", "4") "}", CHAT_PIECE, { 0 } },
        { "{\"choices\":[]," USAGE("\"3\"", "4") "}", CHAT_PIECE, { 0 } },
        { "{\"choices\":[],\"error\":null,\"message\":\"m\"}",
          CHAT_PIECE,
          { 0 } },
        { "{\"choices\":{}}", CHAT_BROKEN, { false, 0, 0 } },
        { "{}", CHAT_BROKEN, { false, 0, 0 } },
        { "{\"error\":{}}", CHAT_ERROR, { false, 0, 0 } },
        { "{\"error\":\"x\",\"choices\":[{}]}", CHAT_ERROR, { 0 } },
        { "{\"object\":\"error\",\"message\":\"m\"}", CHAT_ERROR, { 0 } },
        { "{\"detail\":[]}", CHAT_ERROR, { false, 0, 0 } },
        { "<html>", CHAT_BROKEN, { false, 0, 0 } },
        { "", CHAT_BROKEN, { false, 0, 0 } },
        { "[{\"choices\":[]}]", CHAT_BROKEN, { false, 0, 0 } },
    };
    struct sp_json json = { 0 };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct chat_usage usage = { 0 };

        cr_expect_eq(chat_answer(&json, sp_view_of(rows[i].body), &usage),
                     rows[i].want, "%s", rows[i].body);
        cr_expect_eq(usage.known, rows[i].usage.known, "%s", rows[i].body);
        cr_expect_eq(usage.in, rows[i].usage.in, "%s", rows[i].body);
        cr_expect_eq(usage.out, rows[i].usage.out, "%s", rows[i].body);
    }
    sp_json_free(&json);
}

Test(chat, tells_events_apart)
{
    static const struct {
        const char *data;
        bool wants_usage;
        enum chat_event want;
        uint64_t out;
    } rows[] = {
        { "[DONE]", false, CHAT_DONE, 0 },
        { " [DONE] ", false, CHAT_DONE, 0 },
        { "", false, CHAT_HIDDEN, 0 },
        { " \n\t", true, CHAT_HIDDEN, 0 },
        { "{\"choices\":[{}]}", false, CHAT_PIECE, 0 },
        { "{\"choices\":[{}],\"error\":null}", false, CHAT_PIECE, 0 },
        { "{\"choices\":[{}]," USAGE("3", "4") "}", false, CHAT_PIECE, 4 },
        { "{\"choices\":[]," USAGE("3", "4") "}", false, CHAT_HIDDEN, 4 },
        { "{\"choices\":[]," USAGE("3", "4") "}", true, CHAT_PIECE, 4 },
        { "{\"error\":{\"message\":\"x\"}}", false, CHAT_ERROR, 0 },
        { "{\"error\":\"x\",\"choices\":[]}", false, CHAT_ERROR, 0 },
        { "{\"choices\":", false, CHAT_BROKEN, 0 },
        { "{}", true, CHAT_HIDDEN, 0 },
        { "{\"type\":\"ping\"}", true, CHAT_HIDDEN, 0 },
        { "{\"choices\":null}", true, CHAT_HIDDEN, 0 },
        { "{" USAGE("3", "4") "}", false, CHAT_HIDDEN, 4 },
        { "{" USAGE("3", "4") "}", true, CHAT_PIECE, 4 },
        { "{\"choices\":null," USAGE("3", "4") "}", false, CHAT_HIDDEN, 4 },
        { "{\"choices\":null," USAGE("3", "4") "}", true, CHAT_PIECE, 4 },
        { "{\"choices\":null,\"message\":\"x\"}", true, CHAT_ERROR, 0 },
        { "{\"choices\":[],\"message\":\"x\"}", true, CHAT_PIECE, 0 },
        { "{\"detail\":\"x\"}", true, CHAT_ERROR, 0 },
        { "{\"choices\":7}", true, CHAT_BROKEN, 0 },
        { "[]", true, CHAT_BROKEN, 0 },
        { "null", false, CHAT_BROKEN, 0 },
    };
    struct sp_json json = { 0 };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct chat_usage usage = { 0 };

        cr_expect_eq(chat_event(&json, sp_view_of(rows[i].data),
                                rows[i].wants_usage, &usage),
                     rows[i].want, "%s", rows[i].data);
        cr_expect_eq(usage.out, rows[i].out, "%s", rows[i].data);
    }
    sp_json_free(&json);
}

Test(chat, keeps_an_event_on_one_line)
{
    struct sp_buf out = sp_buf_new(32);

    cr_assert_eq(chat_add_event(&out, SP_VIEW_LITERAL("{\"a\":\r\n1}")), 0);
    cr_expect(sp_view_is(sp_buf_view(&out), "data: {\"a\":  1}\n\n"));
    cr_expect_eq(chat_add_event(&out, SP_VIEW_LITERAL("0123456789")),
                 SP_ELIMIT);
    sp_buf_free(&out);
}

/* The half of the round trip that is llm's: such an answer goes to the client,
 * and the message to the upstream, both as they stand. */
Test(chat, passes_answers_and_takes_them_back)
{
    static char message[CHAT_ANSWER_MAX];
    static char text[CHAT_ANSWER_MAX + 1024];
    struct sp_json json = { 0 };

    for (size_t i = 0; i < SP_COUNT(chat_answers); i++) {
        struct sp_buf scratch = sp_buf_new(64);
        struct sp_buf out = sp_buf_new(sizeof(text) + 1024);
        struct chat_request request = { 0 };
        struct chat_usage usage = { 0 };

        (void)chat_answer_text(chat_answers[i], message);
        (void)snprintf(text, sizeof(text), "{\"choices\":[{\"message\":%s}]}",
                       message);
        cr_expect_eq(chat_answer(&json, sp_view_of(text), &usage), CHAT_PIECE,
                     "%s", text);
        cr_expect_eq(chat_event(&json, sp_view_of(text), false, &usage),
                     CHAT_PIECE, "%s", text);
        (void)snprintf(text, sizeof(text),
                       "{\"model\":\"m\",\"messages\":[%s]}", message);
        cr_expect_eq(chat_read(&json, sp_view_of(text), &scratch, &request), 0,
                     "%s", text);
        cr_expect_eq(chat_write(&json, &request, LLM_OPENAI, &out), 0);
        cr_expect_not_null(memmem(out.data, out.len, message, strlen(message)),
                           "%s", text);
        sp_buf_free(&scratch);
        sp_buf_free(&out);
    }
    sp_json_free(&json);
}
