/* x-mcp-header: tool arguments that are mirrored in headers. */
#include "services/validation/mcp/mcp_param.h"

#include <ctype.h>
#include <stdbool.h>

#include "common/base/alloc.h"
#include "common/base/error.h"
#include "common/text/decimal.h"
#include "common/text/headers.h"
#include "services/validation/mcp/mcp_headers.h"

#define ANNOTATION "x-mcp-header"
#define PREFIX "mcp-param-"
#define MAX_NAME 64
#define MAX_PATH 16 /* nested properties */
#define MAX_VALUE 8192
#define MAX_INTEGER "9007199254740991" /* 2^53 - 1 */

struct param {
    char header[sizeof(PREFIX) + MAX_NAME]; /* in lower case */
    enum sp_json_type type; /* STRING, NUMBER (integer) or TRUE (boolean) */
    char *path[MAX_PATH];
    size_t depth;
};

struct mcp_params {
    struct param *params;
    size_t count;
};

struct reading {
    const struct sp_json *schema;
    struct mcp_params *params;
    char *path[MAX_PATH];
    size_t depth;
    struct sp_buf *why;
};

static int
refuse(struct reading *r, const char *text)
{
    (void)sp_buf_addf(r->why, ANNOTATION " %s", text);
    return SP_EFORMAT;
}

/* The annotation as the header's name. */
static int
read_name(struct reading *r, const struct sp_json_token *t, struct param *param)
{
    struct sp_buf scratch = sp_buf_new(MAX_NAME * 6);
    struct sp_buf line = sp_buf_new(MAX_NAME * 2);
    struct sp_view name = { 0 };
    size_t len = sizeof(PREFIX) - 1;
    int error = sp_json_string(r->schema, t, &scratch, &name);

    /* Let the header writer judge whether the name is a token. */
    if (error == 0 && name.len <= MAX_NAME) {
        error = sp_headers_add(&line, name, SP_VIEW_LITERAL("x"));
    }
    if (error != 0 || name.len == 0 || name.len > MAX_NAME) {
        error = refuse(r, "must be a header name of 1 to 64 characters");
    } else {
        memcpy(param->header, PREFIX, len);
        for (size_t i = 0; i < name.len; i++) {
            param->header[len++] = (char)tolower((unsigned char)name.ptr[i]);
        }
        param->header[len] = '\0';
    }
    sp_buf_free(&line);
    sp_buf_free(&scratch);
    return error;
}

static int
read_type(struct reading *r, const struct sp_json_token *property,
          struct param *param)
{
    const struct sp_json_token *type = sp_json_get(r->schema, property, "type");

    if (sp_json_equals(r->schema, type, "string")) {
        param->type = SP_JSON_STRING;
    } else if (sp_json_equals(r->schema, type, "integer")) {
        param->type = SP_JSON_NUMBER;
    } else if (sp_json_equals(r->schema, type, "boolean")) {
        param->type = SP_JSON_TRUE;
    } else {
        return refuse(r, "needs the type string, integer or boolean");
    }
    return 0;
}

static int
add_param(struct reading *r, const struct sp_json_token *property,
          const struct sp_json_token *annotation)
{
    struct mcp_params *all = r->params;
    struct param param = { .depth = r->depth };
    int error = read_name(r, annotation, &param);

    if (error == 0) {
        error = read_type(r, property, &param);
    }
    if (error != 0) {
        return error;
    }
    for (size_t i = 0; i < all->count; i++) {
        if (strcmp(all->params[i].header, param.header) == 0) {
            return refuse(r, "must be unique, whatever its case");
        }
    }
    for (size_t i = 0; i < param.depth; i++) {
        param.path[i] = sp_dup(r->path[i]);
    }
    all->params = sp_realloc_n(all->params, all->count + 1, sizeof(param));
    all->params[all->count++] = param;
    return 0;
}

static char *
copy_key(const struct sp_json *json, const struct sp_json_token *key)
{
    struct sp_buf scratch = sp_buf_new(json->text.len);
    struct sp_view name = { 0 };
    char *copy = NULL;

    if (sp_json_string(json, key, &scratch, &name) == 0) {
        copy = sp_dup_view(name);
    }
    sp_buf_free(&scratch);
    return copy;
}

/* Looks through the properties of `object`, and theirs. */
static int
read_properties(struct reading *r, const struct sp_json_token *object)
{
    const struct sp_json_token *properties =
        sp_json_get(r->schema, object, "properties");
    const struct sp_json_token *key = sp_json_first(r->schema, properties);
    int error = 0;

    if (!sp_json_is(properties, SP_JSON_OBJECT)) {
        return 0;
    }
    for (; error == 0 && key != NULL;
         key = sp_json_next(r->schema, properties, key)) {
        const struct sp_json_token *property = sp_json_value(r->schema, key);
        const struct sp_json_token *annotation =
            sp_json_get(r->schema, property, ANNOTATION);

        if (r->depth == MAX_PATH) {
            return 0; /* one below is found by the count of annotations */
        }
        r->path[r->depth++] = copy_key(r->schema, key);
        if (annotation != NULL) {
            error = add_param(r, property, annotation);
        }
        if (error == 0) {
            error = read_properties(r, property);
        }
        sp_free(r->path[--r->depth]);
    }
    return error;
}

