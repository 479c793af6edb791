/* Checking a JSON value against a compiled schema. */
#include "services/validation/schema_check.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/alloc.h"
#include "common/error.h"
#include "proto/schema.h"
#include "services/validation/schema_rule.h"
#include "services/validation/value.h"

/* A step from a value to one of its children, for the fault's path. */
struct step {
    struct sp_view name; /* of the schema; empty: the value's own, hidden */
    uint32_t index;
    bool element;
};

struct hashed {
    uint64_t hash;
    uint32_t token;
};

struct schema_checker {
    const struct schema *schema;
    const struct sp_json *json;
    struct schema_fault *fault;
    uint64_t steps;    /* left */
    uint32_t depth;
    uint32_t quiet;    /* above 0: a failure is only a branch not taken */
    bool limited;      /* SP_ELIMIT has come, and its fault is written */
    size_t path_len;
    struct step path[SP_JSON_MAX_DEPTH + 1];
    /* Token indexes of children that some keyword has evaluated, innermost
     * node last; only kept where the schema has unevaluated* keywords. */
    uint32_t *marks;
    size_t mark_count;
    size_t mark_size;
    uint32_t *scopes; /* resources entered, outermost first */
    size_t scope_count;
    struct hashed *hashes;
    size_t hash_size;
    struct sp_buf names;   /* an unescaped property name */
    struct sp_buf strings; /* an unescaped string */
    struct pattern_matcher *matcher;
    struct schema_effort effort;
};

#define FIRST_MARKS 64

static int
check_node(struct schema_checker *c, uint32_t node,
           const struct sp_json_token *t);

struct schema_checker *
schema_checker_new(const struct schema_effort *effort)
{
    struct schema_checker *c = sp_alloc(sizeof(*c));

    c->effort = *effort;
    c->names = sp_buf_new(SP_MAX_BODY);
    c->strings = sp_buf_new(SP_MAX_BODY);
    c->scopes = sp_alloc_n(effort->max_depth, sizeof(*c->scopes));
    c->matcher = pattern_matcher_new(effort->match_limit);
    if (c->matcher == NULL) {
        schema_checker_free(&c);
    }
    return c;
}

void
schema_checker_free(struct schema_checker **checker)
{
    struct schema_checker *c = *checker;

    if (c != NULL) {
        pattern_matcher_free(&c->matcher);
        sp_buf_free(&c->strings);
        sp_buf_free(&c->names);
        sp_free(c->hashes);
        sp_free(c->scopes);
        sp_free(c->marks);
        sp_free(c);
        *checker = NULL;
    }
}

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
        const struct step *step = &c->path[i];

        if (step->element) {
            len += (size_t)snprintf(path + len, size - len, "/%u",
                                    step->index);
        } else {
            path[len++] = '/';
            len = add_name(path, len, size,
                           step->name.ptr != NULL ? step->name
                                                  : SP_VIEW_LITERAL("*"));
        }
    }
}

/* The value breaks `rule`: SP_EDENIED, told unless a branch may fail. */
static int SP_PRINTF(3, 4)
fail(struct schema_checker *c, const char *rule, const char *format, ...)
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
static int
give_up(struct schema_checker *c)
{
    if (!c->limited) {
        c->limited = true;
        c->quiet = 0;
        (void)fail(c, "limit", "is too complex to be checked");
    }
    return SP_ELIMIT;
}

static int
take_steps(struct schema_checker *c, uint64_t n)
{
    if (c->steps < n) {
        return give_up(c);
    }
    c->steps -= n;
    return 0;
}

/* Remembers that a keyword has evaluated this child of the value at hand. */
static int
mark(struct schema_checker *c, const struct sp_json_token *child)
{
    if (!c->schema->marks) {
        return 0;
    }
    if (c->mark_count == c->mark_size) {
        c->mark_size = c->mark_size == 0 ? FIRST_MARKS : c->mark_size * 2;
        c->marks = sp_realloc_n(c->marks, c->mark_size, sizeof(*c->marks));
    }
    c->marks[c->mark_count++] = (uint32_t)(child - c->json->tokens);
    return take_steps(c, 1);
}

