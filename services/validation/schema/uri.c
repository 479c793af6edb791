/* Resolving the URI references of $id and $ref. */
#include "services/validation/schema/uri.h"

#include <stdbool.h>

#include "common/base/error.h"
#include "common/text/hex.h"

/* A URI without fragment; a part with ptr NULL is absent. */
struct parts {
    struct sp_view scheme;    /* without ':' */
    struct sp_view authority; /* without "//" */
    struct sp_view path;
    struct sp_view query; /* without '?' */
};

/* The place of the first of `stops` in `v`, or v.len. */
static size_t
find_any(struct sp_view v, const char *stops)
{
    size_t i = 0;

    while (i < v.len && (v.ptr[i] == '\0' || strchr(stops, v.ptr[i]) == NULL)) {
        i++;
    }
    return i;
}

void
uri_split_fragment(struct sp_view uri, struct sp_view *ret_uri,
                   struct sp_view *ret_fragment)
{
    size_t at = find_any(uri, "#");

    *ret_uri = sp_view_make(uri.ptr, at);
    *ret_fragment =
        at < uri.len ? sp_view_skip(uri, at + 1) : sp_view_make(NULL, 0);
}

static struct parts
split(struct sp_view uri)
{
    struct parts parts = { 0 };
    size_t at = find_any(uri, ":/?");

    if (at > 0 && at < uri.len && uri.ptr[at] == ':') {
        parts.scheme = sp_view_make(uri.ptr, at);
        uri = sp_view_skip(uri, at + 1);
    }
    if (sp_view_starts(uri, "//")) {
        uri = sp_view_skip(uri, 2);
        at = find_any(uri, "/?");
        parts.authority = sp_view_make(uri.ptr, at);
        uri = sp_view_skip(uri, at);
    }
    at = find_any(uri, "?");
    parts.path = sp_view_make(uri.ptr, at);
    if (at < uri.len) {
        parts.query = sp_view_skip(uri, at + 1);
    }
    return parts;
}

/* Cuts the last segment off what stands in `out` behind `start`. */
static void
drop_segment(struct sp_buf *out, size_t start)
{
    while (out->len > start && out->data[out->len - 1] != '/') {
        out->len--;
    }
    if (out->len > start) {
        out->len--;
    }
}

/* RFC 3986 section 5.2.4 over whole segments. */
static void
add_without_dots(struct sp_view path, struct sp_buf *out)
{
    size_t start = out->len;

    while (path.len > 0) {
        bool slash = path.ptr[0] == '/';
        struct sp_view rest = slash ? sp_view_skip(path, 1) : path;
        size_t at = find_any(rest, "/");
        struct sp_view segment = sp_view_make(rest.ptr, at);
        bool up = sp_view_is(segment, "..");

        if (up) {
            drop_segment(out, start);
        }
        if (up || sp_view_is(segment, ".")) {
            if (at == rest.len && slash) {
                (void)sp_buf_add_str(out, "/");
            }
        } else {
            (void)sp_buf_add(out, path.ptr, (slash ? 1u : 0u) + at);
        }
        path = sp_view_skip(rest, at);
    }
}

/* A relative path replaces the last segment of the base's (section 5.2.3). */
static int
add_merged(const struct parts *base, struct sp_view path, struct sp_buf *out)
{
    struct sp_buf merged = sp_buf_new(out->max);
    size_t keep = base->path.len;

    while (keep > 0 && base->path.ptr[keep - 1] != '/') {
        keep--;
    }
    if (base->authority.ptr != NULL && base->path.len == 0) {
        (void)sp_buf_add_str(&merged, "/");
    }
    (void)sp_buf_add(&merged, base->path.ptr, keep);
    (void)sp_buf_add_view(&merged, path);
    add_without_dots(sp_buf_view(&merged), out);
    if (merged.error != 0) {
        out->error = merged.error;
    }
    sp_buf_free(&merged);
    return out->error;
}

static void
add_origin(const struct parts *parts, struct sp_view scheme, struct sp_buf *out)
{
    if (scheme.ptr != NULL) {
        (void)sp_buf_add_view(out, scheme);
        (void)sp_buf_add_str(out, ":");
    }
    if (parts->authority.ptr != NULL) {
        (void)sp_buf_add_str(out, "//");
        (void)sp_buf_add_view(out, parts->authority);
    }
}

int
uri_resolve(struct sp_view base, struct sp_view reference, struct sp_buf *out)
{
    struct parts b = split(base);
    struct parts r = split(reference);
    bool own = r.scheme.ptr != NULL || r.authority.ptr != NULL;
    struct sp_view query = r.query;

    add_origin(own ? &r : &b, r.scheme.ptr != NULL ? r.scheme : b.scheme, out);
    if (own || sp_view_starts(r.path, "/")) {
        add_without_dots(r.path, out);
    } else if (r.path.len > 0) {
        (void)add_merged(&b, r.path, out);
    } else {
        (void)sp_buf_add_view(out, b.path);
        query = r.query.ptr != NULL ? r.query : b.query;
    }
    if (query.ptr != NULL) {
        (void)sp_buf_add_str(out, "?");
        (void)sp_buf_add_view(out, query);
    }
    return out->error;
}

int
uri_decode(struct sp_view text, struct sp_buf *out)
{
    for (size_t i = 0; i < text.len; i++) {
        char byte = text.ptr[i];

        if (byte == '%') {
            int escaped = sp_hex_escaped(sp_view_skip(text, i));

            if (escaped < 0) {
                return SP_EFORMAT;
            }
            byte = (char)escaped;
            i += 2;
        }
        (void)sp_buf_add(out, &byte, 1);
    }
    return out->error;
}
