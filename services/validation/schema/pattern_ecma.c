/* ECMA-262 regular expressions (with the u flag) as PCRE2 text. */
#include "services/validation/schema/pattern_ecma.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "common/base/error.h"

/* White space and line ends of ECMA-262 section 12, and what is neither. */
#define SPACES                                                                 \
    "\\x{9}-\\x{d}\\x{20}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}"         \
    "\\x{2029}\\x{202f}\\x{205f}\\x{3000}\\x{feff}"
#define NOT_SPACES                                                             \
    "\\x{0}-\\x{8}\\x{e}-\\x{1f}\\x{21}-\\x{9f}\\x{a1}-\\x{167f}"              \
    "\\x{1681}-\\x{1fff}\\x{200b}-\\x{2027}\\x{202a}-\\x{202e}"                \
    "\\x{2030}-\\x{205e}\\x{2060}-\\x{2fff}\\x{3001}-\\x{fefe}"                \
    "\\x{ff00}-\\x{10ffff}"
#define ANY_BUT_LINE_END "[^\\x{a}\\x{d}\\x{2028}\\x{2029}]"
#define MAX_NAME 64 /* of a Unicode property */

/* What stands before a place: decides which quantifier may follow. */
enum before {
    BEFORE_NOTHING,
    BEFORE_ATOM,
    BEFORE_QUANTIFIER,
};

struct translation {
    const char *p;
    const char *end;
    struct sp_buf *out;
    struct sp_buf *why;
    enum before before;
    bool in_class;
};

/* The long names of general categories; PCRE2 knows only the short ones. */
static const struct {
    const char *name;
    const char *category;
} category_names[] = {
    { "Letter", "L" },
    { "Cased_Letter", "L&" },
    { "Uppercase_Letter", "Lu" },
    { "Lowercase_Letter", "Ll" },
    { "Titlecase_Letter", "Lt" },
    { "Modifier_Letter", "Lm" },
    { "Other_Letter", "Lo" },
    { "Mark", "M" },
    { "Nonspacing_Mark", "Mn" },
    { "Spacing_Mark", "Mc" },
    { "Enclosing_Mark", "Me" },
    { "Number", "N" },
    { "Decimal_Number", "Nd" },
    { "digit", "Nd" },
    { "Letter_Number", "Nl" },
    { "Other_Number", "No" },
    { "Punctuation", "P" },
    { "punct", "P" },
    { "Symbol", "S" },
    { "Math_Symbol", "Sm" },
    { "Currency_Symbol", "Sc" },
    { "Separator", "Z" },
    { "Space_Separator", "Zs" },
    { "Other", "C" },
    { "Control", "Cc" },
    { "cntrl", "Cc" },
    { "Format", "Cf" },
};

static const char short_categories[] =
    " L Lu Ll Lt Lm Lo M Mn Mc Me N Nd Nl No P Pc Pd Ps Pe Pi Pf Po S Sm Sc "
    "Sk So Z Zs Zl Zp C Cc Cf Cn Co ";

static int
refuse(struct translation *t, const char *text)
{
    (void)sp_buf_add_str(t->why, text);
    return SP_EFORMAT;
}

/* The short category of a property name, or NULL. */
static const char *
find_category(struct sp_view name)
{
    char needle[8];

    for (size_t i = 0; i < SP_COUNT(category_names); i++) {
        if (sp_view_is(name, category_names[i].name)) {
            return category_names[i].category;
        }
    }
    if (name.len < 1 || name.len > 2) {
        return NULL;
    }
    (void)snprintf(needle, sizeof(needle), " %.*s ", SP_VIEW(name));
    return strstr(short_categories, needle) != NULL ? "" : NULL;
}

/* \p{...} and \P{...}; t->p stands behind the letter. */
static int
translate_property(struct translation *t, char letter)
{
    struct sp_view name = sp_view_make(t->p, (size_t)(t->end - t->p));
    const char *close = name.len == 0 ? NULL : memchr(t->p, '}', name.len);
    const char *category = NULL;

    if (close == NULL || *t->p != '{' || close - t->p > MAX_NAME) {
        return refuse(t, "has a malformed \\p{...}");
    }
    name = sp_view_make(t->p + 1, (size_t)(close - t->p - 1));
    t->p = close + 1;
    category = find_category(name);
    if (category == NULL) {
        return refuse(t, "names a Unicode property that is not supported "
                         "(general categories are)");
    }
    if (category[0] == '\0') {
        return sp_buf_addf(t->out, "\\%c{%.*s}", letter, SP_VIEW(name));
    }
    return sp_buf_addf(t->out, "\\%c{%s}", letter, category);
}

/* Up to `max` hex digits into ret_value; returns how many there were. */
static size_t
take_hex(struct translation *t, size_t max, uint32_t *ret_value)
{
    size_t n = 0;

    *ret_value = 0;
    while (n < max && t->p < t->end && *t->p != '\0' &&
           strchr("0123456789abcdefABCDEF", *t->p) != NULL) {
        char c = *t->p++;
        uint32_t low = (uint32_t)c & 15u;

        *ret_value = *ret_value * 16 + (c > '9' ? low + 9 : low);
        n++;
    }
    return n;
}

