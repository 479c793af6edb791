/* One page of metrics. */
#include "services/monitor/scrape.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/compiler.h"
#include "common/base/error.h"
#include "services/monitor/metric_help.h"

/* A sample as a process sent it; views into its text. */
struct sample {
    struct sp_view family; /* the name, without a histogram's suffix */
    struct sp_view name;
    struct sp_view labels; /* between the braces */
    struct sp_view value;
    const struct source *source;
    size_t place; /* in the page before sorting */
};

/* Families that the monitor writes itself. */
static const char *const own_names[] = {
    "sallyport_ready",
    "sallyport_queue_depth",
};

struct samples {
    struct sample *items;
    size_t count;
    size_t size;
};

static bool
is_name_char(char c, bool first)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           c == ':' || (!first && c >= '0' && c <= '9');
}

/* Takes a metric or label name; an empty view where none is there. */
static struct sp_view
take_name(struct sp_view *rest)
{
    struct sp_view name = { .ptr = rest->ptr };

    while (name.len < rest->len &&
           is_name_char(rest->ptr[name.len], name.len == 0)) {
        name.len++;
    }
    *rest = sp_view_skip(*rest, name.len);
    return name;
}

static bool
take_char(struct sp_view *rest, char c)
{
    if (rest->len == 0 || rest->ptr[0] != c) {
        return false;
    }
    *rest = sp_view_skip(*rest, 1);
    return true;
}

/* A quoted value with \\, \" and \n. */
static bool
take_quoted(struct sp_view *rest)
{
    if (!take_char(rest, '"')) {
        return false;
    }
    while (rest->len > 0 && rest->ptr[0] != '"') {
        size_t step = 1;

        if (rest->ptr[0] == '\\') {
            if (rest->len < 2 || strchr("\\\"n", rest->ptr[1]) == NULL ||
                rest->ptr[1] == '\0') {
                return false;
            }
            step = 2;
        }
        *rest = sp_view_skip(*rest, step);
    }
    return take_char(rest, '"');
}

/* name="value",... up to and with the closing brace. The labels that are added
 * here may not be among them. */
static bool
take_labels(struct sp_view *rest, struct sp_view *ret_labels)
{
    const char *from = rest->ptr;

    do {
        struct sp_view name = take_name(rest);

        if (name.len == 0 || sp_view_is(name, "service") ||
            sp_view_is(name, "replica") || !take_char(rest, '=') ||
            !take_quoted(rest)) {
            return false;
        }
    } while (take_char(rest, ','));
    *ret_labels = sp_view_make(from, (size_t)(rest->ptr - from));
    return take_char(rest, '}');
}

/* A decimal number, or +Inf, -Inf, NaN. */
static bool
is_value(struct sp_view v)
{
    char text[64] = { 0 };
    char *end = NULL;

    if (v.len == 0 || v.len >= sizeof(text) ||
        memchr(v.ptr, '\0', v.len) != NULL) {
        return false;
    }
    memcpy(text, v.ptr, v.len);
    (void)strtod(text, &end);
    return end == text + v.len && strchr(" \t\r\v\f", text[0]) == NULL &&
           strpbrk(text, "xX(") == NULL;
}

static struct sp_view
family_of(struct sp_view name)
{
    static const char *const suffixes[] = { "_bucket", "_sum", "_count" };

    for (size_t i = 0; i < SP_COUNT(suffixes); i++) {
        size_t len = strlen(suffixes[i]);

        if (name.len > len &&
            memcmp(name.ptr + name.len - len, suffixes[i], len) == 0) {
            return sp_view_make(name.ptr, name.len - len);
        }
    }
    return name;
}

static bool
parse(struct sp_view line, struct sample *sample)
{
    struct sp_view rest = line;

    sample->name = take_name(&rest);
    sample->labels = (struct sp_view){ 0 };
    if (sample->name.len == 0 ||
        (take_char(&rest, '{') && !take_labels(&rest, &sample->labels)) ||
        !take_char(&rest, ' ') || !is_value(rest)) {
        return false;
    }
    sample->value = rest;
    sample->family = family_of(sample->name);
    for (size_t i = 0; i < SP_COUNT(own_names); i++) {
        if (sp_view_is(sample->family, own_names[i])) {
            return false;
        }
    }
    return true;
}

static void
add_sample(struct samples *all, const struct sample *sample)
{
    if (all->count == all->size) {
        all->size = all->size == 0 ? 256 : all->size * 2;
        all->items = sp_realloc_n(all->items, all->size, sizeof(*all->items));
    }
    all->items[all->count] = *sample;
    all->items[all->count].place = all->count;
    all->count++;
}

