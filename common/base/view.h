/* A borrowed run of bytes: pointer and length, no terminating NUL. */
#ifndef SP_COMMON_BASE_VIEW_H
#define SP_COMMON_BASE_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

/* Lives as long as the bytes it points into; copy to keep. */
struct sp_view {
    const char *ptr;
    size_t len;
};

/* The two arguments of "%.*s". */
#define SP_VIEW(v) (int)(v).len, ((v).ptr != NULL ? (v).ptr : "")

/* A view of a string literal. */
#define SP_VIEW_LITERAL(s)                                                     \
    (struct sp_view)                                                           \
    {                                                                          \
        .ptr = "" s, .len = sizeof(s) - 1                                      \
    }

static inline struct sp_view
sp_view_of(const char *s)
{
    return (struct sp_view){ .ptr = s, .len = s == NULL ? 0 : strlen(s) };
}

static inline struct sp_view
sp_view_make(const void *ptr, size_t len)
{
    return (struct sp_view){ .ptr = ptr, .len = len };
}

static inline bool
sp_view_equal(struct sp_view a, struct sp_view b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* A look at the first byte decides most comparisons with a table's rows. */
static inline bool
sp_view_is(struct sp_view v, const char *s)
{
    if (v.len > 0 && s != NULL && v.ptr[0] != s[0]) {
        return false;
    }
    return sp_view_equal(v, sp_view_of(s));
}

static inline bool
sp_view_starts(struct sp_view v, const char *prefix)
{
    size_t len = strlen(prefix);

    return v.len >= len && memcmp(v.ptr, prefix, len) == 0;
}

/* True for the same text but for the case of ASCII letters. */
static inline bool
sp_view_is_word(struct sp_view v, const char *word)
{
    if (v.len > 0 && ((v.ptr[0] ^ word[0]) & ~0x20) != 0) {
        return false; /* not even but for the case */
    }
    return v.len == strlen(word) && strncasecmp(v.ptr, word, v.len) == 0;
}

/* `v` without the spaces and tabs at either end. */
static inline struct sp_view
sp_view_trim(struct sp_view v)
{
    while (v.len > 0 && (v.ptr[0] == ' ' || v.ptr[0] == '\t')) {
        v = (struct sp_view){ .ptr = v.ptr + 1, .len = v.len - 1 };
    }
    while (v.len > 0 && (v.ptr[v.len - 1] == ' ' || v.ptr[v.len - 1] == '\t')) {
        v.len--;
    }
    return v;
}

/* `v` without its first `n` bytes; n must not exceed v.len. */
static inline struct sp_view
sp_view_skip(struct sp_view v, size_t n)
{
    return (struct sp_view){ .ptr = v.ptr + n, .len = v.len - n };
}

/* Writes `v` into `room` with a NUL behind it, clipped to `size` bytes in all;
 * size must not be 0. */
static inline void
sp_view_copy_text(char *room, size_t size, struct sp_view v)
{
    size_t len = v.len < size ? v.len : size - 1;

    if (len > 0) {
        memcpy(room, v.ptr, len);
    }
    room[len] = '\0';
}

#endif
