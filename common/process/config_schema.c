/* Walks libyaml's tree and the schema side by side. The schema bounds the
 * depth, also where an alias leads back to its own anchor. */
#include "common/process/config_schema.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <yaml.h>

#include "common/base/error.h"
#include "common/base/log.h"
#include "common/text/decimal.h"

enum {
    MAX_PATH_TEXT = 256, /* "tools[999].annotations.read_only" and longer */
    MAX_SHOWN = 64,      /* of a wrong value */
};

/* The value in hand, and where it stands. */
struct walk {
    const char *file;
    yaml_document_t *document;
    struct sp_buf *why;
    unsigned long line;
    char path[MAX_PATH_TEXT];
};

static int
examine(struct walk *w, const yaml_node_t *node,
        const cyaml_schema_value_t *schema);

static unsigned long
line_of(yaml_mark_t mark)
{
    return (unsigned long)mark.line + 1;
}

static struct sp_view
text_of(const yaml_node_t *scalar)
{
    return sp_view_make(scalar->data.scalar.value, scalar->data.scalar.length);
}

static int SP_PRINTF(2, 3) refuse(const struct walk *w, const char *format, ...)
{
    char said[MAX_PATH_TEXT];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(said, sizeof(said), format, args);
    va_end(args);
    (void)sp_buf_addf(w->why, "%s:%lu: %s%s", w->file, w->line, w->path, said);
    return SP_ECONFIG;
}

/* --------------------------------------------------------------- one value */

static void
add_allowed(const cyaml_schema_value_t *schema, struct sp_buf *why)
{
    switch ((int)schema->type) {
    case CYAML_UINT:
        (void)sp_buf_add_str(why, "a whole number: decimal digits alone, no "
                                  "sign, unit, quotes or leading zero");
        break;
    case CYAML_BOOL:
        (void)sp_buf_add_str(why, "true or false, without quotes");
        break;
    case CYAML_STRING:
        (void)sp_buf_addf(why, "a text of %u to %u bytes", schema->string.min,
                          schema->string.max);
        break;
    case CYAML_ENUM:
        for (uint32_t i = 0; i < schema->enumeration.count; i++) {
            const char *between = i == 0 ? "one of " : ", ";

            (void)sp_buf_addf(why, "%s%s", between,
                              schema->enumeration.strings[i].str);
        }
        break;
    case CYAML_SEQUENCE:
        (void)sp_buf_addf(why, "a list of %u to %u entries",
                          schema->sequence.min, schema->sequence.max);
        break;
    case CYAML_MAPPING:
        for (const cyaml_schema_field_t *f = schema->mapping.fields;
             f->key != NULL; f++) {
            const char *between =
                f == schema->mapping.fields ? "the keys " : ", ";

            (void)sp_buf_addf(why, "%s%s", between, f->key);
        }
        break;
    default:
        sp_fatal("config_schema_type", "type=%d", (int)schema->type);
    }
}

static size_t
entry_count(const yaml_node_t *list)
{
    return (size_t)(list->data.sequence.items.top -
                    list->data.sequence.items.start);
}

static int
refuse_value(const struct walk *w, const yaml_node_t *node,
             const cyaml_schema_value_t *schema)
{
    const char *whole = w->path[0] == '\0' ? "the file" : "";

    if (node->type == YAML_SEQUENCE_NODE && schema->type == CYAML_SEQUENCE) {
        (void)refuse(w, " has %zu entries", entry_count(node));
    } else if (node->type != YAML_SCALAR_NODE) {
        (void)refuse(w, "%s is %s", whole,
                     node->type == YAML_SEQUENCE_NODE ? "a list"
                                                      : "a group of keys");
    } else if (node->data.scalar.length == 0) {
        (void)refuse(w, "%s is empty", whole);
    } else {
        struct sp_view text = text_of(node);
        const char *end = memchr(text.ptr, '\n', text.len);
        size_t len = end == NULL ? text.len : (size_t)(end - text.ptr);

        (void)refuse(w, "%s is '%.*s'%s", whole,
                     (int)(len > MAX_SHOWN ? MAX_SHOWN : len), text.ptr,
                     len > MAX_SHOWN ? "..." : "");
    }
    (void)sp_buf_add_str(w->why, "; give ");
    add_allowed(schema, w->why);
    return SP_ECONFIG;
}

static bool
is_number(struct sp_view text, unsigned size)
{
    const uint64_t max =
        size >= sizeof(max) ? UINT64_MAX : (UINT64_C(1) << 8 * size) - 1;
    uint64_t number = 0;

    return (text.len == 1 || !sp_view_starts(text, "0")) &&
           sp_number_read(text, max, &number) == 0;
}

