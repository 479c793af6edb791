/* Strict HTTP: what is refused, with which word, and what travels on. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "proto/schema.h"
#include "services/edge/http_rules.h"

#define MAX_BODY 1000

struct line {
    const char *name;
    const char *value;
};

/* A request's headers on their way through the rules. */
struct head {
    struct http_headers h;
    struct sp_buf headers;
    struct sp_buf credentials;
};

static void
head_open(struct head *head)
{
    head->headers = sp_buf_new(SP_MAX_HEADERS);
    head->credentials = sp_buf_new(SP_MAX_CREDENTIALS);
    http_headers_begin(&head->h, &head->headers, &head->credentials);
}

static void
head_close(struct head *head)
{
    sp_buf_free(&head->headers);
    sp_buf_free(&head->credentials);
}

static enum http_fault
head_add(struct head *head, const char *name, const char *value)
{
    return http_headers_add(&head->h, sp_view_of(name), sp_view_of(value));
}

/* The fault of the first bad one of up to four lines, or of all of them. */
static enum http_fault
judge(const struct line lines[4], bool takes_body, int minor)
{
    struct head head;
    enum http_fault fault = HTTP_OK;

    head_open(&head);
    for (size_t i = 0; fault == HTTP_OK && i < 4 && lines[i].name != NULL;
         i++) {
        fault = head_add(&head, lines[i].name, lines[i].value);
    }
    if (fault == HTTP_OK) {
        fault = http_headers_end(&head.h, takes_body, minor, MAX_BODY);
    }
    head_close(&head);
    return fault;
}

#define HOST                                                                   \
    {                                                                          \
        "Host", "gate"                                                         \
    }

