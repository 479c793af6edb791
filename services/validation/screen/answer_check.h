/* What the examination of an answer works with. */
#ifndef SP_SERVICES_VALIDATION_SCREEN_ANSWER_CHECK_H
#define SP_SERVICES_VALIDATION_SCREEN_ANSWER_CHECK_H

#include "common/text/buf.h"
#include "common/text/json.h"
#include "services/validation/schema/schema_check.h"
#include "services/validation/screen/pending.h"
#include "services/validation/toolbox.h"
#include "services/validation/validation_config.h"

/* Room that is used again for each part, and what the check leans on; the
 * pointers must outlive it. */
struct answer_check {
    const struct results_config *limits;
    const struct toolbox *toolbox;
    const struct toolbox *listed[2]; /* may be shown as well; or NULL */
    struct schema_checker *checker;
    struct pending *pending;
    struct sp_json json;
    struct sp_buf scratch;
    struct sp_buf headers; /* what is left of the part's headers */
};

#endif