/* \uXXXX (also as a surrogate pair) and \u{X...}. */
static int
translate_unicode(struct translation *t)
{
    uint32_t value = 0;
    uint32_t low = 0;

    if (t->p < t->end && *t->p == '{') {
        t->p++;
        if (take_hex(t, 6, &value) == 0 || t->p == t->end || *t->p != '}') {
            return refuse(t, "has a malformed \\u{...}");
        }
        t->p++;
    } else if (take_hex(t, 4, &value) != 4) {
        return refuse(t, "has a malformed \\u escape");
    }
    if (value >= 0xd800 && value < 0xdc00 && t->end - t->p >= 6 &&
        t->p[0] == '\\' && t->p[1] == 'u') {
        t->p += 2;
        if (take_hex(t, 4, &low) != 4 || low < 0xdc00 || low > 0xdfff) {
            return refuse(t, "has an unpaired surrogate");
        }
        value = 0x10000 + ((value - 0xd800) << 10) + (low - 0xdc00);
    }
    if (value > 0x10ffff || (value >= 0xd800 && value < 0xe000)) {
        return refuse(t, "has an escape that is no character");
    }
    return sp_buf_addf(t->out, "\\x{%x}", value);
}

static int
translate_hex(struct translation *t)
{
    uint32_t value = 0;

    if (take_hex(t, 2, &value) != 2) {
        return refuse(t, "has a malformed \\x escape");
    }
    return sp_buf_addf(t->out, "\\x{%x}", value);
}

static int
translate_control(struct translation *t)
{
    char c = t->p < t->end ? *t->p : '\0';

    if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))) {
        return refuse(t, "has a malformed \\c escape");
    }
    t->p++;
    return sp_buf_addf(t->out, "\\x{%x}", (unsigned)c & 31u);
}

/* True where the set at hand would become an end of a range. */
static bool
in_range(const struct translation *t)
{
    struct sp_view done = sp_buf_view(t->out);

    if (t->end - t->p >= 2 && t->p[0] == '-' && t->p[1] != ']') {
        return true;
    }
    return done.len >= 2 && done.ptr[done.len - 1] == '-' &&
           done.ptr[done.len - 2] != '[' && done.ptr[done.len - 2] != '^';
}

/* \s and \S, whose sets differ between the two languages. */
static int
add_space_set(struct translation *t, bool negated)
{
    if (t->in_class) {
        if (in_range(t)) {
            return refuse(t, "has a range that ends in a set");
        }
        return sp_buf_add_str(t->out, negated ? NOT_SPACES : SPACES);
    }
    return sp_buf_add_str(t->out,
                          negated ? "[" NOT_SPACES "]" : "[" SPACES "]");
}