static bool
is_word(struct sp_view text, const cyaml_schema_value_t *schema)
{
    for (uint32_t i = 0; i < schema->enumeration.count; i++) {
        if (sp_view_is(text, schema->enumeration.strings[i].str)) {
            return true;
        }
    }
    return false;
}

/* A text that other YAML readers take for nothing at all is a slip. */
static bool
is_text(struct sp_view text, bool plain, const cyaml_schema_value_t *schema)
{
    return text.len >= schema->string.min && text.len <= schema->string.max &&
           memchr(text.ptr, '\0', text.len) == NULL &&
           !(plain && (sp_view_is(text, "~") || sp_view_is(text, "null")));
}

static int
examine_scalar(const struct walk *w, const yaml_node_t *node,
               const cyaml_schema_value_t *schema)
{
    bool good = false;

    if (node->type == YAML_SCALAR_NODE) {
        struct sp_view text = text_of(node);
        bool plain = node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;

        switch ((int)schema->type) {
        case CYAML_UINT:
            good = plain && is_number(text, schema->data_size);
            break;
        case CYAML_BOOL:
            good = plain &&
                   (sp_view_is(text, "true") || sp_view_is(text, "false"));
            break;
        case CYAML_ENUM:
            good = is_word(text, schema);
            break;
        default:
            good = is_text(text, plain, schema);
            break;
        }
    }
    return good ? 0 : refuse_value(w, node, schema);
}

/* ---------------------------------------------------- lists and their keys */

static int
examine_list(struct walk *w, const yaml_node_t *list,
             const cyaml_schema_value_t *schema)
{
    size_t len = strlen(w->path);
    size_t count = 0;
    int error = 0;

    if (list->type == YAML_SEQUENCE_NODE) {
        count = entry_count(list);
    }
    if (list->type != YAML_SEQUENCE_NODE || count < schema->sequence.min ||
        count > schema->sequence.max) {
        return refuse_value(w, list, schema);
    }
    for (size_t i = 0; error == 0 && i < count; i++) {
        const yaml_node_t *item = yaml_document_get_node(
            w->document, list->data.sequence.items.start[i]);

        (void)snprintf(w->path + len, sizeof(w->path) - len, "[%zu]", i);
        w->line = line_of(item->start_mark);
        error = examine(w, item, schema->sequence.entry);
    }
    w->path[len] = '\0';
    return error;
}

/* The key's pair in the mapping, up to `end`; NULL where it has none. */
static const yaml_node_pair_t *
find_pair(const struct walk *w, const yaml_node_t *map,
          const yaml_node_pair_t *end, struct sp_view key)
{
    for (const yaml_node_pair_t *pair = map->data.mapping.pairs.start;
         pair < end; pair++) {
        const yaml_node_t *name =
            yaml_document_get_node(w->document, pair->key);

        if (name->type == YAML_SCALAR_NODE &&
            sp_view_equal(text_of(name), key)) {
            return pair;
        }
    }
    return NULL;
}

static const cyaml_schema_field_t *
find_field(const cyaml_schema_value_t *schema, struct sp_view key)
{
    for (const cyaml_schema_field_t *f = schema->mapping.fields; f->key != NULL;
         f++) {
        if (sp_view_is(key, f->key)) {
            return f;
        }
    }
    return NULL;
}

static int
examine_pair(struct walk *w, const yaml_node_t *map,
             const yaml_node_pair_t *pair, const cyaml_schema_value_t *schema)
{
    const yaml_node_t *name = yaml_document_get_node(w->document, pair->key);
    const cyaml_schema_field_t *field = NULL;
    size_t len = strlen(w->path);

    w->line = line_of(name->start_mark);
    if (name->type != YAML_SCALAR_NODE) {
        return refuse(w, ": a key is no word; correct this line");
    }
    (void)snprintf(w->path + len, sizeof(w->path) - len, "%s%.*s",
                   len == 0 ? "" : ".", (int)text_of(name).len,
                   text_of(name).ptr);
    field = find_field(schema, text_of(name));
    if (field == NULL) {
        (void)refuse(w, " is no known key; use ");
        add_allowed(schema, w->why);
        return SP_ECONFIG;
    }
    if (find_pair(w, map, pair, text_of(name)) != NULL) {
        return refuse(w, " is there twice; remove one of the two");
    }
    return examine(w, yaml_document_get_node(w->document, pair->value),
                   &field->value);
}

