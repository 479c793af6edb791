/* A strict JSON reader: one pass, no recursion, a flat table of tokens. */
#include "common/text/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/error.h"
#include "common/text/decimal.h"
#include "common/text/hex.h"

/* Enough for an ordinary tools/call, so that most tables never grow. */
#define FIRST_TOKENS 128

/* Objects up to this size are compared pair by pair, larger ones are sorted:
 * the work stays n log n whatever the keys are. */
#define PAIRWISE_KEYS 16

/* Digits of the largest int64_t. */
#define INT64_DIGITS 19

struct scan {
    const unsigned char *at;
    const unsigned char *end;
    const unsigned char *start;
    struct sp_json *json;
    size_t depth;
    uint32_t open[SP_JSON_MAX_DEPTH]; /* tokens of the open containers */
};

/* What may come next. */
enum want {
    WANT_VALUE,
    WANT_KEY,
    WANT_AFTER, /* a comma or the end of the container */
    WANT_NOTHING,
};

/* A key after unescaping. `mark` differs for most keys that differ. */
struct key {
    uint64_t mark;
    struct sp_view name;
};

static inline void
skip_space(struct scan *s)
{
    while (s->at < s->end && (*s->at == ' ' || *s->at == '\n' ||
                              *s->at == '\r' || *s->at == '\t')) {
        s->at++;
    }
}

static inline bool
take(struct scan *s, unsigned char c)
{
    if (s->at < s->end && *s->at == c) {
        s->at++;
        return true;
    }
    return false;
}

static inline bool
is_digit(const struct scan *s)
{
    return s->at < s->end && *s->at >= '0' && *s->at <= '9';
}

static int
grow(struct sp_json *json)
{
    size_t size = json->size == 0 ? FIRST_TOKENS : json->size * 2;

    if (json->count >= SP_JSON_MAX_TOKENS) {
        return SP_ELIMIT;
    }
    if (size > SP_JSON_MAX_TOKENS) {
        size = SP_JSON_MAX_TOKENS;
    }
    json->tokens = sp_realloc_n(json->tokens, size, sizeof(*json->tokens));
    json->size = size;
    return 0;
}

/* Appends a token that begins at `from` and, for scalars, ends here. */
static inline int
add_token(struct scan *s, enum sp_json_type type, const unsigned char *from)
{
    struct sp_json *json = s->json;

    if (json->count == json->size) {
        int error = grow(json);

        if (error != 0) {
            return error;
        }
    }
    json->tokens[json->count] = (struct sp_json_token){
        .type = (uint8_t)type,
        .start = (uint32_t)(from - s->start),
        .end = (uint32_t)(s->at - s->start),
        .next = (uint32_t)json->count + 1,
    };
    json->count++;
    return 0;
}

/* Whether none of eight bytes is a control, a quote, a backslash or outside
 * ASCII. The usual word-at-a-time tests for "less than" and "equals". */
static inline bool
all_plain(const unsigned char *p)
{
    const uint64_t ones = 0x0101010101010101u;
    const uint64_t tops = 0x8080808080808080u;
    uint64_t word = 0;
    uint64_t quote = 0;
    uint64_t slash = 0;

    memcpy(&word, p, sizeof(word));
    quote = word ^ (ones * '"');
    slash = word ^ (ones * '\\');
    return ((word | (word - ones * 0x20) | (quote - ones) | (slash - ones)) &
            tops) == 0;
}

static inline bool
in_range(unsigned char c, unsigned char low, unsigned char high)
{
    return c >= low && c <= high;
}

/* Steps over one multi-byte character of UTF-8 (RFC 3629 section 4). */
static bool
take_utf8(struct scan *s)
{
    const unsigned char *p = s->at;
    size_t left = (size_t)(s->end - p);
    unsigned char low = 0x80;
    unsigned char high = 0xbf;
    size_t len = 0;

    if (in_range(p[0], 0xc2, 0xdf)) {
        len = 2;
    } else if (in_range(p[0], 0xe0, 0xef)) {
        len = 3;
        low = p[0] == 0xe0 ? 0xa0 : low;   /* no overlong form */
        high = p[0] == 0xed ? 0x9f : high; /* no surrogate */
    } else if (in_range(p[0], 0xf0, 0xf4)) {
        len = 4;
        low = p[0] == 0xf0 ? 0x90 : low;
        high = p[0] == 0xf4 ? 0x8f : high; /* nothing above U+10FFFF */
    }
    if (len == 0 || left < len || !in_range(p[1], low, high)) {
        return false;
    }
    for (size_t i = 2; i < len; i++) {
        if (!in_range(p[i], 0x80, 0xbf)) {
            return false;
        }
    }
    s->at += len;
    return true;
}

