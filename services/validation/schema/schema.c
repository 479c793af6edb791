/* Compiling a JSON Schema: parse, walk, build; and its memory. */
#include "services/validation/schema/schema.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/error.h"
#include "services/validation/schema/schema_build.h"
#include "services/validation/schema/schema_rule.h"
#include "services/validation/schema/schema_walk.h"

struct schema_block {
    struct schema_block *next;
    void *memory;
};

static void *
remember(struct schema *schema, void *memory)
{
    struct schema_block *block = sp_alloc(sizeof(*block));

    block->memory = memory;
    block->next = schema->blocks;
    schema->blocks = block;
    return memory;
}

void *
schema_keep(struct schema *schema, size_t count, size_t size)
{
    return remember(schema, sp_alloc_n(count == 0 ? 1 : count, size));
}

struct sp_view
schema_keep_string(struct schema *schema, const struct sp_json_token *t)
{
    struct sp_buf scratch = sp_buf_new(schema->json.text.len);
    struct sp_view text = { 0 };

    if (sp_json_string(&schema->json, t, &scratch, &text) != 0) {
        /* Only for what is no string: callers have looked. */
        sp_buf_free(&scratch);
        return sp_view_make("", 0);
    }
    text.ptr = remember(schema, sp_dup_view(text));
    sp_buf_free(&scratch);
    return text;
}

void
schema_keep_pattern(struct schema *schema, struct pattern *pattern)
{
    schema->patterns = sp_realloc_n(schema->patterns, schema->pattern_count + 1,
                                    sizeof(*schema->patterns));
    schema->patterns[schema->pattern_count++] = pattern;
}

int
schema_refuse(const struct schema *schema, const struct sp_json_token *at,
              struct sp_buf *why, const char *format, ...)
{
    char text[256];
    va_list args;

    (void)schema;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    (void)sp_buf_addf(why, "%s (byte %u of the schema)", text, at->start);
    return SP_EFORMAT;
}

void
schema_free(struct schema **schema)
{
    struct schema *s = *schema;

    if (s == NULL) {
        return;
    }
    while (s->blocks != NULL) {
        struct schema_block *next = s->blocks->next;

        sp_free(s->blocks->memory);
        sp_free(s->blocks);
        s->blocks = next;
    }
    for (size_t i = 0; i < s->pattern_count; i++) {
        pattern_free(&s->patterns[i]);
    }
    sp_free(s->patterns);
    sp_free(s->anchors);
    sp_free(s->resources);
    sp_free(s->node_of);
    sp_free(s->nodes);
    sp_json_free(&s->json);
    sp_free(s->text);
    sp_free(s);
    *schema = NULL;
}

int
schema_compile(struct sp_view text, const struct schema_size *size,
               struct schema **ret_schema, struct sp_buf *why)
{
    struct schema *schema = sp_alloc(sizeof(*schema));
    int error = SP_EFORMAT;

    if (text.len > size->max_bytes) {
        (void)sp_buf_addf(why, "the schema is longer than %u bytes",
                          size->max_bytes);
        goto out;
    }
    schema->max_subschemas = size->max_subschemas;
    schema->text = sp_dup_view(text);
    error = sp_json_parse(&schema->json, sp_view_make(schema->text, text.len));
    if (error != 0) {
        (void)sp_buf_addf(why, "the schema is not JSON: %s at byte %zu",
                          sp_strerror(error), schema->json.error_at);
        error = SP_EFORMAT;
        goto out;
    }
    schema->node_of = sp_alloc_n(schema->json.count, sizeof(uint32_t));
    error = schema_walk(schema, why);
    if (error == 0) {
        error = schema_build(schema, why);
    }

out:
    if (error != 0) {
        schema_free(&schema);
        return error;
    }
    *ret_schema = schema;
    return 0;
}

const struct sp_json *
schema_document(const struct schema *schema)
{
    return &schema->json;
}
