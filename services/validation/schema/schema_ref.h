/* Where a $ref leads. */
#ifndef SP_SERVICES_VALIDATION_SCHEMA_SCHEMA_REF_H
#define SP_SERVICES_VALIDATION_SCHEMA_SCHEMA_REF_H

#include <stdint.h>

#include "common/base/compiler.h"
#include "common/text/buf.h"
#include "services/validation/schema/schema_rule.h"

/* The node that the string `reference`, found in `node`, names: by JSON
 * Pointer, $anchor or $id within this document. 0, or SP_EFORMAT with a
 * sentence in `why`. */
SP_MUST_CHECK int
schema_ref(struct schema *schema, uint32_t node,
           const struct sp_json_token *reference, struct sp_buf *why,
           uint32_t *ret_node);

#endif
