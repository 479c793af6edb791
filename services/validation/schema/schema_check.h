/* Checking a JSON value against a compiled schema, within bounds of depth and
 * steps, and saying which rule was broken where, never with which value. */
#ifndef SP_SERVICES_VALIDATION_SCHEMA_SCHEMA_CHECK_H
#define SP_SERVICES_VALIDATION_SCHEMA_SCHEMA_CHECK_H

#include "common/base/compiler.h"
#include "common/text/json.h"
#include "services/validation/schema/schema.h"

/* The room that checks reuse: one per process. */
struct schema_checker;

/* NULL where the engine for patterns cannot be set up. */
struct schema_checker *
schema_checker_new(const struct schema_effort *effort);

void
schema_checker_free(struct schema_checker **checker);

/* Checks the value `t` of `json`. 0; SP_EDENIED where it breaks the schema, or
 * SP_ELIMIT where the check would take too long, both with ret_fault set. */
SP_MUST_CHECK int
schema_check(struct schema_checker *checker, const struct schema *schema,
             const struct sp_json *json, const struct sp_json_token *t,
             struct schema_fault *ret_fault);

#endif
