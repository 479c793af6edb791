/* Fuzzes header text: lines that are read can be written again, and give the
 * same text. */
#include <stdint.h>
#include <stdlib.h>

#include "common/text/headers.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sp_view whole = sp_view_make(data, size);
    struct sp_view text = whole;
    struct sp_view name = { 0 };
    struct sp_view value = { 0 };
    struct sp_buf copy = sp_buf_new(size);
    int got = sp_headers_next(&text, &name, &value);

    while (got > 0) {
        if (sp_headers_add(&copy, name, value) != 0) {
            abort();
        }
        got = sp_headers_next(&text, &name, &value);
    }
    if (got == 0 && !sp_view_equal(sp_buf_view(&copy), whole)) {
        abort();
    }
    (void)sp_headers_get(whole, "host");
    sp_buf_free(&copy);
    return 0;
}
