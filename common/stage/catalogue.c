/* The tool catalogue: tools.yaml, checked before anyone relies on it. */
#include "common/stage/catalogue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/error.h"
#include "common/process/config.h"
#include "common/text/json.h"
#include "proto/passport.h"

#define FILE_NAME "tools"
#define MAX_TOOLS 1000
#define MAX_NAME 128           /* MCP: names of 1-128 characters */
#define MAX_TEXT 4096          /* a description, with room */
#define MAX_QUERY 4096         /* an SQL text, with room */
#define MAX_SCHEMA (64 * 1024) /* a published schema, with room */
#define MAX_COST 1000000000    /* far above any limit that could admit it */

/* The words of the file, by enum sp_tool_run. */
static const cyaml_strval_t runs[] = {
    { "sql", SP_RUN_SQL },
    { "ticket", SP_RUN_TICKET },
    { "account_value", SP_RUN_ACCOUNT_VALUE },
};

struct hints {
    bool read_only;
    bool destructive;
    bool idempotent;
    bool open_world;
};

/* A tool as libcyaml fills it in. */
struct entry {
    char *name;
    char *title;
    char *description;
    char *scope;
    int run;
    char *query;
    char *input_schema;
    char *output_schema;
    uint64_t cost;
    bool changes;
    struct hints annotations;
};

struct file {
    struct entry *tools;
    unsigned tools_count;
};

#define TRUTH(key, type, member)                                               \
    CYAML_FIELD_BOOL(key, CYAML_FLAG_DEFAULT, type, member)
#define TEXT(key, member, max)                                                 \
    CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER, struct entry, member, 1,   \
                           max)
#define OPTIONAL_TEXT(key, member, max)                                        \
    CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,      \
                           struct entry, member, 1, max)

static const cyaml_schema_field_t hint_fields[] = {
    TRUTH("read_only", struct hints, read_only),
    TRUTH("destructive", struct hints, destructive),
    TRUTH("idempotent", struct hints, idempotent),
    TRUTH("open_world", struct hints, open_world),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t entry_fields[] = {
    TEXT("name", name, MAX_NAME),
    OPTIONAL_TEXT("title", title, MAX_NAME),
    TEXT("description", description, MAX_TEXT),
    TEXT("scope", scope, MAX_NAME),
    CYAML_FIELD_UINT("cost", CYAML_FLAG_DEFAULT, struct entry, cost),
    TRUTH("changes", struct entry, changes),
    CYAML_FIELD_MAPPING("annotations", CYAML_FLAG_DEFAULT, struct entry,
                        annotations, hint_fields),
    CYAML_FIELD_ENUM("run", CYAML_FLAG_STRICT, struct entry, run, runs,
                     CYAML_ARRAY_LEN(runs)),
    OPTIONAL_TEXT("query", query, MAX_QUERY),
    TEXT("input_schema", input_schema, MAX_SCHEMA),
    OPTIONAL_TEXT("output_schema", output_schema, MAX_SCHEMA),
    CYAML_FIELD_END,
};

static const cyaml_schema_value_t entry_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct entry, entry_fields),
};

static const cyaml_schema_field_t file_fields[] = {
    CYAML_FIELD_SEQUENCE("tools", CYAML_FLAG_POINTER, struct file, tools,
                         &entry_schema, 1, MAX_TOOLS),
    CYAML_FIELD_END,
};

static const cyaml_schema_value_t file_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct file, file_fields),
};

struct sp_catalogue {
    char *directory;         /* that it was read from */
    struct file *file;       /* owns all texts */
    struct sp_tool *tools;   /* in the order of the file */
    struct sp_tool **sorted; /* the same, by name */
    size_t count;
};

/* The load in hand: what a check needs to say what is wrong, and where. */
struct check {
    const char *directory;
    struct entry *entry;
    size_t number; /* of the tool in the file, from 0 */
    struct sp_buf *why;
};

static void
place(const struct check *c, const char *key)
{
    char path[MAX_NAME];

    (void)snprintf(path, sizeof(path), "tools[%zu].%s", c->number, key);
    sp_config_place(c->why, c->directory, FILE_NAME, path);
    (void)sp_buf_addf(c->why, "(%s): ", c->entry->name);
}