static const struct {
    const char *label;
    struct line lines[4];
    bool takes_body;
    int minor;
    enum http_fault want;
} verdicts[] = {
    { "plain", { HOST }, false, 1, HTTP_OK },
    { "HTTP/1.0", { HOST }, false, 0, HTTP_OK },
    { "no host", { { "Accept", "*/*" } }, false, 1, HTTP_NO_HOST },
    { "empty host", { { "Host", " \t" } }, false, 1, HTTP_NO_HOST },
    { "two hosts", { HOST, { "hOST", "gate" } }, false, 1, HTTP_DUPLICATE },
    { "length", { HOST, { "Content-Length", "5" } }, true, 1, HTTP_OK },
    { "spaces around",
      { HOST, { "Content-Length", " 5\t" } },
      true,
      1,
      HTTP_OK },
    { "longest body",
      { HOST, { "Content-Length", "1000" } },
      true,
      1,
      HTTP_OK },
    { "body too long",
      { HOST, { "Content-Length", "1001" } },
      true,
      1,
      HTTP_BODY_LARGE },
    { "body far too long",
      { HOST, { "Content-Length", "999999999999999999" } },
      true,
      1,
      HTTP_BODY_LARGE },
    { "length beyond 64 bits",
      { HOST, { "Content-Length", "18446744073709551617" } },
      true,
      1,
      HTTP_BAD_LENGTH },
    { "signed length",
      { HOST, { "Content-Length", "+5" } },
      true,
      1,
      HTTP_BAD_LENGTH },
    { "negative length",
      { HOST, { "Content-Length", "-5" } },
      true,
      1,
      HTTP_BAD_LENGTH },
    { "hex length",
      { HOST, { "Content-Length", "0x5" } },
      true,
      1,
      HTTP_BAD_LENGTH },
    { "fraction",
      { HOST, { "Content-Length", "5.0" } },
      true,
      1,
      HTTP_BAD_LENGTH },
    { "list of lengths",
      { HOST, { "Content-Length", "5, 5" } },
      true,
      1,
      HTTP_BAD_LENGTH },
    { "two words",
      { HOST, { "Content-Length", "5 5" } },
      true,
      1,
      HTTP_BAD_LENGTH },
    { "no length",
      { HOST, { "Content-Length", "" } },
      true,
      1,
      HTTP_BAD_LENGTH },
    { "two lengths, the same",
      { HOST, { "Content-Length", "5" }, { "Content-Length", "5" } },
      true,
      1,
      HTTP_DUPLICATE },
    { "length of a GET",
      { HOST, { "Content-Length", "5" } },
      false,
      1,
      HTTP_BODY_UNWANTED },
    { "zero length of a GET",
      { HOST, { "Content-Length", "0" } },
      false,
      1,
      HTTP_OK },
    { "chunked",
      { HOST, { "Transfer-Encoding", "Chunked" } },
      true,
      1,
      HTTP_OK },
    { "chunked GET",
      { HOST, { "Transfer-Encoding", "chunked" } },
      false,
      1,
      HTTP_BODY_UNWANTED },
    { "chunked HTTP/1.0",
      { HOST, { "Transfer-Encoding", "chunked" } },
      true,
      0,
      HTTP_LENGTH_TWICE },
    { "length and chunked",
      { HOST, { "Content-Length", "5" }, { "Transfer-Encoding", "chunked" } },
      true,
      1,
      HTTP_LENGTH_TWICE },
    { "chunked and no length",
      { HOST, { "Transfer-Encoding", "chunked" }, { "Content-Length", "0" } },
      true,
      1,
      HTTP_LENGTH_TWICE },
    { "gzip, chunked",
      { HOST, { "Transfer-Encoding", "gzip, chunked" } },
      true,
      1,
      HTTP_BAD_CODING },
    { "identity",
      { HOST, { "Transfer-Encoding", "identity" } },
      true,
      1,
      HTTP_BAD_CODING },
    { "chunked with a parameter",
      { HOST, { "Transfer-Encoding", "chunked;a=b" } },
      true,
      1,
      HTTP_BAD_CODING },
    { "vertical tab before chunked",
      { HOST, { "Transfer-Encoding", "\vchunked" } },
      true,
      1,
      HTTP_BAD_HEADER },
    { "empty coding",
      { HOST, { "Transfer-Encoding", "" } },
      true,
      1,
      HTTP_BAD_CODING },
    { "chunked twice",
      { HOST,
        { "Transfer-Encoding", "chunked" },
        { "Transfer-Encoding", "chunked" } },
      true,
      1,
      HTTP_DUPLICATE },
    { "underscores",
      { HOST, { "Transfer_Encoding", "chunked" } },
      true,
      1,
      HTTP_BAD_HEADER },
    { "underscores in the length",
      { HOST, { "content_length", "5" } },
      true,
      1,
      HTTP_BAD_HEADER },
    { "100-continue",
      { HOST, { "Expect", "100-Continue" } },
      true,
      1,
      HTTP_OK },
    { "another expectation",
      { HOST, { "Expect", "200-ok" } },
      true,
      1,
      HTTP_EXPECTATION },
    { "identity content",
      { HOST, { "Content-Encoding", "identity" } },
      true,
      1,
      HTTP_OK },
    { "gzip content",
      { HOST, { "Content-Encoding", "gzip" } },
      true,
      1,
      HTTP_CONTENT_CODING },
    { "two tokens",
      { HOST, { "Authorization", "a" }, { "authorization", "a" } },
      false,
      1,
      HTTP_DUPLICATE },
    { "two origins",
      { HOST, { "Origin", "a" }, { "Origin", "b" } },
      false,
      1,
      HTTP_DUPLICATE },
    { "two types",
      { HOST, { "Content-Type", "a" }, { "Content-Type", "b" } },
      true,
      1,
      HTTP_DUPLICATE },
    { "two MCP sessions",
      { HOST, { "Mcp-Session-Id", "a" }, { "MCP-Session-ID", "b" } },
      true,
      1,
      HTTP_DUPLICATE },
    { "two MCP parameters, the first empty",
      { HOST, { "Mcp-Param-X", "" }, { "mcp-param-x", "b" } },
      true,
      1,
      HTTP_DUPLICATE },
    { "two MCP headers of different names",
      { HOST, { "Mcp-Param-X", "a" }, { "Mcp-Param-XY", "b" } },
      true,
      1,
      HTTP_OK },
    { "lists may come in lines",
      { HOST, { "Accept", "a" }, { "Accept", "b" } },
      true,
      1,
      HTTP_OK },
    { "nobody reads it",
      { HOST, { "X-Other", "a" }, { "X-Other", "caf\xe9" } },
      true,
      1,
      HTTP_OK },
    { "bytes above ASCII where they are read",
      { HOST, { "Accept", "caf\xe9" } },
      true,
      1,
      HTTP_BAD_HEADER },
    { "bytes above ASCII in MCP",
      { HOST, { "Mcp-Name", "caf\xe9" } },
      true,
      1,
      HTTP_BAD_HEADER },
};

