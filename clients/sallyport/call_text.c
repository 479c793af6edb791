/* JSON-RPC for one call. */
#include "clients/sallyport/call_text.h"

#include <string.h>

#include "common/base/error.h"
#include "common/base/version.h"
#include "common/text/json.h"

#define PREFIX "io.modelcontextprotocol/"
#define TEXT_MAX (4 * 1024 * 1024)

/* ----------------------------------------------------------------- request */

static bool
is_json(const char *text)
{
    struct sp_json json = { .count = 0 };
    bool ok = sp_json_parse(&json, sp_view_of(text)) == 0;

    sp_json_free(&json);
    return ok;
}

/* "key":"text" or "key":JSON */
static int
add_argument(const char *argument, struct sp_buf *out, struct sp_buf *why)
{
    const char *equals = strchr(argument, '=');
    bool raw = equals != NULL && equals > argument && equals[-1] == ':';
    size_t len = equals == NULL ? 0 : (size_t)(equals - argument) - raw;

    if (len == 0) {
        (void)sp_buf_addf(why,
                          "%.80s: write KEY=TEXT, or KEY:=JSON for what is no "
                          "text",
                          argument);
        return SP_EFORMAT;
    }
    if (raw && !is_json(equals + 1)) {
        (void)sp_buf_addf(why, "%.80s: what follows := is no JSON", argument);
        return SP_EFORMAT;
    }
    (void)sp_buf_add_str(out, "\"");
    (void)sp_buf_add_json(out, sp_view_make(argument, len));
    if (raw) {
        return sp_buf_addf(out, "\":%s", equals + 1);
    }
    (void)sp_buf_add_str(out, "\":\"");
    (void)sp_buf_add_json(out, sp_view_of(equals + 1));
    return sp_buf_add_str(out, "\"");
}

int
call_text_request(const char *tool, const char *const arguments[], size_t count,
                  struct sp_buf *out, struct sp_buf *why)
{
    int error = 0;

    (void)sp_buf_add_str(out, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":"
                              "\"tools/call\",\"params\":{\"name\":\"");
    (void)sp_buf_add_json(out, sp_view_of(tool));
    (void)sp_buf_add_str(out, "\",\"arguments\":{");
    for (size_t i = 0; error == 0 && i < count; i++) {
        (void)sp_buf_add_str(out, i == 0 ? "" : ",");
        error = add_argument(arguments[i], out, why);
    }
    (void)sp_buf_add_str(out, "},\"_meta\":{\"" PREFIX
                              "protocolVersion\":\"" CALL_VERSION "\",\"" PREFIX
                              "clientInfo\":{\"name\":\"sallyport\","
                              "\"version\":\"" SP_VERSION "\"},\"" PREFIX
                              "clientCapabilities\":{}}}}");
    if (error == 0 && out->error != 0) {
        (void)sp_buf_add_str(why, "the arguments are too long");
        error = SP_ELIMIT;
    }
    return error;
}

/* ------------------------------------------------------------------ answer */

/* A tool's text is somebody else's. */
static void
add_harmless(struct sp_buf *out, struct sp_view text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        bool obeyed = (c < 0x20 && c != '\n' && c != '\t') || c == 0x7f;

        (void)sp_buf_add(out, obeyed ? "?" : text.ptr + i, 1);
    }
}

static void
add_string(const struct sp_json *json, const struct sp_json_token *t,
           struct sp_buf *out)
{
    struct sp_buf scratch = sp_buf_new(TEXT_MAX);
    struct sp_view text = { .ptr = NULL };

    if (sp_json_string(json, t, &scratch, &text) == 0) {
        add_harmless(out, text);
    }
    sp_buf_free(&scratch);
}

/* The text items of a result; its JSON where there is none. */
static void
add_result(const struct sp_json *json, const struct sp_json_token *result,
           struct sp_buf *out)
{
    const struct sp_json_token *content = sp_json_get(json, result, "content");
    size_t before = out->len;

    for (const struct sp_json_token *item = sp_json_first(json, content);
         item != NULL; item = sp_json_next(json, content, item)) {
        const struct sp_json_token *text = sp_json_get(json, item, "text");

        if (text != NULL) {
            (void)sp_buf_add_str(out, out->len == before ? "" : "\n");
            add_string(json, text, out);
        }
    }
    if (out->len == before) {
        add_harmless(out, sp_json_raw(json, result));
    }
}

static void
add_error(const struct sp_json *json, const struct sp_json_token *error,
          long status, struct sp_buf *out)
{
    const struct sp_json_token *data = sp_json_get(json, error, "data");

    if (status == 200) {
        (void)sp_buf_add_str(out, "refused: ");
    } else {
        (void)sp_buf_addf(out, "refused (%ld): ", status);
    }
    add_string(json, sp_json_get(json, error, "message"), out);
    if (data != NULL) {
        (void)sp_buf_add_str(out, "\n");
        add_harmless(out, sp_json_raw(json, data));
    }
}

/* The data of the last event, where the answer is a stream of them. */
static struct sp_view
message_of(struct sp_view body)
{
    static const char mark[] = "data:";
    struct sp_view found = body;

    while (body.len > 0 && body.ptr[0] != '{') {
        const char *end = memchr(body.ptr, '\n', body.len);
        size_t len = end == NULL ? body.len : (size_t)(end - body.ptr);

        if (len > strlen(mark) && memcmp(body.ptr, mark, strlen(mark)) == 0) {
            found = sp_view_make(body.ptr + strlen(mark), len - strlen(mark));
        }
        body = sp_view_skip(body, end == NULL ? len : len + 1);
    }
    return found;
}

bool
call_text_answer(struct sp_view body, long status, struct sp_buf *out)
{
    struct sp_json json = { .count = 0 };
    const struct sp_json_token *result = NULL;
    const struct sp_json_token *error = NULL;
    bool failed = true;

    if (sp_json_parse(&json, message_of(body)) == 0) {
        result = sp_json_get(&json, sp_json_root(&json), "result");
        error = sp_json_get(&json, sp_json_root(&json), "error");
    }
    if (result != NULL) {
        failed =
            sp_json_is(sp_json_get(&json, result, "isError"), SP_JSON_TRUE);
        (void)sp_buf_add_str(out, failed ? "the tool failed: " : "");
        add_result(&json, result, out);
    } else if (sp_json_is(error, SP_JSON_OBJECT)) {
        add_error(&json, error, status, out);
    } else {
        (void)sp_buf_addf(out, "the gate answered %ld: ", status);
        add_harmless(out, body);
    }
    sp_json_free(&json);
    return !failed;
}
