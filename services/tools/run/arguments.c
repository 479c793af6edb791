/* Reading a call's arguments. */
#include "services/tools/run/arguments.h"

#include "common/base/error.h"

#define CUSTOMER_ID_MIN 5
#define CUSTOMER_ID_MAX 10

/* Every character begins with a byte that continues none. */
static size_t
characters(struct sp_view text)
{
    size_t count = 0;

    for (size_t i = 0; i < text.len; i++) {
        count += ((unsigned char)text.ptr[i] & 0xc0) != 0x80;
    }
    return count;
}

int
arguments_text(const struct arguments *arguments,
               const struct text_bounds *bounds, struct sp_buf *scratch,
               struct sp_view *ret_text)
{
    const struct sp_json_token *value =
        sp_json_get(arguments->json, arguments->object, bounds->name);
    struct sp_view text = { 0 };
    size_t count = 0;
    int error = 0;

    if (value == NULL) {
        return SP_EUNKNOWN;
    }
    error = sp_json_string(arguments->json, value, scratch, &text);
    if (error != 0) {
        return error;
    }
    count = characters(text);
    if (count < bounds->min || count > bounds->max) {
        return SP_ELIMIT;
    }
    *ret_text = text;
    return 0;
}

bool
arguments_is_customer_id(struct sp_view text)
{
    if (text.len < CUSTOMER_ID_MIN || text.len > CUSTOMER_ID_MAX) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if (!(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9')) {
            return false;
        }
    }
    return true;
}
