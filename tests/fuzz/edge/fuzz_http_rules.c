/* Any bytes as a request head, parsed as leniently as the HTTP library does it:
 * what passes layout, rules, paths and hosts is, byte for byte, a well-formed
 * request, and what travels on can be read in one way only. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <strings.h>

#include "common/base/alloc.h"
#include "common/text/headers.h"
#include "proto/paths.h"
#include "proto/schema.h"
#include "services/edge/hosts.h"
#include "services/edge/http_rules.h"
#include "services/edge/mhd/layout.h"
#include "services/edge/target.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_BODY 1048576
#define MAX_LINES (2 * HTTP_MAX_LINES)

static void
insist(bool true_always)
{
    if (!true_always) {
        abort();
    }
}

/* A head as the library leaves it: parsed in place, NULs for what it ate. */
struct head {
    char *block; /* ends with a NUL of its own */
    size_t len;
    size_t at;
    struct sp_view method;
    struct sp_view target;
    struct sp_view version;
    struct sp_view names[MAX_LINES];
    struct sp_view values[MAX_LINES];
    size_t lines;
};

/* Takes a line: it ends at LF, with a CR before it or not. False at the end of
 * the input. */
static bool
take_line(struct head *h, struct sp_view *ret_line)
{
    char *start = h->block + h->at;
    char *end = memchr(start, '\n', h->len - h->at);

    if (end == NULL) {
        return false;
    }
    h->at = (size_t)(end - h->block) + 1;
    *end = '\0';
    if (end > start && end[-1] == '\r') {
        *--end = '\0';
    }
    *ret_line = sp_view_make(start, (size_t)(end - start));
    return true;
}

/* A text in the block from `p` on, as far as C sees it. */
static struct sp_view
text_at(const char *p)
{
    return sp_view_make(p, strlen(p));
}

/* METHOD, spaces, target, and behind the last space the version. */
static bool
parse_request_line(struct head *h)
{
    struct sp_view line = { 0 };
    char *method = h->block + h->at;
    char *target = NULL;
    char *version = NULL;

    if (!take_line(h, &line) || line.len == 0) {
        return false;
    }
    target = method + strcspn(method, " ");
    if (*target == ' ') {
        *target++ = '\0';
        target += strspn(target, " ");
    }
    version = strrchr(target, ' ');
    if (version != NULL) {
        *version++ = '\0';
    }
    h->method = text_at(method);
    h->target = text_at(target);
    h->version = text_at(version != NULL ? version : "");
    return true;
}

static bool
parse_header(struct head *h, struct sp_view line)
{
    char *name = h->block + (line.ptr - h->block);
    char *colon = strchr(name, ':');
    char *value = NULL;

    if (colon == NULL || h->lines == MAX_LINES) {
        return false;
    }
    *colon = '\0';
    value = colon + 1 + strspn(colon + 1, " \t");
    h->names[h->lines] = text_at(name);
    h->values[h->lines++] = text_at(value);
    return true;
}

/* False where even a lenient parser finds no head. */
static bool
parse(struct head *h)
{
    struct sp_view line = { 0 };

    if (!parse_request_line(h)) {
        return false;
    }
    while (take_line(h, &line)) {
        if (line.len == 0) {
            return true;
        }
        if (!parse_header(h, line)) {
            return false;
        }
    }
    return false;
}

static bool
is_whole(const struct head *h)
{
    struct layout l = layout_begin(h->method, h->target, h->version, h->at);

    for (size_t i = 0; i < h->lines; i++) {
        layout_header(&l, h->names[i], h->values[i]);
    }
    return layout_whole(&l);
}

/* What was judged is what was sent: written out strictly, it is the input. The
 * blanks before a value are its only freedom. */
static void
check_bytes(const struct head *h, const uint8_t *data)
{
    struct sp_buf text = sp_buf_new(h->at + 1);

    (void)sp_buf_addf(&text, "%.*s %.*s %.*s\r\n", SP_VIEW(h->method),
                      SP_VIEW(h->target), SP_VIEW(h->version));
    for (size_t i = 0; i < h->lines; i++) {
        const char *blanks = h->names[i].ptr + h->names[i].len + 1;

        (void)sp_buf_add_view(&text, h->names[i]);
        (void)sp_buf_add_str(&text, ":");
        for (; blanks < h->values[i].ptr; blanks++) {
            insist(*blanks == ' ' || *blanks == '\t');
            (void)sp_buf_add(&text, blanks, 1);
        }
        (void)sp_buf_add_view(&text, h->values[i]);
        (void)sp_buf_add_str(&text, "\r\n");
    }
    (void)sp_buf_add_str(&text, "\r\n");
    insist(text.error == 0 && text.len == h->at);
    insist(memcmp(text.data, data, text.len) == 0);
    sp_buf_free(&text);
}

/* Names that may come in several lines. */
static bool
is_list(struct sp_view name)
{
    return sp_view_is(name, "accept") || sp_view_is(name, "openai-beta") ||
           sp_view_is(name, "anthropic-beta");
}

static bool
is_credential(struct sp_view name)
{
    return sp_view_is(name, "authorization") || sp_view_is(name, "cookie") ||
           sp_view_is(name, "dpop") || sp_view_is(name, "x-api-key");
}

/* Text that travels on: lines that can be read, no name twice, nothing above
 * ASCII, and credentials apart. */
