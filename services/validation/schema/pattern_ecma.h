/* ECMA-262 regular expressions (with the u flag) as PCRE2 text. */
#ifndef SP_SERVICES_VALIDATION_SCHEMA_PATTERN_ECMA_H
#define SP_SERVICES_VALIDATION_SCHEMA_PATTERN_ECMA_H

#include "common/base/compiler.h"
#include "common/base/view.h"
#include "common/text/buf.h"

/* Appends the PCRE2 form of `source`, to be compiled with PCRE2_UTF and
 * PCRE2_DOLLAR_ENDONLY. 0; SP_ELIMIT; or SP_EFORMAT with the rest of the
 * sentence "the pattern ..." appended to `why`. Back references are refused:
 * they have no bound that could be promised. */
SP_MUST_CHECK int
pattern_ecma_translate(struct sp_view source, struct sp_buf *out,
                       struct sp_buf *why);

#endif
