/* Fuzzes schemas and values: a schema, a NUL, a value. What compiles can be
 * checked, and the check ends within its steps. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/error.h"
#include "services/validation/schema/schema_check.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_value(const struct schema *schema, struct sp_view value)
{
    static const struct schema_effort effort = { .max_depth = 64,
                                                 .max_steps = 20000,
                                                 .match_limit = 5000 };
    struct schema_checker *checker = schema_checker_new(&effort);
    struct schema_fault fault = { .rule = NULL };
    struct sp_json json = { 0 };

    if (sp_json_parse(&json, value) == 0) {
        int got =
            schema_check(checker, schema, &json, sp_json_root(&json), &fault);

        if ((got != 0) != (fault.rule != NULL) ||
            (got != 0 && got != SP_EDENIED && got != SP_ELIMIT)) {
            abort();
        }
    }
    sp_json_free(&json);
    schema_checker_free(&checker);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct schema_size limits = { .max_subschemas = 100,
                                               .max_bytes = 65536 };
    const uint8_t *end = size == 0 ? NULL : memchr(data, 0, size);
    size_t len = end == NULL ? size : (size_t)(end - data);
    struct sp_buf why = sp_buf_new(4096);
    struct schema *schema = NULL;
    int error = schema_compile(sp_view_make(data, len), &limits, &schema, &why);

    if (error != 0 && why.len == 0) {
        abort();
    }
    if (error == 0) {
        check_value(schema, end == NULL
                                ? SP_VIEW_LITERAL("{\"a\":[1,\"b\",null]}")
                                : sp_view_make(end + 1, size - len - 1));
    }
    schema_free(&schema);
    sp_buf_free(&why);
    return 0;
}
