/* A growable buffer made with its maximum: it can never outgrow it. */
#ifndef SP_COMMON_TEXT_BUF_H
#define SP_COMMON_TEXT_BUF_H

#include <stddef.h>

#include "common/base/compiler.h"
#include "common/base/view.h"

/* `data` may be NULL while `len` is 0. Read both; change neither directly. */
struct sp_buf {
    char *data;
    size_t len;
    size_t size; /* bytes allocated */
    size_t max;  /* bytes allowed */
    int error;   /* first failure since the last reset, 0 for none */
};

/* An empty buffer for at most `max` bytes; allocates nothing yet. */
struct sp_buf
sp_buf_new(size_t max);

/* Releases the bytes; the buffer can be used again with the same maximum. */
void
sp_buf_free(struct sp_buf *b);

/* Empties the buffer, keeps its memory and clears its error. */
void
sp_buf_reset(struct sp_buf *b);

/* Appends bytes. 0, or SP_ELIMIT with the content unchanged. The error also
 * sticks to b->error, so that a run of appends may be checked once at its
 * end; hence no SP_MUST_CHECK on the appenders. */
int
sp_buf_add(struct sp_buf *b, const void *data, size_t len);

int
sp_buf_add_view(struct sp_buf *b, struct sp_view v);

int
sp_buf_add_str(struct sp_buf *b, const char *s);

int
sp_buf_addf(struct sp_buf *b, const char *format, ...) SP_PRINTF(2, 3);

/* Appends `v` as the inside of a JSON string (RFC 8259 section 7), without the
 * quotes. Bytes of valid UTF-8 pass; controls, '"' and '\\' are escaped. */
int
sp_buf_add_json(struct sp_buf *b, struct sp_view v);

/* Removes the first `n` bytes (n <= b->len) and moves the rest down. */
void
sp_buf_consume(struct sp_buf *b, size_t n);

/* The content, until the next change of the buffer. */
static inline struct sp_view
sp_buf_view(const struct sp_buf *b)
{
    return sp_view_make(b->data, b->len);
}

#endif
