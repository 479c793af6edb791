/* Changing auth.yaml by lines, at places that libyaml finds. */
#include "clients/sallyport/client_file.h"

#include <string.h>

#include <yaml.h>

#include "common/base/error.h"

#define SCOPES_MAX 8192

/* The parsed text with its list of clients. */
struct list {
    yaml_document_t document;
    yaml_node_t *key; /* "clients" */
    yaml_node_t *sequence;
};

static yaml_node_t *
node_at(struct list *list, yaml_node_item_t number)
{
    return yaml_document_get_node(&list->document, number);
}

static bool
is_word(const yaml_node_t *node, const char *word)
{
    return node != NULL && node->type == YAML_SCALAR_NODE &&
           strcmp((const char *)node->data.scalar.value, word) == 0;
}

/* The value of a key, NULL where there is none; `ret_key` may be NULL. */
static yaml_node_t *
get(struct list *list, const yaml_node_t *mapping, const char *name,
    yaml_node_t **ret_key)
{
    if (mapping == NULL || mapping->type != YAML_MAPPING_NODE) {
        return NULL;
    }
    for (yaml_node_pair_t *pair = mapping->data.mapping.pairs.start;
         pair < mapping->data.mapping.pairs.top; pair++) {
        if (is_word(node_at(list, pair->key), name)) {
            if (ret_key != NULL) {
                *ret_key = node_at(list, pair->key);
            }
            return node_at(list, pair->value);
        }
    }
    return NULL;
}

/* On success the caller deletes the document. */
static int
parse(struct sp_view text, struct list *list)
{
    yaml_parser_t parser;
    bool loaded = false;

    *list = (struct list){ .key = NULL };
    if (yaml_parser_initialize(&parser) == 0) {
        return SP_EFORMAT;
    }
    yaml_parser_set_input_string(&parser, (const unsigned char *)text.ptr,
                                 text.len);
    loaded = yaml_parser_load(&parser, &list->document) == 1;
    yaml_parser_delete(&parser);
    if (!loaded) {
        return SP_EFORMAT;
    }
    list->sequence = get(list, yaml_document_get_root_node(&list->document),
                         "clients", &list->key);
    if (list->sequence == NULL || list->sequence->type != YAML_SEQUENCE_NODE) {
        yaml_document_delete(&list->document);
        return SP_EFORMAT;
    }
    return 0;
}

static size_t
count(const struct list *list)
{
    return (size_t)(list->sequence->data.sequence.items.top -
                    list->sequence->data.sequence.items.start);
}

static yaml_node_t *
client_at(struct list *list, size_t i)
{
    return node_at(list, list->sequence->data.sequence.items.start[i]);
}

/* ----------------------------------------------------------------- reading */

static void
write_scopes(struct list *list, const yaml_node_t *scopes, struct sp_buf *out)
{
    if (scopes == NULL || scopes->type != YAML_SEQUENCE_NODE) {
        return;
    }
    for (const yaml_node_item_t *item = scopes->data.sequence.items.start;
         item < scopes->data.sequence.items.top; item++) {
        const yaml_node_t *scope = node_at(list, *item);

        if (scope != NULL && scope->type == YAML_SCALAR_NODE) {
            (void)sp_buf_addf(out, "%s%s", out->len == 0 ? "" : " ",
                              (const char *)scope->data.scalar.value);
        }
    }
}

int
client_file_each(struct sp_view text,
                 void (*each)(void *arg, const char *id, const char *scopes),
                 void *arg)
{
    struct list list;
    int error = parse(text, &list);

    for (size_t i = 0; error == 0 && i < count(&list); i++) {
        const yaml_node_t *client = client_at(&list, i);
        const yaml_node_t *id = get(&list, client, "id", NULL);
        struct sp_buf scopes = sp_buf_new(SCOPES_MAX);

        write_scopes(&list, get(&list, client, "scopes", NULL), &scopes);
        (void)sp_buf_add(&scopes, "", 1);
        if (id != NULL && id->type == YAML_SCALAR_NODE && scopes.error == 0) {
            each(arg, (const char *)id->data.scalar.value, scopes.data);
        }
        sp_buf_free(&scopes);
    }
    if (error == 0) {
        yaml_document_delete(&list.document);
    }
    return error;
}

/* Its number in the list, or how many there are. */
static size_t
find(struct list *list, const char *id)
{
    size_t i = 0;

    while (i < count(list) &&
           !is_word(get(list, client_at(list, i), "id", NULL), id)) {
        i++;
    }
    return i;
}

bool
client_file_has(struct sp_view text, const char *id)
{
    struct list list;
    bool has = false;

    if (parse(text, &list) == 0) {
        has = find(&list, id) < count(&list);
        yaml_document_delete(&list.document);
    }
    return has;
}

/* ---------------------------------------------------------------- changing */

/* Where the line of this number, from 0, begins; the end of the text where it
 * has fewer. */
