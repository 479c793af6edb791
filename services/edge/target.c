/* The strict reading of request targets. */
#include "services/edge/target.h"

#include <stdint.h>

#include "common/base/error.h"
#include "common/text/hex.h"

static bool
is_alnum(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
           (c >= 'a' && c <= 'z');
}

/* RFC 3986 pchar without the percent sign, and '/'. */
static bool
is_path_char(unsigned char c)
{
    return is_alnum(c) || (c != 0 && strchr("-._~!$&'()*+,;=:@/", c) != NULL);
}

/* RFC 3986 query, and the square brackets that clients send bare. */
static bool
is_query_char(unsigned char c)
{
    return is_path_char(c) || (c != 0 && strchr("?[]", c) != NULL);
}

static int
decode_path(struct sp_view raw, struct sp_buf *path)
{
    for (size_t i = 0; i < raw.len; i++) {
        char c = raw.ptr[i];
        int byte = (unsigned char)c;

        if (c == '%') {
            byte = sp_hex_escaped(sp_view_skip(raw, i));
            /* attack: an encoded slash or control means one thing here and
             * another to whoever decodes again. */
            if (byte < 0x20 || byte == '/' || byte == '\\' || byte == '%' ||
                byte == 0x7f) {
                return SP_EFORMAT;
            }
            i += 2;
        } else if (!is_path_char((unsigned char)c)) {
            return SP_EFORMAT;
        }
        c = (char)byte;
        if (sp_buf_add(path, &c, 1) != 0) {
            return SP_ELIMIT;
        }
    }
    return 0;
}

/* No empty segment but a last one, no "." and no "..". */
static bool
segments_ok(struct sp_view path)
{
    size_t start = 1;

    for (size_t i = 1; i <= path.len; i++) {
        size_t len = i - start;

        if (i < path.len && path.ptr[i] != '/') {
            continue;
        }
        if ((len == 0 && i < path.len) ||
            (len <= 2 && len > 0 && memcmp(path.ptr + start, "..", len) == 0)) {
            return false;
        }
        start = i + 1;
    }
    return true;
}

/* Length of the well-formed UTF-8 sequence at p (RFC 3629), or 0. */
static size_t
utf8_len(const unsigned char *p, size_t left)
{
    size_t len = p[0] < 0x80   ? 1
                 : p[0] < 0xc2 ? 0
                 : p[0] < 0xe0 ? 2
                 : p[0] < 0xf0 ? 3
                 : p[0] < 0xf5 ? 4
                               : 0;

    if (len > left) {
        return 0;
    }
    for (size_t i = 1; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    if (len < 3) {
        return len;
    }
    if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
        (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f)) {
        return 0;
    }
    return len;
}

static bool
is_utf8(struct sp_view v)
{
    size_t i = 0;

    while (i < v.len) {
        size_t len = utf8_len((const unsigned char *)v.ptr + i, v.len - i);

        if (len == 0) {
            return false;
        }
        i += len;
    }
    return true;
}

static bool
query_ok(struct sp_view query)
{
    for (size_t i = 0; i < query.len; i++) {
        if (query.ptr[i] == '%') {
            if (sp_hex_escaped(sp_view_skip(query, i)) <= 0) {
                return false;
            }
            i += 2;
        } else if (!is_query_char((unsigned char)query.ptr[i])) {
            return false;
        }
    }
    return true;
}

int
target_read(struct sp_view target, struct sp_buf *path,
            struct sp_view *ret_query)
{
    struct sp_view raw = target;
    struct sp_view query = { .ptr = "", .len = 0 };
    const char *mark = NULL;
    int error = 0;

    if (target.len == 0 || target.ptr[0] != '/') {
        return SP_EFORMAT;
    }
    mark = memchr(target.ptr, '?', target.len);
    if (mark != NULL) {
        raw.len = (size_t)(mark - target.ptr);
        query = sp_view_skip(target, raw.len + 1);
    }
    if (query.len > TARGET_MAX_QUERY) {
        return SP_ELIMIT;
    }
    sp_buf_reset(path);
    error = decode_path(raw, path);
    if (error != 0) {
        return error;
    }
    if (path->len > TARGET_MAX_PATH) {
        return SP_ELIMIT;
    }
    if (!segments_ok(sp_buf_view(path)) || !is_utf8(sp_buf_view(path)) ||
        !query_ok(query)) {
        return SP_EFORMAT;
    }
    *ret_query = query;
    return 0;
}