Test(edge_http_rules, refuses_by_the_table)
{
    for (size_t i = 0; i < SP_COUNT(verdicts); i++) {
        enum http_fault got =
            judge(verdicts[i].lines, verdicts[i].takes_body, verdicts[i].minor);

        cr_expect_eq(got, verdicts[i].want, "%s: got %s, want %s",
                     verdicts[i].label, http_fault_info(got)->code,
                     http_fault_info(verdicts[i].want)->code);
    }
}

Test(edge_http_rules, refuses_names_that_are_no_tokens)
{
    static const struct sp_view rows[] = {
        SP_VIEW_LITERAL(""),
        SP_VIEW_LITERAL("a b"),
        SP_VIEW_LITERAL("Content-Length "),
        SP_VIEW_LITERAL(" Content-Length"),
        SP_VIEW_LITERAL("Content-Length\t"),
        SP_VIEW_LITERAL("\x01Transfer-Encoding"),
        SP_VIEW_LITERAL("a:"),
        SP_VIEW_LITERAL("a\0b"),
        SP_VIEW_LITERAL("a\0"),
        SP_VIEW_LITERAL("a\x80"),
        SP_VIEW_LITERAL("a\x7f"),
        SP_VIEW_LITERAL("a\rb"),
        SP_VIEW_LITERAL("a\nb"),
        SP_VIEW_LITERAL("a(b)"),
        SP_VIEW_LITERAL("a\"b"),
        SP_VIEW_LITERAL("a/b"),
        SP_VIEW_LITERAL("a,b"),
        SP_VIEW_LITERAL("a;b"),
        SP_VIEW_LITERAL("a@b"),
        SP_VIEW_LITERAL("{a}"),
    };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct head head;

        head_open(&head);
        cr_expect_eq(http_headers_add(&head.h, rows[i], sp_view_of("v")),
                     HTTP_BAD_HEADER, "row %zu: %.*s", i, SP_VIEW(rows[i]));
        head_close(&head);
    }
}

Test(edge_http_rules, refuses_controls_in_every_value)
{
    static const char *const names[] = { "X-Other", "Accept", "Authorization",
                                         "Mcp-Name", "Host" };

    for (size_t i = 0; i < SP_COUNT(names); i++) {
        for (int c = 0; c < 0x21; c++) {
            const char value[3] = { 'a', (char)(c < 0x20 ? c : 0x7f), 'b' };
            enum http_fault want = c == '\t' ? HTTP_OK : HTTP_BAD_HEADER;
            struct head head;

            head_open(&head);
            cr_expect_eq(http_headers_add(&head.h, sp_view_of(names[i]),
                                          sp_view_make(value, 3)),
                         want, "%s with %#x", names[i], (unsigned)value[1]);
            head_close(&head);
        }
    }
}

Test(edge_http_rules, keeps_what_travels_on_apart)
{
    static const struct line lines[] = {
        { "Host", "gate" },
        { "User-Agent", "curl" },
        { "Content-Type", " application/json " },
        { "ACCEPT", "a" },
        { "Authorization", "Bearer x" },
        { "X-Api-Key", "k" },
        { "Cookie", "c" },
        { "DPoP", "d" },
        { "Accept", "b" },
        { "Mcp-Method", "tools/call" },
        { "mcp-", "no name" },
        { "X-Forwarded-For", "192.0.2.1" },
        { "Proxy-Authorization", "secret" },
        { "Connection", "close" },
        { "Last-Event-ID", "7" },
        { "Origin", "https://gate" },
        { "traceparent", "malformed" },
        { "anthropic-version", "1" },
    };
    struct head head;

    head_open(&head);
    for (size_t i = 0; i < SP_COUNT(lines); i++) {
        cr_assert_eq(head_add(&head, lines[i].name, lines[i].value), HTTP_OK,
                     "%s", lines[i].name);
    }
    cr_expect(sp_view_is(sp_buf_view(&head.headers),
                         "content-type: application/json\naccept: a\n"
                         "accept: b\nmcp-method: tools/call\n"
                         "last-event-id: 7\nanthropic-version: 1\n"),
              "%.*s", SP_VIEW(sp_buf_view(&head.headers)));
    cr_expect(sp_view_is(sp_buf_view(&head.credentials),
                         "authorization: Bearer x\nx-api-key: k\ncookie: c\n"
                         "dpop: d\n"),
              "%.*s", SP_VIEW(sp_buf_view(&head.credentials)));
    cr_expect(sp_view_is(head.h.host, "gate"));
    cr_expect(sp_view_is(head.h.origin, "https://gate"));
    cr_expect_null(head.h.trace.ptr);
    head_close(&head);
}

