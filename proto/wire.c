/* A bounded look at msgpack bytes. */
#include "proto/wire.h"

#include <stdbool.h>
#include <stdint.h>

#include "common/base/error.h"

/* Where the scan stands in the bytes. */
struct cursor {
    const unsigned char *at;
    size_t left;
};

/* Reads `n` bytes as a big endian number. */
static int
take_number(struct cursor *c, size_t n, uint64_t *ret_value)
{
    uint64_t value = 0;

    if (c->left < n) {
        return SP_ETRUNCATED;
    }
    for (size_t i = 0; i < n; i++) {
        value = value << 8 | c->at[i];
    }
    c->at += n;
    c->left -= n;
    *ret_value = value;
    return 0;
}

static int
skip(struct cursor *c, uint64_t n)
{
    if (c->left < n) {
        return SP_ETRUNCATED;
    }
    c->at += n;
    c->left -= (size_t)n;
    return 0;
}

/* What follows a head byte: a number of `length_bytes` that counts the payload
 * (str, bin), or a payload of `fixed` bytes (numbers, booleans). */
struct head {
    bool known;
    unsigned char length_bytes;
    unsigned char fixed;
};

#define FIRST_HEAD 0xc2
#define LAST_HEAD 0xdb

static const struct head heads[LAST_HEAD - FIRST_HEAD + 1] = {
    [0xc2 - FIRST_HEAD] = { true, 0, 0 }, /* false */
    [0xc3 - FIRST_HEAD] = { true, 0, 0 }, /* true */
    [0xc4 - FIRST_HEAD] = { true, 1, 0 }, /* bin 8 */
    [0xc5 - FIRST_HEAD] = { true, 2, 0 }, /* bin 16 */
    [0xc6 - FIRST_HEAD] = { true, 4, 0 }, /* bin 32 */
    [0xcc - FIRST_HEAD] = { true, 0, 1 }, /* uint 8 */
    [0xcd - FIRST_HEAD] = { true, 0, 2 }, /* uint 16 */
    [0xce - FIRST_HEAD] = { true, 0, 4 }, /* uint 32 */
    [0xcf - FIRST_HEAD] = { true, 0, 8 }, /* uint 64 */
    [0xd9 - FIRST_HEAD] = { true, 1, 0 }, /* str 8 */
    [0xda - FIRST_HEAD] = { true, 2, 0 }, /* str 16 */
    [0xdb - FIRST_HEAD] = { true, 4, 0 }, /* str 32 */
};

/* Steps over one scalar. Everything else (nil, floats, signed numbers, maps,
 * nested arrays, extensions) never occurs in an envelope. */
static int
skip_scalar(struct cursor *c)
{
    const struct head *head = NULL;
    uint64_t byte = 0;
    uint64_t len = 0;
    int error = take_number(c, 1, &byte);

    if (error != 0) {
        return error;
    }
    if (byte <= 0x7f) { /* positive fixint */
        return 0;
    }
    if (byte >= 0xa0 && byte <= 0xbf) { /* fixstr */
        return skip(c, byte & 0x1f);
    }
    if (byte < FIRST_HEAD || byte > LAST_HEAD ||
        !heads[byte - FIRST_HEAD].known) {
        return SP_EFORMAT;
    }
    head = &heads[byte - FIRST_HEAD];
    error = take_number(c, head->length_bytes, &len);
    return error != 0 ? error : skip(c, len + head->fixed);
}

int
sp_wire_ok(struct sp_view bytes)
{
    struct cursor c = { .at = (const unsigned char *)bytes.ptr,
                        .left = bytes.len };
    uint64_t byte = 0;
    uint64_t count = 0;
    int error = take_number(&c, 1, &byte);

    if (error != 0) {
        return error;
    }
    if (byte >= 0x90 && byte <= 0x9f) { /* fixarray */
        count = byte & 0x0f;
    } else if (byte == 0xdc) { /* array 16 */
        error = take_number(&c, 2, &count);
    } else {
        return SP_EFORMAT;
    }
    if (error == 0 && count > SP_WIRE_MAX_ITEMS) {
        return SP_ELIMIT;
    }
    for (uint64_t i = 0; error == 0 && i < count; i++) {
        error = skip_scalar(&c);
    }
    if (error == 0 && c.left != 0) {
        error = SP_EFORMAT;
    }
    return error;
}
