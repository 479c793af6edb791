/* JSON strings in ASCII. */
#include "common/text/ascii.h"

#include <stdbool.h>
#include <stdint.h>

#include "common/base/compiler.h"

#define REPLACEMENT 0xfffd

/* The forms of multi-byte UTF-8, RFC 3629 section 4: `low` and `high` bound
 * the second byte, so that overlong forms and surrogates fall out. */
static const struct form {
    unsigned char first;
    unsigned char last;
    unsigned char len;
    unsigned char low;
    unsigned char high;
} forms[] = {
    { 0xc2, 0xdf, 2, 0x80, 0xbf }, { 0xe0, 0xe0, 3, 0xa0, 0xbf },
    { 0xe1, 0xec, 3, 0x80, 0xbf }, { 0xed, 0xed, 3, 0x80, 0x9f },
    { 0xee, 0xef, 3, 0x80, 0xbf }, { 0xf0, 0xf0, 4, 0x90, 0xbf },
    { 0xf1, 0xf3, 4, 0x80, 0xbf }, { 0xf4, 0xf4, 4, 0x80, 0x8f },
};

static bool
fits(const struct form *form, struct sp_view v)
{
    const unsigned char *at = (const unsigned char *)v.ptr;

    if (at[0] < form->first || at[0] > form->last || v.len < form->len ||
        at[1] < form->low || at[1] > form->high) {
        return false;
    }
    for (size_t i = 2; i < form->len; i++) {
        if ((at[i] & 0xc0) != 0x80) {
            return false;
        }
    }
    return true;
}

/* The first character of `v` and its length; one bad byte is a replacement
 * character of its own. */
static size_t
take(struct sp_view v, uint32_t *ret_point)
{
    const unsigned char *at = (const unsigned char *)v.ptr;

    for (size_t i = 0; i < SP_COUNT(forms); i++) {
        if (fits(&forms[i], v)) {
            uint32_t point = at[0] & (0x7fu >> forms[i].len);

            for (size_t k = 1; k < forms[i].len; k++) {
                point = point << 6 | (at[k] & 0x3fu);
            }
            *ret_point = point;
            return forms[i].len;
        }
    }
    *ret_point = REPLACEMENT;
    return 1;
}

static void
add_point(struct sp_buf *out, uint32_t point)
{
    if (point >= 0x10000) {
        point -= 0x10000;
        (void)sp_buf_addf(out, "\\u%04x", 0xd800u + (point >> 10));
        point = 0xdc00u + (point & 0x3ff);
    }
    (void)sp_buf_addf(out, "\\u%04x", point);
}

int
sp_ascii_json(struct sp_buf *out, struct sp_view v)
{
    size_t plain = 0;

    while (v.len > 0) {
        uint32_t point = 0;

        while (plain < v.len && (unsigned char)v.ptr[plain] < 0x80) {
            plain++;
        }
        (void)sp_buf_add_json(out, sp_view_make(v.ptr, plain));
        v = sp_view_skip(v, plain);
        plain = 0;
        if (v.len > 0) {
            v = sp_view_skip(v, take(v, &point));
            add_point(out, point);
        }
    }
    return out->error;
}