Test(edge_http_rules, takes_a_well_formed_trace_only)
{
    static const struct {
        const char *value;
        bool kept;
    } rows[] = {
        { "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", true },
        { "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false },
        { "00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false },
        { "00-0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331-01", false },
        { "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0", false },
        { "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-011", false },
        { "00-0af7651916cd43dd8448eb211c80319g-b7ad6b7169203331-01", false },
        { "", false },
    };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct head head;

        head_open(&head);
        cr_expect_eq(head_add(&head, "Traceparent", rows[i].value), HTTP_OK,
                     "a bad trace is no reason to refuse: %s", rows[i].value);
        cr_expect_eq(head.h.trace.ptr != NULL, rows[i].kept, "%s",
                     rows[i].value);
        cr_expect_eq(head.headers.len, 0);
        head_close(&head);
    }
}

Test(edge_http_rules, notes_length_coding_and_expectation)
{
    struct head head;

    head_open(&head);
    cr_assert_eq(head_add(&head, "Content-Length", "000042"), HTTP_OK);
    cr_assert_eq(head_add(&head, "Expect", "100-continue"), HTTP_OK);
    cr_expect(head.h.has_length && head.h.length == 42);
    cr_expect(head.h.expects);
    cr_expect_not(head.h.chunked || head.h.codings);
    head_close(&head);
    head_open(&head);
    cr_assert_eq(head_add(&head, "Transfer-Encoding", "chunked"), HTTP_OK);
    cr_expect(head.h.chunked && !head.h.has_length);
    head_close(&head);
}

Test(edge_http_rules, bounds_the_lines)
{
    struct head head;
    char name[16];

    head_open(&head);
    for (int i = 0; i < HTTP_MAX_LINES; i++) {
        (void)snprintf(name, sizeof(name), "x-%d", i);
        cr_assert_eq(head_add(&head, name, ""), HTTP_OK);
    }
    cr_expect_eq(head_add(&head, "x-more", ""), HTTP_MANY_HEADERS);
    head_close(&head);
}

Test(edge_http_rules, bounds_names_and_texts)
{
    static char value[SP_MAX_HEADERS + SP_MAX_CREDENTIALS];
    static const struct {
        const char *name;
        size_t room;
    } rows[] = {
        { "accept", SP_MAX_HEADERS },
        { "authorization", SP_MAX_CREDENTIALS },
    };
    char name[129];

    memset(value, 'v', sizeof(value));
    memset(name, 'n', sizeof(name));
    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        size_t most = rows[i].room - strlen(rows[i].name) - strlen(": \n");
        struct head head;

        head_open(&head);
        cr_expect_eq(http_headers_add(&head.h, sp_view_of(rows[i].name),
                                      sp_view_make(value, most + 1)),
                     HTTP_MANY_HEADERS, "%s", rows[i].name);
        head_close(&head);
        head_open(&head);
        cr_expect_eq(http_headers_add(&head.h, sp_view_of(rows[i].name),
                                      sp_view_make(value, most)),
                     HTTP_OK, "%s", rows[i].name);
        head_close(&head);
    }
    for (size_t len = 128; len <= 129; len++) {
        struct head head;

        head_open(&head);
        cr_expect_eq(
            http_headers_add(&head.h, sp_view_make(name, len), sp_view_of("")),
            len == 128 ? HTTP_OK : HTTP_BAD_HEADER);
        memcpy(name, "mcp-", 4);
        cr_expect_eq(
            http_headers_add(&head.h, sp_view_make(name, len), sp_view_of("")),
            len == 128 ? HTTP_OK : HTTP_BAD_HEADER);
        head_close(&head);
    }
}