static void
collect(struct samples *all, const struct source *source)
{
    struct sp_view rest = sp_buf_view(&source->metrics);

    while (rest.len > 0) {
        const char *newline = memchr(rest.ptr, '\n', rest.len);
        size_t len = newline == NULL ? rest.len : (size_t)(newline - rest.ptr);
        struct sample sample = { .source = source };

        if (parse(sp_view_make(rest.ptr, len), &sample)) {
            add_sample(all, &sample);
        }
        rest = sp_view_skip(rest, newline == NULL ? len : len + 1);
    }
}

static int
compare_views(struct sp_view a, struct sp_view b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len == 0 ? 0 : memcmp(a.ptr, b.ptr, len);

    if (order != 0) {
        return order;
    }
    return (a.len > b.len) - (a.len < b.len);
}

static int
compare(const void *left, const void *right)
{
    const struct sample *a = left;
    const struct sample *b = right;
    int order = compare_views(a->family, b->family);

    return order != 0 ? order : (a->place > b->place) - (a->place < b->place);
}

/* service and replica; a replica's name is the operator's text. */
static void
add_own_labels(struct sp_buf *out, const struct source *source)
{
    (void)sp_buf_addf(out, "service=\"%s\",replica=\"",
                      sp_service_name(source->service));
    for (const char *c = source->replica; *c != '\0'; c++) {
        if (*c == '"' || *c == '\\') {
            (void)sp_buf_add_str(out, "\\");
        }
        (void)sp_buf_add(out, *c >= 0x20 && *c < 0x7f ? c : "?", 1);
    }
    (void)sp_buf_add_str(out, "\"");
}

static const char *
type_of(const struct sample *sample)
{
    static const char total[] = "_total";
    size_t len = sizeof(total) - 1;
    struct sp_view name = sample->name;

    if (sample->family.len < name.len) {
        return "histogram";
    }
    return name.len > len && memcmp(name.ptr + name.len - len, total, len) == 0
               ? "counter"
               : "gauge";
}

static void
write_head(struct sp_view family, const char *type, struct sp_buf *out)
{
    const char *help = metric_help(family);

    if (help != NULL) {
        (void)sp_buf_addf(out, "# HELP %.*s %s\n", SP_VIEW(family), help);
    }
    (void)sp_buf_addf(out, "# TYPE %.*s %s\n", SP_VIEW(family), type);
}

static void
write_samples(const struct samples *all, struct sp_buf *out)
{
    for (size_t i = 0; i < all->count; i++) {
        const struct sample *s = &all->items[i];

        if (i == 0 || !sp_view_equal(s->family, all->items[i - 1].family)) {
            write_head(s->family, type_of(s), out);
        }
        (void)sp_buf_addf(out, "%.*s{", SP_VIEW(s->name));
        add_own_labels(out, s->source);
        (void)sp_buf_addf(out, "%s%.*s} %.*s\n", s->labels.len > 0 ? "," : "",
                          SP_VIEW(s->labels), SP_VIEW(s->value));
    }
}

/* What the monitor itself knows of each process. */
static void
write_own(const struct sources *sources, int64_t now_ms, struct sp_buf *out)
{
    for (size_t n = 0; n < SP_COUNT(own_names); n++) {
        const struct source *source = NULL;

        write_head(sp_view_of(own_names[n]), "gauge", out);
        for (size_t i = 0; (source = sources_at(sources, i, now_ms)) != NULL;
             i++) {
            uint64_t ready = source_is_ready(source, now_ms) ? 1 : 0;

            (void)sp_buf_addf(out, "%s{", own_names[n]);
            add_own_labels(out, source);
            (void)sp_buf_addf(out, "} %" PRIu64 "\n",
                              n == 0 ? ready : source->queue_depth);
        }
    }
}

int
scrape_write(const struct sources *sources, int64_t now_ms, struct sp_buf *out)
{
    struct samples all = { 0 };
    const struct source *source = NULL;

    write_own(sources, now_ms, out);
    for (size_t i = 0; (source = sources_at(sources, i, now_ms)) != NULL; i++) {
        collect(&all, source);
    }
    if (all.count > 0) {
        qsort(all.items, all.count, sizeof(*all.items), compare);
    }
    write_samples(&all, out);
    sp_free(all.items);
    return out->error;
}