static int
examine_mapping(struct walk *w, const yaml_node_t *map,
                const cyaml_schema_value_t *schema)
{
    const unsigned long line = w->line;
    const size_t len = strlen(w->path);

    if (map->type != YAML_MAPPING_NODE) {
        return refuse_value(w, map, schema);
    }
    for (const yaml_node_pair_t *pair = map->data.mapping.pairs.start;
         pair < map->data.mapping.pairs.top; pair++) {
        if (examine_pair(w, map, pair, schema) != 0) {
            return SP_ECONFIG;
        }
        w->path[len] = '\0';
    }
    w->line = line;
    for (const cyaml_schema_field_t *f = schema->mapping.fields; f->key != NULL;
         f++) {
        if ((f->value.flags & CYAML_FLAG_OPTIONAL) == 0 &&
            find_pair(w, map, map->data.mapping.pairs.top,
                      sp_view_of(f->key)) == NULL) {
            return refuse(w, "%s%s is missing; add it", len == 0 ? "" : ".",
                          f->key);
        }
    }
    return 0;
}

static int
examine(struct walk *w, const yaml_node_t *node,
        const cyaml_schema_value_t *schema)
{
    switch ((int)schema->type) {
    case CYAML_MAPPING:
        return examine_mapping(w, node, schema);
    case CYAML_SEQUENCE:
        return examine_list(w, node, schema);
    default:
        return examine_scalar(w, node, schema);
    }
}

/* ------------------------------------------------------------------ syntax */

/* The first line of these, from 1, that a tab indents; 0 for none. */
static unsigned long
find_tab(struct sp_view text, unsigned long first, unsigned long last)
{
    for (unsigned long line = 1; line <= last && text.len > 0; line++) {
        const char *end = memchr(text.ptr, '\n', text.len);
        size_t len = end == NULL ? text.len : (size_t)(end - text.ptr);
        size_t blank = 0;

        while (blank < len && text.ptr[blank] == ' ') {
            blank++;
        }
        if (line >= first && blank < len && text.ptr[blank] == '\t') {
            return line;
        }
        text = sp_view_skip(text, end == NULL ? len : len + 1);
    }
    return 0;
}

static unsigned long
line_at(struct sp_view text, size_t offset)
{
    unsigned long line = 1;

    for (size_t i = 0; i < offset && i < text.len; i++) {
        line += text.ptr[i] == '\n';
    }
    return line;
}

/* libyaml notes a tab where it stands, or where what went on before began. */
static int
refuse_syntax(struct walk *w, const yaml_parser_t *parser, struct sp_view text)
{
    unsigned long tab = 0;

    if (parser->error == YAML_READER_ERROR) {
        w->line = line_at(text, parser->problem_offset);
    } else {
        w->line = line_of(parser->problem_mark);
        tab = find_tab(text, line_of(parser->context_mark), w->line);
    }
    if (tab != 0) {
        w->line = tab;
        return refuse(w, "a tab indents this line; use spaces");
    }
    return refuse(w, "%s; correct this line, or the one before it",
                  parser->problem == NULL ? "no YAML" : parser->problem);
}

static int
examine_document(struct walk *w, yaml_parser_t *parser, struct sp_view text,
                 const cyaml_schema_value_t *schema)
{
    const yaml_node_t *root = NULL;
    yaml_document_t more;
    int error = 0;

    root = yaml_document_get_root_node(w->document);
    if (root == NULL) {
        return refuse(w, "the file is empty; restore it");
    }
    w->line = line_of(root->start_mark);
    error = examine(w, root, schema);
    if (error != 0) {
        return error;
    }
    if (yaml_parser_load(parser, &more) == 0) {
        return refuse_syntax(w, parser, text);
    }
    root = yaml_document_get_root_node(&more);
    if (root != NULL) {
        w->line = line_of(root->start_mark);
        error = refuse(w, "a second document begins; a file holds one");
    }
    yaml_document_delete(&more);
    return error;
}

int
sp_config_examine(struct sp_view text, const char *file,
                  const cyaml_schema_value_t *schema, struct sp_buf *why)
{
    struct walk w = { .file = file, .why = why, .line = 1 };
    yaml_parser_t parser;
    yaml_document_t document;
    int error = 0;

    if (yaml_parser_initialize(&parser) == 0) {
        sp_fatal("yaml_parser", "out of memory");
    }
    yaml_parser_set_input_string(
        &parser, (const unsigned char *)(text.len > 0 ? text.ptr : ""),
        text.len);
    if (yaml_parser_load(&parser, &document) == 0) {
        error = refuse_syntax(&w, &parser, text);
    } else {
        w.document = &document;
        error = examine_document(&w, &parser, text, schema);
        yaml_document_delete(&document);
    }
    yaml_parser_delete(&parser);
    return error;
}
