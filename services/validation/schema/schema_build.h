/* Second pass over a schema: the keywords of each node become rules. */
#ifndef SP_SERVICES_VALIDATION_SCHEMA_SCHEMA_BUILD_H
#define SP_SERVICES_VALIDATION_SCHEMA_SCHEMA_BUILD_H

#include "common/base/compiler.h"
#include "common/base/view.h"
#include "common/text/buf.h"
#include "services/validation/schema/schema_rule.h"

/* What the value of a keyword holds. */
enum schema_shape {
    SCHEMA_SHAPE_NONE, /* no subschemas */
    SCHEMA_SHAPE_ONE,  /* a schema */
    SCHEMA_SHAPE_LIST, /* an array of schemas, not empty */
    SCHEMA_SHAPE_MAP,  /* an object of schemas */
};

/* The shape of a keyword. 0, or SP_EUNKNOWN where we cannot honour it. */
SP_MUST_CHECK int
schema_shape(struct sp_view keyword, enum schema_shape *ret_shape);

/* Gives every node its rules. 0, or SP_EFORMAT with a sentence in `why`. */
SP_MUST_CHECK int
schema_build(struct schema *schema, struct sp_buf *why);

#endif