static void
check_text(struct sp_view text, bool credentials)
{
    struct sp_view rest = text;
    struct sp_view name = { 0 };
    struct sp_view value = { 0 };
    int got = sp_headers_next(&rest, &name, &value);

    for (size_t i = 0; i < text.len; i++) {
        insist((unsigned char)text.ptr[i] < 0x7f);
    }
    while (got > 0) {
        char lower[256] = { 0 };

        insist(name.len < sizeof(lower));
        memcpy(lower, name.ptr, name.len);
        insist(is_credential(name) == credentials);
        insist(is_list(name) || sp_headers_get(text, lower).ptr == value.ptr);
        insist(!sp_view_is(name, "content-length") &&
               !sp_view_is(name, "transfer-encoding") &&
               !sp_view_is(name, "host"));
        got = sp_headers_next(&rest, &name, &value);
    }
    insist(got == 0);
}

static void
check_head(const struct http_headers *h, bool takes_body, int minor)
{
    if (http_headers_end(h, takes_body, minor, MAX_BODY) != HTTP_OK) {
        return;
    }
    insist(h->host.len > 0 && h->length <= MAX_BODY && !h->codings);
    insist(!(h->chunked && h->has_length) && !(h->chunked && minor == 0));
    insist(takes_body || (!h->chunked && h->length == 0));
    insist(h->trace.ptr == NULL || h->trace.len == 55);
}

/* A host that is answered is one of the list. */
static void
check_host(struct sp_view host)
{
    static const char *const known[] = { "gate.example", "gate.example:443" };
    struct hosts *hosts = hosts_new();
    bool listed = false;

    insist(hosts_allow(hosts, sp_view_of(known[0])) == 0);
    for (size_t i = 0; i < SP_COUNT(known); i++) {
        listed = listed || (host.len == strlen(known[i]) &&
                            strncasecmp(host.ptr, known[i], host.len) == 0);
    }
    insist(hosts_knows(hosts, host) == listed);
    insist(!hosts_knows_origin(hosts, host) || host.len > strlen("https://"));
    /* Whatever can be allowed is answered. */
    if (hosts_allow(hosts, host) == 0) {
        insist(hosts_knows(hosts, host));
    }
    if (hosts_allow_origin(hosts, host) == 0) {
        insist(hosts_knows_origin(hosts, host));
    }
    hosts_free(&hosts);
}

static void
try_headers(const struct head *h)
{
    struct sp_buf headers = sp_buf_new(SP_MAX_HEADERS);
    struct sp_buf credentials = sp_buf_new(SP_MAX_CREDENTIALS);
    struct http_headers rules;
    enum http_fault fault = HTTP_OK;

    http_headers_begin(&rules, &headers, &credentials);
    for (size_t i = 0; fault == HTTP_OK && i < h->lines; i++) {
        fault = http_headers_add(&rules, h->names[i], h->values[i]);
    }
    check_text(sp_buf_view(&headers), false);
    check_text(sp_buf_view(&credentials), true);
    if (fault == HTTP_OK) {
        insist(h->lines <= HTTP_MAX_LINES);
        check_head(&rules, true, 1);
        check_head(&rules, false, 1);
        check_head(&rules, true, 0);
        check_host(rules.host);
        if (rules.origin.ptr != NULL) {
            check_host(rules.origin);
        }
    }
    sp_buf_free(&headers);
    sp_buf_free(&credentials);
}

/* A path that is read holds nothing that a second reader might take for
 * something else. */
static void
check_path(struct sp_view path)
{
    size_t start = 1;

    insist(path.len > 0 && path.len <= TARGET_MAX_PATH && path.ptr[0] == '/');
    for (size_t i = 0; i < path.len; i++) {
        unsigned char c = (unsigned char)path.ptr[i];

        insist(c >= 0x20 && c != 0x7f && c != '\\' && c != '%');
    }
    for (size_t i = 1; i <= path.len; i++) {
        if (i == path.len || path.ptr[i] == '/') {
            struct sp_view segment = sp_view_make(path.ptr + start, i - start);

            insist(segment.len > 0 || i == path.len);
            insist(!sp_view_is(segment, ".") && !sp_view_is(segment, ".."));
            start = i + 1;
        }
    }
}

static size_t
count_slashes(struct sp_view v)
{
    size_t count = 0;

    for (size_t i = 0; i < v.len && v.ptr[i] != '?'; i++) {
        count += v.ptr[i] == '/' ? 1 : 0;
    }
    return count;
}

static void
try_target(struct sp_view target)
{
    struct sp_buf path = sp_buf_new(TARGET_MAX_PATH + 1);
    struct sp_view query = { 0 };

    if (target_read(target, &path, &query) == 0) {
        check_path(sp_buf_view(&path));
        /* An encoded one would divide the path here and not there. */
        insist(count_slashes(sp_buf_view(&path)) == count_slashes(target) ||
               memchr(path.data, '?', path.len) != NULL);
        insist(query.len <= TARGET_MAX_QUERY);
        for (size_t i = 0; i < query.len; i++) {
            unsigned char c = (unsigned char)query.ptr[i];

            insist(c > 0x20 && c < 0x7f && c != '#' && c != '\\');
        }
        (void)sp_path_find(sp_buf_view(&path));
    }
    sp_buf_free(&path);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sp_view raw = sp_view_make(data, size);
    struct head *h = sp_alloc(sizeof(*h));
    int minor = 0;

    h->block = sp_alloc(size + 1);
    h->len = size;
    if (size > 0) {
        memcpy(h->block, data, size);
    }
    if (parse(h)) {
        /* What a NUL hides, layout.h says. */
        if (is_whole(h) && memchr(data, '\0', h->at) == NULL) {
            check_bytes(h, data);
        }
        if (http_version(h->version, &minor) == HTTP_OK) {
            insist(h->version.len == 8 && (minor == 0 || minor == 1));
        }
        try_headers(h);
        try_target(h->target);
    }
    try_target(raw);
    check_host(raw);
    sp_free(h->block);
    sp_free(h);
    return 0;
}
