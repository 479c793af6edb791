/* Comparing JSON values by meaning. */
#include "services/validation/schema/value.h"

#include "common/base/error.h"
#include "common/text/decimal.h"

#define FNV_OFFSET 14695981039346656037u
#define FNV_PRIME 1099511628211u
#define BYTES_PER_STEP 64

static int
take_steps(struct value_effort *effort, uint64_t n)
{
    if (effort->steps < n) {
        return SP_ELIMIT;
    }
    effort->steps -= n;
    return 0;
}

/* What reading a string or a number costs: its bytes count, or one long value
 * would be read for every entry of an enum at no price. */
static int
take_reading(struct value_effort *effort, struct value v)
{
    return take_steps(effort, (v.token->end - v.token->start) / BYTES_PER_STEP);
}

/* The text between the quotes, as it stands. */
static struct sp_view
inner_text(struct value v)
{
    struct sp_view raw = sp_json_raw(v.json, v.token);

    return sp_view_make(raw.ptr + 1, raw.len - 2);
}

static int
equal_strings(struct value a, struct value b, struct value_effort *effort,
              bool *ret_equal)
{
    struct sp_view left = { 0 };
    struct sp_view right = { 0 };
    int error = 0;

    if (!a.token->escaped && !b.token->escaped &&
        inner_text(a).len != inner_text(b).len) {
        *ret_equal = false;
        return 0;
    }
    error = take_reading(effort, a);
    if (error == 0) {
        error = take_reading(effort, b);
    }
    if (error == 0 && !a.token->escaped && !b.token->escaped) {
        *ret_equal = sp_view_equal(inner_text(a), inner_text(b));
        return 0;
    }
    sp_buf_reset(effort->scratch);
    if (error == 0) {
        error = sp_json_string(a.json, a.token, effort->scratch, &left);
    }
    if (error == 0) {
        error = sp_json_string(b.json, b.token, effort->scratch, &right);
    }
    if (error != 0) {
        return error;
    }
    if (a.token->escaped) {
        /* The second string may have moved the scratch. */
        left.ptr = effort->scratch->data;
    }
    *ret_equal = sp_view_equal(left, right);
    return 0;
}

static int
equal_arrays(struct value a, struct value b, struct value_effort *effort,
             bool *ret_equal)
{
    struct value x = { .json = a.json };
    struct value y = { .json = b.json };

    x.token = sp_json_first(a.json, a.token);
    y.token = sp_json_first(b.json, b.token);
    *ret_equal = a.token->count == b.token->count;
    while (*ret_equal && x.token != NULL && y.token != NULL) {
        int error = value_equal(x, y, effort, ret_equal);

        if (error != 0) {
            return error;
        }
        x.token = sp_json_next(a.json, a.token, x.token);
        y.token = sp_json_next(b.json, b.token, y.token);
    }
    return 0;
}

/* The value of the member of `object` whose key equals `key`, or NULL. */
static int
find_member(struct value object, struct value key, struct value_effort *effort,
            const struct sp_json_token **ret_value)
{
    struct value other = { .json = object.json };

    other.token = sp_json_first(object.json, object.token);
    for (; other.token != NULL;
         other.token = sp_json_next(object.json, object.token, other.token)) {
        bool same = false;
        int error = take_steps(effort, 1);

        if (error == 0) {
            error = equal_strings(other, key, effort, &same);
        }
        if (error != 0) {
            return error;
        }
        if (same) {
            *ret_value = sp_json_value(object.json, other.token);
            return 0;
        }
    }
    *ret_value = NULL;
    return 0;
}

static int
equal_objects(struct value a, struct value b, struct value_effort *effort,
              bool *ret_equal)
{
    struct value key = { .json = a.json };

    *ret_equal = a.token->count == b.token->count;
    key.token = sp_json_first(a.json, a.token);
    while (*ret_equal && key.token != NULL) {
        struct value mine = { .json = a.json };
        struct value other = { .json = b.json };
        int error = find_member(b, key, effort, &other.token);

        mine.token = sp_json_value(a.json, key.token);
        *ret_equal = other.token != NULL;
        if (error == 0 && *ret_equal) {
            error = value_equal(mine, other, effort, ret_equal);
        }
        if (error != 0) {
            return error;
        }
        key.token = sp_json_next(a.json, a.token, key.token);
    }
    return 0;
}

