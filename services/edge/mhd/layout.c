/* The request block must be tiled by what the HTTP library made of it. */
#include "services/edge/mhd/layout.h"

/* What CR LF becomes when the library terminates a line in place: two NULs in
 * 0.9, NUL LF from 1.0 on. A bare LF becomes a single NUL. */
#define LINE_END 2

static void
take_line_end(struct layout *l)
{
    if (l->end - l->at < LINE_END || l->at[0] != '\0' ||
        (l->at[1] != '\0' && l->at[1] != '\n')) {
        l->broken = true;
        return;
    }
    l->at += LINE_END;
}

/* True where `v` lies between `at` and the end of the block. */
static bool
inside(const struct layout *l, struct sp_view v)
{
    return v.ptr >= l->at && v.ptr <= l->end &&
           v.len <= (size_t)(l->end - v.ptr);
}

struct layout
layout_begin(struct sp_view method, struct sp_view target,
             struct sp_view version, size_t len)
{
    struct layout l = { .at = method.ptr, .end = method.ptr + len };

    if (!inside(&l, method) || !inside(&l, target) || !inside(&l, version) ||
        target.ptr != method.ptr + method.len + 1 ||
        version.ptr != target.ptr + target.len + 1) {
        l.broken = true;
        return l;
    }
    l.at = version.ptr + version.len;
    take_line_end(&l);
    return l;
}

void
layout_header(struct layout *l, struct sp_view name, struct sp_view value)
{
    const char *p = NULL;

    if (l->broken || !inside(l, name) || !inside(l, value) ||
        name.ptr != l->at || value.ptr <= name.ptr + name.len) {
        l->broken = true;
        return;
    }
    /* The colon has become a NUL; spaces and tabs may follow it. */
    p = name.ptr + name.len;
    l->broken = *p != '\0';
    for (p++; p < value.ptr; p++) {
        if (*p != ' ' && *p != '\t') {
            l->broken = true;
        }
    }
    if (!l->broken) {
        l->at = value.ptr + value.len;
        take_line_end(l);
    }
}

bool
layout_whole(const struct layout *l)
{
    return !l->broken && l->end - l->at == LINE_END && l->at[0] == '\0' &&
           l->at[1] == '\0';
}
