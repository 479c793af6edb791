/* Requests to models: what goes on with which estimate, and each refusal. */
#include "tests/support/chat_answers.h"
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

/* Whether their values make sense is the upstream's to say. */
Test(llm_shape, passes_what_it_need_not_understand)
{
    static const char *const members[] = {
        "\"seed\":4294967295",
        "\"seed\":18446744073709551615",
        "\"temperature\":2.1",
        "\"top_k\":40,\"min_p\":0.05,\"repetition_penalty\":1.1",
        "\"stop\":[\"\",\"\",\"\",\"\",\"\"]",
        "\"user\":7",
        "\"reasoning_effort\":\"a-level-with-a-long-name\"",
        "\"reasoning\":{\"max_tokens\":9}",
        "\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":1024}",
        "\"modalities\":[\"text\",\"audio\"],\"audio\":{\"voice\":\"v\"}",
        "\"prediction\":{\"type\":\"content\",\"content\":\"x\"}",
        "\"web_search_options\":{}",
        "\"chat_template_kwargs\":{\"enable_thinking\":false}",
        "\"guided_json\":{\"properties\":{\"url\":{}}}",
        "\"metadata\":{\"a\":1}",
        "\"provider\":{\"order\":[\"a\"]}",
        "\"functions\":[{\"name\":\"f\"}],\"function_call\":{\"name\":\"f\"}",
        "\"tools\":[{\"type\":\"custom\",\"custom\":{\"name\":\"f\"}},"
        "{\"type\":\"function\",\"function\":{\"name\":\"f\",\"strict\":true,"
        "\"parameters\":null},\"cache_control\":{\"type\":\"ephemeral\"}}]",
        "\"tool_choice\":{\"type\":\"allowed_tools\",\"a\":1,\"b\":2,\"c\":3,"
        "\"d\":4,\"e\":5,\"f\":6,\"g\":7,\"h\":8}",
        "\"stream_options\":{\"include_usage\":null,\"x\":[]}",
        "\"\\u00e9\":1",
    };
    static const char *const contents[] = {
        "null",
        "[{\"type\":\"file\",\"file\":{}}]",
        "[{\"type\":\"file\",\"file\":{\"file_data\":\"AAAA\"}}]",
        "[{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"AAAA\","
        "\"format\":\"wav\"}}]",
        "[{\"type\":\"image_url\",\"image_url\":\"https://a.example/p\"}]",
        "[{\"type\":\"image_url\",\"image_url\":{\"url\":"
        "\"https:\\/\\/a.example\\/p\",\"detail\":\"low\"}}]",
        "[{\"type\":\"video_url\",\"video_url\":{\"url\":"
        "\"data:video/mp4;base64,AAAA\"}}]",
        "[{\"type\":\"text\",\"text\":\"http://a.example/\",\"cache_control\":"
        "{\"type\":\"ephemeral\"}}]",
    };
    char body[2048];
    struct gate g;

    gate_open(&g);
    for (size_t i = 0; i < SP_COUNT(members); i++) {
        (void)snprintf(body, sizeof(body), "{" HELLO ",%s}", members[i]);
        cr_expect_eq(chat(&g, body), 0, "%s: %s", body, g.body);
    }
    for (size_t i = 0; i < SP_COUNT(contents); i++) {
        (void)snprintf(body, sizeof(body),
                       "{\"model\":\"m\",\"messages\":[{\"role\":\"user\","
                       "\"content\":%s,\"name\":\"n\",\"x\":{}},{\"role\":"
                       "\"function\",\"name\":\"f\",\"content\":\"r\"}]}",
                       contents[i]);
        cr_expect_eq(chat(&g, body), 0, "%s: %s", body, g.body);
    }
    gate_close(&g);
}

Test(llm_shape, takes_back_what_the_gate_handed_out)
{
    static char message[CHAT_ANSWER_MAX];
    static char body[CHAT_ANSWER_MAX + 1024];
    struct gate g;

    gate_open(&g);
    for (size_t i = 0; i < SP_COUNT(chat_answers); i++) {
        (void)snprintf(body, sizeof(body),
                       "{\"model\":\"m\",\"messages\":[{\"role\":\"user\","
                       "\"content\":\"hi\"},%s,{\"role\":\"tool\","
                       "\"tool_call_id\":\"x\",\"content\":\"y\"}]}",
                       chat_answer_text(chat_answers[i], message));
        cr_expect_eq(chat(&g, body), 0, "%s: %s", body, g.body);
    }
    gate_close(&g);
}

