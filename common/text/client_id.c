/* Ids of clients. */
#include "common/text/client_id.h"

#include <stddef.h>
#include <string.h>

bool
sp_client_id_ok(struct sp_view id)
{
    static const char marks[] = "._-";

    if (id.len == 0 || id.len > SP_CLIENT_ID_MAX || id.ptr[0] == '.') {
        return false;
    }
    for (size_t i = 0; i < id.len; i++) {
        char c = id.ptr[i];

        if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
              (c >= '0' && c <= '9') ||
              memchr(marks, c, sizeof(marks) - 1) != NULL)) {
            return false;
        }
    }
    return true;
}
