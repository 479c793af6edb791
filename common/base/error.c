/* Texts of the shared error values. */
#include "common/base/error.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

static const struct {
    int error;
    const char *text;
} error_texts[] = { { SP_OK, "success" },
#define SP_ERROR_TEXT(name, text) { name, text },
                    SP_ERRORS(SP_ERROR_TEXT)
#undef SP_ERROR_TEXT
};

const char *
sp_strerror(int error)
{
    for (size_t i = 0; i < sizeof(error_texts) / sizeof(error_texts[0]); i++) {
        if (error_texts[i].error == error) {
            return error_texts[i].text;
        }
    }
    return "unknown error";
}

const char *
sp_error_reason(int error)
{
    return error == SP_ESYSTEM && errno != 0 ? strerror(errno)
                                             : sp_strerror(error);
}
