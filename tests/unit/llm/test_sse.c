/* text/event-stream: fields, line ends, cuts anywhere. */
#include "services/llm/sse.h"

#include <criterion/criterion.h>

#include "common/base/compiler.h"
#include "common/base/error.h"

#define MAX 64
#define STOP (-1)

/* Each event's data in angle brackets. */
static int
note(void *arg, struct sp_view data)
{
    struct sp_buf *out = arg;

    (void)sp_buf_addf(out, "<%.*s>", SP_VIEW(data));
    return sp_view_is(data, "stop") ? STOP : 0;
}

static const struct {
    const char *in;
    const char *want;
    int error;
} rows[] = {
    { "", "", 0 },
    { "data: a\n\n", "<a>", 0 },
    { "data:a\n\n", "<a>", 0 },
    { "data:  a \n\n", "< a >", 0 },
    { "data: a\r\n\r\n", "<a>", 0 },
    { "data: a\r\rdata: b\r\r", "<a><b>", 0 },
    { "data: a\r\n\ndata: b\n\r\n", "<a><b>", 0 },
    { "data: a\ndata: b\n\n", "<a\nb>", 0 },
    { "data\n\n", "<>", 0 },
    { "data:\n\n", "<>", 0 },
    { "data: \ndata\n\n", "<\n>", 0 },
    { "data: a", "", 0 },
    { "data: a\n", "", 0 },
    { "\n\n\n", "", 0 },
    { ": comment\n\ndata: a\n: between\n\n", "<a>", 0 },
    { "event: message\nid: 1\nretry: 5\ndata: a\n\n", "<a>", 0 },
    { "event: x\n\n", "", 0 },
    { "database: a\n\n", "", 0 },
    { " data: a\n\n", "", 0 },
    { "Data: a\n\n", "", 0 },
    { "\xef\xbb\xbf"
      "data: a\n\n\xef\xbb\xbf"
      "data: b\n\n",
      "<a>", 0 },
    { "data: stop\n\ndata: never\n\n", "<stop>", STOP },
    { "data: "
      "0123456789012345678901234567890123456789012345678901234567890123456789"
      "\n\n",
      "", SP_ELIMIT },
    { "data: 01234567890123456789012345678901234567890\n"
      "data: 01234567890123456789012345678901234567890\n\n",
      "", SP_ELIMIT },
    { ": 0123456789012345678901234567890123456789012345678901234567890123456",
      "", SP_ELIMIT },
};

/* Feeds `in` in pieces of `size` bytes. */
static int
feed(const char *in, size_t size, struct sp_buf *out)
{
    struct sp_view rest = sp_view_of(in);
    struct sse sse;
    int error = 0;

    sse_begin(&sse, MAX);
    while (error == 0 && rest.len > 0) {
        size_t n = size < rest.len ? size : rest.len;

        error = sse_feed(&sse, sp_view_make(rest.ptr, n), note, out);
        rest = sp_view_skip(rest, n);
    }
    sse_end(&sse);
    return error;
}

Test(sse, splits_into_events_wherever_the_bytes_are_cut)
{
    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        for (size_t size = 1; size <= strlen(rows[i].in) + 1; size++) {
            struct sp_buf out = sp_buf_new(4096);
            int error = feed(rows[i].in, size, &out);

            cr_expect_eq(error, rows[i].error, "row %zu by %zu", i, size);
            cr_expect(sp_view_is(sp_buf_view(&out), rows[i].want),
                      "row %zu by %zu: %.*s", i, size,
                      SP_VIEW(sp_buf_view(&out)));
            sp_buf_free(&out);
        }
    }
}

/* attack: lines without content, and only one of the two kinds of line end. */
Test(sse, takes_time_in_proportion_whatever_ends_lines, .timeout = 30)
{
    static char blanks[8u * 1024 * 1024];
    static const char ends[] = "\r\n";

    for (size_t i = 0; i < sizeof(ends) - 1; i++) {
        struct sp_buf out = sp_buf_new(64);
        struct sse sse;

        memset(blanks, ends[i], sizeof(blanks));
        sse_begin(&sse, MAX);
        cr_expect_eq(
            sse_feed(&sse, sp_view_make(blanks, sizeof(blanks)), note, &out),
            0);
        cr_expect_eq(out.len, 0);
        sse_end(&sse);
        sp_buf_free(&out);
    }
}
