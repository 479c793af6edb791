/* Lines, then fields, then events. */
#include "services/llm/sse.h"

#include <string.h>

static const char byte_order_mark[] = "\xef\xbb\xbf";

void
sse_begin(struct sse *sse, size_t max)
{
    *sse = (struct sse){ .line = sp_buf_new(max), .data = sp_buf_new(max) };
}

void
sse_end(struct sse *sse)
{
    sp_buf_free(&sse->line);
    sp_buf_free(&sse->data);
}

static int
dispatch(struct sse *sse, sse_event *event, void *arg)
{
    struct sp_view data = sp_buf_view(&sse->data);
    int error = 0;

    if (data.len > 0) {
        data.len--; /* the newline of the last line */
        error = event(arg, data);
        sp_buf_reset(&sse->data);
    }
    return error;
}

static int
end_line(struct sse *sse, sse_event *event, void *arg)
{
    struct sp_view line = sp_buf_view(&sse->line);
    struct sp_view value = { 0 };
    int error = 0;

    if (!sse->begun && sp_view_starts(line, byte_order_mark)) {
        line = sp_view_skip(line, sizeof(byte_order_mark) - 1);
    }
    sse->begun = true;
    if (line.len == 0) {
        error = dispatch(sse, event, arg);
    } else if (sp_view_is(line, "data") || sp_view_starts(line, "data:")) {
        value = sp_view_skip(line, line.len > 4 ? 5 : 4);
        if (value.len > 0 && value.ptr[0] == ' ') {
            value = sp_view_skip(value, 1);
        }
        (void)sp_buf_add_view(&sse->data, value);
        (void)sp_buf_add_str(&sse->data, "\n");
        error = sse->data.error;
    }
    sp_buf_reset(&sse->line);
    return error;
}

/* The length of the line at the start of `bytes`, without its end; all of them
 * where none ends here. attack: looking for one kind of line end behind all
 * lines that another kind ends would take time by the square. */
static size_t
line_length(struct sp_view bytes)
{
    size_t len = 0;

    while (len < bytes.len && bytes.ptr[len] != '\n' &&
           bytes.ptr[len] != '\r') {
        len++;
    }
    return len;
}

int
sse_feed(struct sse *sse, struct sp_view bytes, sse_event *event, void *arg)
{
    int error = 0;

    while (error == 0 && bytes.len > 0) {
        size_t len = 0;

        if (sse->after_cr) {
            sse->after_cr = false;
            if (bytes.ptr[0] == '\n') {
                bytes = sp_view_skip(bytes, 1);
                continue;
            }
        }
        len = line_length(bytes);
        error = sp_buf_add(&sse->line, bytes.ptr, len);
        if (error == 0 && len < bytes.len) {
            sse->after_cr = bytes.ptr[len] == '\r';
            error = end_line(sse, event, arg);
            len++;
        }
        bytes = sp_view_skip(bytes, len);
    }
    return error;
}
