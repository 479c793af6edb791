/* Walks libyaml's tree, whose nodes know their lines; libcyaml's structs have
 * forgotten them. */
#include "common/process/config_place.h"

#include <stdlib.h>
#include <string.h>

#include <yaml.h>

struct walk {
    yaml_document_t *document;
    yaml_node_t *node; /* NULL: the path leads nowhere */
    unsigned long line;
};

static unsigned long
line_of(const yaml_node_t *node)
{
    return (unsigned long)node->start_mark.line + 1;
}

static void
enter_item(struct walk *w, unsigned long index)
{
    const yaml_node_t *list = w->node;

    w->node = NULL;
    if (list->type == YAML_SEQUENCE_NODE &&
        index < (unsigned long)(list->data.sequence.items.top -
                                list->data.sequence.items.start)) {
        w->node = yaml_document_get_node(
            w->document, list->data.sequence.items.start[index]);
        w->line = line_of(w->node);
    }
}

static void
enter_key(struct walk *w, struct sp_view key)
{
    const yaml_node_t *map = w->node;

    w->node = NULL;
    if (map->type != YAML_MAPPING_NODE) {
        return;
    }
    for (const yaml_node_pair_t *pair = map->data.mapping.pairs.start;
         pair < map->data.mapping.pairs.top; pair++) {
        const yaml_node_t *name =
            yaml_document_get_node(w->document, pair->key);

        if (name->type == YAML_SCALAR_NODE &&
            sp_view_equal(
                sp_view_make(name->data.scalar.value, name->data.scalar.length),
                key)) {
            w->node = yaml_document_get_node(w->document, pair->value);
            w->line = line_of(name);
            return;
        }
    }
}

static void
follow(struct walk *w, const char *path)
{
    while (*path != '\0' && w->node != NULL) {
        if (*path == '[') {
            char *end = NULL;

            enter_item(w, strtoul(path + 1, &end, 10));
            path = end + (*end == ']');
        } else {
            size_t len = strcspn(path, ".[");

            enter_key(w, sp_view_make(path, len));
            path += len;
        }
        path += *path == '.';
    }
}

unsigned long
sp_config_line(struct sp_view text, const char *path)
{
    struct walk w = { .line = 1 };
    yaml_parser_t parser;
    yaml_document_t document;

    if (yaml_parser_initialize(&parser) == 0) {
        return w.line;
    }
    yaml_parser_set_input_string(&parser, (const unsigned char *)text.ptr,
                                 text.len);
    if (yaml_parser_load(&parser, &document) != 0) {
        w.document = &document;
        w.node = yaml_document_get_root_node(&document);
        follow(&w, path);
        yaml_document_delete(&document);
    }
    yaml_parser_delete(&parser);
    return w.line;
}
