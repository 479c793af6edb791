/* Any bytes as a form body, as credential lines: what is accepted stays within
 * its own buffer, holds no control, and no name twice. */
#include <stdint.h>
#include <stdlib.h>

#include "services/auth/oauth/credentials.h"
#include "services/auth/oauth/form.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_part(const struct form *form, struct sp_view part)
{
    if (part.len == 0) {
        return;
    }
    if (part.ptr < form->text.data ||
        part.ptr + part.len > form->text.data + form->text.len) {
        abort();
    }
    for (size_t i = 0; i < part.len; i++) {
        if ((unsigned char)part.ptr[i] < ' ' || part.ptr[i] == 0x7f) {
            abort();
        }
    }
}

static void
check_form(const struct form *form)
{
    for (size_t i = 0; i < form->count; i++) {
        check_part(form, form->fields[i].name);
        check_part(form, form->fields[i].value);
        for (size_t k = 0; k < i; k++) {
            if (sp_view_equal(form->fields[i].name, form->fields[k].name)) {
                abort();
            }
        }
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sp_view input = sp_view_make(data, size);
    struct form form = form_new();
    struct sp_buf scratch = sp_buf_new(2 * FORM_MAX_BYTES);
    struct sp_view id = { 0 };
    struct sp_view secret = { 0 };

    if (form_parse(&form, input) == 0) {
        check_form(&form);
    }
    if (credentials_basic(input, &scratch, &id, &secret) == 0 &&
        (id.len == 0 || secret.ptr != id.ptr + id.len)) {
        abort();
    }
    if (credentials_bearer(input, &id) == 0 && id.len == 0) {
        abort();
    }
    sp_buf_free(&scratch);
    form_free(&form);
    return 0;
}
