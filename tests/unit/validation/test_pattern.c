/* The regular expressions of JSON Schema: read as ECMA-262 reads them, or
 * refused. */
#include "services/validation/schema/pattern.h"

#include <criterion/criterion.h>
#include <string.h>

#include "common/base/error.h"

#define MATCH_LIMIT 5000
#define STEPS 100000

Test(pattern, matches_as_ecma_262_does)
{
    static const struct {
        const char *source;
        const char *subject;
        bool found;
    } rows[] = {
        { "^[A-Z0-9]{5,10}$", "ABCDE1", true },
        { "^[A-Z0-9]{5,10}$", "ABCDE1\n", false },
        { "b", "abc", true },
        { "^b", "a\nb", false },
        { "a$", "a\n", false },
        { "^.$", "\xc3\xa4", true },
        { "^.$", "\n", false },
        { "^.$", "\xe2\x80\xa8", false },
        { "^\\d$", "\xd9\xa1", false },
        { "^\\w$", "\xc3\xa4", false },
        { "^\\s$", "\xc2\xa0", true },
        { "^\\s$", "\xef\xbb\xbf", true },
        { "^[^x]$", "\n", true },
        { "^\\u00e4$", "\xc3\xa4", true },
        { "^\\u{1f600}$", "\xf0\x9f\x98\x80", true },
        { "^\\ud83d\\ude00$", "\xf0\x9f\x98\x80", true },
        { "^\\p{Lu}$", "\xc3\x84", true },
        { "^\\P{Lu}$", "\xc3\x84", false },
        { "^\\p{Letter}+$", "a\xc3\xa4", true },
        { "^\\x41\\cJ$", "A\n", true },
        { "^(?:ab)+?$", "abab", true },
        { "^(?=a)a$", "a", true },
        { "^a{2}$", "aaa", false },
        { "", "x", true },
    };
    struct pattern_matcher *matcher = pattern_matcher_new(MATCH_LIMIT);
    struct sp_buf why = sp_buf_new(512);

    cr_assert_not_null(matcher);
    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct pattern *pattern = NULL;
        uint64_t steps = STEPS;
        bool found = false;

        cr_assert_eq(
            pattern_compile(sp_view_of(rows[i].source), &pattern, &why), 0,
            "%s: %.*s", rows[i].source, SP_VIEW(sp_buf_view(&why)));
        cr_assert_eq(pattern_find(pattern, matcher, sp_view_of(rows[i].subject),
                                  &steps, &found),
                     0);
        cr_assert_eq(found, rows[i].found, "%s, row %zu", rows[i].source, i);
        pattern_free(&pattern);
    }
    pattern_matcher_free(&matcher);
    sp_buf_free(&why);
}

/* What PCRE2 reads and ECMA-262 does not, or reads otherwise. */
Test(pattern, refuses_what_is_not_ecma_262)
{
    static const char *const rows[] = {
        "(",
        ")",
        "[",
        "*a",
        "a**",
        "(?i)a",
        "(?>a)",
        "a++",
        "(?#x)",
        "\\A",
        "\\Z",
        "\\G",
        "\\h",
        "\\R",
        "\\Qa\\E",
        "\\K",
        "(?R)",
        "(?1)",
        "(*FAIL)",
        "[[:alpha:]]",
        "\\p{x}",
        "\\p",
        "\\u12",
        "\\u{110000}",
        "\\ud800",
        "\\1",
        "\\c1",
        "[b-a]",
        "a{2,1}",
        "\\",
        "(?<a>b)\\k<a>",
    };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct pattern *pattern = NULL;
        struct sp_buf why = sp_buf_new(512);

        cr_expect_eq(pattern_compile(sp_view_of(rows[i]), &pattern, &why),
                     SP_EFORMAT, "%s", rows[i]);
        cr_expect_gt(why.len, 0, "%s: no reason", rows[i]);
        pattern_free(&pattern);
        sp_buf_free(&why);
    }
}