static int
equal_numbers(struct value a, struct value b, struct value_effort *effort,
              bool *ret_equal)
{
    struct sp_decimal left = { 0 };
    struct sp_decimal right = { 0 };
    int error = take_reading(effort, a);

    if (error == 0) {
        error = take_reading(effort, b);
    }
    if (error == 0) {
        left = sp_decimal_of(sp_json_raw(a.json, a.token));
        right = sp_decimal_of(sp_json_raw(b.json, b.token));
        *ret_equal = sp_decimal_compare(&left, &right) == 0;
    }
    return error;
}

int
value_equal(struct value a, struct value b, struct value_effort *effort,
            bool *ret_equal)
{
    int error = take_steps(effort, 1);

    if (error != 0) {
        return error;
    }
    *ret_equal = a.token->type == b.token->type;
    if (!*ret_equal) {
        return 0;
    }
    if (a.token->type == SP_JSON_STRING) {
        return equal_strings(a, b, effort, ret_equal);
    }
    if (a.token->type == SP_JSON_ARRAY) {
        return equal_arrays(a, b, effort, ret_equal);
    }
    if (a.token->type == SP_JSON_OBJECT) {
        return equal_objects(a, b, effort, ret_equal);
    }
    return a.token->type == SP_JSON_NUMBER
               ? equal_numbers(a, b, effort, ret_equal)
               : 0;
}

static int
hash_string(struct value v, struct value_effort *effort, uint64_t *hash)
{
    struct sp_view text = { 0 };
    int error = 0;

    sp_buf_reset(effort->scratch);
    error = sp_json_string(v.json, v.token, effort->scratch, &text);
    if (error != 0) {
        return error;
    }
    for (size_t i = 0; i < text.len; i++) {
        *hash = (*hash ^ (unsigned char)text.ptr[i]) * FNV_PRIME;
    }
    return 0;
}

/* Elements in their order; members by a sum, which knows no order. */
static int
hash_children(struct value v, struct value_effort *effort, uint64_t *hash)
{
    bool object = v.token->type == SP_JSON_OBJECT;
    struct value child = { .json = v.json };

    child.token = sp_json_first(v.json, v.token);
    for (; child.token != NULL;
         child.token = sp_json_next(v.json, v.token, child.token)) {
        struct value content = child;
        uint64_t key_hash = 0;
        uint64_t content_hash = 0;
        int error = 0;

        if (object) {
            error = value_hash(child, effort, &key_hash);
            content.token = sp_json_value(v.json, child.token);
        }
        if (error == 0) {
            error = value_hash(content, effort, &content_hash);
        }
        if (error != 0) {
            return error;
        }
        if (object) {
            *hash += (key_hash * FNV_PRIME ^ content_hash) * FNV_PRIME;
        } else {
            *hash = (*hash ^ content_hash) * FNV_PRIME;
        }
    }
    return 0;
}

int
value_hash(struct value v, struct value_effort *effort, uint64_t *ret_hash)
{
    int error = take_steps(effort, 1);
    uint64_t hash = (FNV_OFFSET ^ v.token->type) * FNV_PRIME;

    if (error == 0 && v.token->type < SP_JSON_ARRAY) {
        error = take_reading(effort, v);
    }
    if (error != 0) {
        return error;
    }
    if (v.token->type == SP_JSON_STRING) {
        error = hash_string(v, effort, &hash);
    } else if (v.token->type == SP_JSON_NUMBER) {
        struct sp_decimal number = sp_decimal_of(sp_json_raw(v.json, v.token));

        hash = sp_decimal_hash(&number, hash);
    } else if (v.token->type >= SP_JSON_ARRAY) {
        error = hash_children(v, effort, &hash);
    }
    if (error == 0) {
        *ret_hash = hash;
    }
    return error;
}