int
mcp_params_compile(const struct sp_json *schema, struct mcp_params **ret_params,
                   struct sp_buf *why)
{
    struct mcp_params *params = sp_alloc(sizeof(*params));
    struct reading r = { .schema = schema, .params = params, .why = why };
    size_t annotations = 0;
    int error = read_properties(&r, sp_json_root(schema));

    for (size_t i = 0; i < schema->count; i++) {
        annotations += sp_json_equals(schema, &schema->tokens[i], ANNOTATION);
    }
    if (error == 0 && annotations != params->count) {
        error = refuse(&r, "may stand only in schemas that are reached "
                           "through properties");
    }
    if (error != 0 || params->count == 0) {
        mcp_params_free(&params);
    }
    if (error == 0) {
        *ret_params = params;
    }
    return error;
}

void
mcp_params_free(struct mcp_params **params)
{
    struct mcp_params *p = *params;

    if (p == NULL) {
        return;
    }
    for (size_t i = 0; i < p->count; i++) {
        for (size_t k = 0; k < p->params[i].depth; k++) {
            sp_free(p->params[i].path[k]);
        }
    }
    sp_free(p->params);
    sp_free(p);
    *params = NULL;
}

/* -?(0|[1-9][0-9]*), so that the text may be read as a JSON number. */
static bool
is_integer(struct sp_view v)
{
    if (v.len > 0 && v.ptr[0] == '-') {
        v = sp_view_skip(v, 1);
    }
    for (size_t i = 0; i < v.len; i++) {
        if (v.ptr[i] < '0' || v.ptr[i] > '9') {
            return false;
        }
    }
    return v.len > 0 && (v.len == 1 || v.ptr[0] != '0');
}

static bool
same_integer(struct sp_view header, struct sp_view number)
{
    struct sp_decimal limit = sp_decimal_of(SP_VIEW_LITERAL(MAX_INTEGER));
    struct sp_decimal a = { 0 };
    struct sp_decimal b = sp_decimal_of(number);
    struct sp_decimal size = { 0 };

    if (!is_integer(header)) {
        return false;
    }
    a = sp_decimal_of(header);
    size = a;
    size.negative = false;
    return sp_decimal_compare(&a, &b) == 0 &&
           sp_decimal_compare(&size, &limit) <= 0;
}

static bool
same_string(struct sp_view header, const struct sp_json *json,
            const struct sp_json_token *t)
{
    struct sp_buf scratch = sp_buf_new(MAX_VALUE);
    struct sp_view text = { 0 };
    bool same = sp_json_string(json, t, &scratch, &text) == 0 &&
                sp_view_equal(text, header);

    sp_buf_free(&scratch);
    return same;
}

/* Whether the header says what the argument says. A value of another type
 * than declared is left to the schema, which refuses it. */
static bool
mirrors(const struct param *param, struct sp_view header,
        const struct sp_json *json, const struct sp_json_token *t)
{
    if (param->type == SP_JSON_STRING && sp_json_is(t, SP_JSON_STRING)) {
        return same_string(header, json, t);
    }
    if (param->type == SP_JSON_NUMBER && sp_json_is(t, SP_JSON_NUMBER)) {
        return same_integer(header, sp_json_raw(json, t));
    }
    if (param->type == SP_JSON_TRUE &&
        (sp_json_is(t, SP_JSON_TRUE) || sp_json_is(t, SP_JSON_FALSE))) {
        return sp_view_equal(header, sp_json_raw(json, t));
    }
    return true;
}

static int
check_one(const struct param *param, struct sp_view headers,
          const struct sp_json *json, const struct sp_json_token *arguments,
          struct sp_buf *scratch)
{
    const struct sp_json_token *t = arguments;
    struct sp_view raw = sp_headers_get(headers, param->header);
    struct sp_view header = { 0 };

    for (size_t i = 0; i < param->depth; i++) {
        t = sp_json_get(json, t, param->path[i]);
    }
    if (t == NULL || sp_json_is(t, SP_JSON_NULL)) {
        return raw.ptr == NULL ? 0 : SP_EDENIED;
    }
    if (raw.ptr == NULL || mcp_headers_decode(raw, scratch, &header) != 0) {
        return SP_EDENIED;
    }
    return mirrors(param, header, json, t) ? 0 : SP_EDENIED;
}

int
mcp_params_check(const struct mcp_params *params, struct sp_view headers,
                 const struct sp_json *json,
                 const struct sp_json_token *arguments, struct sp_buf *scratch)
{
    for (size_t i = 0; params != NULL && i < params->count; i++) {
        int error =
            check_one(&params->params[i], headers, json, arguments, scratch);

        if (error != 0) {
            return error;
        }
    }
    return 0;
}