Test(pattern, gives_up_on_backtracking_and_on_length)
{
    static const char long_subject[] =
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!";
    struct pattern_matcher *matcher = pattern_matcher_new(MATCH_LIMIT);
    struct sp_buf why = sp_buf_new(512);
    struct sp_buf source = sp_buf_new(PATTERN_MAX_BYTES + 1);
    struct pattern *pattern = NULL;
    uint64_t steps = STEPS;
    bool found = false;

    cr_assert_eq(pattern_compile(SP_VIEW_LITERAL("^(a|a)*$"), &pattern, &why),
                 0);
    cr_assert_eq(pattern_find(pattern, matcher, sp_view_of(long_subject),
                              &steps, &found),
                 SP_ELIMIT);
    pattern_free(&pattern);
    while (source.len <= PATTERN_MAX_BYTES) {
        (void)sp_buf_add_str(&source, "a");
    }
    cr_assert_eq(pattern_compile(sp_buf_view(&source), &pattern, &why),
                 SP_EFORMAT);
    sp_buf_free(&source);
    sp_buf_free(&why);
    pattern_matcher_free(&matcher);
}

/* `len` times 'a', with `tail` at the end. */
static struct sp_buf
long_text(size_t len, const char *tail)
{
    struct sp_buf text = sp_buf_new(1024 * 1024);

    while (text.len < len) {
        (void)sp_buf_add_str(&text, "a");
    }
    (void)sp_buf_add_str(&text, tail);
    cr_assert_eq(text.error, 0);
    return text;
}

static int
find_in(const char *source, const struct sp_buf *text, uint64_t *steps,
        bool *ret_found)
{
    struct pattern_matcher *matcher = pattern_matcher_new(100000);
    struct sp_buf why = sp_buf_new(512);
    struct pattern *pattern = NULL;
    int error = pattern_compile(sp_view_of(source), &pattern, &why);

    cr_assert_eq(error, 0, "%s", source);
    error = pattern_find(pattern, matcher, sp_buf_view(text), steps, ret_found);
    pattern_free(&pattern);
    pattern_matcher_free(&matcher);
    sp_buf_free(&why);
    return error;
}

/* The JIT's own 32 KiB of stack end long before these do. */
Test(pattern, takes_long_texts_that_cost_little)
{
    static const char *const rows[] = {
        "^[a-z]+$", "^(?:[a-z]|[0-9])*$",    "^([a-z]|[0-9])*$",
        "^.*$",     "^(?=.*z)(?=.*a).{8,}$",
    };
    struct sp_buf text = long_text(8000, "z");

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        uint64_t steps = STEPS;
        bool found = false;

        cr_expect_eq(find_in(rows[i], &text, &steps, &found), 0, "%s", rows[i]);
        cr_expect(found, "%s", rows[i]);
    }
    sp_buf_free(&text);
}

/* attack: backtracking that PCRE2 does not count. 50000 bytes took a second,
 * a million would have taken minutes. */
Test(pattern, what_is_not_counted_is_paid_for)
{
    static const struct {
        const char *source;
        const char *tail;
    } rows[] = {
        { "^a*a*b", "cb" },
        { "^\\S*\\S*q", "\xe2\x80\xa8q" },
        { "[^x]*[^y]*q", "yxyxq\n" },
    };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct sp_buf text = long_text(50000, rows[i].tail);
        uint64_t steps = STEPS;
        bool found = false;

        cr_expect_eq(find_in(rows[i].source, &text, &steps, &found), SP_ELIMIT,
                     "%s", rows[i].source);
        sp_buf_free(&text);
    }
}

/* attack: many texts that each stay just below the limit. */
Test(pattern, hard_matches_use_up_the_steps)
{
    struct sp_buf text = long_text(16, "!b");
    uint64_t easy = STEPS;
    uint64_t hard = STEPS;
    bool found = false;

    cr_assert_eq(find_in("^a*!b$", &text, &easy, &found), 0);
    cr_assert(found);
    cr_assert_eq(find_in("^(?:a|aa)*c?b$", &text, &hard, &found), 0);
    cr_assert_not(found);
    cr_expect_lt((STEPS - easy) * 20, STEPS - hard);
    sp_buf_free(&text);
}