static size_t
line_start(struct sp_view text, size_t number)
{
    size_t at = 0;

    while (number > 0 && at < text.len) {
        const char *newline = memchr(text.ptr + at, '\n', text.len - at);

        at = newline == NULL ? text.len : (size_t)(newline - text.ptr) + 1;
        number--;
    }
    return at;
}

/* The last line that belongs to the node: what ends a block is only the next
 * thing after it, behind comments. */
static size_t
last_line(struct list *list, const yaml_node_t *node)
{
    if (node->type == YAML_MAPPING_NODE &&
        node->data.mapping.style != YAML_FLOW_MAPPING_STYLE &&
        node->data.mapping.pairs.top > node->data.mapping.pairs.start) {
        return last_line(list,
                         node_at(list, node->data.mapping.pairs.top[-1].value));
    }
    if (node->type == YAML_SEQUENCE_NODE &&
        node->data.sequence.style != YAML_FLOW_SEQUENCE_STYLE &&
        node->data.sequence.items.top > node->data.sequence.items.start) {
        return last_line(list,
                         node_at(list, node->data.sequence.items.top[-1]));
    }
    return node->end_mark.line;
}

/* Blanks before the first other character of a line. */
static size_t
indent_of(struct sp_view text, size_t at)
{
    size_t n = 0;

    while (at + n < text.len && text.ptr[at + n] == ' ') {
        n++;
    }
    return n;
}

static bool
is_block(const struct list *list)
{
    return list->sequence->data.sequence.style != YAML_FLOW_SEQUENCE_STYLE;
}

static void
add_part(struct sp_buf *out, struct sp_view text, size_t from, size_t to)
{
    (void)sp_buf_add(out, text.ptr + from, to - from);
    if (to == text.len && to > from && text.ptr[to - 1] != '\n') {
        (void)sp_buf_add_str(out, "\n");
    }
}

void
client_file_entry(const char *id, const char *scopes, size_t indent,
                  struct sp_buf *out)
{
    (void)sp_buf_addf(out, "%*s- id: %s\n%*s  scopes:\n", (int)indent, "", id,
                      (int)indent, "");
    while (*scopes != '\0') {
        size_t len = strcspn(scopes, " ");

        if (len > 0) {
            (void)sp_buf_addf(out, "%*s    - %.*s\n", (int)indent, "", (int)len,
                              scopes);
        }
        scopes += len + (scopes[len] == ' ');
    }
}

int
client_file_add(struct sp_view text, const char *id, const char *scopes,
                struct sp_buf *out)
{
    struct list list;
    int error = parse(text, &list);
    size_t at = 0;

    if (error != 0) {
        return error;
    }
    if (is_block(&list) && count(&list) > 0) {
        at = line_start(text, last_line(&list, list.sequence) + 1);
        add_part(out, text, 0, at);
        client_file_entry(id, scopes, list.sequence->start_mark.column, out);
    } else if (count(&list) == 0 &&
               list.sequence->end_mark.line == list.key->start_mark.line) {
        /* "clients: []" */
        at = line_start(text, list.key->start_mark.line);
        add_part(out, text, 0, at);
        (void)sp_buf_add_str(out, "clients:\n");
        client_file_entry(id, scopes, 2, out);
        at = line_start(text, list.key->start_mark.line + 1);
    } else {
        error = SP_EFORMAT;
    }
    if (error == 0) {
        add_part(out, text, at, text.len);
        error = out->error;
    }
    yaml_document_delete(&list.document);
    return error;
}

/* From the comments right above it, as far as they are indented like it. */
static size_t
first_line(struct sp_view text, const yaml_node_t *client, size_t column)
{
    size_t line = client->start_mark.line;

    while (line > 0) {
        size_t at = line_start(text, line - 1);
        size_t indent = indent_of(text, at);

        if (indent != column || at + indent >= text.len ||
            text.ptr[at + indent] != '#') {
            break;
        }
        line--;
    }
    return line;
}

int
client_file_remove(struct sp_view text, const char *id, struct sp_buf *out)
{
    struct list list;
    const yaml_node_t *client = NULL;
    int error = parse(text, &list);
    size_t i = error == 0 ? find(&list, id) : 0;

    if (error != 0) {
        return error;
    }
    if (i == count(&list)) {
        error = SP_EUNKNOWN;
    } else if (!is_block(&list)) {
        error = SP_EFORMAT;
    } else {
        size_t key = list.key->start_mark.line;
        size_t from = 0;

        client = client_at(&list, i);
        from = line_start(
            text, first_line(text, client, list.sequence->start_mark.column));
        if (count(&list) == 1) {
            add_part(out, text, 0, line_start(text, key));
            (void)sp_buf_add_str(out, "clients: []\n");
            add_part(out, text, line_start(text, key + 1), from);
        } else {
            add_part(out, text, 0, from);
        }
        add_part(out, text, line_start(text, last_line(&list, client) + 1),
                 text.len);
        error = out->error;
    }
    yaml_document_delete(&list.document);
    return error;
}
