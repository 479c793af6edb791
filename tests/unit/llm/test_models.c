/* The allow-list of models. */
#include "services/llm/models.h"

#include <criterion/criterion.h>

#include "common/base/compiler.h"
#include "common/base/error.h"

static char model_a[] = "gpt-a";
static char model_b[] = "tiny";
static char model_c[] = "big:latest";
static char *list[] = { model_a, model_b, model_c };
static char any[] = "*";
static char *everything[] = { any };

Test(models, allows_what_is_listed)
{
    static const struct {
        const char *model;
        bool openai;
        bool ollama;
    } rows[] = {
        { "gpt-a", true, true },      { "gpt-a:latest", false, true },
        { "tiny", true, true },       { "tiny:latest", false, true },
        { "tiny:7b", false, false },  { "big", false, true },
        { "big:latest", true, true }, { "big:latest:latest", false, false },
        { "GPT-A", false, false },    { "gpt", false, false },
        { "gpt-ab", false, false },   { "", false, false },
        { ":latest", false, false },  { "*", false, false },
    };
    struct llm_config config = { .models = list,
                                 .models_count = SP_COUNT(list) };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        config.upstream.kind = LLM_OPENAI;
        cr_expect_eq(models_allowed(&config, sp_view_of(rows[i].model)),
                     rows[i].openai, "openai %s", rows[i].model);
        config.upstream.kind = LLM_OLLAMA;
        cr_expect_eq(models_allowed(&config, sp_view_of(rows[i].model)),
                     rows[i].ollama, "ollama %s", rows[i].model);
    }
    config.models = everything;
    config.models_count = 1;
    cr_expect(models_allowed(&config, SP_VIEW_LITERAL("whatever")));
}

Test(models, lists_the_allowed_and_no_more_of_each_than_clients_need)
{
    static const struct {
        const char *in;
        int want;
        const char *out;
    } rows[] = {
        { "{\"data\":[{\"id\":\"gpt-a\",\"created\":5,\"owned_by\":\"o\","
          "\"organization\":\"org-secret\"},{\"id\":\"gpt-b\"},"
          "{\"id\":\"tiny\",\"created\":\"x\"}]}",
          0,
          "{\"object\":\"list\",\"data\":[{\"id\":\"gpt-a\",\"object\":"
          "\"model\",\"created\":5,\"owned_by\":\"o\"},{\"id\":\"tiny\","
          "\"object\":\"model\",\"created\":0,\"owned_by\":\"upstream\"}]}" },
        { "{\"data\":[]}", 0, "{\"object\":\"list\",\"data\":[]}" },
        { "{\"data\":null}", 0, "{\"object\":\"list\",\"data\":[]}" },
        { "{\"data\":[1,null,[],{\"id\":7},{}]}", 0,
          "{\"object\":\"list\",\"data\":[]}" },
        { "{\"data\":{}}", SP_EFORMAT, "" },
        { "{}", SP_EFORMAT, "" },
        { "[]", SP_EFORMAT, "" },
        { "nonsense", SP_EFORMAT, "" },
    };
    struct llm_config config = { .models = list,
                                 .models_count = SP_COUNT(list) };
    struct sp_json json = { 0 };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct sp_buf scratch = sp_buf_new(256);
        struct sp_buf out = sp_buf_new(1024);

        cr_expect_eq(models_write(&config, &json, sp_view_of(rows[i].in),
                                  &scratch, &out),
                     rows[i].want, "%s", rows[i].in);
        cr_expect(sp_view_is(sp_buf_view(&out), rows[i].out), "%s gives %.*s",
                  rows[i].in, SP_VIEW(sp_buf_view(&out)));
        sp_buf_free(&scratch);
        sp_buf_free(&out);
    }
    sp_json_free(&json);
}

/* What a list shows can be asked: validation takes no other names. */
Test(models, lists_no_name_that_no_request_may_have)
{
    static const char in[] =
        "{\"data\":[{\"id\":\"a b\"},{\"id\":\"\"},{\"id\":\"\\u00e9\"},"
        "{\"id\":\"0123456789012345678901234567890123456789012345678901234567"
        "8901234567890123456789012345678901234567890123456789012345678901234567"
        "89"
        "\"},{\"id\":\"org/a-1.5:free\"}]}";
    struct llm_config config = { .models = everything, .models_count = 1 };
    struct sp_buf scratch = sp_buf_new(1024);
    struct sp_buf out = sp_buf_new(1024);
    struct sp_json json = { 0 };

    cr_assert_eq(models_write(&config, &json, sp_view_of(in), &scratch, &out),
                 0);
    cr_expect(sp_view_is(sp_buf_view(&out),
                         "{\"object\":\"list\",\"data\":[{\"id\":"
                         "\"org/a-1.5:free\",\"object\":\"model\","
                         "\"created\":0,\"owned_by\":\"upstream\"}]}"),
              "%.*s", SP_VIEW(sp_buf_view(&out)));
    sp_buf_free(&scratch);
    sp_buf_free(&out);
    sp_json_free(&json);
}
