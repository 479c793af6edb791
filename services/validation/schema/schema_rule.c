/* The memory of a compiled schema. */
#include "services/validation/schema/schema_rule.h"

#include <stdarg.h>
#include <stdio.h>

#include "common/base/alloc.h"
#include "common/base/error.h"

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
schema_end(struct schema *s)
{
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
}
