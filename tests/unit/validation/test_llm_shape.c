/* Requests to models: what goes on with which estimate, and each refusal. */
#include "tests/support/validation_fixture.h"

#define JSON_HEADERS "content-type: application/json\n"
#define HELLO                                                                  \
    "\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"

static int
chat(struct gate *g, const char *body)
{
    const struct sp_call call = {
        .method = SP_VIEW_LITERAL("POST"),
        .path = SP_VIEW_LITERAL("/v1/chat/completions"),
        .headers = SP_VIEW_LITERAL(JSON_HEADERS),
        .body = sp_view_of(body),
        .scopes = SP_VIEW_LITERAL("llm:chat"),
    };

    return gate_ask(g, &call);
}

Test(llm_shape, passes_what_clients_send)
{
    static const char *const bodies[] = {
        "{" HELLO "}",
        "{" HELLO ",\"stream\":true,\"stream_options\":{\"include_usage\":"
        "true},\"temperature\":0.7,\"top_p\":1,\"n\":1,\"stop\":[\"a\"],"
        "\"seed\":-4,\"user\":\"u\",\"tools\":[],\"tool_choice\":\"auto\","
        "\"response_format\":{\"type\":\"json_object\"}}",
        "{" HELLO ",\"temperature\":null,\"stop\":null,\"max_tokens\":null}",
        "{\"model\":\"gemma3:27b\",\"messages\":["
        "{\"role\":\"system\",\"content\":\"s\"},"
        "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"t\"},"
        "{\"type\":\"image_url\",\"image_url\":{\"url\":"
        "\"data:image/png;base64,AAAA\"}}]},"
        "{\"role\":\"assistant\",\"content\":null,\"refusal\":null,"
        "\"annotations\":[],\"audio\":null,\"tool_calls\":[{\"id\":\"c\","
        "\"type\":\"function\",\"function\":{\"name\":\"f\","
        "\"arguments\":\"{}\"}}]},"
        "{\"role\":\"tool\",\"tool_call_id\":\"c\",\"content\":\"r\"}],"
        "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\","
        "\"parameters\":{\"type\":\"object\"}}}]}",
    };
    struct gate g;

    gate_open(&g);
    for (size_t i = 0; i < SP_COUNT(bodies); i++) {
        cr_assert_eq(chat(&g, bodies[i]), 0, "%zu: %s", i, g.body);
        cr_assert_eq(g.verdict.target, SP_SERVICE_LLM);
        cr_assert_eq(g.verdict.rpc_id.len, 0);
        cr_assert_eq(g.verdict.expect.kind, EXPECT_MODEL);
    }
    cr_assert(sp_view_is(g.verdict.name, "gemma3:27b"));
    gate_close(&g);
}

Test(llm_shape, estimates_text_pictures_tools_and_every_answer)
{
    static const struct {
        const char *label;
        const char *body;
        uint64_t cost;
    } rows[] = {
        /* 16 bytes of frame and 2 of text are 5 tokens, 1024 are assumed. */
        { "plain", "{" HELLO "}", 5 + 1024 },
        { "max_tokens", "{" HELLO ",\"max_tokens\":7}", 5 + 7 },
        { "the newer name counts",
          "{" HELLO ",\"max_tokens\":7,\"max_completion_tokens\":9}", 5 + 9 },
        { "n answers", "{" HELLO ",\"max_tokens\":7,\"n\":3}", 5 + 21 },
        { "picture",
          "{\"model\":\"m\",\"max_tokens\":1,\"messages\":[{\"role\":\"user\","
          "\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":"
          "\"https://a.example/p\"}}]}]}",
          4 + 1000 + 1 },
    };
    struct gate g;

    gate_open(&g);
    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        cr_assert_eq(chat(&g, rows[i].body), 0, "%s: %s", rows[i].label,
                     g.body);
        cr_assert_eq(g.verdict.cost, rows[i].cost, "%s: %lu", rows[i].label,
                     (unsigned long)g.verdict.cost);
    }
    gate_close(&g);
}

