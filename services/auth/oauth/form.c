/* Form bodies: every byte accounted for. */
#include "services/auth/oauth/form.h"

#include <stdbool.h>
#include <strings.h>

#include "common/base/error.h"
#include "common/text/hex.h"

struct form
form_new(void)
{
    return (struct form){ .text = sp_buf_new(FORM_MAX_BYTES) };
}

void
form_free(struct form *form)
{
    if (form->text.data != NULL) {
        explicit_bzero(form->text.data, form->text.size);
    }
    sp_buf_free(&form->text);
    form->count = 0;
}

/* The byte that the text at `i` stands for, with *i moved to its last
 * character; -1 for none. Parameters of OAuth hold visible ASCII, spaces and
 * Unicode (RFC 6749 appendix A), never a control. */
static int
next_byte(struct sp_view text, size_t *i)
{
    unsigned char c = (unsigned char)text.ptr[*i];
    int byte = c;

    if (c == '+') {
        return ' ';
    }
    if (c == '%') {
        byte = sp_hex_escaped(sp_view_skip(text, *i));
        *i += 2;
    } else if (c <= ' ' || c >= 0x7f) {
        return -1;
    }
    return byte < ' ' || byte == 0x7f ? -1 : byte;
}

int
form_decode(struct sp_view text, struct sp_buf *out)
{
    for (size_t i = 0; i < text.len; i++) {
        int byte = next_byte(text, &i);
        char c = (char)byte;

        if (byte < 0) {
            return SP_EFORMAT;
        }
        if (sp_buf_add(out, &c, 1) != 0) {
            return SP_ELIMIT;
        }
    }
    return 0;
}

static int
decode_part(struct form *form, struct sp_view text, struct sp_view *ret_part)
{
    size_t start = form->text.len;
    int error = form_decode(text, &form->text);

    *ret_part = sp_view_make(form->text.data + start, form->text.len - start);
    return error;
}

static bool
has(const struct form *form, struct sp_view name)
{
    for (size_t i = 0; i < form->count; i++) {
        if (sp_view_equal(form->fields[i].name, name)) {
            return true;
        }
    }
    return false;
}

static int
add_field(struct form *form, struct sp_view pair)
{
    struct form_field field = { .name = { 0 } };
    const char *equals = memchr(pair.ptr, '=', pair.len);
    size_t name_len = 0;
    int error = 0;

    if (equals == NULL || equals == pair.ptr) {
        return SP_EFORMAT;
    }
    if (form->count == FORM_MAX_FIELDS) {
        return SP_ELIMIT;
    }
    name_len = (size_t)(equals - pair.ptr);
    error = decode_part(form, sp_view_make(pair.ptr, name_len), &field.name);
    if (error == 0) {
        error =
            decode_part(form, sp_view_skip(pair, name_len + 1), &field.value);
    }
    if (error == 0 && has(form, field.name)) {
        error = SP_EDUPLICATE;
    }
    if (error == 0) {
        form->fields[form->count++] = field;
    }
    return error;
}

int
form_parse(struct form *form, struct sp_view body)
{
    struct sp_view rest = body;
    int error = 0;

    form->count = 0;
    sp_buf_reset(&form->text);
    if (body.len > FORM_MAX_BYTES) {
        return SP_ELIMIT;
    }
    /* Decoding never lengthens: with all room taken now, no view moves. */
    if (body.len > 0) {
        error = sp_buf_add_view(&form->text, body);
        sp_buf_reset(&form->text);
    }
    while (error == 0 && rest.len > 0) {
        const char *mark = memchr(rest.ptr, '&', rest.len);
        size_t len = mark == NULL ? rest.len : (size_t)(mark - rest.ptr);

        error = add_field(form, sp_view_make(rest.ptr, len));
        if (error == 0 && mark != NULL && len + 1 == rest.len) {
            error = SP_EFORMAT; /* nothing behind the last '&' */
        }
        rest = sp_view_skip(rest, mark == NULL ? len : len + 1);
    }
    return error;
}

struct sp_view
form_get(const struct form *form, const char *name)
{
    for (size_t i = 0; i < form->count; i++) {
        if (sp_view_is(form->fields[i].name, name)) {
            return form->fields[i].value;
        }
    }
    return sp_view_make("", 0);
}
