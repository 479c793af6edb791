/* Fuzzes what comes from an upstream, and what clients ask: nothing that is
 * passed on can be read as something else than what was judged. */
#include <stdint.h>
#include <stdlib.h>

#include "services/llm/chat.h"
#include "services/llm/models.h"
#include "services/llm/upstream.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A request that is passed on is still one, for the same model. */
static void
try_request(struct sp_json *json, struct sp_view text, enum llm_kind kind)
{
    struct sp_buf scratch = sp_buf_new(text.len);
    struct sp_buf again = sp_buf_new(2 * text.len + 512);
    struct sp_buf out = sp_buf_new(text.len + 512);
    struct chat_request request = { 0 };
    struct chat_request passed = { 0 };

    if (chat_read(json, text, &scratch, &request) == 0) {
        if (chat_write(json, &request, kind, &out) != 0 ||
            chat_read(json, sp_buf_view(&out), &again, &passed) != 0 ||
            !sp_view_equal(request.model, passed.model) ||
            request.stream != passed.stream ||
            passed.wants_usage != request.stream) {
            abort();
        }
    }
    sp_buf_free(&scratch);
    sp_buf_free(&again);
    sp_buf_free(&out);
}

/* An event that is passed on is one event, and judged the same again. */
static void
try_event(struct sp_json *json, struct sp_view text)
{
    struct sp_buf out = sp_buf_new(text.len + 16);
    struct chat_usage usage = { 0 };
    enum chat_event event = chat_event(json, text, true, &usage);

    if (event == CHAT_PIECE) {
        struct sp_view line = { 0 };

        if (chat_add_event(&out, text) != 0) {
            abort();
        }
        line = sp_view_make(out.data + 6, out.len - 8);
        if (memchr(line.ptr, '\n', line.len) != NULL ||
            memchr(line.ptr, '\r', line.len) != NULL ||
            chat_event(json, line, true, &usage) != CHAT_PIECE) {
            abort();
        }
    }
    sp_buf_free(&out);
}

static void
try_models(struct sp_json *json, struct sp_view text)
{
    static char model[] = "m";
    static char *models[] = { model };
    const struct llm_config config = { .models = models, .models_count = 1 };
    struct sp_buf scratch = sp_buf_new(1024);
    struct sp_buf out = sp_buf_new(64 * text.len + 1024);

    if (models_write(&config, json, text, &scratch, &out) == 0 &&
        sp_json_parse(json, sp_buf_view(&out)) != 0) {
        abort();
    }
    sp_buf_free(&scratch);
    sp_buf_free(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sp_view text = sp_view_make(data, size);
    struct sp_json json = { 0 };
    struct chat_usage usage = { 0 };

    try_request(&json, text, LLM_OPENAI);
    try_request(&json, text, LLM_OLLAMA);
    try_event(&json, text);
    try_models(&json, text);
    (void)chat_answer(&json, text, &usage);
    (void)upstream_refused(400, &json, text);
    (void)upstream_refused(200, &json, text);
    (void)upstream_retry_after(text, 0);
    sp_json_free(&json);
    return 0;
}