/* More of each than a client's own message may have. */
Test(llm_shape, takes_back_answers_with_many_members)
{
    static const struct {
        const char *before;
        const char *each;
        const char *after;
        size_t count;
    } rows[] = {
        { "\"tool_calls\":[", "{\"id\":\"c\",\"type\":\"function\"}", "]",
          300 },
        { "\"content\":[", "{\"type\":\"text\",\"text\":\"x\"}", "]", 300 },
        { "\"annotations\":[", "{\"type\":\"x\"}", "]", 3000 },
    };
    struct gate g;

    gate_open(&g);
    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct sp_buf body = sp_buf_new(1u << 20);

        (void)sp_buf_addf(&body,
                          "{\"model\":\"m\",\"messages\":[{\"role\":"
                          "\"assistant\",%s",
                          rows[i].before);
        for (size_t n = 0; n < rows[i].count; n++) {
            (void)sp_buf_addf(&body, "%s%s", n > 0 ? "," : "", rows[i].each);
        }
        (void)sp_buf_addf(&body, "%s}]}", rows[i].after);
        (void)sp_buf_add(&body, "", 1);
        cr_expect_eq(chat(&g, body.data), 0, "%zu: %s", i, g.body);
        sp_buf_free(&body);
    }
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
        { "audio is counted like a picture, not by its bytes",
          "{\"model\":\"m\",\"max_tokens\":1,\"messages\":[{\"role\":\"user\","
          "\"content\":[{\"type\":\"input_audio\",\"input_audio\":{\"data\":"
          "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}}]}]}",
          4 + 1000 + 1 },
        { "text in parts",
          "{\"model\":\"m\",\"max_tokens\":1,\"messages\":[{\"role\":\"user\","
          "\"content\":[{\"type\":\"text\",\"text\":\"12345678\"}]}]}",
          6 + 1 },
        /* attack: text where nobody looks would cost nothing. */
        { "unknown members of messages and parts",
          "{\"model\":\"m\",\"max_tokens\":1,\"messages\":[{\"role\":\"user\","
          "\"content\":[{\"type\":\"x\",\"x\":[\"12345678\"]}],"
          "\"y\":\"12345678\"}]}",
          4 + 3 + 2 + 1 },
        { "functions, 14 bytes",
          "{" HELLO ",\"max_tokens\":1,\"functions\":[{\"name\":\"f\"}]}",
          8 + 1 },
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
    { "{" HELLO ",\"stream\":1}", "invalid_value" },
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
    { "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":["
      "{\"type\":\"image_url\",\"image_url\":{\"url\":"
      "\"http://169.254.169.254/\"}}]}]}",
      "invalid_messages" },
    { "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":["
      "{\"type\":\"image_url\",\"image_url\":{\"url\":"
      "\"file:///etc/passwd\"}}]}]}",
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

#define USER(content)                                                          \
    "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},"   \
    "{\"role\":\"user\",\"content\":" content "}]}"
#define PART "/messages/1/content/0"

/* Each refusal says where, as a JSON Pointer, and what was expected. */
static const struct {
    const char *body;
    const char *param;
    const char *says;
} named[] = {
    { "{" HELLO ",\"n\":9}", "/n", "an integer from 1 to 4" },
    { "{" HELLO ",\"max_tokens\":\"9\"}", "/max_tokens", "an integer from 1" },
    { "{" HELLO ",\"stream\":\"yes\"}", "/stream", "true or false" },
    { "{" HELLO ",\"stream_options\":[]}", "/stream_options", "an object" },
    { "{" HELLO ",\"stream_options\":{\"include_usage\":1}}",
      "/stream_options/include_usage", "true or false" },
    { "{\"messages\":[]}", "/messages", "an array with a length from 1" },
    { "{\"messages\":[{}]}", "/model", "must name a model" },
    { "{\"model\":\"m\"}", "/messages", "an array of at least one" },
    { "{\"model\":\"m\",\"messages\":[7]}", "/messages/0", "an object" },
    { "{\"model\":\"m\",\"messages\":[{}]}", "/messages/0/role", "a string" },
    { USER("7"), "/messages/1/content", "a string, an array of parts or null" },
    { USER("{}"), "/messages/1/content", "a string, an array" },
    { USER("[\"x\"]"), PART, "an object" },
    { "{" HELLO ",\"tools\":[{\"type\":\"web_search\"}]}", "/tools/0/type",
      "function or custom" },
    { "{" HELLO ",\"tools\":[{\"type\":\"function\"},7]}", "/tools/1/type",
      "function or custom" },
    { "{" HELLO ",\"tools\":{}}", "/tools", "an array" },
    { "{" HELLO ",\"tools\":[{\"type\":\"function\",\"Type\":\"x\"}]}",
      "/tools/0/Type", "lower case" },
    /* attack: names that some upstream takes for those that were checked. */
    { "{" HELLO ",\"Model\":\"n\"}", "/Model", "lower case" },
    { "{" HELLO ",\"STREAM\":true}", "/STREAM", "lower case" },
    { "{" HELLO ",\"\\u004d\\u006fdel\":\"n\"}", "/*", "lower case" },
    { "{" HELLO ",\"\xc5\xbftore\":true}", "/*", "lower case" },
    { "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"Content\":\"x\"}]}",
      "/messages/0/Content", "lower case" },
    /* attack: members by which some upstream goes elsewhere, asks another
     * model, says more, or keeps what was said. */
    { "{" HELLO ",\"base_url\":\"https://a\"}", "/base_url", "where" },
    { "{" HELLO ",\"apiBase\":1,\"api_base\":\"https://a\"}", "/api_base",
      "where" },
    { "{" HELLO ",\"baseUrl\":\"https://a\"}", "/baseUrl", "where" },
    { "{" HELLO ",\"api_k\\u0065y\":\"k\"}", "/*", "as whom" },
    { "{" HELLO ",\"extra_headers\":{}}", "/extra_headers", "where" },
    { "{" HELLO ",\"custom_llm_provider\":\"x\"}", "/custom_llm_provider",
      "where" },
    { "{" HELLO ",\"aws_sts_endpoint\":\"x\"}", "/aws_sts_endpoint", "where" },
    { "{" HELLO ",\"kv_transfer_params\":{}}", "/kv_transfer_params", "where" },
    { "{" HELLO ",\"models\":[\"n\"]}", "/models", "only model" },
    { "{" HELLO ",\"fallbacks\":[\"n\"]}", "/fallbacks", "only model" },
    { "{" HELLO ",\"n_predict\":-1}", "/n_predict", "max_completion_tokens" },
    { "{" HELLO ",\"N_CMPL\":9}", "/N_CMPL", "max_completion_tokens" },
    { "{" HELLO ",\"best_of\":9}", "/best_of", "max_completion_tokens" },
    { "{" HELLO ",\"options\":{\"num_predict\":9}}", "/options",
      "max_completion_tokens" },
    { "{" HELLO ",\"previous_response_id\":\"r\"}", "/previous_response_id",
      "nothing kept" },
    /* attack: whatever a server calls the address of what it fetches. */
    { USER("[{\"type\":\"image_url\",\"image_url\":{\"url\":"
           "\"http://169.254.169.254/\"}}]"),
      PART "/image_url/url", "https:// or data:" },
    { USER("[{\"type\":\"image_url\",\"image_url\":\"file:///etc/passwd\"}]"),
      PART "/image_url", "https:// or data:" },
    { USER("[{\"type\":\"image_url\",\"image_url\":{\"url\":\"https://a\"},"
           "\"Image_URL\":{\"URL\":\"http://10.0.0.1/\"}}]"),
      PART "/Image_URL/URL", "https:// or data:" },
    { USER("[{\"type\":\"image_url\",\"image_url\":{\"u\\u0072l\":"
           "\"http://10.0.0.1/\"}}]"),
      PART "/image_url/*", "https:// or data:" },
    { USER("[{\"type\":\"image_url\",\"image_url\":{\"url\":"
           "\"\\u0068ttp://10.0.0.1/\"}}]"),
      PART "/image_url/url", "https:// or data:" },
    { USER("[{\"type\":\"video_url\",\"video_url\":{\"url\":\"ftp://a/\"}}]"),
      PART "/video_url/url", "https:// or data:" },
    { USER("[{\"type\":\"x\",\"source\":[{\"urls\":[\"https://a/\","
           "\"http://a/\"]}]}]"),
      PART "/source/0/urls/1", "https:// or data:" },
    { USER("[{\"type\":\"file\",\"file\":{\"file_uri\":\"gs://a/\"}}]"),
      PART "/file/file_uri", "https:// or data:" },
    { "{\"model\":\"m\",\"messages\":[{\"role\":\"assistant\",\"images\":"
      "[{\"image_url\":{\"url\":\"http://a/\"}}]}]}",
      "/messages/0/images/0/image_url/url", "https:// or data:" },
};

Test(llm_shape, a_refusal_names_the_field_and_what_was_expected)
{
    struct gate g;
    char want[128];

    gate_open(&g);
    for (size_t i = 0; i < SP_COUNT(named); i++) {
        cr_expect_eq(chat(&g, named[i].body), SP_EDENIED, "%s", named[i].body);
        (void)snprintf(want, sizeof(want), "\"param\":\"%s\"", named[i].param);
        cr_expect_not_null(strstr(g.body, want), "%s: %s", named[i].body,
                           g.body);
        (void)snprintf(want, sizeof(want), "\"message\":\"%s must ",
                       named[i].param);
        cr_expect_not_null(strstr(g.body, want), "%s: %s", named[i].body,
                           g.body);
        cr_expect_not_null(strstr(g.body, named[i].says), "%s: %s",
                           named[i].body, g.body);
    }
    gate_close(&g);
}

/* attack: what a refusal costs, and what it shows, is bounded. */
Test(llm_shape, bounds_names_and_members)
{
    struct sp_buf body = sp_buf_new(1u << 20);
    struct gate g;

    gate_open(&g);
    (void)sp_buf_add_str(&body, "{" HELLO);
    for (int i = 0; i < 2000; i++) {
        (void)sp_buf_addf(&body, ",\"m%d\":%d", i, i);
    }
    (void)sp_buf_add(&body, "}", 2);
    cr_expect_eq(chat(&g, body.data), SP_EDENIED);
    cr_expect_not_null(strstr(g.body, "too_many_parameters"), "%s", g.body);
    sp_buf_reset(&body);
    (void)sp_buf_add_str(&body, "{" HELLO ",\"");
    for (int i = 0; i < 100000; i++) {
        (void)sp_buf_add_str(&body, "x");
    }
    (void)sp_buf_add(&body, "\":1}", 5);
    cr_expect_eq(chat(&g, body.data), SP_EDENIED);
    cr_expect_not_null(strstr(g.body, "/* must have a shorter name"), "%s",
                       g.body);
    sp_buf_free(&body);
    gate_close(&g);
}

Test(llm_shape, says_how_many_parts_a_message_may_have)
{
    struct sp_buf body = sp_buf_new(1u << 16);
    struct gate g;

    gate_open(&g);
    (void)sp_buf_add_str(&body, "{\"model\":\"m\",\"messages\":[{\"role\":"
                                "\"user\",\"content\":[{}");
    for (int i = 0; i < 64; i++) {
        (void)sp_buf_add_str(&body, ",{}");
    }
    (void)sp_buf_add(&body, "]}]}", 5);
    cr_expect_eq(chat(&g, body.data), SP_EDENIED);
    cr_expect_not_null(strstr(g.body, "\"/messages/0/content must have no more "
                                      "parts than 64.\""),
                       "%s", g.body);
    sp_buf_free(&body);
    gate_close(&g);
}

Test(llm_shape, a_way_too_long_to_name_ends_early)
{
    struct sp_buf body = sp_buf_new(1u << 16);
    struct gate g;

    gate_open(&g);
    (void)sp_buf_add_str(&body, "{\"model\":\"m\",\"messages\":[{\"role\":"
                                "\"user\",\"content\":[");
    for (int i = 0; i < 50; i++) {
        (void)sp_buf_add_str(&body, "{\"a_member_with_quite_a_name\":");
    }
    (void)sp_buf_add_str(&body, "{\"url\":\"http://a/\"}");
    for (int i = 0; i < 50; i++) {
        (void)sp_buf_add_str(&body, "}");
    }
    (void)sp_buf_add(&body, "]}]}", 5);
    cr_expect_eq(chat(&g, body.data), SP_EDENIED);
    cr_expect_not_null(strstr(g.body, "\"message\":\"/messages/0/content/0/a_"),
                       "%s", g.body);
    cr_expect_not_null(strstr(g.body, "\"param\":null"), "%s", g.body);
    sp_buf_free(&body);
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
