/* The regular expressions of JSON Schema: ECMA-262 with the u flag, translated
 * strictly to PCRE2, compiled once with its JIT, and matched within limits. */
#ifndef SP_SERVICES_VALIDATION_SCHEMA_PATTERN_H
#define SP_SERVICES_VALIDATION_SCHEMA_PATTERN_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/compiler.h"
#include "common/base/view.h"
#include "common/text/buf.h"

/* Longest pattern that is compiled. */
#define PATTERN_MAX_BYTES 4096

struct pattern;

/* What matching needs and keeps between matches: one per process. */
struct pattern_matcher;

/* Compiles `source`. 0, or SP_EFORMAT with a sentence appended to `why`: what
 * the engine would read otherwise than ECMA-262 does is refused. */
SP_MUST_CHECK int
pattern_compile(struct sp_view source, struct pattern **ret_pattern,
                struct sp_buf *why);

void
pattern_free(struct pattern **pattern);

/* `match_limit` bounds the backtracking of one match. */
struct pattern_matcher *
pattern_matcher_new(uint32_t match_limit);

void
pattern_matcher_free(struct pattern_matcher **matcher);

/* Looks for the pattern anywhere in `subject`, which must be valid UTF-8. What
 * the match costs is taken off *steps: at least a step for every 16 bytes, each
 * of about half a microsecond. 0 with ret_found set, or SP_ELIMIT where it
 * costs too much. */
SP_MUST_CHECK int
pattern_find(const struct pattern *pattern, struct pattern_matcher *matcher,
             struct sp_view subject, uint64_t *steps, bool *ret_found);

#endif