/* Looks for the mark of a child among those made since `base`. */
static int
is_marked(struct schema_checker *c, size_t base,
          const struct sp_json_token *child, bool *ret_marked)
{
    uint32_t index = (uint32_t)(child - c->json->tokens);

    *ret_marked = false;
    for (size_t i = base; i < c->mark_count && !*ret_marked; i++) {
        *ret_marked = c->marks[i] == index;
    }
    return take_steps(c, c->mark_count - base + 1);
}

/* Checks a child of the value at hand; it counts as evaluated where it
 * passes. Marks made inside the child concern deeper places only. */
static int
check_child(struct schema_checker *c, uint32_t node,
            const struct sp_json_token *child, struct step step)
{
    size_t marks = c->mark_count;
    int error = 0;

    c->path[c->path_len++] = step;
    error = check_node(c, node, child);
    c->path_len--;
    c->mark_count = marks;
    return error != 0 ? error : mark(c, child);
}

/* Checks the same value against a branch that may fail without harm. 0 with
 * ret_valid, or SP_ELIMIT. */
static int
try_branch(struct schema_checker *c, uint32_t node,
           const struct sp_json_token *t, bool *ret_valid)
{
    int error = 0;

    c->quiet++;
    error = check_node(c, node, t);
    if (error == SP_ELIMIT) {
        return error;
    }
    c->quiet--;
    *ret_valid = error == 0;
    return 0;
}

/* The name that a key token spells, until the next call. */
static int
name_of(struct schema_checker *c, const struct sp_json_token *key,
        struct sp_view *ret_name)
{
    if (!key->escaped) {
        struct sp_view raw = sp_json_raw(c->json, key);

        *ret_name = sp_view_make(raw.ptr + 1, raw.len - 2);
        return 0;
    }
    sp_buf_reset(&c->names);
    return sp_json_string(c->json, key, &c->names, ret_name) == 0
               ? 0
               : give_up(c);
}

/* The content of a string value, until the next call. */
static int
string_of(struct schema_checker *c, const struct sp_json_token *t,
          struct sp_view *ret_text)
{
    sp_buf_reset(&c->strings);
    return sp_json_string(c->json, t, &c->strings, ret_text) == 0
               ? 0
               : give_up(c);
}

/* The value of the member called `name`, NULL where there is none. */
static int
find_member(struct schema_checker *c, const struct sp_json_token *t,
            struct sp_view name, const struct sp_json_token **ret_value)
{
    const struct sp_json_token *key = sp_json_first(c->json, t);
    int error = take_steps(c, t->count);

    *ret_value = NULL;
    for (; error == 0 && key != NULL; key = sp_json_next(c->json, t, key)) {
        struct sp_view own = { 0 };

        error = name_of(c, key, &own);
        if (error == 0 && sp_view_equal(own, name)) {
            *ret_value = sp_json_value(c->json, key);
            return 0;
        }
    }
    return error;
}

static const struct {
    unsigned bit;
    const char *name;
} type_words[] = {
    { SCHEMA_NULL, "null" },     { SCHEMA_BOOLEAN, "boolean" },
    { SCHEMA_INTEGER, "integer" }, { SCHEMA_NUMBER, "number" },
    { SCHEMA_STRING, "string" }, { SCHEMA_ARRAY, "array" },
    { SCHEMA_OBJECT, "object" },
};

static unsigned
type_of(const struct schema_checker *c, const struct sp_json_token *t)
{
    static const unsigned bits[] = {
        [SP_JSON_NULL] = SCHEMA_NULL,      [SP_JSON_FALSE] = SCHEMA_BOOLEAN,
        [SP_JSON_TRUE] = SCHEMA_BOOLEAN,   [SP_JSON_NUMBER] = SCHEMA_NUMBER,
        [SP_JSON_STRING] = SCHEMA_STRING,  [SP_JSON_ARRAY] = SCHEMA_ARRAY,
        [SP_JSON_OBJECT] = SCHEMA_OBJECT,
    };

    if (t->type == SP_JSON_NUMBER) {
        struct decimal number = decimal_of(sp_json_raw(c->json, t));

        return decimal_is_integer(&number) ? SCHEMA_INTEGER : SCHEMA_NUMBER;
    }
    return bits[t->type];
}

