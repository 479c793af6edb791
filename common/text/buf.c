/* A growable buffer with a hard maximum. */
#include "common/text/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/error.h"

#define FIRST_SIZE 256

struct sp_buf
sp_buf_new(size_t max)
{
    return (struct sp_buf){ .max = max };
}

void
sp_buf_free(struct sp_buf *b)
{
    sp_free(b->data);
    *b = (struct sp_buf){ .max = b->max };
}

void
sp_buf_reset(struct sp_buf *b)
{
    b->len = 0;
    b->error = 0;
}

/* Makes room for `extra` more bytes. */
static int
reserve(struct sp_buf *b, size_t extra)
{
    size_t size = b->size == 0 ? FIRST_SIZE : b->size;

    if (extra > b->max - b->len) {
        b->error = SP_ELIMIT;
        return SP_ELIMIT;
    }
    if (b->len + extra <= b->size) {
        return 0;
    }
    while (size < b->len + extra) {
        size = size > b->max / 2 ? b->max : size * 2;
    }
    size = size < b->max ? size : b->max;
    b->data = sp_realloc_n(b->data, size, 1);
    b->size = size;
    return 0;
}

int
sp_buf_add(struct sp_buf *b, const void *data, size_t len)
{
    /* What has been allocated is within the maximum. */
    int error = len <= b->size - b->len ? 0 : reserve(b, len);

    if (error != 0) {
        return error;
    }
    if (len == 1) { /* heads of messages: no call for a byte */
        b->data[b->len++] = *(const char *)data;
    } else if (len > 0) {
        memcpy(b->data + b->len, data, len);
        b->len += len;
    }
    return 0;
}

int
sp_buf_add_view(struct sp_buf *b, struct sp_view v)
{
    return sp_buf_add(b, v.ptr, v.len);
}

int
sp_buf_add_str(struct sp_buf *b, const char *s)
{
    return sp_buf_add(b, s, strlen(s));
}

int
sp_buf_addf(struct sp_buf *b, const char *format, ...)
{
    char small[512];
    va_list args;
    va_list again;
    int n = 0;
    int error = 0;

    va_start(args, format);
    va_copy(again, args);
    n = vsnprintf(small, sizeof(small), format, args);
    va_end(args);
    if (n < 0) {
        b->error = SP_EFORMAT;
        error = SP_EFORMAT;
    } else if ((size_t)n < sizeof(small)) {
        error = sp_buf_add(b, small, (size_t)n);
    } else {
        char *large = sp_alloc((size_t)n + 1);

        (void)vsnprintf(large, (size_t)n + 1, format, again);
        error = sp_buf_add(b, large, (size_t)n);
        sp_free(large);
    }
    va_end(again);
    return error;
}

/* The two-character escape of a byte, or NULL where it has none. */
static const char *
short_escape(unsigned char c)
{
    switch (c) {
    case '"':
        return "\\\"";
    case '\\':
        return "\\\\";
    case '\n':
        return "\\n";
    case '\r':
        return "\\r";
    case '\t':
        return "\\t";
    default:
        return NULL;
    }
}

int
sp_buf_add_json(struct sp_buf *b, struct sp_view v)
{
    size_t start = 0;

    for (size_t i = 0; i < v.len; i++) {
        unsigned char c = (unsigned char)v.ptr[i];
        const char *escape = short_escape(c);

        if (escape == NULL && c >= 0x20 && c != 0x7f) {
            continue;
        }
        (void)sp_buf_add(b, v.ptr + start, i - start);
        if (escape != NULL) {
            (void)sp_buf_add_str(b, escape);
        } else {
            (void)sp_buf_addf(b, "\\u%04x", c);
        }
        start = i + 1;
    }
    (void)sp_buf_add(b, v.ptr + start, v.len - start);
    return b->error;
}

void
sp_buf_consume(struct sp_buf *b, size_t n)
{
    if (n < b->len) {
        memmove(b->data, b->data + n, b->len - n);
    }
    b->len -= n < b->len ? n : b->len;
}