static int
refuse(const struct check *c, const char *key, const char *wrong)
{
    place(c, key);
    (void)sp_buf_add_str(c->why, wrong);
    return SP_ECONFIG;
}

/* MCP 2026-07-28, server/tools: the characters of a tool's name. */
static bool
is_tool_name(const char *name)
{
    return name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                             "abcdefghijklmnopqrstuvwxyz"
                             "0123456789_.-")] == '\0';
}

/* RFC 6749 section 3.3: scope-token is %x21, %x23-5B, %x5D-7E. */
static bool
is_scope(const char *scope)
{
    for (const char *p = scope; *p != '\0'; p++) {
        if (*p < 0x21 || *p > 0x7e || *p == '"' || *p == '\\') {
            return false;
        }
    }
    return true;
}

/* Removes the blanks between the tokens of a JSON text that was parsed. What is
 * published then has no line ends, whatever frame it is put into. */
static void
compact(char *text)
{
    size_t out = 0;
    bool quoted = false;

    for (size_t i = 0; text[i] != '\0'; i++) {
        if (quoted && text[i] == '\\') {
            text[out++] = text[i++];
        } else if (text[i] == '"') {
            quoted = !quoted;
        } else if (!quoted && strchr(" \t\r\n", text[i]) != NULL) {
            continue;
        }
        text[out++] = text[i];
    }
    text[out] = '\0';
}

static size_t
line_of(const char *text, size_t offset)
{
    size_t line = 1;

    for (size_t i = 0; i < offset && text[i] != '\0'; i++) {
        line += text[i] == '\n';
    }
    return line;
}

static int
check_schema(const struct check *c, const char *key, char *text)
{
    struct sp_json json = { 0 };
    int error = sp_json_parse(&json, sp_view_of(text));

    if (error != 0) {
        char wrong[160];

        (void)snprintf(wrong, sizeof(wrong),
                       "line %zu of the text is no strict JSON (%s); fix the "
                       "JSON there",
                       line_of(text, json.error_at), sp_strerror(error));
        error = refuse(c, key, wrong);
    } else if (!sp_json_equals(&json,
                               sp_json_get(&json, sp_json_root(&json), "type"),
                               "object")) {
        error = refuse(c, key,
                       "not a JSON object with \"type\": \"object\"; "
                       "MCP wants one");
    } else {
        compact(text);
    }
    sp_json_free(&json);
    return error;
}

/* What must hold between the keys of one tool. */
static int
check_meaning(const struct check *c)
{
    const struct entry *e = c->entry;

    if (!is_tool_name(e->name)) {
        return refuse(c, "name", "use only A-Z a-z 0-9 _ . and -");
    }
    if (!is_scope(e->scope)) {
        return refuse(c, "scope", "name one scope, without blanks or quotes");
    }
    if (e->cost > MAX_COST) {
        return refuse(c, "cost", "use at most 1000000000 units");
    }
    if (e->changes && e->annotations.read_only) {
        return refuse(c, "annotations",
                      "a tool that changes something is not read_only");
    }
    if (e->run == SP_RUN_SQL && e->query == NULL) {
        return refuse(c, "run", "sql needs a query; add the key query");
    }
    if (e->run != SP_RUN_SQL && e->query != NULL) {
        return refuse(c, "query", "only run: sql has one; remove it");
    }
    return 0;
}

static int
check_entry(const struct check *c)
{
    int error = check_meaning(c);

    if (error == 0) {
        error = check_schema(c, "input_schema", c->entry->input_schema);
    }
    if (error == 0 && c->entry->output_schema != NULL) {
        error = check_schema(c, "output_schema", c->entry->output_schema);
    }
    return error;
}

static struct sp_tool
tool_of(const struct entry *e)
{
    return (struct sp_tool){
        .name = e->name,
        .title = e->title,
        .description = e->description,
        .scope = e->scope,
        .input_schema = e->input_schema,
        .output_schema = e->output_schema,
        .run = (enum sp_tool_run)e->run,
        .query = e->query,
        .cost = e->cost,
        .changes = e->changes,
        .read_only_hint = e->annotations.read_only,
        .destructive_hint = e->annotations.destructive,
        .idempotent_hint = e->annotations.idempotent,
        .open_world_hint = e->annotations.open_world,
    };
}

