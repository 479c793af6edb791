/* The examination of a request, from its path to the last argument. Knows no
 * socket. */
#ifndef SP_SERVICES_VALIDATION_EXAMINE_H
#define SP_SERVICES_VALIDATION_EXAMINE_H

#include "common/base/compiler.h"
#include "proto/message.h"
#include "services/validation/schema/schema_check.h"
#include "services/validation/toolbox.h"
#include "services/validation/validation_config.h"
#include "services/validation/verdict.h"

struct examiner;

/* What an examiner works with; all of it must outlive it. */
struct examiner_parts {
    const struct validation_config *config;
    const struct toolbox *toolbox;
    struct schema_checker *checker;
    const char *url; /* SP_URL */
};

/* Copies the pointers, not what they lead to. Ended by examiner_free(). */
struct examiner *
examiner_new(const struct examiner_parts *parts);

void
examiner_free(struct examiner **examiner);

/* Judges a request into `verdict`, which is reset first. 0 where it goes on,
 * SP_EDENIED where the verdict holds the answer. Its views live as long as the
 * call's, and until the next examination. */
SP_MUST_CHECK int
examine(struct examiner *examiner, const struct sp_call *call,
        struct verdict *verdict);

#endif