/* Escapes that stand for one fixed character. */
static const struct {
    char letter;
    const char *text;
} single_escapes[] = {
    { 't', "\\x{9}" }, { 'n', "\\x{a}" }, { 'v', "\\x{b}" },
    { 'f', "\\x{c}" }, { 'r', "\\x{d}" },
};

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool
is_punctuation(char c)
{
    return c > ' ' && c < 0x7f && !is_digit(c) &&
           !((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'));
}

/* \b and \B: an assertion outside a class, a backspace inside. */
static int
translate_boundary(struct translation *t, char letter)
{
    if (!t->in_class) {
        t->before = BEFORE_NOTHING;
        return sp_buf_addf(t->out, "\\%c", letter);
    }
    if (letter == 'B') {
        return refuse(t, "has \\B in a class");
    }
    return sp_buf_add_str(t->out, "\\x{8}");
}

static int
translate_letter(struct translation *t, char letter)
{
    for (size_t i = 0; i < SP_COUNT(single_escapes); i++) {
        if (single_escapes[i].letter == letter) {
            return sp_buf_add_str(t->out, single_escapes[i].text);
        }
    }
    switch (letter) {
    case 'd':
    case 'D':
    case 'w':
    case 'W':
        return sp_buf_addf(t->out, "\\%c", letter);
    case 's':
    case 'S':
        return add_space_set(t, letter == 'S');
    case 'b':
    case 'B':
        return translate_boundary(t, letter);
    case 'p':
    case 'P':
        return translate_property(t, letter);
    case 'u':
        return translate_unicode(t);
    case 'x':
        return translate_hex(t);
    case 'c':
        return translate_control(t);
    default:
        return refuse(t, "has an escape that ECMA-262 does not know");
    }
}

/* An escape; t->p stands at the backslash. */
static int
translate_escape(struct translation *t)
{
    char c = '\0';

    t->p++;
    if (t->p == t->end) {
        return refuse(t, "ends in a backslash");
    }
    c = *t->p++;
    t->before = BEFORE_ATOM;
    if (c == '0' && (t->p == t->end || !is_digit(*t->p))) {
        return sp_buf_add_str(t->out, "\\x{0}");
    }
    if (is_digit(c) || c == 'k') {
        return refuse(t, "has a back reference, which is not supported");
    }
    if (is_punctuation(c)) {
        /* With the u flag only syntax characters may be escaped, but schemas
         * in the wild write \- and \_ too; there is one reading only. */
        return sp_buf_addf(t->out, "\\%c", c);
    }
    return translate_letter(t, c);
}

/* A class; t->p stands at '['. */
static int
translate_class(struct translation *t)
{
    bool negated = t->end - t->p >= 2 && t->p[1] == '^';
    int error = 0;

    t->p += negated ? 2 : 1;
    t->before = BEFORE_ATOM;
    if (t->p < t->end && *t->p == ']') {
        t->p++;
        return sp_buf_add_str(t->out, negated ? "(?s:.)" : "(?!)");
    }
    (void)sp_buf_add_str(t->out, negated ? "[^" : "[");
    t->in_class = true;
    while (error == 0 && t->p < t->end && *t->p != ']') {
        if (*t->p == '\\') {
            error = translate_escape(t);
        } else if (*t->p == '[') {
            /* PCRE2 would see the start of a POSIX class. */
            error = sp_buf_add_str(t->out, "\\[");
            t->p++;
        } else {
            error = sp_buf_add(t->out, t->p++, 1);
        }
    }
    t->in_class = false;
    if (error == 0 && t->p == t->end) {
        return refuse(t, "has a class without its end");
    }
    t->p++;
    t->before = BEFORE_ATOM;
    return error != 0 ? error : sp_buf_add_str(t->out, "]");
}

/* The openings of groups that both languages read alike. */
static const char *const group_openings[] = { "(?:", "(?=", "(?!",
                                              "(?<=", "(?<!" };

/* A group; t->p stands at '('. */
static int
translate_group(struct translation *t)
{
    struct sp_view rest = sp_view_make(t->p, (size_t)(t->end - t->p));
    const char *close = NULL;

    t->before = BEFORE_NOTHING;
    for (size_t i = 0; i < SP_COUNT(group_openings); i++) {
        if (sp_view_starts(rest, group_openings[i])) {
            t->p += strlen(group_openings[i]);
            return sp_buf_add_str(t->out, group_openings[i]);
        }
    }
    if (sp_view_starts(rest, "(?<")) {
        close = memchr(t->p, '>', rest.len);
        if (close == NULL) {
            return refuse(t, "has a malformed group name");
        }
        t->p = close + 1;
        return sp_buf_add_str(t->out, "(");
    }
    if (sp_view_starts(rest, "(?") || sp_view_starts(rest, "(*")) {
        return refuse(t, "has a group that ECMA-262 does not know");
    }
    t->p++;
    return sp_buf_add_str(t->out, "(");
}

/* The length of a counted quantifier, braces included; 0 where malformed. */
static size_t
brace_length(const char *p, const char *end)
{
    const char *start = p++;
    bool comma = false;

    if (p == end || !is_digit(*p)) {
        return 0;
    }
    for (; p < end && *p != '}'; p++) {
        if (*p == ',' && !comma) {
            comma = true;
        } else if (!is_digit(*p)) {
            return 0;
        }
    }
    return p == end ? 0 : (size_t)(p - start) + 1;
}

/* A quantifier; PCRE2 would read a second one as possessive. */
static int
translate_quantifier(struct translation *t)
{
    bool lazy = *t->p == '?' && t->before == BEFORE_QUANTIFIER;
    size_t len = *t->p == '{' ? brace_length(t->p, t->end) : 1;
    int error = 0;

    if (len == 0) {
        return refuse(t, "has a brace that counts nothing; write \\{");
    }
    if (t->before != BEFORE_ATOM && !lazy) {
        return refuse(t, "has a quantifier with nothing to repeat");
    }
    error = sp_buf_add(t->out, t->p, len);
    t->p += len;
    t->before = lazy ? BEFORE_NOTHING : BEFORE_QUANTIFIER;
    return error;
}

static int
translate_plain(struct translation *t)
{
    char c = *t->p++;

    if (c == '.') {
        t->before = BEFORE_ATOM;
        return sp_buf_add_str(t->out, ANY_BUT_LINE_END);
    }
    if (c == '}' || c == ']') {
        return refuse(t, "has a bracket that closes nothing");
    }
    t->before = c == '|' || c == '^' || c == '$' ? BEFORE_NOTHING : BEFORE_ATOM;
    return sp_buf_add(t->out, &c, 1);
}

static int
translate_next(struct translation *t)
{
    switch (*t->p) {
    case '\\':
        return translate_escape(t);
    case '[':
        return translate_class(t);
    case '(':
        return translate_group(t);
    case '*':
    case '+':
    case '?':
    case '{':
        return translate_quantifier(t);
    default:
        return translate_plain(t);
    }
}

int
pattern_ecma_translate(struct sp_view source, struct sp_buf *out,
                       struct sp_buf *why)
{
    struct translation t = {
        .p = source.ptr,
        .end = source.ptr + source.len,
        .out = out,
        .why = why,
    };

    while (t.p < t.end) {
        int error = translate_next(&t);

        if (error != 0) {
            return error;
        }
    }
    return 0;
}
