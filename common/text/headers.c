/* Header text: written and read strictly, so that no value can grow into a
 * second line. */
#include "common/text/headers.h"

#include <stdint.h>
#include <string.h>

#include "common/base/error.h"

/* The characters of a token (RFC 9110 section 5.6.2), one bit for each of the
 * first 128: letters, digits and !#$%&'*+-.^_`|~ */
static const uint64_t token_bits[] = { UINT64_C(0x03ff6cfa00000000),
                                       UINT64_C(0x57ffffffc7fffffe) };
#define UPPER_BITS UINT64_C(0x7fffffe)

static bool
is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

/* True for a token; where `lower`, for one without capital letters. */
static bool
is_token(struct sp_view name, bool lower)
{
    const uint64_t bits[] = { token_bits[0],
                              token_bits[1] & ~(lower ? UPPER_BITS : 0) };

    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.ptr[i];

        if (c >= 0x80 || (bits[c >> 6] >> (c & 63) & 1) == 0) {
            return false;
        }
    }
    return name.len > 0;
}

/* True where eight bytes hold a control character, a tab included. The usual
 * word-at-a-time tests for "less than" and "equals". */
static bool
any_control(const char *p)
{
    const uint64_t ones = 0x0101010101010101u;
    const uint64_t tops = 0x8080808080808080u;
    uint64_t word = 0;
    uint64_t del = 0;

    memcpy(&word, p, sizeof(word));
    del = word ^ (ones * 0x7f);
    return ((((word - ones * 0x20) & ~word) | ((del - ones) & ~del)) & tops) !=
           0;
}

bool
sp_headers_is_name(struct sp_view name)
{
    return is_token(name, false);
}

/* RFC 9110 section 5.5: visible characters, obs-text, space and tab. */
bool
sp_headers_is_value(struct sp_view value)
{
    size_t i = 0;

    while (i < value.len) {
        unsigned char c = (unsigned char)value.ptr[i];

        if (value.len - i >= sizeof(uint64_t) && !any_control(value.ptr + i)) {
            i += sizeof(uint64_t);
            continue;
        }
        if ((c < ' ' && c != '\t') || c == 0x7f) {
            return false;
        }
        i++;
    }
    return true;
}

static int
fail(struct sp_buf *text, int error)
{
    text->error = error;
    return error;
}

static void
add_lower(struct sp_buf *text, struct sp_view name)
{
    char lowered[64];
    size_t len = 0;

    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];

        lowered[len++] = (char)(is_upper(c) ? c | 0x20 : c);
        if (len == sizeof(lowered)) {
            (void)sp_buf_add(text, lowered, len);
            len = 0;
        }
    }
    (void)sp_buf_add(text, lowered, len);
}

int
sp_headers_add(struct sp_buf *text, struct sp_view name, struct sp_view value)
{
    size_t room = text->max - text->len;
    size_t marks = strlen(": \n");

    if (!is_token(name, false) || !sp_headers_is_value(value)) {
        return fail(text, SP_EFORMAT);
    }
    if (name.len > room || value.len > room - name.len ||
        marks > room - name.len - value.len) {
        return fail(text, SP_ELIMIT);
    }
    add_lower(text, name);
    (void)sp_buf_add_str(text, ": ");
    (void)sp_buf_add_view(text, value);
    return sp_buf_add_str(text, "\n");
}

int
sp_headers_next(struct sp_view *text, struct sp_view *ret_name,
                struct sp_view *ret_value)
{
    const char *newline = NULL;
    const char *colon = NULL;
    struct sp_view name = { 0 };
    struct sp_view value = { 0 };

    if (text->len == 0) {
        return 0;
    }
    newline = memchr(text->ptr, '\n', text->len);
    if (newline == NULL) {
        return SP_EFORMAT;
    }
    colon = memchr(text->ptr, ':', (size_t)(newline - text->ptr));
    if (colon == NULL || colon[1] != ' ') {
        return SP_EFORMAT;
    }
    name = sp_view_make(text->ptr, (size_t)(colon - text->ptr));
    value = sp_view_make(colon + 2, (size_t)(newline - colon) - 2);
    if (!is_token(name, true) || !sp_headers_is_value(value)) {
        return SP_EFORMAT;
    }
    *text = sp_view_skip(*text, (size_t)(newline - text->ptr) + 1);
    *ret_name = name;
    *ret_value = value;
    return 1;
}

struct sp_view
sp_headers_get(struct sp_view text, const char *name)
{
    struct sp_view found = { 0 };
    struct sp_view value = { 0 };

    while (sp_headers_next(&text, &found, &value) > 0) {
        if (sp_view_is(found, name)) {
            return value;
        }
    }
    return (struct sp_view){ 0 };
}
