/* Messages to bytes and back, driven by the schema's tables. */
#include "proto/codec.h"

#include <msgpack.h>

#include "common/base/alloc.h"
#include "common/base/error.h"
#include "proto/wire.h"

/* Array items in front of the fields: protocol version and message id. */
#define HEAD_ITEMS 2
#define LENGTH_BYTES 4
/* First chunk of the zone: an array of 48 objects of 24 bytes, with room. */
#define ZONE_BYTES 4096

struct sp_decoder {
    msgpack_zone zone;
};

struct sp_decoder *
sp_decoder_new(void)
{
    struct sp_decoder *decoder = sp_alloc(sizeof(*decoder));

    if (!msgpack_zone_init(&decoder->zone, ZONE_BYTES)) {
        sp_free(decoder);
        return NULL;
    }
    return decoder;
}

void
sp_decoder_free(struct sp_decoder **decoder)
{
    if (*decoder != NULL) {
        msgpack_zone_destroy(&(*decoder)->zone);
        sp_free(*decoder);
        *decoder = NULL;
    }
}

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

/* True where the object has the field's type; text and bytes come out as a
 * view, everything else as a number. */
static bool
scalar_of(const msgpack_object *object, const struct sp_field *field,
          struct sp_view *ret_view, uint64_t *ret_number)
{
    switch (field->type) {
    case SP_FIELD_UINT:
        *ret_number = object->via.u64;
        return object->type == MSGPACK_OBJECT_POSITIVE_INTEGER;
    case SP_FIELD_BOOL:
        *ret_number = object->via.boolean ? 1 : 0;
        return object->type == MSGPACK_OBJECT_BOOLEAN;
    case SP_FIELD_STR:
        *ret_view = sp_view_make(object->via.str.ptr, object->via.str.size);
        *ret_number = ret_view->len;
        return object->type == MSGPACK_OBJECT_STR;
    case SP_FIELD_BIN:
        *ret_view = sp_view_make(object->via.bin.ptr, object->via.bin.size);
        *ret_number = ret_view->len;
        return object->type == MSGPACK_OBJECT_BIN;
    }
    return false;
}

static int
unpack_field(const msgpack_object *object, const struct sp_field *field,
             char *message)
{
    struct sp_view view = { 0 };
    uint64_t number = 0;
    void *member = message + field->offset;

    if (!scalar_of(object, field, &view, &number)) {
        return SP_EFORMAT;
    }
    if (!within(field, number)) {
        return SP_ELIMIT;
    }
    if (field->type == SP_FIELD_UINT) {
        *(uint64_t *)member = number;
    } else if (field->type == SP_FIELD_BOOL) {
        *(bool *)member = number != 0;
    } else {
        *(struct sp_view *)member = view;
    }
    return 0;
}

static int
unpack_message(const msgpack_object_array *items, struct sp_msg *ret_msg)
{
    const struct sp_message_info *info = NULL;

    if (items->size < HEAD_ITEMS ||
        items->ptr[0].type != MSGPACK_OBJECT_POSITIVE_INTEGER ||
        items->ptr[1].type != MSGPACK_OBJECT_POSITIVE_INTEGER) {
        return SP_EFORMAT;
    }
    if (items->ptr[0].via.u64 != SP_PROTO_VERSION) {
        return SP_EVERSION;
    }
    info = sp_message_info(items->ptr[1].via.u64);
    if (info == NULL) {
        return SP_EUNKNOWN;
    }
    if (items->size != info->field_count + HEAD_ITEMS) {
        return SP_EFORMAT;
    }
    ret_msg->id = info->id;
    for (size_t i = 0; i < info->field_count; i++) {
        int error = unpack_field(&items->ptr[i + HEAD_ITEMS], &info->fields[i],
                                 (char *)&ret_msg->u);

        if (error != 0) {
            return error;
        }
    }
    return 0;
}

int
sp_decode(struct sp_decoder *decoder, struct sp_view envelope,
          struct sp_msg *ret_msg)
{
    msgpack_object object;
    size_t offset = 0;
    int error = sp_wire_ok(envelope);

    if (error != 0) {
        return error;
    }
    msgpack_zone_clear(&decoder->zone);
    if (msgpack_unpack(envelope.ptr, envelope.len, &offset, &decoder->zone,
                       &object) != MSGPACK_UNPACK_SUCCESS ||
        offset != envelope.len || object.type != MSGPACK_OBJECT_ARRAY) {
        return SP_EFORMAT;
    }
    return unpack_message(&object.via.array, ret_msg);
}