static int
check_type(struct schema_checker *c, const struct schema_rule *rule,
           const struct sp_json_token *t, size_t base)
{
    unsigned types = rule->u.types;
    char text[96] = "";
    size_t len = 0;

    (void)base;
    if ((type_of(c, t) & types) != 0) {
        return 0;
    }
    if (c->quiet > 0) {
        return SP_EDENIED;
    }
    if ((types & SCHEMA_NUMBER) != 0) {
        types &= ~(unsigned)SCHEMA_INTEGER;
    }
    for (size_t i = 0; i < SP_COUNT(type_words); i++) {
        if ((types & type_words[i].bit) != 0) {
            len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s",
                                    len == 0 ? "" : " or ",
                                    type_words[i].name);
        }
    }
    return fail(c, "type", "must be of type %s", text);
}

static int
equal_to(struct schema_checker *c, const struct sp_json_token *wanted,
         const struct sp_json_token *t, bool *ret_equal)
{
    struct value_effort effort = { .scratch = &c->strings,
                                   .steps = c->steps };
    struct value a = { .json = &c->schema->json, .token = wanted };
    struct value b = { .json = c->json, .token = t };
    int error = value_equal(a, b, &effort, ret_equal);

    c->steps = effort.steps;
    return error != 0 ? give_up(c) : 0;
}

static int
check_const(struct schema_checker *c, const struct schema_rule *rule,
            const struct sp_json_token *t, size_t base)
{
    bool equal = false;
    int error = equal_to(c, rule->u.value, t, &equal);

    (void)base;
    if (error != 0 || equal) {
        return error;
    }
    return fail(c, "const", "must be the one value that the schema allows");
}

static int
check_enum(struct schema_checker *c, const struct schema_rule *rule,
           const struct sp_json_token *t, size_t base)
{
    const struct sp_json *json = &c->schema->json;
    const struct sp_json_token *wanted = sp_json_first(json, rule->u.value);

    (void)base;
    for (; wanted != NULL;
         wanted = sp_json_next(json, rule->u.value, wanted)) {
        bool equal = false;
        int error = equal_to(c, wanted, t, &equal);

        if (error != 0 || equal) {
            return error;
        }
    }
    return fail(c, "enum", "must be one of the values that the schema lists");
}

/* Below, equal or above zero as the number is to the rule's; zero too where
 * the value is no number, which no bound concerns. */
static int
compare(const struct schema_checker *c, const struct schema_rule *rule,
        const struct sp_json_token *t, bool *ret_number)
{
    struct decimal number = { 0 };

    *ret_number = t->type == SP_JSON_NUMBER;
    if (!*ret_number) {
        return 0;
    }
    number = decimal_of(sp_json_raw(c->json, t));
    return decimal_compare(&number, &rule->u.number.value);
}

static int
check_minimum(struct schema_checker *c, const struct schema_rule *rule,
              const struct sp_json_token *t, size_t base)
{
    bool number = false;

    (void)base;
    if (compare(c, rule, t, &number) >= 0) {
        return 0;
    }
    return fail(c, "minimum", "must be >= %.*s",
                SP_VIEW(rule->u.number.text));
}

static int
check_maximum(struct schema_checker *c, const struct schema_rule *rule,
              const struct sp_json_token *t, size_t base)
{
    bool number = false;

    (void)base;
    if (compare(c, rule, t, &number) <= 0) {
        return 0;
    }
    return fail(c, "maximum", "must be <= %.*s",
                SP_VIEW(rule->u.number.text));
}

static int
check_exclusive_minimum(struct schema_checker *c,
                        const struct schema_rule *rule,
                        const struct sp_json_token *t, size_t base)
{
    bool number = false;

    (void)base;
    if (compare(c, rule, t, &number) > 0 || !number) {
        return 0;
    }
    return fail(c, "exclusiveMinimum", "must be > %.*s",
                SP_VIEW(rule->u.number.text));
}

static int
check_exclusive_maximum(struct schema_checker *c,
                        const struct schema_rule *rule,
                        const struct sp_json_token *t, size_t base)
{
    bool number = false;

    (void)base;
    if (compare(c, rule, t, &number) < 0 || !number) {
        return 0;
    }
    return fail(c, "exclusiveMaximum", "must be < %.*s",
                SP_VIEW(rule->u.number.text));
}