/* The code unit of four hex digits at `p`, or -1. */
static int32_t
hex_unit(const unsigned char *p)
{
    int32_t unit = 0;

    for (size_t i = 0; i < 4; i++) {
        int digit = sp_hex_digit((char)p[i]);

        if (digit < 0) {
            return -1;
        }
        unit = unit * 16 + digit;
    }
    return unit;
}

static bool
is_high_surrogate(int32_t unit)
{
    return unit >= 0xd800 && unit <= 0xdbff;
}

static bool
is_low_surrogate(int32_t unit)
{
    return unit >= 0xdc00 && unit <= 0xdfff;
}

/* Steps over what follows "\u": four digits, or a whole surrogate pair. */
static bool
take_unicode_escape(struct scan *s)
{
    int32_t unit = s->end - s->at < 4 ? -1 : hex_unit(s->at);

    if (unit < 0 || is_low_surrogate(unit)) {
        return false;
    }
    s->at += 4;
    if (!is_high_surrogate(unit)) {
        return true;
    }
    if (s->end - s->at < 6 || s->at[0] != '\\' || s->at[1] != 'u' ||
        !is_low_surrogate(hex_unit(s->at + 2))) {
        return false;
    }
    s->at += 6;
    return true;
}

static bool
take_escape(struct scan *s)
{
    s->at++;
    if (s->at == s->end) {
        return false;
    }
    switch (*s->at++) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
        return true;
    case 'u':
        return take_unicode_escape(s);
    default:
        return false;
    }
}

static int
scan_string(struct scan *s)
{
    const unsigned char *from = s->at++;
    bool escaped = false;
    int error = 0;

    for (;;) {
        while (s->end - s->at >= 8 && all_plain(s->at)) {
            s->at += 8;
        }
        while (s->at < s->end && *s->at != '"' && *s->at != '\\' &&
               in_range(*s->at, 0x20, 0x7f)) {
            s->at++;
        }
        if (s->at == s->end || *s->at < 0x20) {
            return SP_EFORMAT;
        }
        if (*s->at == '"') {
            break;
        }
        escaped = escaped || *s->at == '\\';
        if (*s->at == '\\' ? !take_escape(s) : !take_utf8(s)) {
            return SP_EFORMAT;
        }
    }
    s->at++;
    error = add_token(s, SP_JSON_STRING, from);
    if (error == 0) {
        s->json->tokens[s->json->count - 1].escaped = escaped;
    }
    return error;
}

static bool
take_digits(struct scan *s)
{
    if (!is_digit(s)) {
        return false;
    }
    while (is_digit(s)) {
        s->at++;
    }
    return true;
}

static int
scan_number(struct scan *s)
{
    const unsigned char *from = s->at;

    (void)take(s, '-');
    if (!take(s, '0') && !take_digits(s)) {
        return SP_EFORMAT;
    }
    if (take(s, '.') && !take_digits(s)) {
        return SP_EFORMAT;
    }
    if (take(s, 'e') || take(s, 'E')) {
        if (!take(s, '+')) {
            (void)take(s, '-');
        }
        if (!take_digits(s)) {
            return SP_EFORMAT;
        }
    }
    return add_token(s, SP_JSON_NUMBER, from);
}

static int
scan_word(struct scan *s, const char *word, enum sp_json_type type)
{
    const unsigned char *from = s->at;
    size_t len = strlen(word);

    if ((size_t)(s->end - s->at) < len || memcmp(s->at, word, len) != 0) {
        return SP_EFORMAT;
    }
    s->at += len;
    return add_token(s, type, from);
}

