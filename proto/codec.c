/* Messages to bytes and back, driven by the schema's tables. */
#include "proto/codec.h"

#include <msgpack.h>

#include "common/base/error.h"
#include "proto/wire.h"

/* Array items in front of the fields: protocol version and message id. */
#define HEAD_ITEMS 2
#define LENGTH_BYTES 4

static const void *
member_of(const void *message, const struct sp_field *field)
{
    return (const char *)message + field->offset;
}

static int
write_bytes(void *out, const char *data, size_t len)
{
    return sp_buf_add(out, data, len);
}

static bool
within(const struct sp_field *field, uint64_t value)
{
    return value >= field->min && value <= field->max;
}

static int
pack_field(msgpack_packer *packer, const struct sp_field *field,
           const void *message)
{
    const void *member = member_of(message, field);
    const struct sp_view *view = member;
    int error = 0;

    switch (field->type) {
    case SP_FIELD_UINT:
        if (!within(field, *(const uint64_t *)member)) {
            return SP_ELIMIT;
        }
        return msgpack_pack_uint64(packer, *(const uint64_t *)member);
    case SP_FIELD_BOOL:
        return *(const bool *)member ? msgpack_pack_true(packer)
                                     : msgpack_pack_false(packer);
    case SP_FIELD_STR:
        if (!within(field, view->len)) {
            return SP_ELIMIT;
        }
        error = msgpack_pack_str(packer, view->len);
        return error != 0 || view->len == 0
                   ? error
                   : msgpack_pack_str_body(packer, view->ptr, view->len);
    case SP_FIELD_BIN:
        if (!within(field, view->len)) {
            return SP_ELIMIT;
        }
        error = msgpack_pack_bin(packer, view->len);
        return error != 0 || view->len == 0
                   ? error
                   : msgpack_pack_bin_body(packer, view->ptr, view->len);
    }
    return SP_EFORMAT;
}

static void
put_length(char *at, size_t len)
{
    for (size_t i = 0; i < LENGTH_BYTES; i++) {
        at[i] = (char)(len >> (8 * (LENGTH_BYTES - 1 - i)) & 0xff);
    }
}

int
sp_encode(struct sp_buf *out, enum sp_message_id id, const void *message)
{
    const struct sp_message_info *info = sp_message_info((uint64_t)id);
    size_t start = out->len;
    msgpack_packer packer;
    int error = 0;

    if (info == NULL) {
        return SP_EUNKNOWN;
    }
    msgpack_packer_init(&packer, out, write_bytes);
    error = sp_buf_add(out, "\0\0\0\0", LENGTH_BYTES);
    if (error == 0) {
        error = msgpack_pack_array(&packer, info->field_count + HEAD_ITEMS);
    }
    if (error == 0) {
        error = msgpack_pack_uint64(&packer, SP_PROTO_VERSION);
    }
    if (error == 0) {
        error = msgpack_pack_uint64(&packer, (uint64_t)id);
    }
    for (size_t i = 0; error == 0 && i < info->field_count; i++) {
        error = pack_field(&packer, &info->fields[i], message);
    }
    if (error != 0) {
        out->len = start;
        out->error = 0;
        return SP_ELIMIT;
    }
    put_length(out->data + start, out->len - start - LENGTH_BYTES);
    return 0;
}

int
sp_frame_next(struct sp_view *frame, struct sp_view *ret_envelope)
{
    size_t len = 0;

    if (frame->len < LENGTH_BYTES) {
        return SP_ETRUNCATED;
    }
    for (size_t i = 0; i < LENGTH_BYTES; i++) {
        len = len << 8 | (unsigned char)frame->ptr[i];
    }
    if (len > SP_MAX_ENVELOPE) {
        return SP_ELIMIT;
    }
    if (len > frame->len - LENGTH_BYTES) {
        return SP_ETRUNCATED;
    }
    *ret_envelope = sp_view_make(frame->ptr + LENGTH_BYTES, len);
    *frame = sp_view_skip(*frame, LENGTH_BYTES + len);
    return 0;
}

static int
decode_field(struct sp_wire *wire, const struct sp_field *field, char *message)
{
    struct sp_wire_item item;
    void *member = message + field->offset;
    int error = sp_wire_next(wire, &item);

    if (error != 0) {
        return error;
    }
    if (item.type != field->type) {
        return SP_EFORMAT;
    }
    switch (field->type) {
    case SP_FIELD_UINT:
        *(uint64_t *)member = item.number;
        break;
    case SP_FIELD_BOOL:
        *(bool *)member = item.number != 0;
        break;
    case SP_FIELD_STR:
    case SP_FIELD_BIN:
        *(struct sp_view *)member = item.bytes;
        item.number = item.bytes.len;
        break;
    }
    return within(field, item.number) ? 0 : SP_ELIMIT;
}

/* Protocol version and message id, in front of the fields. */
static int
decode_head(struct sp_wire *wire, struct sp_view envelope,
            const struct sp_message_info **ret_info)
{
    struct sp_wire_item version;
    struct sp_wire_item id;
    size_t count = 0;
    int error = sp_wire_begin(wire, envelope, &count);

    if (error == 0 && count < HEAD_ITEMS) {
        error = SP_EFORMAT;
    }
    if (error == 0) {
        error = sp_wire_next(wire, &version);
    }
    if (error == 0) {
        error = sp_wire_next(wire, &id);
    }
    if (error != 0) {
        return error;
    }
    if (version.type != SP_FIELD_UINT || id.type != SP_FIELD_UINT) {
        return SP_EFORMAT;
    }
    if (version.number != SP_PROTO_VERSION) {
        return SP_EVERSION;
    }
    *ret_info = sp_message_info(id.number);
    if (*ret_info == NULL) {
        return SP_EUNKNOWN;
    }
    return count == (*ret_info)->field_count + HEAD_ITEMS ? 0 : SP_EFORMAT;
}

int
sp_decode(struct sp_view envelope, struct sp_msg *ret_msg)
{
    const struct sp_message_info *info = NULL;
    struct sp_wire wire;
    int error = decode_head(&wire, envelope, &info);

    if (error != 0) {
        return error;
    }
    ret_msg->id = info->id;
    for (size_t i = 0; error == 0 && i < info->field_count; i++) {
        error = decode_field(&wire, &info->fields[i], (char *)&ret_msg->u);
    }
    if (error == 0 && wire.left != 0) {
        error = SP_EFORMAT;
    }
    return error;
}
