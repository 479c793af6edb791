/* A bounded look at msgpack bytes before msgpack-c sees them, because msgpack-c
 * allocates by the claimed count. Allocates nothing. */
#ifndef SP_PROTO_WIRE_H
#define SP_PROTO_WIRE_H

#include "common/base/compiler.h"
#include "common/base/view.h"

/* An envelope is one flat array: 2 fixed members and at most 40 fields. */
#define SP_WIRE_MAX_ITEMS 48

/* 0 where `bytes` is exactly one msgpack array of at most SP_WIRE_MAX_ITEMS
 * scalars (unsigned integer, boolean, str, bin), every claimed length lies
 * inside, and nothing follows. SP_ETRUNCATED, SP_EFORMAT or SP_ELIMIT
 * otherwise. Specification: github.com/msgpack/msgpack, spec.md. */
SP_MUST_CHECK int
sp_wire_ok(struct sp_view bytes);

#endif
