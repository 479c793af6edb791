/* Content-Type and Accept. */
#include "services/validation/llm/media.h"

#include <string.h>
#include <strings.h>

#include "common/text/headers.h"

/* Takes what stands before the next `mark` that is not in quotes. */
static struct sp_view
take(struct sp_view *rest, char mark)
{
    struct sp_view part = *rest;
    bool quoted = false;
    size_t i = 0;

    for (; i < part.len && (quoted || part.ptr[i] != mark); i++) {
        if (part.ptr[i] == '"') {
            quoted = !quoted;
        } else if (quoted && part.ptr[i] == '\\' && i + 1 < part.len) {
            i++;
        }
    }
    *rest = i < part.len ? sp_view_skip(part, i + 1)
                         : sp_view_make(part.ptr + part.len, 0);
    part.len = i;
    return sp_view_trim(part);
}

bool
media_is(struct sp_view content_type, const char *type)
{
    struct sp_view rest = content_type;

    if (!sp_view_is_word(take(&rest, ';'), type)) {
        return false;
    }
    while (rest.len > 0) {
        struct sp_view value = take(&rest, ';');
        struct sp_view name = take(&value, '=');

        value = sp_view_trim(value);
        if (value.len >= 2 && value.ptr[0] == '"') {
            value = sp_view_make(value.ptr + 1, value.len - 2);
        }
        if (sp_view_is_word(name, "charset") &&
            !sp_view_is_word(value, "utf-8")) {
            return false;
        }
    }
    return true;
}

/* True where the media range covers the type. */
static bool
covers(struct sp_view range, const char *type)
{
    size_t major = (size_t)(strchr(type, '/') - type) + 1;

    return sp_view_is_word(range, "*/*") || sp_view_is_word(range, type) ||
           (range.len == major + 1 && range.ptr[major] == '*' &&
            strncasecmp(range.ptr, type, major) == 0);
}

/* How closely a range fits: an exact one outranks the others. */
static int
rank(struct sp_view range)
{
    if (sp_view_is_word(range, "*/*")) {
        return 1;
    }
    return range.ptr[range.len - 1] == '*' ? 2 : 3;
}

/* True for q=0, q=0.0, ... */
static bool
is_zero(struct sp_view value)
{
    for (size_t i = 0; i < value.len; i++) {
        if (value.ptr[i] != '0' && value.ptr[i] != '.') {
            return false;
        }
    }
    return value.len > 0;
}

static void
weigh(struct sp_view list, const char *type, int *best, bool *accepted)
{
    while (list.len > 0) {
        struct sp_view rest = take(&list, ',');
        struct sp_view range = take(&rest, ';');
        bool refused = false;

        while (rest.len > 0) {
            struct sp_view value = take(&rest, ';');
            struct sp_view name = take(&value, '=');

            refused = refused || (sp_view_is_word(name, "q") &&
                                  is_zero(sp_view_trim(value)));
        }
        if (covers(range, type) && rank(range) >= *best) {
            *best = rank(range);
            *accepted = !refused;
        }
    }
}

bool
media_accepted(struct sp_view headers, const char *type)
{
    struct sp_view name = { 0 };
    struct sp_view value = { 0 };
    bool seen = false;
    bool accepted = false;
    int best = 0;

    while (sp_headers_next(&headers, &name, &value) > 0) {
        if (sp_view_is(name, "accept")) {
            seen = true;
            weigh(value, type, &best, &accepted);
        }
    }
    return !seen || accepted;
}
