/* One check per kind of rule, schema_check_type() and so on, in one file per
 * family of keywords. */
#ifndef SP_SERVICES_VALIDATION_SCHEMA_SCHEMA_CHECK_PARTS_H
#define SP_SERVICES_VALIDATION_SCHEMA_SCHEMA_CHECK_PARTS_H

#include "services/validation/schema/schema_run.h"

#define SCHEMA_KIND_DECLARE(symbol, check) schema_run_rule schema_##check;
SCHEMA_KINDS(SCHEMA_KIND_DECLARE)
#undef SCHEMA_KIND_DECLARE

#endif
