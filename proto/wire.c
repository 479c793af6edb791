/* A strict reader of msgpack. */
#include "proto/wire.h"

#include <stdbool.h>

#include "common/base/error.h"

/* Reads `n` bytes as a big endian number. */
static int
take_number(struct sp_wire *w, size_t n, uint64_t *ret_value)
{
    uint64_t value = 0;

    if (w->left < n) {
        return SP_ETRUNCATED;
    }
    for (size_t i = 0; i < n; i++) {
        value = value << 8 | w->at[i];
    }
    w->at += n;
    w->left -= n;
    *ret_value = value;
    return 0;
}

static int
take_bytes(struct sp_wire *w, uint64_t n, struct sp_view *ret_bytes)
{
    if (w->left < n) {
        return SP_ETRUNCATED;
    }
    *ret_bytes = sp_view_make(w->at, (size_t)n);
    w->at += n;
    w->left -= (size_t)n;
    return 0;
}

/* What a head byte announces: a number of so many bytes, which is the value or,
 * of texts and bytes, the length. */
struct head {
    bool known;
    enum sp_field_type type;
    unsigned char number_bytes;
};

#define FIRST_HEAD 0xc2
#define LAST_HEAD 0xdb

static const struct head heads[LAST_HEAD - FIRST_HEAD + 1] = {
    [0xc2 - FIRST_HEAD] = { true, SP_FIELD_BOOL, 0 }, /* false */
    [0xc3 - FIRST_HEAD] = { true, SP_FIELD_BOOL, 0 }, /* true */
    [0xc4 - FIRST_HEAD] = { true, SP_FIELD_BIN, 1 },
    [0xc5 - FIRST_HEAD] = { true, SP_FIELD_BIN, 2 },
    [0xc6 - FIRST_HEAD] = { true, SP_FIELD_BIN, 4 },
    [0xcc - FIRST_HEAD] = { true, SP_FIELD_UINT, 1 },
    [0xcd - FIRST_HEAD] = { true, SP_FIELD_UINT, 2 },
    [0xce - FIRST_HEAD] = { true, SP_FIELD_UINT, 4 },
    [0xcf - FIRST_HEAD] = { true, SP_FIELD_UINT, 8 },
    [0xd9 - FIRST_HEAD] = { true, SP_FIELD_STR, 1 },
    [0xda - FIRST_HEAD] = { true, SP_FIELD_STR, 2 },
    [0xdb - FIRST_HEAD] = { true, SP_FIELD_STR, 4 },
};

int
sp_wire_next(struct sp_wire *wire, struct sp_wire_item *ret_item)
{
    const struct head *head = NULL;
    uint64_t byte = 0;
    int error = take_number(wire, 1, &byte);

    if (error != 0) {
        return error;
    }
    if (byte <= 0x7f) { /* positive fixint */
        ret_item->type = SP_FIELD_UINT;
        ret_item->number = byte;
        return 0;
    }
    if (byte >= 0xa0 && byte <= 0xbf) { /* fixstr */
        ret_item->type = SP_FIELD_STR;
        return take_bytes(wire, byte & 0x1f, &ret_item->bytes);
    }
    if (byte < FIRST_HEAD || byte > LAST_HEAD ||
        !heads[byte - FIRST_HEAD].known) {
        return SP_EFORMAT;
    }
    head = &heads[byte - FIRST_HEAD];
    ret_item->type = head->type;
    error = take_number(wire, head->number_bytes, &ret_item->number);
    if (head->type == SP_FIELD_BOOL) {
        ret_item->number = byte - FIRST_HEAD;
    } else if (error == 0 && head->type != SP_FIELD_UINT) {
        error = take_bytes(wire, ret_item->number, &ret_item->bytes);
    }
    return error;
}

int
sp_wire_begin(struct sp_wire *wire, struct sp_view bytes, size_t *ret_count)
{
    struct sp_wire w = { .at = (const unsigned char *)bytes.ptr,
                         .left = bytes.len };
    uint64_t byte = 0;
    uint64_t count = 0;
    int error = take_number(&w, 1, &byte);

    if (error != 0) {
        return error;
    }
    if (byte >= 0x90 && byte <= 0x9f) { /* fixarray */
        count = byte & 0x0f;
    } else if (byte == 0xdc) { /* array 16 */
        error = take_number(&w, 2, &count);
    } else {
        error = SP_EFORMAT;
    }
    if (error == 0 && count > SP_WIRE_MAX_ITEMS) {
        error = SP_ELIMIT;
    }
    *wire = w;
    *ret_count = (size_t)count;
    return error;
}
