/* The regular expressions of JSON Schema: read as ECMA-262 reads them, or
 * refused. */
#include "services/validation/pattern.h"

#include <criterion/criterion.h>
#include <string.h>

#include "common/error.h"

#define MATCH_LIMIT 5000

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
        bool found = false;

        cr_assert_eq(
            pattern_compile(sp_view_of(rows[i].source), &pattern, &why), 0,
            "%s: %.*s", rows[i].source, SP_VIEW(sp_buf_view(&why)));
        cr_assert_eq(
            pattern_find(pattern, matcher, sp_view_of(rows[i].subject), &found),
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
    bool found = false;

    cr_assert_eq(pattern_compile(SP_VIEW_LITERAL("^(a|a)*$"), &pattern, &why),
                 0);
    cr_assert_eq(
        pattern_find(pattern, matcher, sp_view_of(long_subject), &found),
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