static int
check_multiple_of(struct schema_checker *c, const struct schema_rule *rule,
                  const struct sp_json_token *t, size_t base)
{
    struct decimal number = { 0 };

    (void)base;
    if (t->type != SP_JSON_NUMBER) {
        return 0;
    }
    number = decimal_of(sp_json_raw(c->json, t));
    if (decimal_is_multiple(&number, &rule->u.multiple.divisor)) {
        return 0;
    }
    return fail(c, "multipleOf", "must be a multiple of %.*s",
                SP_VIEW(rule->u.multiple.text));
}

/* Unicode code points of a string: bytes that continue none. */
static int
count_characters(struct schema_checker *c, const struct sp_json_token *t,
                 uint64_t *ret_count)
{
    struct sp_view text = { 0 };
    int error = string_of(c, t, &text);

    *ret_count = 0;
    for (size_t i = 0; error == 0 && i < text.len; i++) {
        *ret_count += ((unsigned char)text.ptr[i] & 0xc0u) != 0x80u ? 1 : 0;
    }
    return error != 0 ? error : take_steps(c, text.len / 64);
}

static int
check_min_length(struct schema_checker *c, const struct schema_rule *rule,
                 const struct sp_json_token *t, size_t base)
{
    uint64_t count = 0;
    int error = 0;

    (void)base;
    if (t->type != SP_JSON_STRING) {
        return 0;
    }
    error = count_characters(c, t, &count);
    if (error != 0 || count >= rule->u.count) {
        return error;
    }
    return fail(c, "minLength", "must have at least %ju characters",
                (uintmax_t)rule->u.count);
}

static int
check_max_length(struct schema_checker *c, const struct schema_rule *rule,
                 const struct sp_json_token *t, size_t base)
{
    uint64_t count = 0;
    int error = 0;

    (void)base;
    if (t->type != SP_JSON_STRING) {
        return 0;
    }
    error = count_characters(c, t, &count);
    if (error != 0 || count <= rule->u.count) {
        return error;
    }
    return fail(c, "maxLength", "must have at most %ju characters",
                (uintmax_t)rule->u.count);
}

/* A match costs a step for every 64 bytes of its subject. */
static int
find_pattern(struct schema_checker *c, const struct pattern *pattern,
             struct sp_view subject, bool *ret_found)
{
    int error = take_steps(c, 1 + subject.len / 64);

    if (error == 0 &&
        pattern_find(pattern, c->matcher, subject, ret_found) != 0) {
        return give_up(c);
    }
    return error;
}

static int
check_pattern(struct schema_checker *c, const struct schema_rule *rule,
              const struct sp_json_token *t, size_t base)
{
    struct sp_view text = { 0 };
    bool found = false;
    int error = 0;

    (void)base;
    if (t->type != SP_JSON_STRING) {
        return 0;
    }
    error = string_of(c, t, &text);
    if (error == 0) {
        error = find_pattern(c, rule->u.pattern, text, &found);
    }
    if (error != 0 || found) {
        return error;
    }
    return fail(c, "pattern", "must match the schema's pattern");
}

static int
check_min_items(struct schema_checker *c, const struct schema_rule *rule,
                const struct sp_json_token *t, size_t base)
{
    (void)base;
    if (t->type != SP_JSON_ARRAY || t->count >= rule->u.count) {
        return 0;
    }
    return fail(c, "minItems", "must have at least %ju items",
                (uintmax_t)rule->u.count);
}

static int
check_max_items(struct schema_checker *c, const struct schema_rule *rule,
                const struct sp_json_token *t, size_t base)
{
    (void)base;
    if (t->type != SP_JSON_ARRAY || t->count <= rule->u.count) {
        return 0;
    }
    return fail(c, "maxItems", "must have at most %ju items",
                (uintmax_t)rule->u.count);
}

static int
check_min_properties(struct schema_checker *c, const struct schema_rule *rule,
                     const struct sp_json_token *t, size_t base)
{
    (void)base;
    if (t->type != SP_JSON_OBJECT || t->count >= rule->u.count) {
        return 0;
    }
    return fail(c, "minProperties", "must have at least %ju properties",
                (uintmax_t)rule->u.count);
}

static int
check_max_properties(struct schema_checker *c, const struct schema_rule *rule,
                     const struct sp_json_token *t, size_t base)
{
    (void)base;
    if (t->type != SP_JSON_OBJECT || t->count <= rule->u.count) {
        return 0;
    }
    return fail(c, "maxProperties", "must have at most %ju properties",
                (uintmax_t)rule->u.count);
}

