/* Comparing JSON values by meaning, as JSON Schema 2020-12 wants it (core
 * section 4.2.2): 1 and 1.0 are equal, the order of members does not matter. */
#ifndef SP_SERVICES_VALIDATION_SCHEMA_VALUE_H
#define SP_SERVICES_VALIDATION_SCHEMA_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/compiler.h"
#include "common/text/json.h"

/* A value in its document. */
struct value {
    const struct sp_json *json;
    const struct sp_json_token *token;
};

/* Room to unescape in, and the work that may still be done. */
struct value_effort {
    struct sp_buf *scratch; /* overwritten */
    uint64_t steps;         /* counted down */
};

/* Whether two values are equal. 0, or SP_ELIMIT when the steps are used up. */
SP_MUST_CHECK int
value_equal(struct value a, struct value b, struct value_effort *effort,
            bool *ret_equal);

/* A hash under which equal values are equal. Not keyed: whoever makes values
 * collide only uses up the steps. 0, or SP_ELIMIT. */
SP_MUST_CHECK int
value_hash(struct value v, struct value_effort *effort, uint64_t *ret_hash);

#endif
