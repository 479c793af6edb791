/* A strict reader of the msgpack that envelopes are made of: one flat array of
 * scalars. It allocates nothing, whatever counts and lengths the bytes claim.
 * Specification: github.com/msgpack/msgpack, spec.md. */
#ifndef SP_PROTO_WIRE_H
#define SP_PROTO_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/compiler.h"
#include "common/base/view.h"
#include "proto/message.h"

/* An envelope is one flat array: 2 fixed members and at most 40 fields. */
#define SP_WIRE_MAX_ITEMS 48

struct sp_wire {
    const unsigned char *at;
    size_t left;
};

struct sp_wire_item {
    enum sp_field_type type;
    uint64_t number;      /* of UINT and BOOL */
    struct sp_view bytes; /* of STR and BIN, in the envelope */
};

/* Begins with the head of the array in `bytes`. 0 with the number of its items,
 * or SP_ETRUNCATED, SP_EFORMAT (no array), SP_ELIMIT. */
SP_MUST_CHECK int
sp_wire_begin(struct sp_wire *wire, struct sp_view bytes, size_t *ret_count);

/* Takes the next item. 0, SP_ETRUNCATED where a claimed length is not there, or
 * SP_EFORMAT: nil, floats, signed numbers, maps, nested arrays and extensions
 * never occur. */
SP_MUST_CHECK int
sp_wire_next(struct sp_wire *wire, struct sp_wire_item *ret_item);

#endif
