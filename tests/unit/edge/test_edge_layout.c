/* The block must be tiled by its parts: what the library passed over shows.
 * The blocks are as libmicrohttpd leaves them, with NULs for what it ate. */
#include <criterion/criterion.h>
#include <stdint.h>
#include <string.h>

#include "common/base/compiler.h"
#include "services/edge/mhd/layout.h"

/* Where the parts lie in a block. */
struct piece {
    size_t at;
    size_t len;
};

static struct sp_view
view(const char *block, struct piece p)
{
    return sp_view_make(block + p.at, p.len);
}

#define PLAIN "GET\0/a\0HTTP/1.1\0\0Host\0 gate\0\0Accept\0a\0\0\0\0"

static const struct piece method = { 0, 3 };
static const struct piece target = { 4, 2 };
static const struct piece version = { 7, 8 };
static const struct piece host = { 17, 4 };
static const struct piece gate = { 23, 4 };
static const struct piece accept_name = { 29, 6 };
static const struct piece accept_value = { 36, 1 };

static struct layout
begin(const char *block, size_t len)
{
    return layout_begin(view(block, method), view(block, target),
                        view(block, version), len);
}

static bool
plain_is_whole(const char *block, size_t len)
{
    struct layout l = begin(block, len);

    layout_header(&l, view(block, host), view(block, gate));
    layout_header(&l, view(block, accept_name), view(block, accept_value));
    return layout_whole(&l);
}

#define PLAIN_LEN (sizeof(PLAIN) - 1)

Test(edge_layout, a_well_formed_request_is_whole)
{
    cr_expect_eq(PLAIN_LEN, 41);
    cr_expect(plain_is_whole(PLAIN, PLAIN_LEN));
}

Test(edge_layout, without_headers_it_is_whole_too)
{
    static const char block[] = "GET\0/a\0HTTP/1.1\0\0\0\0";
    struct layout l = begin(block, sizeof(block) - 1);

    cr_expect(layout_whole(&l));
}

/* Every other length is a request that ends elsewhere. */
Test(edge_layout, the_end_must_fit)
{
    char block[PLAIN_LEN + 8] = PLAIN;

    for (size_t len = 0; len < sizeof(block); len++) {
        cr_expect_eq(plain_is_whole(block, len), len == PLAIN_LEN, "%zu", len);
    }
}

/* A bare LF leaves one NUL instead of two; so does every single byte that is
 * not what it should be. */
Test(edge_layout, no_separator_may_be_another)
{
    static const size_t ends[] = { 15, 16, 21, 27, 28, 35, 37, 38, 39, 40 };

    for (size_t i = 0; i < SP_COUNT(ends); i++) {
        char block[] = PLAIN;

        cr_assert_eq(block[ends[i]], '\0', "%zu", ends[i]);
        block[ends[i]] = 'x';
        cr_expect_not(plain_is_whole(block, PLAIN_LEN), "%zu", ends[i]);
    }
}

Test(edge_layout, only_blanks_stand_before_a_value)
{
    static const char *const good = " \t";
    static const char bad[] = { 'x', '\0', '\r', '\n', '\v', ',', ':' };
    char block[] = PLAIN;

    for (size_t i = 0; i < strlen(good); i++) {
        block[22] = good[i];
        cr_expect(plain_is_whole(block, PLAIN_LEN), "%d", good[i]);
    }
    for (size_t i = 0; i < sizeof(bad); i++) {
        block[22] = bad[i];
        cr_expect_not(plain_is_whole(block, PLAIN_LEN), "%d", bad[i]);
    }
}

/* A line that the library dropped, joined or read twice. */
Test(edge_layout, every_line_comes_once_and_in_order)
{
    const char *block = PLAIN;
    struct layout l = begin(block, PLAIN_LEN);

    layout_header(&l, view(block, accept_name), view(block, accept_value));
    cr_expect_not(layout_whole(&l), "the first one is missing");

    l = begin(block, PLAIN_LEN);
    layout_header(&l, view(block, host), view(block, gate));
    cr_expect_not(layout_whole(&l), "the second one is missing");

    l = begin(block, PLAIN_LEN);
    layout_header(&l, view(block, host), view(block, gate));
    layout_header(&l, view(block, host), view(block, gate));
    cr_expect_not(layout_whole(&l), "one comes twice");

    l = begin(block, PLAIN_LEN);
    layout_header(&l, view(block, accept_name), view(block, accept_value));
    layout_header(&l, view(block, host), view(block, gate));
    layout_header(&l, view(block, accept_name), view(block, accept_value));
    cr_expect_not(layout_whole(&l), "what is broken stays so");
}

/* A value that the library copied elsewhere, as it does to join folded lines;
 * one that swallowed a line end. */
Test(edge_layout, parts_lie_in_the_block)
{
    static const char elsewhere[] = "gate";
    const char *block = PLAIN;
    struct layout l = begin(block, PLAIN_LEN);

    layout_header(&l, view(block, host), sp_view_of(elsewhere));
    cr_expect(l.broken);

    l = begin(block, PLAIN_LEN);
    layout_header(&l, sp_view_of("Host"), view(block, gate));
    cr_expect(l.broken);

    l = begin(block, PLAIN_LEN);
    layout_header(&l, view(block, host), sp_view_make(block + 23, 100));
    cr_expect(l.broken);

    l = begin(block, PLAIN_LEN);
    layout_header(&l, view(block, host), sp_view_make(block + 23, SIZE_MAX));
    cr_expect(l.broken);

    l = begin(block, PLAIN_LEN);
    layout_header(&l, sp_view_make(block + 17, SIZE_MAX), view(block, gate));
    cr_expect(l.broken);

    /* The library has no value where the line had no colon. */
    l = begin(block, PLAIN_LEN);
    layout_header(&l, view(block, host), sp_view_make(NULL, 0));
    cr_expect(l.broken);

    l = begin(block, PLAIN_LEN);
    layout_header(&l, view(block, host), sp_view_make(block + 21, 0));
    cr_expect(l.broken, "no colon between name and value");
}

Test(edge_layout, the_request_line_has_single_spaces)
{
    static const struct {
        const char *label;
        struct piece method;
        struct piece target;
        struct piece version;
        size_t len;
    } rows[] = {
        { "two spaces before the target", { 0, 2 }, target, version, 41 },
        { "two spaces before the version", method, { 4, 1 }, version, 41 },
        { "something behind the version", method, target, { 7, 7 }, 41 },
        { "parts out of order", method, version, target, 41 },
        { "block shorter than its line", method, target, version, 12 },
        { "block of no length", method, target, version, 0 },
    };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        const char *block = PLAIN;
        struct layout l = layout_begin(
            view(block, rows[i].method), view(block, rows[i].target),
            view(block, rows[i].version), rows[i].len);

        cr_expect(l.broken, "%s", rows[i].label);
        layout_header(&l, view(block, host), view(block, gate));
        cr_expect_not(layout_whole(&l), "%s", rows[i].label);
    }
}

/* HTTP/0.9 has no version; the library points to an empty text elsewhere. */
Test(edge_layout, a_version_that_is_nowhere_is_broken)
{
    const char *block = PLAIN;
    struct layout l = layout_begin(view(block, method), view(block, target),
                                   sp_view_of(""), PLAIN_LEN);

    cr_expect(l.broken);
}
