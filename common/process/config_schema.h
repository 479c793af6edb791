/* Holds the text of a YAML file against its schema, more strictly than libcyaml
 * does: to it "flase" is true, "60m" is 60 and "010" is 8. */
#ifndef SP_COMMON_PROCESS_CONFIG_SCHEMA_H
#define SP_COMMON_PROCESS_CONFIG_SCHEMA_H

#include <cyaml/cyaml.h>

#include "common/base/compiler.h"
#include "common/base/view.h"
#include "common/text/buf.h"

/* Checks syntax, keys (unknown, missing, used twice), types, and every scalar:
 * a truth value is true or false, a number has decimal digits alone, an
 * enumeration has its own words alone. `file` stands in messages only. 0, or
 * SP_ECONFIG with a sentence (file, line, key, what is allowed) in `why`. The
 * schema may hold what the configuration files use: mappings, sequences,
 * strings, enumerations, unsigned numbers and truth values. */
SP_MUST_CHECK int
sp_config_examine(struct sp_view text, const char *file,
                  const cyaml_schema_value_t *schema, struct sp_buf *why);

#endif
