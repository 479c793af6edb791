/* JSON Schema, draft 2020-12: compiled once, checked many times. Nothing is
 * ever fetched, and a keyword that cannot be honoured is refused when the
 * schema is compiled, never ignored. Only the annotations (title, description,
 * default, examples, format, content*, deprecated, readOnly, writeOnly,
 * $comment, and x-*) have no effect. */
#ifndef SP_SERVICES_VALIDATION_SCHEMA_SCHEMA_H
#define SP_SERVICES_VALIDATION_SCHEMA_SCHEMA_H

#include <stdint.h>

#include "common/base/compiler.h"
#include "common/base/view.h"
#include "common/text/buf.h"
#include "common/text/json.h"

/* How much a schema may hold. */
struct schema_size {
    uint32_t max_subschemas;
    uint32_t max_bytes;
};

/* How much work one check may take. */
struct schema_effort {
    uint32_t max_depth; /* of nested subschemas */
    uint64_t max_steps;
    uint32_t match_limit; /* of one pattern, as PCRE2 counts */
};

/* The first rule that was broken. Names in it come from the schema alone:
 * where the value's own names would stand, there is a '*'. */
struct schema_fault {
    char path[512];   /* JSON Pointer to the value, "" for the root */
    char text[256];   /* "must be <= 1000000" */
    const char *rule; /* the keyword */
};

struct schema;

/* Compiles `text`, which is copied. 0, or SP_EFORMAT with a sentence in `why`
 * that names the keyword and its byte offset. */
SP_MUST_CHECK int
schema_compile(struct sp_view text, const struct schema_size *size,
               struct schema **ret_schema, struct sp_buf *why);

void
schema_free(struct schema **schema);

/* The parsed text, for readers of annotations; lives as long as the schema. */
const struct sp_json *
schema_document(const struct schema *schema);

#endif
