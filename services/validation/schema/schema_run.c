/* A check under way: what the keywords of all families share. */
#include "services/validation/schema/schema_run.h"

#include <stdarg.h>
#include <stdio.h>

#include "common/base/alloc.h"
#include "common/base/error.h"

#define FIRST_MARKS 64
#define BYTES_PER_STEP 64

/* Appends a name as a reference token (RFC 6901 section 3). Returns the new
 * length; what does not fit is cut. */
static size_t
add_name(char *path, size_t len, size_t size, struct sp_view name)
{
    for (size_t i = 0; i < name.len && len + 3 < size; i++) {
        char c = name.ptr[i];

        if (c == '~' || c == '/') {
            path[len++] = '~';
            c = c == '~' ? '0' : '1';
        }
        path[len++] = c;
    }
    path[len] = '\0';
    return len;
}

static void
write_path(const struct schema_checker *c, char *path, size_t size)
{
    size_t len = 0;

    path[0] = '\0';
    for (size_t i = 0; i < c->path_len && len + 16 < size; i++) {
        const struct schema_step *step = &c->path[i];

        if (step->element) {
            len += (size_t)snprintf(path + len, size - len, "/%u", step->index);
        } else {
            path[len++] = '/';
            len = add_name(path, len, size,
                           step->name.ptr != NULL ? step->name
                                                  : SP_VIEW_LITERAL("*"));
        }
    }
}

/* The value breaks `rule`: SP_EDENIED, reported unless a branch may fail. */
int
schema_run_fail(struct schema_checker *c, const char *rule, const char *format,
                ...)
{
    va_list args;

    if (c->quiet == 0) {
        c->fault->rule = rule;
        write_path(c, c->fault->path, sizeof(c->fault->path));
        va_start(args, format);
        (void)vsnprintf(c->fault->text, sizeof(c->fault->text), format, args);
        va_end(args);
    }
    return SP_EDENIED;
}

/* The check costs too much: SP_ELIMIT, which no branch may swallow. */
int
schema_run_give_up(struct schema_checker *c)
{
    if (!c->limited) {
        c->limited = true;
        c->quiet = 0;
        (void)schema_run_fail(c, "limit", "is too complex to be checked");
    }
    return SP_ELIMIT;
}

int
schema_run_take_steps(struct schema_checker *c, uint64_t n)
{
    if (c->steps < n) {
        return schema_run_give_up(c);
    }
    c->steps -= n;
    return 0;
}

/* Remembers that a keyword has evaluated this child of the value at hand. */
int
schema_run_mark(struct schema_checker *c, const struct sp_json_token *child)
{
    if (!c->schema->marks) {
        return 0;
    }
    if (c->mark_count == c->mark_size) {
        c->mark_size = c->mark_size == 0 ? FIRST_MARKS : c->mark_size * 2;
        c->marks = sp_realloc_n(c->marks, c->mark_size, sizeof(*c->marks));
    }
    c->marks[c->mark_count++] = (uint32_t)(child - c->json->tokens);
    return schema_run_take_steps(c, 1);
}

/* Looks for the mark of a child among those made since `base`. */
int
schema_run_is_marked(struct schema_checker *c, size_t base,
                     const struct sp_json_token *child, bool *ret_marked)
{
    uint32_t index = (uint32_t)(child - c->json->tokens);

    *ret_marked = false;
    for (size_t i = base; i < c->mark_count && !*ret_marked; i++) {
        *ret_marked = c->marks[i] == index;
    }
    return schema_run_take_steps(c, c->mark_count - base + 1);
}

/* Checks a child of the value at hand; it counts as evaluated where it
 * passes. Marks made inside the child concern deeper places only. */
int
schema_run_child(struct schema_checker *c, uint32_t node,
                 const struct sp_json_token *child, struct schema_step step)
{
    size_t marks = c->mark_count;
    int error = 0;

    c->path[c->path_len++] = step;
    error = schema_run_node(c, node, child);
    c->path_len--;
    c->mark_count = marks;
    return error != 0 ? error : schema_run_mark(c, child);
}