/* The bytes of UTF-8 of a code point; returns how many. */
static size_t
encode(int32_t point, char out[4])
{
    if (point < 0x80) {
        out[0] = (char)point;
        return 1;
    }
    if (point < 0x800) {
        out[0] = (char)(0xc0 | (point >> 6));
        out[1] = (char)(0x80 | (point & 0x3f));
        return 2;
    }
    if (point < 0x10000) {
        out[0] = (char)(0xe0 | (point >> 12));
        out[1] = (char)(0x80 | ((point >> 6) & 0x3f));
        out[2] = (char)(0x80 | (point & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | (point >> 18));
    out[1] = (char)(0x80 | ((point >> 12) & 0x3f));
    out[2] = (char)(0x80 | ((point >> 6) & 0x3f));
    out[3] = (char)(0x80 | (point & 0x3f));
    return 4;
}

/* Writes the character at *p, escape or plain byte, to `out`; returns how many
 * bytes of UTF-8 it takes. The text has been checked. */
static size_t
decode_one(const char **p, char out[4])
{
    static const char plain[] = "\"\\/bfnrt";
    static const char meant[] = "\"\\/\b\f\n\r\t";
    const unsigned char *at = (const unsigned char *)*p;
    int32_t point = 0;

    if (at[0] != '\\') {
        out[0] = **p;
        *p += 1;
        return 1;
    }
    if (at[1] != 'u') {
        out[0] = meant[strchr(plain, at[1]) - plain];
        *p += 2;
        return 1;
    }
    point = hex_unit(at + 2);
    *p += 6;
    if (is_high_surrogate(point)) {
        point = 0x10000 + ((point - 0xd800) << 10) + hex_unit(at + 8) - 0xdc00;
        *p += 6;
    }
    return encode(point, out);
}

/* The inside of a string token, as it stands between the quotes. */
static struct sp_view
inside(const struct sp_json *json, const struct sp_json_token *t)
{
    return sp_view_make(json->text.ptr + t->start + 1,
                        (size_t)(t->end - t->start) - 2);
}

/* Unescapes into `out`, which has room for v.len bytes (unescaping never
 * lengthens). Returns the length. */
static size_t
decode(struct sp_view v, char *out)
{
    const char *p = v.ptr;
    const char *end = v.ptr + v.len;
    size_t len = 0;

    while (p < end) {
        char bytes[4];
        size_t n = decode_one(&p, bytes);

        memcpy(out + len, bytes, n);
        len += n;
    }
    return len;
}

static uint64_t
key_mark(struct sp_view name)
{
    uint64_t head = 0;
    uint64_t tail = 0;

    if (name.len >= sizeof(head)) {
        memcpy(&head, name.ptr, sizeof(head));
        memcpy(&tail, name.ptr + name.len - sizeof(tail), sizeof(tail));
    } else {
        for (size_t i = 0; i < name.len; i++) {
            head = head << 8 | (unsigned char)name.ptr[i];
        }
    }
    return head ^ (tail * 0x9e3779b97f4a7c15u) ^ name.len;
}

static int
compare_keys(const void *left, const void *right)
{
    const struct key *a = left;
    const struct key *b = right;

    if (a->mark != b->mark) {
        return a->mark < b->mark ? -1 : 1;
    }
    if (a->name.len != b->name.len) {
        return a->name.len < b->name.len ? -1 : 1;
    }
    return a->name.len == 0 ? 0 : memcmp(a->name.ptr, b->name.ptr, a->name.len);
}

static bool
any_pair_equal(const struct key *keys, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        for (size_t j = 0; j < i; j++) {
            if (keys[i].mark == keys[j].mark &&
                compare_keys(&keys[i], &keys[j]) == 0) {
                return true;
            }
        }
    }
    return false;
}

static bool
any_neighbours_equal(struct key *keys, size_t count)
{
    qsort(keys, count, sizeof(*keys), compare_keys);
    for (size_t i = 1; i < count; i++) {
        if (compare_keys(&keys[i - 1], &keys[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* Fills `keys` from the object's members; escaped ones are decoded into a
 * block that the caller frees, NULL where there are none. */
static char *
collect_keys(const struct sp_json *json, const struct sp_json_token *object,
             struct key *keys)
{
    const struct sp_json_token *first = object + 1;
    const struct sp_json_token *t = first;
    char *block = NULL;
    size_t room = 0;

    for (size_t i = 0; i < object->count; i++) {
        room += t->escaped ? t->end - t->start : 0;
        t = json->tokens + t[1].next;
    }
    if (room > 0) {
        block = sp_alloc(room);
    }
    t = first;
    room = 0;
    for (size_t i = 0; i < object->count; i++) {
        keys[i].name = inside(json, t);
        if (t->escaped && block != NULL) {
            size_t len = decode(keys[i].name, block + room);

            keys[i].name = sp_view_make(block + room, len);
            room += len;
        }
        keys[i].mark = key_mark(keys[i].name);
        t = json->tokens + t[1].next;
    }
    return block;
}

static int
check_keys(const struct sp_json *json, const struct sp_json_token *object)
{
    struct key few[PAIRWISE_KEYS];
    struct key *keys = few;
    size_t count = object->count;
    char *block = NULL;
    bool twice = false;

    if (count < 2) {
        return 0;
    }
    if (count > PAIRWISE_KEYS) {
        keys = sp_alloc_n(count, sizeof(*keys));
    }
    block = collect_keys(json, object, keys);
    twice = count > PAIRWISE_KEYS ? any_neighbours_equal(keys, count)
                                  : any_pair_equal(keys, count);
    sp_free(block);
    if (keys != few) {
        sp_free(keys);
    }
    return twice ? SP_EDUPLICATE : 0;
}

static struct sp_json_token *
innermost(const struct scan *s)
{
    return s->json->tokens + s->open[s->depth - 1];
}

static enum want
after_value(const struct scan *s)
{
    return s->depth == 0 ? WANT_NOTHING : WANT_AFTER;
}

static int
close_container(struct scan *s, enum want *want)
{
    struct sp_json_token *t = innermost(s);
    int error = 0;

    t->end = (uint32_t)(s->at - s->start);
    t->next = (uint32_t)s->json->count;
    if (t->type == SP_JSON_OBJECT) {
        error = check_keys(s->json, t);
    }
    s->depth--;
    *want = after_value(s);
    return error;
}

static int
open_container(struct scan *s, enum want *want)
{
    enum sp_json_type type = *s->at == '{' ? SP_JSON_OBJECT : SP_JSON_ARRAY;
    unsigned char closing = type == SP_JSON_OBJECT ? '}' : ']';
    int error = 0;

    if (s->depth == SP_JSON_MAX_DEPTH) {
        return SP_ELIMIT;
    }
    error = add_token(s, type, s->at);
    if (error != 0) {
        return error;
    }
    s->open[s->depth++] = (uint32_t)s->json->count - 1;
    s->at++;
    skip_space(s);
    if (take(s, closing)) {
        return close_container(s, want);
    }
    innermost(s)->count = 1;
    *want = type == SP_JSON_OBJECT ? WANT_KEY : WANT_VALUE;
    return 0;
}

static int
scan_scalar(struct scan *s)
{
    switch (*s->at) {
    case '"':
        return scan_string(s);
    case 't':
        return scan_word(s, "true", SP_JSON_TRUE);
    case 'f':
        return scan_word(s, "false", SP_JSON_FALSE);
    case 'n':
        return scan_word(s, "null", SP_JSON_NULL);
    default:
        return scan_number(s);
    }
}

static int
scan_value(struct scan *s, enum want *want)
{
    if (*s->at == '{' || *s->at == '[') {
        return open_container(s, want);
    }
    *want = after_value(s);
    return scan_scalar(s);
}

static int
scan_key(struct scan *s, enum want *want)
{
    int error = *s->at == '"' ? scan_string(s) : SP_EFORMAT;

    if (error != 0) {
        return error;
    }
    skip_space(s);
    *want = WANT_VALUE;
    return take(s, ':') ? 0 : SP_EFORMAT;
}

static int
scan_after(struct scan *s, enum want *want)
{
    struct sp_json_token *t = innermost(s);
    bool object = t->type == SP_JSON_OBJECT;

    if (take(s, ',')) {
        t->count++;
        *want = object ? WANT_KEY : WANT_VALUE;
        return 0;
    }
    return take(s, object ? '}' : ']') ? close_container(s, want) : SP_EFORMAT;
}

static int
scan_text(struct scan *s)
{
    enum want want = WANT_VALUE;
    int error = 0;

    for (;;) {
        skip_space(s);
        if (s->at == s->end) {
            return want == WANT_NOTHING ? 0 : SP_EFORMAT;
        }
        switch (want) {
        case WANT_VALUE:
            error = scan_value(s, &want);
            break;
        case WANT_KEY:
            error = scan_key(s, &want);
            break;
        case WANT_AFTER:
            error = scan_after(s, &want);
            break;
        case WANT_NOTHING:
            error = SP_EFORMAT;
            break;
        }
        if (error != 0) {
            return error;
        }
    }
}

int
sp_json_parse(struct sp_json *json, struct sp_view text)
{
    const unsigned char *start = (const unsigned char *)text.ptr;
    struct scan s = { .json = json };
    int error = 0;

    json->text = text;
    json->count = 0;
    json->error_at = 0;
    if (text.len > UINT32_MAX) {
        return SP_ELIMIT;
    }
    if (text.len == 0) {
        return SP_EFORMAT;
    }
    s.at = start;
    s.start = start;
    s.end = start + text.len;
    error = scan_text(&s);
    if (error != 0) {
        json->error_at = (size_t)(s.at - start);
        json->count = 0;
    }
    return error;
}

void
sp_json_free(struct sp_json *json)
{
    sp_free(json->tokens);
    *json = (struct sp_json){ 0 };
}

const struct sp_json_token *
sp_json_root(const struct sp_json *json)
{
    return json->tokens;
}

bool
sp_json_is(const struct sp_json_token *t, enum sp_json_type type)
{
    return t != NULL && t->type == type;
}

const struct sp_json_token *
sp_json_first(const struct sp_json *json, const struct sp_json_token *parent)
{
    (void)json;
    return parent == NULL || parent->count == 0 ? NULL : parent + 1;
}

const struct sp_json_token *
sp_json_value(const struct sp_json *json, const struct sp_json_token *key)
{
    (void)json;
    return key == NULL ? NULL : key + 1;
}

const struct sp_json_token *
sp_json_next(const struct sp_json *json, const struct sp_json_token *parent,
             const struct sp_json_token *t)
{
    uint32_t next = 0;

    if (parent == NULL || t == NULL) {
        return NULL;
    }
    next = parent->type == SP_JSON_OBJECT ? t[1].next : t->next;
    return next < parent->next ? json->tokens + next : NULL;
}

const struct sp_json_token *
sp_json_get(const struct sp_json *json, const struct sp_json_token *object,
            const char *name)
{
    const struct sp_json_token *key = NULL;

    if (!sp_json_is(object, SP_JSON_OBJECT)) {
        return NULL;
    }
    key = sp_json_first(json, object);
    while (key != NULL && !sp_json_equals(json, key, name)) {
        key = sp_json_next(json, object, key);
    }
    return sp_json_value(json, key);
}

struct sp_view
sp_json_raw(const struct sp_json *json, const struct sp_json_token *t)
{
    if (t == NULL) {
        return sp_view_make(NULL, 0);
    }
    return sp_view_make(json->text.ptr + t->start, t->end - t->start);
}

int
sp_json_string(const struct sp_json *json, const struct sp_json_token *t,
               struct sp_buf *scratch, struct sp_view *ret_string)
{
    struct sp_view v = { 0 };
    size_t from = scratch->len;
    char *decoded = NULL;
    int error = 0;

    if (!sp_json_is(t, SP_JSON_STRING)) {
        return SP_EFORMAT;
    }
    v = inside(json, t);
    if (!t->escaped) {
        *ret_string = v;
        return 0;
    }
    decoded = sp_alloc(v.len);
    error = sp_buf_add(scratch, decoded, decode(v, decoded));
    sp_free(decoded);
    if (error == 0) {
        *ret_string = sp_view_skip(sp_buf_view(scratch), from);
    }
    return error;
}

bool
sp_json_equals(const struct sp_json *json, const struct sp_json_token *t,
               const char *s)
{
    size_t len = strlen(s);
    size_t done = 0;
    struct sp_view v = { 0 };
    const char *p = NULL;

    if (!sp_json_is(t, SP_JSON_STRING)) {
        return false;
    }
    v = inside(json, t);
    if (!t->escaped || v.len < len) {
        return v.len == len && memcmp(v.ptr, s, len) == 0;
    }
    p = v.ptr;
    while (p < v.ptr + v.len) {
        char bytes[4];
        size_t n = decode_one(&p, bytes);

        if (n > len - done || memcmp(bytes, s + done, n) != 0) {
            return false;
        }
        done += n;
    }
    return done == len;
}

/* The character at *p in lower case, or '\0' where none of ASCII folds into it.
 * Two outside of ASCII do: the long s and the Kelvin sign. */
static char
fold_one(const char **p, const char *end)
{
    static const char long_s[] = "\xc5\xbf";
    static const char kelvin[] = "\xe2\x84\xaa";
    char bytes[4];
    size_t n = decode_one(p, bytes);

    /* Only escapes are decoded whole. */
    while (n < sizeof(bytes) && *p < end && (bytes[0] & 0x80) != 0 &&
           (**p & 0xc0) == 0x80) {
        bytes[n++] = *(*p)++;
    }
    if (n == 1) {
        return bytes[0] >= 'A' && bytes[0] <= 'Z' ? (char)(bytes[0] | 0x20)
                                                  : bytes[0];
    }
    return n == 2 && memcmp(bytes, long_s, n) == 0   ? 's'
           : n == 3 && memcmp(bytes, kelvin, n) == 0 ? 'k'
                                                     : '\0';
}

bool
sp_json_resembles(const struct sp_json *json, const struct sp_json_token *t,
                  const char *s)
{
    struct sp_view v = { 0 };
    const char *p = NULL;

    if (!sp_json_is(t, SP_JSON_STRING)) {
        return false;
    }
    v = inside(json, t);
    p = v.ptr;
    while (p < v.ptr + v.len) {
        if (*s == '\0' || fold_one(&p, v.ptr + v.len) != *s) {
            return false;
        }
        s++;
    }
    return *s == '\0';
}

int
sp_json_int(const struct sp_json *json, const struct sp_json_token *t,
            int64_t *ret_value)
{
    struct sp_decimal d = { 0 };
    uint64_t value = 0;
    uint64_t limit = INT64_MAX;

    if (!sp_json_is(t, SP_JSON_NUMBER)) {
        return SP_EFORMAT;
    }
    d = sp_decimal_of(sp_json_raw(json, t));
    if (!sp_decimal_is_integer(&d)) {
        return SP_EFORMAT;
    }
    if (d.digits > 0 && (int64_t)d.digits + d.exponent > INT64_DIGITS) {
        return SP_ELIMIT;
    }
    for (size_t i = 0; i < d.digits; i++) {
        value = value * 10 + sp_decimal_digit(&d.first);
    }
    for (int64_t i = 0; i < d.exponent; i++) {
        value *= 10;
    }
    limit += d.negative ? 1 : 0;
    if (value > limit) {
        return SP_ELIMIT;
    }
    /* Modulo 2^64, so that INT64_MIN needs no case of its own. */
    *ret_value = (int64_t)(d.negative ? 0 - value : value);
    return 0;
}

int
sp_json_double(const struct sp_json *json, const struct sp_json_token *t,
               double *ret_value)
{
    struct sp_view v = sp_json_raw(json, t);
    char few[64];
    char *text = few;
    double value = 0;

    if (!sp_json_is(t, SP_JSON_NUMBER)) {
        return SP_EFORMAT;
    }
    if (v.len < sizeof(few)) {
        memcpy(few, v.ptr, v.len);
        few[v.len] = '\0';
    } else {
        text = sp_dup_view(v);
    }
    value = strtod(text, NULL);
    if (text != few) {
        sp_free(text);
    }
    if (isinf(value)) {
        return SP_ELIMIT;
    }
    *ret_value = value;
    return 0;
}