static int
by_name(const void *a, const void *b)
{
    const struct sp_tool *const *left = a;
    const struct sp_tool *const *right = b;

    return strcmp((*left)->name, (*right)->name);
}

/* Checks every tool, then that no two share a name. */
static int
fill(struct sp_catalogue *catalogue, const char *directory, struct sp_buf *why)
{
    struct check check = { .directory = directory, .why = why };

    for (size_t i = 0; i < catalogue->count; i++) {
        int error = 0;

        check.entry = &catalogue->file->tools[i];
        check.number = i;
        error = check_entry(&check);
        if (error != 0) {
            return error;
        }
        catalogue->tools[i] = tool_of(check.entry);
        catalogue->sorted[i] = &catalogue->tools[i];
    }
    qsort(catalogue->sorted, catalogue->count, sizeof(*catalogue->sorted),
          by_name);
    for (size_t i = 1; i < catalogue->count; i++) {
        if (by_name(&catalogue->sorted[i - 1], &catalogue->sorted[i]) == 0) {
            size_t at = (size_t)(catalogue->sorted[i] - catalogue->tools);

            check.number = at;
            check.entry = &catalogue->file->tools[at];
            return refuse(&check, "name", "used twice; rename one");
        }
    }
    return 0;
}

int
sp_catalogue_load(const char *directory, struct sp_catalogue **ret_catalogue,
                  struct sp_buf *why)
{
    struct sp_catalogue *catalogue = NULL;
    void *file = NULL;
    int error = sp_config_load(directory, FILE_NAME, &file_schema, &file, why);

    if (error != 0) {
        return error;
    }
    catalogue = sp_alloc(sizeof(*catalogue));
    catalogue->directory = sp_dup(directory);
    catalogue->file = file;
    catalogue->count = catalogue->file->tools_count;
    catalogue->tools = sp_alloc_n(catalogue->count, sizeof(struct sp_tool));
    catalogue->sorted = sp_alloc_n(catalogue->count, sizeof(struct sp_tool *));
    error = fill(catalogue, directory, why);
    if (error != 0) {
        sp_catalogue_free(&catalogue);
        return error;
    }
    *ret_catalogue = catalogue;
    return 0;
}

void
sp_catalogue_free(struct sp_catalogue **catalogue)
{
    struct sp_catalogue *c = *catalogue;
    void *file = NULL;

    if (c == NULL) {
        return;
    }
    file = c->file;
    sp_config_free(&file_schema, &file);
    sp_free(c->directory);
    sp_free(c->tools);
    sp_free(c->sorted);
    sp_free(c);
    *catalogue = NULL;
}

void
sp_catalogue_place(const struct sp_catalogue *catalogue,
                   const struct sp_tool *tool, const char *key,
                   struct sp_buf *why)
{
    size_t at = (size_t)(tool - catalogue->tools);
    const struct check check = { .directory = catalogue->directory,
                                 .entry = &catalogue->file->tools[at],
                                 .number = at,
                                 .why = why };

    place(&check, key);
}

size_t
sp_catalogue_count(const struct sp_catalogue *catalogue)
{
    return catalogue->count;
}

const struct sp_tool *
sp_catalogue_at(const struct sp_catalogue *catalogue, size_t i)
{
    return i < catalogue->count ? &catalogue->tools[i] : NULL;
}

/* Compares a view with a name as strcmp() compares two names. */
static int
view_to_name(const void *key, const void *element)
{
    const struct sp_view *view = key;
    const struct sp_tool *const *tool = element;
    size_t len = strlen((*tool)->name);
    int order =
        memcmp(view->ptr, (*tool)->name, view->len < len ? view->len : len);

    if (order != 0 || view->len == len) {
        return order;
    }
    return view->len < len ? -1 : 1;
}

const struct sp_tool *
sp_catalogue_find(const struct sp_catalogue *catalogue, struct sp_view name)
{
    struct sp_tool *const *found = NULL;

    if (name.len == 0 || name.len > MAX_NAME) {
        return NULL;
    }
    found = bsearch(&name, catalogue->sorted, catalogue->count,
                    sizeof(*catalogue->sorted), view_to_name);
    return found == NULL ? NULL : *found;
}

bool
sp_catalogue_allows(const struct sp_tool *tool, struct sp_view scopes)
{
    return tool != NULL && sp_scopes_have(scopes, sp_view_of(tool->scope));
}