static int
check_names(struct schema_checker *c, const char *rule,
            const struct schema_names *names, const struct sp_json_token *t)
{
    for (size_t i = 0; i < names->count; i++) {
        const struct sp_json_token *value = NULL;
        int error = find_member(c, t, names->names[i], &value);

        if (error != 0) {
            return error;
        }
        if (value == NULL) {
            return fail(c, rule, "must have the property \"%.*s\"",
                        SP_VIEW(names->names[i]));
        }
    }
    return 0;
}

static int
check_required(struct schema_checker *c, const struct schema_rule *rule,
               const struct sp_json_token *t, size_t base)
{
    (void)base;
    return t->type == SP_JSON_OBJECT
               ? check_names(c, "required", &rule->u.names, t)
               : 0;
}

static int
check_dependent_required(struct schema_checker *c,
                         const struct schema_rule *rule,
                         const struct sp_json_token *t, size_t base)
{
    const struct schema_members *members = &rule->u.members;
    int error = 0;

    (void)base;
    if (t->type != SP_JSON_OBJECT) {
        return 0;
    }
    for (size_t i = 0; error == 0 && i < members->count; i++) {
        const struct sp_json_token *value = NULL;

        error = find_member(c, t, members->members[i].name, &value);
        if (error == 0 && value != NULL) {
            error = check_names(c, "dependentRequired",
                                &members->members[i].names, t);
        }
    }
    return error;
}

static int
check_property_names(struct schema_checker *c, const struct schema_rule *rule,
                     const struct sp_json_token *t, size_t base)
{
    const struct sp_json_token *key = sp_json_first(c->json, t);

    (void)base;
    if (t->type != SP_JSON_OBJECT) {
        return 0;
    }
    for (; key != NULL; key = sp_json_next(c->json, t, key)) {
        size_t marks = c->mark_count;
        bool valid = false;
        int error = try_branch(c, rule->u.node, key, &valid);

        c->mark_count = marks;
        if (error != 0) {
            return error;
        }
        if (!valid) {
            return fail(c, "propertyNames",
                        "has a property whose name is not allowed");
        }
    }
    return 0;
}

static int
compare_views(struct sp_view a, struct sp_view b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len == 0 ? 0 : memcmp(a.ptr, b.ptr, len);

    if (order != 0) {
        return order;
    }
    return a.len == b.len ? 0 : a.len < b.len ? -1 : 1;
}

