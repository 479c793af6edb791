/* Any bytes through the decoder; what is accepted must encode
 * to an envelope that decodes again. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "common/text/buf.h"
#include "proto/codec.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sp_view frame = sp_view_make(data, size);
    struct sp_view envelope = { 0 };
    struct sp_buf out = sp_buf_new(SP_MAX_ENVELOPE + 4);

    while (sp_frame_next(&frame, &envelope) == 0) {
        struct sp_msg message = { 0 };

        if (sp_decode(envelope, &message) != 0) {
            continue;
        }
        sp_buf_reset(&out);
        if (sp_encode(&out, message.id, &message.u) != 0 ||
            sp_decode(sp_view_make(out.data + 4, out.len - 4), &message) != 0) {
            abort();
        }
    }
    sp_buf_free(&out);
    return 0;
}
