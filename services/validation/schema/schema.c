/* Compiling a JSON Schema: parse, walk, build. */
#include "services/validation/schema/schema.h"

#include "common/base/alloc.h"
#include "common/base/error.h"
#include "services/validation/schema/schema_build.h"
#include "services/validation/schema/schema_rule.h"
#include "services/validation/schema/schema_walk.h"

void
schema_free(struct schema **schema)
{
    if (*schema != NULL) {
        schema_end(*schema);
        *schema = NULL;
    }
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
