/* References between configuration files, as a table. */
#include "common/process/config_cross.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <yaml.h>

#include "common/process/config.h"

#define MAX_PATH_TEXT 64
#define MAX_SHOWN 128

/* Names in a file: the entries of a list, or one key of each of its entries. */
struct names {
    const char *file;
    const char *list;
    const char *member; /* NULL: the entries themselves */
};

struct reference {
    struct names used;
    struct names known;
    /* Where this list has entries, names may come from elsewhere. */
    const char *unless;
};

static const struct reference references[] = {
    { .used = { "tools", "tools", "scope" },
      .known = { "auth", "scopes", NULL } },
    /* The tokens of other issuers name clients of their own. */
    { .used = { "ratelimit", "clients", "client" },
      .known = { "auth", "clients", "id" },
      .unless = "issuers" },
};

struct document {
    yaml_document_t yaml;
    bool read;
};

static void
open_document(const char *directory, const char *file, struct document *d)
{
    struct sp_buf text = sp_buf_new(SP_CONFIG_MAX_FILE);
    struct sp_buf unsaid = sp_buf_new(SP_CONFIG_MAX_FILE);
    yaml_parser_t parser;

    d->read = false;
    if (sp_config_read(directory, file, &text, &unsaid) == 0 && text.len > 0 &&
        yaml_parser_initialize(&parser) != 0) {
        yaml_parser_set_input_string(&parser, (const unsigned char *)text.data,
                                     text.len);
        d->read = yaml_parser_load(&parser, &d->yaml) != 0;
        yaml_parser_delete(&parser);
    }
    sp_buf_free(&text);
    sp_buf_free(&unsaid);
}

static void
close_document(struct document *d)
{
    if (d->read) {
        yaml_document_delete(&d->yaml);
    }
}

/* The value of the key, or NULL. */
static const yaml_node_t *
value_of(struct document *d, const yaml_node_t *map, const char *key)
{
    if (map == NULL || map->type != YAML_MAPPING_NODE) {
        return NULL;
    }
    for (const yaml_node_pair_t *pair = map->data.mapping.pairs.start;
         pair < map->data.mapping.pairs.top; pair++) {
        const yaml_node_t *name = yaml_document_get_node(&d->yaml, pair->key);

        if (name->type == YAML_SCALAR_NODE &&
            sp_view_is(
                sp_view_make(name->data.scalar.value, name->data.scalar.length),
                key)) {
            return yaml_document_get_node(&d->yaml, pair->value);
        }
    }
    return NULL;
}

static const yaml_node_t *
list_of(struct document *d, const char *key)
{
    const yaml_node_t *list =
        d->read ? value_of(d, yaml_document_get_root_node(&d->yaml), key)
                : NULL;

    return list != NULL && list->type == YAML_SEQUENCE_NODE ? list : NULL;
}

static size_t
count_of(const yaml_node_t *list)
{
    return list == NULL ? 0
                        : (size_t)(list->data.sequence.items.top -
                                   list->data.sequence.items.start);
}

/* The name at `i`. False where there is none. */
static bool
name_at(struct document *d, const yaml_node_t *list, size_t i,
        const char *member, struct sp_view *ret_name)
{
    const yaml_node_t *node =
        yaml_document_get_node(&d->yaml, list->data.sequence.items.start[i]);

    node = member == NULL ? node : value_of(d, node, member);
    if (node == NULL || node->type != YAML_SCALAR_NODE) {
        return false;
    }
    *ret_name = sp_view_make(node->data.scalar.value, node->data.scalar.length);
    return true;
}

static bool
is_known(struct document *d, const yaml_node_t *list, const char *member,
         struct sp_view wanted)
{
    for (size_t i = 0; i < count_of(list); i++) {
        struct sp_view name;

        if (name_at(d, list, i, member, &name) && sp_view_equal(name, wanted)) {
            return true;
        }
    }
    return false;
}

static int
compare(const char *directory, const struct reference *r,
        struct document *using, struct document *knowing, struct sp_buf *why)
{
    const yaml_node_t *used = list_of(using, r->used.list);
    const yaml_node_t *known = list_of(knowing, r->known.list);

    if (!knowing->read || known == NULL ||
        (r->unless != NULL && count_of(list_of(knowing, r->unless)) > 0)) {
        return 0;
    }
    for (size_t i = 0; i < count_of(used); i++) {
        struct sp_view name;
        char path[MAX_PATH_TEXT];

        if (name_at(using, used, i, r->used.member, &name) &&
            !is_known(knowing, known, r->known.member, name)) {
            (void)snprintf(path, sizeof(path), "%s[%zu].%s", r->used.list, i,
                           r->used.member);
            return sp_config_tell(
                why, directory, r->used.file, path,
                "is %.*s, which is not among the %s of %s.yaml; correct it "
                "here, or add it there",
                (int)(name.len > MAX_SHOWN ? MAX_SHOWN : name.len), name.ptr,
                r->known.list, r->known.file);
        }
    }
    return 0;
}

static bool
is_listed(const char *const *files, const char *file)
{
    for (; *files != NULL; files++) {
        if (strcmp(*files, file) == 0) {
            return true;
        }
    }
    return false;
}

int
sp_config_cross(const char *directory, const char *const *files,
                struct sp_buf *why)
{
    int error = 0;

    for (size_t i = 0; error == 0 && i < SP_COUNT(references); i++) {
        const struct reference *r = &references[i];
        struct document using;
        struct document knowing;

        if (!is_listed(files, r->used.file) &&
            !is_listed(files, r->known.file)) {
            continue;
        }
        open_document(directory, r->used.file, &using);
        open_document(directory, r->known.file, &knowing);
        error = compare(directory, r, &using, &knowing, why);
        close_document(&using);
        close_document(&knowing);
    }
    return error;
}