/* Checks the same value against a branch that may fail without harm. 0 with
 * ret_valid, or SP_ELIMIT. */
int
schema_run_branch(struct schema_checker *c, uint32_t node,
                  const struct sp_json_token *t, bool *ret_valid)
{
    int error = 0;

    c->quiet++;
    error = schema_run_node(c, node, t);
    if (error == SP_ELIMIT) {
        return error;
    }
    c->quiet--;
    *ret_valid = error == 0;
    return 0;
}

/* The name that a key token spells, until the next call. */
int
schema_run_name_of(struct schema_checker *c, const struct sp_json_token *key,
                   struct sp_view *ret_name)
{
    int error = 0;

    if (!key->escaped) {
        struct sp_view raw = sp_json_raw(c->json, key);

        *ret_name = sp_view_make(raw.ptr + 1, raw.len - 2);
        return 0;
    }
    error = schema_run_take_steps(c, (key->end - key->start) / BYTES_PER_STEP);
    sp_buf_reset(&c->names);
    if (error == 0 && sp_json_string(c->json, key, &c->names, ret_name) != 0) {
        error = schema_run_give_up(c);
    }
    return error;
}

/* The content of a string value, until the next call. */
int
schema_run_string_of(struct schema_checker *c, const struct sp_json_token *t,
                     struct sp_view *ret_text)
{
    sp_buf_reset(&c->strings);
    return sp_json_string(c->json, t, &c->strings, ret_text) == 0
               ? 0
               : schema_run_give_up(c);
}

/* The value of the member called `name`, NULL where there is none. */
int
schema_run_find_member(struct schema_checker *c, const struct sp_json_token *t,
                       struct sp_view name,
                       const struct sp_json_token **ret_value)
{
    const struct sp_json_token *key = sp_json_first(c->json, t);
    int error = schema_run_take_steps(c, t->count);

    *ret_value = NULL;
    for (; error == 0 && key != NULL; key = sp_json_next(c->json, t, key)) {
        struct sp_view own = { 0 };

        error = schema_run_name_of(c, key, &own);
        if (error == 0 && sp_view_equal(own, name)) {
            *ret_value = sp_json_value(c->json, key);
            return 0;
        }
    }
    return error;
}

int
schema_run_find_pattern(struct schema_checker *c, const struct pattern *pattern,
                        struct sp_view subject, bool *ret_found)
{
    return pattern_find(pattern, c->matcher, subject, &c->steps, ret_found) == 0
               ? 0
               : schema_run_give_up(c);
}

/* A number is read anew by each rule, however many digits it has. Strings are
 * paid for where they are read. */
static uint64_t
price_of(const struct schema_node *n, const struct sp_json_token *t)
{
    uint64_t len = t->type == SP_JSON_NUMBER ? t->end - t->start : 0;

    return 1 + len / BYTES_PER_STEP * n->rule_count;
}

int
schema_run_node(struct schema_checker *c, uint32_t node,
                const struct sp_json_token *t)
{
    const struct schema_node *n = &c->schema->nodes[node];
    size_t base = c->mark_count;
    size_t scopes = c->scope_count;
    int error = schema_run_take_steps(c, price_of(n, t));

    if (error == 0 && n->never) {
        error = schema_run_fail(c, "false", "is not allowed here");
    }
    if (error == 0 && c->depth >= c->effort.max_depth) {
        error = schema_run_give_up(c);
    }
    if (error != 0) {
        return error;
    }
    if (scopes == 0 || c->scopes[scopes - 1] != n->resource) {
        c->scopes[c->scope_count++] = n->resource; /* at most max_depth */
    }
    c->depth++;
    for (size_t i = 0; error == 0 && i < n->rule_count; i++) {
        error = c->rules[n->rules[i].kind](c, &n->rules[i], t, base);
    }
    c->depth--;
    c->scope_count = scopes;
    if (error != 0) {
        c->mark_count = base;
    }
    return error;
}
