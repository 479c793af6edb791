/* A strict JSON reader (RFC 8259): one pass over the bytes into a flat table of
 * tokens that point into the text. Duplicate keys, invalid UTF-8, unpaired
 * surrogate escapes, excess depth and size are refused. Nothing is copied. */
#ifndef SP_COMMON_TEXT_JSON_H
#define SP_COMMON_TEXT_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/compiler.h"
#include "common/base/view.h"
#include "common/text/buf.h"

#define SP_JSON_MAX_DEPTH 64
#define SP_JSON_MAX_TOKENS 200000

enum sp_json_type {
    SP_JSON_NULL,
    SP_JSON_FALSE,
    SP_JSON_TRUE,
    SP_JSON_NUMBER,
    SP_JSON_STRING,
    SP_JSON_ARRAY,
    SP_JSON_OBJECT,
};

/* Tokens stand in document order; a member is its key's token (a string)
 * followed by its value's. */
struct sp_json_token {
    uint8_t type;   /* enum sp_json_type */
    bool escaped;   /* the string holds backslash escapes */
    uint32_t start; /* first byte in the text, quotes included */
    uint32_t end;   /* one past the last byte */
    uint32_t next;  /* index of the first token behind this value */
    uint32_t count; /* members of the object, elements of the array */
};

/* A parsed document. Zero it once, parse into it again and again: the token
 * table is kept and grows at most to SP_JSON_MAX_TOKENS. */
struct sp_json {
    struct sp_view text;
    struct sp_json_token *tokens; /* tokens[0] is the root */
    size_t count;
    size_t size;
    size_t error_at; /* byte offset, after a failed parse */
};

/* Parses `text`, which must outlive the use of the document. 0, SP_EFORMAT,
 * SP_EDUPLICATE (a key twice in one object, compared after unescaping),
 * SP_ELIMIT (depth, tokens, 4 GiB). */
SP_MUST_CHECK int
sp_json_parse(struct sp_json *json, struct sp_view text);

/* Releases the table; the struct may be used again. */
void
sp_json_free(struct sp_json *json);

/* The root value. Only after a successful parse. */
const struct sp_json_token *
sp_json_root(const struct sp_json *json);

/* The value of member `name` of an object, or NULL (also where `object` is NULL
 * or no object: chains of look-ups need no checks in between). */
const struct sp_json_token *
sp_json_get(const struct sp_json *json, const struct sp_json_token *object,
            const char *name);

/* The first key of an object or first element of an array; NULL where empty,
 * or where `parent` is neither. */
const struct sp_json_token *
sp_json_first(const struct sp_json *json, const struct sp_json_token *parent);

/* The sibling behind `t` (of a key: the next key), or NULL. */
const struct sp_json_token *
sp_json_next(const struct sp_json *json, const struct sp_json_token *parent,
             const struct sp_json_token *t);

/* The value that belongs to a key token. */
const struct sp_json_token *
sp_json_value(const struct sp_json *json, const struct sp_json_token *key);

/* The value's text as it stands, quotes included. Empty for NULL. */
struct sp_view
sp_json_raw(const struct sp_json *json, const struct sp_json_token *t);

/* True where `t` is a value of this type; false for NULL. */
bool
sp_json_is(const struct sp_json_token *t, enum sp_json_type type);

/* The unescaped content of a string. Without escapes a view into the text;
 * otherwise into `scratch`, which is appended to (grow-only: earlier views into
 * scratch die). 0, SP_EFORMAT where `t` is no string, SP_ELIMIT. */
SP_MUST_CHECK int
sp_json_string(const struct sp_json *json, const struct sp_json_token *t,
               struct sp_buf *scratch, struct sp_view *ret_string);

/* True where `t` is a string whose unescaped content is `s`. */
bool
sp_json_equals(const struct sp_json *json, const struct sp_json_token *t,
               const char *s);

/* True where `t` is a string that is `s`, lower-case letters of ASCII and '_',
 * but for case: so some decoders, Go's among them, look members up. */
bool
sp_json_resembles(const struct sp_json *json, const struct sp_json_token *t,
                  const char *s);

/* An integer without loss: "1.0" and "1e2" count as integers (JSON Schema),
 * "1.5" gives SP_EFORMAT, beyond int64 SP_ELIMIT. */
SP_MUST_CHECK int
sp_json_int(const struct sp_json *json, const struct sp_json_token *t,
            int64_t *ret_value);

/* The number as a double. 0, SP_EFORMAT where `t` is no number, SP_ELIMIT where
 * it is out of range. */
SP_MUST_CHECK int
sp_json_double(const struct sp_json *json, const struct sp_json_token *t,
               double *ret_value);

#endif
