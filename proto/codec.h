/* Messages to bytes and back. An envelope is a msgpack array: protocol version,
 * message id, then the fields in the order of their row. A frame (one ZeroMQ
 * message) is a run of envelopes, each behind its length in 4 bytes, big
 * endian. Decoding is exact: one value, right version, count, types and
 * limits, nothing left over. */
#ifndef SP_PROTO_CODEC_H
#define SP_PROTO_CODEC_H

#include "common/base/compiler.h"
#include "common/text/buf.h"
#include "proto/message.h"

/* Longest envelope that is looked at. */
#define SP_MAX_ENVELOPE (SP_MAX_BODY + 128 * 1024)

/* Most envelopes in a frame: a sender gathers no more, a receiver looks at no
 * more. */
#define SP_FRAME_ENVELOPES 64

/* Appends the envelope of `message` (the struct of row `id`), with its length
 * in front. 0, or SP_ELIMIT where a field breaks its row's limits or the
 * buffer is full; the buffer is then as before. */
SP_MUST_CHECK int
sp_encode(struct sp_buf *out, enum sp_message_id id, const void *message);

/* Takes the first envelope off `frame`. 0 with ret_envelope set and `frame`
 * moved on, or SP_ETRUNCATED/SP_ELIMIT where the length cannot be right: the
 * rest of the frame is then unusable. */
SP_MUST_CHECK int
sp_frame_next(struct sp_view *frame, struct sp_view *ret_envelope);

/* Decodes one envelope into ret_msg (id and fields; `from` is the caller's to
 * set). Views point into the envelope. 0, or SP_EFORMAT, SP_EVERSION,
 * SP_EUNKNOWN, SP_ELIMIT, SP_ETRUNCATED. */
SP_MUST_CHECK int
sp_decode(struct sp_view envelope, struct sp_msg *ret_msg);

#endif
