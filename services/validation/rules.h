/* One configuration of validation with everything that is made from it: limits,
 * tools, compiled schemas, the examination. Held by the process, and by each
 * request whose answer is still to come. */
#ifndef SP_SERVICES_VALIDATION_RULES_H
#define SP_SERVICES_VALIDATION_RULES_H

#include "common/base/compiler.h"
#include "common/stage/catalogue.h"
#include "common/stage/snapshot.h"
#include "common/text/buf.h"
#include "services/validation/examine.h"
#include "services/validation/schema/schema_check.h"
#include "services/validation/toolbox.h"
#include "services/validation/validation_config.h"

struct rules {
    struct sp_snapshot snapshot;
    struct validation_config *config;
    struct sp_catalogue *catalogue;
    struct toolbox *toolbox;
    struct schema_checker *checker;
    struct examiner *examiner;
};

/* Loads validation.yaml and tools.yaml of the directory and makes everything;
 * `url` is SP_URL and outlives it. 0 with it held once, by the caller; or
 * SP_ECONFIG with a sentence in `why`. */
SP_MUST_CHECK int
rules_new(const char *directory, const char *url, struct rules **ret_rules,
          struct sp_buf *why);

/* One holder less; the last one frees it. */
void
rules_release(struct rules **rules);

#endif
