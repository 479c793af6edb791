/* First pass over a schema: finds every subschema, $id and $anchor. */
#ifndef SP_SERVICES_VALIDATION_SCHEMA_SCHEMA_WALK_H
#define SP_SERVICES_VALIDATION_SCHEMA_SCHEMA_WALK_H

#include "common/base/compiler.h"
#include "common/text/buf.h"
#include "services/validation/schema/schema_rule.h"

/* Fills nodes, node_of, resources and anchors of a parsed schema. 0, or
 * SP_EFORMAT with a sentence in `why`. */
SP_MUST_CHECK int
schema_walk(struct schema *schema, struct sp_buf *why);

#endif
