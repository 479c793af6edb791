/* Session ids: any header value. None opens but those that were sealed, and an
 * id that was sealed opens only as it is. */
#include <stdint.h>
#include <stdlib.h>

#include "common/base/secret.h"
#include "services/tools/mcp/session.h"

#define NOW 1000

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct session_owner owner = { SP_VIEW_LITERAL("anna"),
                                         SP_VIEW_LITERAL("app") };
    const struct session real = { .version = MCP_VERSION_2025_11_25,
                                  .expires_ms = NOW + 1 };
    struct sp_secret *key =
        sp_secret_new(SP_VIEW_LITERAL("0123456789abcdef0123456789abcdef"));
    struct sp_buf id = sp_buf_new(1024);
    struct session session = { 0 };

    if (session_open(key, sp_view_make(data, size), &owner, NOW, &session) ==
        0) {
        abort();
    }
    if (session_seal(key, &real, &owner, &id) != 0) {
        abort();
    }
    /* The input as a change: where, and what to add to the byte. */
    for (size_t i = 0; i + 1 < size; i += 2) {
        id.data[data[i] % id.len] ^= (char)data[i + 1];
    }
    if (session_open(key, sp_buf_view(&id), &owner, NOW, &session) == 0) {
        struct sp_buf again = sp_buf_new(1024);

        if (session_seal(key, &real, &owner, &again) != 0 ||
            !sp_view_equal(sp_buf_view(&id), sp_buf_view(&again))) {
            abort();
        }
        sp_buf_free(&again);
    }
    sp_buf_free(&id);
    sp_secret_free(&key);
    return 0;
}