static const struct {
    const char *body;
    const char *code;
} refused[] = {
    { "", "not_json" },
    { "[]", "not_json" },
    { "{" HELLO ",\"model\":\"n\"}", "not_json" },
    { "{" HELLO ",\"base_url\":\"http://127.0.0.1\"}", "unknown_parameter" },
    { "{" HELLO ",\"n\":0}", "invalid_value" },
    { "{" HELLO ",\"n\":5}", "invalid_value" },
    { "{" HELLO ",\"n\":1.5}", "invalid_value" },
    { "{" HELLO ",\"max_tokens\":-1}", "invalid_value" },
    { "{" HELLO ",\"max_tokens\":1e30}", "invalid_value" },
    { "{" HELLO ",\"max_tokens\":131073}", "invalid_value" },
    { "{" HELLO ",\"max_tokens\":\"9\"}", "invalid_value" },
    { "{" HELLO ",\"temperature\":2.1}", "invalid_value" },
    { "{" HELLO ",\"stream\":1}", "invalid_value" },
    { "{" HELLO ",\"stop\":[1]}", "invalid_value" },
    { "{" HELLO ",\"stop\":[\"\",\"\",\"\",\"\",\"\"]}", "invalid_value" },
    { "{" HELLO ",\"user\":7}", "invalid_value" },
    { "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}",
      "model_missing" },
    { "{\"model\":\"a b\",\"messages\":[{\"role\":\"user\",\"content\":"
      "\"x\"}]}",
      "bad_model" },
    { "{\"model\":\"a\\u202eb\",\"messages\":[{\"role\":\"user\","
      "\"content\":\"x\"}]}",
      "bad_model" },
    { "{\"model\":\"m\"}", "invalid_messages" },
    { "{\"model\":\"m\",\"messages\":null}", "invalid_messages" },
    { "{\"model\":\"m\",\"messages\":[]}", "invalid_value" },
    { "{\"model\":\"m\",\"messages\":[7]}", "invalid_messages" },
    { "{\"model\":\"m\",\"messages\":[{\"role\":\"root\",\"content\":"
      "\"x\"}]}",
      "invalid_messages" },
    { "{\"model\":\"m\",\"messages\":[{\"role\":\"user\"}]}",
      "invalid_messages" },
    { "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":"
      "\"x\",\"secret\":1}]}",
      "invalid_messages" },
    { "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":["
      "{\"type\":\"image_url\",\"image_url\":{\"url\":"
      "\"http://169.254.169.254/\"}}]}]}",
      "invalid_messages" },
    { "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":["
      "{\"type\":\"image_url\",\"image_url\":{\"url\":"
      "\"file:///etc/passwd\"}}]}]}",
      "invalid_messages" },
    { "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":["
      "{\"type\":\"file\",\"file\":{}}]}]}",
      "invalid_messages" },
    { "{\"model\":\"m\",\"messages\":[{\"role\":\"assistant\","
      "\"tool_calls\":[{\"id\":\"x\"}]}]}",
      "invalid_messages" },
    { "{" HELLO ",\"tools\":[{\"type\":\"web_search\"}]}", "invalid_messages" },
};

Test(llm_shape, refuses_what_is_unknown_or_out_of_bounds)
{
    struct gate g;
    char want[64];

    gate_open(&g);
    for (size_t i = 0; i < SP_COUNT(refused); i++) {
        cr_assert_eq(chat(&g, refused[i].body), SP_EDENIED, "%s",
                     refused[i].body);
        (void)snprintf(want, sizeof(want), "\"code\":\"%s\"", refused[i].code);
        cr_assert_eq(g.verdict.status, 400, "%s", refused[i].body);
        cr_assert_not_null(strstr(g.body, want), "%s: %s", refused[i].body,
                           g.body);
        cr_assert_not_null(strstr(g.body, "\"type\":\"invalid_request_error"));
        cr_assert_str_eq(g.verdict.kind, "request_refused");
    }
    gate_close(&g);
}

Test(llm_shape, models_are_listed_without_a_body_and_with_the_scope)
{
    struct sp_call call = {
        .method = SP_VIEW_LITERAL("GET"),
        .path = SP_VIEW_LITERAL("/v1/models"),
        .scopes = SP_VIEW_LITERAL("llm:chat"),
    };
    struct gate g;

    gate_open(&g);
    cr_assert_eq(gate_ask(&g, &call), 0);
    cr_assert(sp_view_is(g.verdict.name, "models"));
    call.body = SP_VIEW_LITERAL("x");
    cr_assert_eq(gate_ask(&g, &call), SP_EDENIED);
    cr_assert_eq(g.verdict.status, 400);
    call.body = SP_VIEW_LITERAL("");
    call.scopes = SP_VIEW_LITERAL("llm:chatter");
    cr_assert_eq(gate_ask(&g, &call), SP_EDENIED);
    cr_assert_eq(g.verdict.status, 403);
    cr_assert_not_null(
        strstr(g.headers, "www-authenticate: Bearer "
                          "error=\"insufficient_scope\", scope=\"llm:chat\", "
                          "resource_metadata=\"https://gate.example/"
                          ".well-known/oauth-protected-resource\"\n"),
        "%s", g.headers);
    gate_close(&g);
}
