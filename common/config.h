/* A service's YAML file, by libcyaml: checked against a schema of the service,
 * unknown keys, wrong types and bad values refused with file and line. */
#ifndef SP_COMMON_CONFIG_H
#define SP_COMMON_CONFIG_H

#include <cyaml/cyaml.h>

#include "common/buf.h"
#include "common/compiler.h"

/* Loads `directory`/`name`.yaml. On failure `why` holds a sentence with file,
 * line and mend. 0 or SP_ECONFIG. */
SP_MUST_CHECK int
sp_config_load(const char *directory, const char *name,
               const cyaml_schema_value_t *schema, void **ret_config,
               struct sp_buf *why);

void
sp_config_free(const cyaml_schema_value_t *schema, void **config);

#endif
