/* Fuzzes the JSON reader: whatever parses must also walk, unescape and read
 * within its bounds, and must count as JSON when it is parsed again. */
#include <stdint.h>
#include <stdlib.h>

#include "common/text/json.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
visit(const struct sp_json *json, const struct sp_json_token *t)
{
    struct sp_buf scratch = sp_buf_new(1024 * 1024);
    struct sp_view string = { 0 };
    struct sp_view raw = sp_json_raw(json, t);
    int64_t whole = 0;
    double real = 0;

    if (raw.len == 0 || t->next > json->count) {
        abort();
    }
    if (sp_json_is(t, SP_JSON_STRING) &&
        (sp_json_string(json, t, &scratch, &string) != 0 ||
         string.len > raw.len - 2)) {
        abort();
    }
    if (sp_json_int(json, t, &whole) == 0 &&
        sp_json_double(json, t, &real) != 0) {
        abort();
    }
    (void)sp_json_equals(json, t, "name");
    sp_buf_free(&scratch);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sp_json json = { 0 };
    struct sp_json again = { 0 };

    if (sp_json_parse(&json, sp_view_make(data, size)) != 0) {
        sp_json_free(&json);
        return 0;
    }
    for (size_t i = 0; i < json.count; i++) {
        visit(&json, &json.tokens[i]);
        (void)sp_json_get(&json, &json.tokens[i], "name");
    }
    if (sp_json_parse(&again, sp_json_raw(&json, sp_json_root(&json))) != 0 ||
        again.count != json.count) {
        abort();
    }
    sp_json_free(&again);
    sp_json_free(&json);
    return 0;
}
