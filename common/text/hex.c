/* Hexadecimal digits in text. */
#include "common/text/hex.h"

int
sp_hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int
sp_hex_escaped(struct sp_view v)
{
    int high = v.len >= 3 && v.ptr[0] == '%' ? sp_hex_digit(v.ptr[1]) : -1;
    int low = v.len >= 3 ? sp_hex_digit(v.ptr[2]) : -1;

    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

int
sp_hex_add(struct sp_buf *out, struct sp_view bytes)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < bytes.len; i++) {
        unsigned char byte = (unsigned char)bytes.ptr[i];
        const char pair[2] = { digits[byte >> 4], digits[byte & 15] };

        (void)sp_buf_add(out, pair, sizeof(pair));
    }
    return out->error;
}
