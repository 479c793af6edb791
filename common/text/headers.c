/* Header text: written and read strictly, so that no value can grow into a
 * second line. */
#include "common/text/headers.h"

#include <string.h>

#include "common/base/error.h"

/* RFC 9110 section 5.6.2, without letters and digits. */
static const char token_marks[] = "!#$%&'*+-.^_`|~";

static bool
is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool
is_token_char(char c)
{
    return (c >= 'a' && c <= 'z') || is_upper(c) || (c >= '0' && c <= '9') ||
           memchr(token_marks, c, sizeof(token_marks) - 1) != NULL;
}

static bool
is_token(struct sp_view name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (!is_token_char(name.ptr[i])) {
            return false;
        }
    }
    return name.len > 0;
}

/* RFC 9110 section 5.5: visible characters, obs-text, space and tab. */
static bool
is_value(struct sp_view value)
{
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.ptr[i];

        if ((c < ' ' && c != '\t') || c == 0x7f) {
            return false;
        }
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

    if (!is_token(name) || !is_value(value)) {
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

static bool
has_upper(struct sp_view name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (is_upper(name.ptr[i])) {
            return true;
        }
    }
    return false;
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
    if (!is_token(name) || has_upper(name) || !is_value(value)) {
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
