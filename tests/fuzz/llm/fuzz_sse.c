/* Fuzzes the event splitter: however a stream is cut, its events are the
 * same. The first byte is the size of the pieces. */
#include <stdint.h>
#include <stdlib.h>

#include "services/llm/sse.h"

#define MAX 4096

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int
note(void *arg, struct sp_view event)
{
    struct sp_buf *out = arg;

    if (event.len >= MAX) {
        abort();
    }
    (void)sp_buf_add_view(out, event);
    (void)sp_buf_add(out, "", 1);
    return 0;
}

static int
feed(struct sp_view rest, size_t piece, struct sp_buf *out)
{
    struct sse sse;
    int error = 0;

    sse_begin(&sse, MAX);
    while (error == 0 && rest.len > 0) {
        size_t n = piece < rest.len ? piece : rest.len;

        error = sse_feed(&sse, sp_view_make(rest.ptr, n), note, out);
        rest = sp_view_skip(rest, n);
    }
    sse_end(&sse);
    return error;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sp_buf whole = sp_buf_new(2 * size + 16);
    struct sp_buf cut = sp_buf_new(2 * size + 16);

    if (size > 1) {
        struct sp_view stream = sp_view_make(data + 1, size - 1);
        int error = feed(stream, size, &whole);

        /* A line that is too long is found later where it comes in pieces,
         * but no event of it gets out. */
        if (feed(stream, (size_t)data[0] + 1, &cut) != error ||
            !sp_view_equal(sp_buf_view(&whole), sp_buf_view(&cut))) {
            abort();
        }
    }
    sp_buf_free(&whole);
    sp_buf_free(&cut);
    return 0;
}