static const struct schema_member *
find_property(const struct schema_members *members, struct sp_view name)
{
    size_t low = 0;
    size_t high = members->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare_views(members->members[middle].name, name);

        if (order == 0) {
            return &members->members[middle];
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

/* The subschemas of patternProperties whose pattern fits the key. */
static int
check_member_patterns(struct schema_checker *c,
                      const struct schema_members *members,
                      const struct sp_json_token *key, bool *matched)
{
    for (size_t i = 0; i < members->pattern_count; i++) {
        struct sp_view name = { 0 };
        bool found = false;
        /* Read anew: a check of the value may have used the room. */
        int error = name_of(c, key, &name);

        if (error == 0) {
            error = find_pattern(c, members->patterns[i].pattern, name,
                                 &found);
        }
        if (error == 0 && found) {
            *matched = true;
            error = check_child(c, members->patterns[i].node,
                                sp_json_value(c->json, key),
                                (struct step){ .index = 0 });
        }
        if (error != 0) {
            return error;
        }
    }
    return 0;
}

static int
check_member(struct schema_checker *c, const struct schema_members *members,
             const struct sp_json_token *key)
{
    const struct sp_json_token *value = sp_json_value(c->json, key);
    const struct schema_member *property = NULL;
    struct sp_view name = { 0 };
    bool matched = false;
    int error = name_of(c, key, &name);

    if (error == 0) {
        property = find_property(members, name);
    }
    if (property != NULL) {
        matched = true;
        error = check_child(c, property->node, value,
                            (struct step){ .name = property->name });
    }
    if (error == 0) {
        error = check_member_patterns(c, members, key, &matched);
    }
    if (error != 0 || matched || members->additional == SCHEMA_NO_NODE) {
        return error;
    }
    if (c->schema->nodes[members->additional].never) {
        return fail(c, "additionalProperties",
                    "has a property that the schema does not name");
    }
    return check_child(c, members->additional, value,
                       (struct step){ .index = 0 });
}

static int
check_members(struct schema_checker *c, const struct schema_rule *rule,
              const struct sp_json_token *t, size_t base)
{
    const struct sp_json_token *key = sp_json_first(c->json, t);
    int error = 0;

    (void)base;
    if (t->type != SP_JSON_OBJECT) {
        return 0;
    }
    for (; error == 0 && key != NULL; key = sp_json_next(c->json, t, key)) {
        error = check_member(c, &rule->u.members, key);
    }
    return error;
}

static int
check_items(struct schema_checker *c, const struct schema_rule *rule,
            const struct sp_json_token *t, size_t base)
{
    const struct schema_items *items = &rule->u.items;
    const struct sp_json_token *child = sp_json_first(c->json, t);
    int error = 0;

    (void)base;
    if (t->type != SP_JSON_ARRAY) {
        return 0;
    }
    for (uint32_t i = 0; error == 0 && child != NULL; i++) {
        uint32_t node =
            i < items->prefix.count ? items->prefix.nodes[i] : items->rest;

        if (node == SCHEMA_NO_NODE) {
            break;
        }
        error = check_child(c, node, child,
                            (struct step){ .index = i, .element = true });
        child = sp_json_next(c->json, t, child);
    }
    return error;
}

static int
compare_hashes(const void *a, const void *b)
{
    const struct hashed *x = a;
    const struct hashed *y = b;

    return x->hash == y->hash ? 0 : x->hash < y->hash ? -1 : 1;
}

/* Hashes of all elements, sorted. */
static int
hash_elements(struct schema_checker *c, const struct sp_json_token *t)
{
    struct value_effort effort = { .scratch = &c->strings,
                                   .steps = c->steps };
    struct value v = { .json = c->json };
    size_t n = 0;

    if (c->hash_size < t->count) {
        c->hashes = sp_realloc_n(c->hashes, t->count, sizeof(*c->hashes));
        c->hash_size = t->count;
    }
    v.token = sp_json_first(c->json, t);
    for (; v.token != NULL; v.token = sp_json_next(c->json, t, v.token)) {
        if (value_hash(v, &effort, &c->hashes[n].hash) != 0) {
            return give_up(c);
        }
        c->hashes[n++].token = (uint32_t)(v.token - c->json->tokens);
    }
    c->steps = effort.steps;
    if (n > 0) {
        qsort(c->hashes, n, sizeof(*c->hashes), compare_hashes);
    }
    return 0;
}

/* Equal values have equal hashes: only such neighbours are compared. */
static int
check_unique_items(struct schema_checker *c, const struct schema_rule *rule,
                   const struct sp_json_token *t, size_t base)
{
    int error = 0;

    (void)rule;
    (void)base;
    if (t->type != SP_JSON_ARRAY || t->count < 2) {
        return 0;
    }
    error = hash_elements(c, t);
    for (size_t i = 0; error == 0 && i < t->count; i++) {
        for (size_t k = i + 1; k < t->count; k++) {
            struct value_effort effort = { .scratch = &c->strings,
                                           .steps = c->steps };
            struct value a = { .json = c->json };
            struct value b = { .json = c->json };
            bool equal = false;

            if (c->hashes[k].hash != c->hashes[i].hash) {
                break;
            }
            a.token = &c->json->tokens[c->hashes[i].token];
            b.token = &c->json->tokens[c->hashes[k].token];
            if (value_equal(a, b, &effort, &equal) != 0) {
                return give_up(c);
            }
            c->steps = effort.steps;
            if (equal) {
                return fail(c, "uniqueItems", "must not have equal items");
            }
        }
    }
    return error;
}

static int
check_contains(struct schema_checker *c, const struct schema_rule *rule,
               const struct sp_json_token *t, size_t base)
{
    const struct schema_contains *contains = &rule->u.contains;
    const struct sp_json_token *child = sp_json_first(c->json, t);
    uint64_t count = 0;

    (void)base;
    if (t->type != SP_JSON_ARRAY) {
        return 0;
    }
    for (; child != NULL; child = sp_json_next(c->json, t, child)) {
        size_t marks = c->mark_count;
        bool valid = false;
        int error = try_branch(c, contains->node, child, &valid);

        c->mark_count = marks;
        if (error == 0 && valid) {
            count++;
            error = mark(c, child);
        }
        if (error != 0) {
            return error;
        }
    }
    if (count < contains->min) {
        return fail(c, "contains",
                    "must have at least %ju items of the wanted kind",
                    (uintmax_t)contains->min);
    }
    if (count > contains->max) {
        return fail(c, "maxContains",
                    "must have at most %ju items of the wanted kind",
                    (uintmax_t)contains->max);
    }
    return 0;
}

static int
check_dependent_schemas(struct schema_checker *c,
                        const struct schema_rule *rule,
                        const struct sp_json_token *t, size_t base)
{
    const struct schema_members *members = &rule->u.members;
    int error = 0;

    (void)base;
    if (t->type != SP_JSON_OBJECT) {
        return 0;
    }
    for (size_t i = 0; error == 0 && i < members->count; i++) {
        const struct sp_json_token *value = NULL;

        error = find_member(c, t, members->members[i].name, &value);
        if (error == 0 && value != NULL) {
            error = check_node(c, members->members[i].node, t);
        }
    }
    return error;
}

static int
check_ref(struct schema_checker *c, const struct schema_rule *rule,
          const struct sp_json_token *t, size_t base)
{
    (void)base;
    return check_node(c, rule->u.node, t);
}

/* The outermost resource in scope that has the dynamic anchor decides. */
static int
check_dynamic_ref(struct schema_checker *c, const struct schema_rule *rule,
                  const struct sp_json_token *t, size_t base)
{
    const struct schema_dynamic *dynamic = &rule->u.dynamic;
    const struct schema *s = c->schema;
    int error = take_steps(c, c->scope_count * s->anchor_count);

    (void)base;
    if (error != 0) {
        return error;
    }
    for (size_t i = 0; dynamic->anchor.ptr != NULL && i < c->scope_count;
         i++) {
        for (size_t k = 0; k < s->anchor_count; k++) {
            const struct schema_anchor *anchor = &s->anchors[k];

            if (anchor->dynamic && anchor->resource == c->scopes[i] &&
                sp_view_equal(anchor->name, dynamic->anchor)) {
                return check_node(c, anchor->node, t);
            }
        }
    }
    return check_node(c, dynamic->node, t);
}

static int
check_all_of(struct schema_checker *c, const struct schema_rule *rule,
             const struct sp_json_token *t, size_t base)
{
    int error = 0;

    (void)base;
    for (size_t i = 0; error == 0 && i < rule->u.list.count; i++) {
        error = check_node(c, rule->u.list.nodes[i], t);
    }
    return error;
}

static int
check_any_of(struct schema_checker *c, const struct schema_rule *rule,
             const struct sp_json_token *t, size_t base)
{
    bool any = false;

    (void)base;
    for (size_t i = 0; i < rule->u.list.count; i++) {
        bool valid = false;
        int error = try_branch(c, rule->u.list.nodes[i], t, &valid);

        if (error != 0) {
            return error;
        }
        any = any || valid;
        if (any && !c->schema->marks) {
            return 0;
        }
    }
    return any ? 0 : fail(c, "anyOf", "fits none of the allowed forms");
}

static int
check_one_of(struct schema_checker *c, const struct schema_rule *rule,
             const struct sp_json_token *t, size_t base)
{
    size_t count = 0;

    (void)base;
    for (size_t i = 0; i < rule->u.list.count && count < 2; i++) {
        bool valid = false;
        int error = try_branch(c, rule->u.list.nodes[i], t, &valid);

        if (error != 0) {
            return error;
        }
        count += valid ? 1 : 0;
    }
    if (count == 0) {
        return fail(c, "oneOf", "fits none of the allowed forms");
    }
    return count == 1 ? 0
                      : fail(c, "oneOf",
                             "fits more than one of the allowed forms");
}

static int
check_not(struct schema_checker *c, const struct schema_rule *rule,
          const struct sp_json_token *t, size_t base)
{
    size_t marks = c->mark_count;
    bool valid = false;
    int error = try_branch(c, rule->u.node, t, &valid);

    (void)base;
    c->mark_count = marks;
    if (error != 0 || !valid) {
        return error;
    }
    return fail(c, "not", "has a form that is not allowed");
}

static int
check_if(struct schema_checker *c, const struct schema_rule *rule,
         const struct sp_json_token *t, size_t base)
{
    const struct schema_condition *condition = &rule->u.condition;
    bool valid = false;
    int error = try_branch(c, condition->condition, t, &valid);
    uint32_t node = valid ? condition->then : condition->otherwise;

    (void)base;
    if (error != 0 || node == SCHEMA_NO_NODE) {
        return error;
    }
    return check_node(c, node, t);
}

static int
check_unevaluated_items(struct schema_checker *c,
                        const struct schema_rule *rule,
                        const struct sp_json_token *t, size_t base)
{
    const struct sp_json_token *child = sp_json_first(c->json, t);
    int error = 0;

    if (t->type != SP_JSON_ARRAY) {
        return 0;
    }
    for (uint32_t i = 0; error == 0 && child != NULL; i++) {
        bool marked = false;

        error = is_marked(c, base, child, &marked);
        if (error == 0 && !marked) {
            error = check_child(c, rule->u.node, child,
                                (struct step){ .index = i, .element = true });
        }
        child = sp_json_next(c->json, t, child);
    }
    return error;
}

static int
check_unevaluated_properties(struct schema_checker *c,
                             const struct schema_rule *rule,
                             const struct sp_json_token *t, size_t base)
{
    const struct sp_json_token *key = sp_json_first(c->json, t);
    int error = 0;

    if (t->type != SP_JSON_OBJECT) {
        return 0;
    }
    for (; error == 0 && key != NULL; key = sp_json_next(c->json, t, key)) {
        const struct sp_json_token *value = sp_json_value(c->json, key);
        bool marked = false;

        error = is_marked(c, base, value, &marked);
        if (error == 0 && !marked && c->schema->nodes[rule->u.node].never) {
            return fail(c, "unevaluatedProperties",
                        "has a property that the schema does not name");
        }
        if (error == 0 && !marked) {
            error = check_child(c, rule->u.node, value,
                                (struct step){ .index = 0 });
        }
    }
    return error;
}

/* One row per kind. `base` is the height of the marks when the node began. */
static int (*const checks[SCHEMA_KIND_COUNT])(struct schema_checker *c,
                                              const struct schema_rule *rule,
                                              const struct sp_json_token *t,
                                              size_t base) = {
#define SCHEMA_KIND_CHECK(symbol, check) [SCHEMA_##symbol##_RULE] = check,
    SCHEMA_KINDS(SCHEMA_KIND_CHECK)
#undef SCHEMA_KIND_CHECK
};

static int
check_node(struct schema_checker *c, uint32_t node,
           const struct sp_json_token *t)
{
    const struct schema_node *n = &c->schema->nodes[node];
    size_t base = c->mark_count;
    size_t scopes = c->scope_count;
    int error = take_steps(c, 1);

    if (error == 0 && n->never) {
        error = fail(c, "false", "is not allowed here");
    }
    if (error == 0 && c->depth >= c->effort.max_depth) {
        error = give_up(c);
    }
    if (error != 0) {
        return error;
    }
    if (scopes == 0 || c->scopes[scopes - 1] != n->resource) {
        c->scopes[c->scope_count++] = n->resource; /* at most max_depth */
    }
    c->depth++;
    for (size_t i = 0; error == 0 && i < n->rule_count; i++) {
        error = checks[n->rules[i].kind](c, &n->rules[i], t, base);
    }
    c->depth--;
    c->scope_count = scopes;
    if (error != 0) {
        c->mark_count = base;
    }
    return error;
}

int
schema_check(struct schema_checker *checker, const struct schema *schema,
             const struct sp_json *json, const struct sp_json_token *t,
             struct schema_fault *ret_fault)
{
    checker->schema = schema;
    checker->json = json;
    checker->fault = ret_fault;
    checker->steps = checker->effort.max_steps;
    checker->depth = 0;
    checker->quiet = 0;
    checker->limited = false;
    checker->path_len = 0;
    checker->mark_count = 0;
    checker->scope_count = 0;
    return check_node(checker, 0, t);
}
