/* The headers that MCP gives a meaning. */
#include "services/validation/mcp/mcp_headers.h"

#include <stddef.h>

#include <sodium.h>

#include "common/base/error.h"
#include "common/text/headers.h"

#define PREFIX "=?base64?"
#define SUFFIX "?="
#define MAX_DECODED 8192

static const struct {
    const char *name;
    size_t offset;
} known[] = {
    { "content-type", offsetof(struct mcp_headers, content_type) },
    { "mcp-protocol-version", offsetof(struct mcp_headers, version) },
    { "mcp-method", offsetof(struct mcp_headers, method) },
    { "mcp-name", offsetof(struct mcp_headers, name) },
};

int
mcp_headers_read(struct sp_view text, struct mcp_headers *ret_headers)
{
    struct mcp_headers headers = { 0 };
    struct sp_view name = { 0 };
    struct sp_view value = { 0 };
    int more = 0;

    while ((more = sp_headers_next(&text, &name, &value)) > 0) {
        for (size_t i = 0; i < SP_COUNT(known); i++) {
            struct sp_view *slot = (void *)((char *)&headers + known[i].offset);

            if (sp_view_is(name, known[i].name)) {
                headers.repeated = headers.repeated || slot->ptr != NULL;
                *slot = value;
            }
        }
    }
    if (more < 0) {
        return more;
    }
    *ret_headers = headers;
    return 0;
}

/* Visible ASCII and spaces, none of them at an edge. */
static bool
is_plain(struct sp_view value)
{
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.ptr[i];

        if (c < 0x20 || c > 0x7e) {
            return false;
        }
    }
    return value.len == 0 ||
           (value.ptr[0] != ' ' && value.ptr[value.len - 1] != ' ');
}

static bool
ends_in_suffix(struct sp_view value)
{
    size_t len = sizeof(SUFFIX) - 1;

    return value.len >= sizeof(PREFIX) - 1 + len &&
           memcmp(value.ptr + value.len - len, SUFFIX, len) == 0;
}

static int
decode_base64(struct sp_view inner, struct sp_buf *scratch,
              struct sp_view *ret_text)
{
    unsigned char decoded[MAX_DECODED];
    size_t len = 0;

    /* Strict: padding is required, and nothing may stand behind it. */
    if (sodium_base642bin(decoded, sizeof(decoded), inner.ptr, inner.len, NULL,
                          &len, NULL, sodium_base64_VARIANT_ORIGINAL) != 0) {
        return SP_EFORMAT;
    }
    sp_buf_reset(scratch);
    if (sp_buf_add(scratch, decoded, len) != 0) {
        return SP_EFORMAT;
    }
    *ret_text = sp_buf_view(scratch);
    return 0;
}

/* Most values are plain: the room to decode others is not even cleared. */
int
mcp_headers_decode(struct sp_view value, struct sp_buf *scratch,
                   struct sp_view *ret_text)
{
    if (!sp_view_starts(value, PREFIX) || !ends_in_suffix(value)) {
        *ret_text = value;
        return is_plain(value) ? 0 : SP_EFORMAT;
    }
    return decode_base64(
        sp_view_make(value.ptr + sizeof(PREFIX) - 1,
                     value.len - (sizeof(PREFIX) - 1) - (sizeof(SUFFIX) - 1)),
        scratch, ret_text);
}