Test(edge_http_rules, begins_anew_with_old_buffers)
{
    struct head head;

    head_open(&head);
    cr_assert_eq(head_add(&head, "Mcp-Name", "old"), HTTP_OK);
    cr_assert_eq(head_add(&head, "Cookie", "old"), HTTP_OK);
    http_headers_begin(&head.h, &head.headers, &head.credentials);
    cr_expect_eq(head.headers.len, 0);
    cr_expect_eq(head.credentials.len, 0);
    cr_expect_eq(head_add(&head, "Mcp-Name", "new"), HTTP_OK);
    cr_expect_eq(head_add(&head, "Cookie", "new"), HTTP_OK);
    head_close(&head);
}

Test(edge_http_rules, knows_two_versions)
{
    static const char *const bad[] = {
        "",          "HTTP/1.2", "HTTP/0.9",  "HTTP/2.0",
        "http/1.1",  "HTTP/1.",  "HTTP/1.10", "HTTP/1.1 ",
        "HTTP/01.1", "HTTP/1,1", "HTTPS/1.1", " HTTP/1.1",
    };
    int minor = -1;

    for (size_t i = 0; i < SP_COUNT(bad); i++) {
        cr_expect_eq(http_version(sp_view_of(bad[i]), &minor), HTTP_BAD_VERSION,
                     "%s", bad[i]);
        cr_expect_eq(minor, -1);
    }
    cr_expect_eq(http_version(sp_view_of("HTTP/1.1"), &minor), HTTP_OK);
    cr_expect_eq(minor, 1);
    cr_expect_eq(http_version(sp_view_of("HTTP/1.0"), &minor), HTTP_OK);
    cr_expect_eq(minor, 0);
}

static bool
answer_may(const char *name, const char *value, bool pages)
{
    return http_answer_header_allowed(sp_view_of(name), sp_view_of(value),
                                      pages);
}

/* What frames the answer, or lets one stage speak for the gate, is ours. */
Test(edge_http_rules, an_answer_may_say_only_what_is_listed)
{
    static const char *const allowed[] = {
        "content-type",     "Content-Type",   "retry-after", "allow",
        "www-authenticate", "mcp-session-id", "ratelimit",
    };
    static const struct {
        const char *name;
        const char *value;
        bool page; /* allowed on pages; never elsewhere */
    } pages[] = {
        { "location", "/a", true },
        { "Set-Cookie", "a=b", true },
        { "content-security-policy", "default-src 'self'", true },
        { "referrer-policy", "same-origin", true },
        { "referrer-policy", "unsafe-url", false },
        { "referrer-policy", "same-origin, unsafe-url", false },
        { "referrer-policy", "", false },
    };
    static const char *const refused[] = {
        "",
        "content-length",
        "transfer-encoding",
        "connection",
        "trailer",
        "upgrade",
        "server",
        "strict-transport-security",
        "access-control-allow-origin",
        "mcp-other",
        "content-typ",
        "content-type ",
        "content-encoding",
    };

    for (size_t i = 0; i < SP_COUNT(allowed); i++) {
        cr_expect(answer_may(allowed[i], "a", false), "%s", allowed[i]);
    }
    for (size_t i = 0; i < SP_COUNT(refused); i++) {
        cr_expect_not(answer_may(refused[i], "a", true), "%s", refused[i]);
    }
    for (size_t i = 0; i < SP_COUNT(pages); i++) {
        cr_expect_not(answer_may(pages[i].name, pages[i].value, false), "%s",
                      pages[i].name);
        cr_expect_eq(answer_may(pages[i].name, pages[i].value, true),
                     pages[i].page, "%s: %s", pages[i].name, pages[i].value);
    }
}

Test(edge_http_rules, every_fault_has_its_words)
{
    for (int i = 0; i < HTTP_FAULT_COUNT; i++) {
        const struct http_fault_info *info =
            http_fault_info((enum http_fault)i);

        cr_expect(i == HTTP_OK ? info->status == 200
                               : info->status >= 400 && info->status < 600);
        cr_expect(strlen(info->code) > 0 && strlen(info->code) <= 64);
        cr_expect(i == HTTP_OK || strlen(info->text) > 0, "%s", info->code);
    }
}
