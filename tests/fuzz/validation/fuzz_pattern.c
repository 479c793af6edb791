/* Fuzzes patterns: what the translation lets through, the engine compiles or
 * refuses with a reason, and a match ends. */
#include <stdint.h>
#include <stdlib.h>

#include "services/validation/schema/pattern.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pattern_matcher *matcher = pattern_matcher_new(5000);
    struct pattern *pattern = NULL;
    struct sp_buf why = sp_buf_new(4096);
    uint64_t steps = 10000;
    bool found = false;
    int error = pattern_compile(sp_view_make(data, size), &pattern, &why);

    if (error != 0 && why.len == 0) {
        abort();
    }
    if (error == 0) {
        (void)pattern_find(pattern, matcher,
                           SP_VIEW_LITERAL("aaaaaaaaaaaaaaaaaaaaaaaaaaB-1 "
                                           "\xc3\xa4\n\xf0\x9f\x98\x80"),
                           &steps, &found);
    }
    pattern_free(&pattern);
    pattern_matcher_free(&matcher);
    sp_buf_free(&why);
    return 0;
}
