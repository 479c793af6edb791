/* The rows of the path table, and how a path finds its own. */
#include "proto/paths.h"

#include <stdio.h>
#include <string.h>

static const struct sp_path paths[] = {
#define SP_PATH_ROW(symbol, path, methods, class, target, scope, form)         \
    { SP_PATH_##symbol,    path,  sizeof(path) - 1, methods, SP_CLASS_##class, \
      SP_SERVICE_##target, scope, SP_REFUSAL_##form },
    SP_PATHS(SP_PATH_ROW)
#undef SP_PATH_ROW
};

static const struct {
    const char *name;
    enum sp_method method;
} methods[] = {
#define SP_METHOD_ROW(symbol, bit) { #symbol, SP_METHOD_##symbol },
    SP_METHODS(SP_METHOD_ROW)
#undef SP_METHOD_ROW
};

static bool
is_one_segment(struct sp_view rest)
{
    return rest.len > 0 && memchr(rest.ptr, '/', rest.len) == NULL;
}

static bool
fits(const struct sp_path *row, struct sp_view path)
{
    size_t len = row->len;
    char last = row->path[len - 1];

    if (last == '*') {
        len--;
    }
    if (path.len < len || memcmp(path.ptr, row->path, len) != 0) {
        return false;
    }
    if (last == '*') {
        return is_one_segment(sp_view_skip(path, len));
    }
    return last == '/' || path.len == len;
}

const struct sp_path *
sp_path_row(enum sp_path_id id)
{
    return &paths[id];
}

const struct sp_path *
sp_path_match(const struct sp_path *rows, size_t count, struct sp_view path)
{
    for (size_t i = 0; i < count; i++) {
        if (fits(&rows[i], path)) {
            return &rows[i];
        }
    }
    return NULL;
}

const struct sp_path *
sp_path_find(struct sp_view path)
{
    const struct sp_path *row = sp_path_match(paths, SP_COUNT(paths), path);

    return row == NULL || row->methods == SP_METHOD_NONE ? NULL : row;
}

enum sp_refusal_form
sp_path_form(struct sp_view path)
{
    const struct sp_path *row = sp_path_match(paths, SP_COUNT(paths), path);

    return row == NULL ? SP_REFUSAL_PLAIN : row->form;
}

bool
sp_path_takes(const struct sp_path *row, enum sp_method method)
{
    unsigned as = method == SP_METHOD_HEAD ? SP_METHOD_GET : method;

    return (row->methods & as) != 0;
}

bool
sp_path_has_pages(const struct sp_path *row)
{
    return row->target == SP_SERVICE_AUTH || row->target == SP_SERVICE_MONITOR;
}

const char *
sp_path_allow(const struct sp_path *row, char out[SP_PATH_ALLOW_MAX])
{
    size_t len = 0;

    out[0] = '\0';
    for (size_t i = 0; i < SP_COUNT(methods); i++) {
        if (sp_path_takes(row, methods[i].method)) {
            len += (size_t)snprintf(out + len, SP_PATH_ALLOW_MAX - len, "%s%s",
                                    len > 0 ? ", " : "", methods[i].name);
        }
    }
    return out;
}

enum sp_method
sp_method_find(struct sp_view name)
{
    for (size_t i = 0; i < SP_COUNT(methods); i++) {
        if (sp_view_is(name, methods[i].name)) {
            return methods[i].method;
        }
    }
    return SP_METHOD_NONE;
}

const char *
sp_method_name(enum sp_method method)
{
    for (size_t i = 0; i < SP_COUNT(methods); i++) {
        if (methods[i].method == method) {
            return methods[i].name;
        }
    }
    return "";
}
