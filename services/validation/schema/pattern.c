/* The regular expressions of JSON Schema on PCRE2. */
#include "services/validation/schema/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "common/base/alloc.h"
#include "common/base/error.h"
#include "services/validation/schema/pattern_ecma.h"

#define HEAP_LIMIT_KIB 1024
#define DEPTH_LIMIT 1000 /* of the interpreter, where there is no JIT */

/* Of the JIT's code: without one of its own it has 32 KiB, and a group that
 * repeats a thousand times needs more. Reserved, used only where needed. */
#define STACK_FIRST ((size_t)32 * 1024)
#define STACK_MAX ((size_t)1024 * 1024)

/* attack: PCRE2 counts how often it backtracks, not how far it then runs, so
 * that within one limit a match may cost its count times the length. A match
 * is therefore tried with little effort first, which nearly all need. A try
 * costs by its length; where it was not enough, one of GROWTH times the effort
 * follows, as long as it can be paid. */
#define FIRST_EFFORT 32
#define GROWTH 4
#define BYTES_PER_STEP 16

struct pattern {
    pcre2_code *code;
};

struct pattern_matcher {
    pcre2_match_context *context;
    pcre2_match_data *data;
    pcre2_jit_stack *stack; /* NULL where there is no JIT */
    uint32_t match_limit;
};

int
pattern_compile(struct sp_view source, struct pattern **ret_pattern,
                struct sp_buf *why)
{
    /* A class such as \S grows about eightyfold. */
    struct sp_buf text = sp_buf_new(PATTERN_MAX_BYTES * 128);
    const uint32_t options = PCRE2_UTF | PCRE2_DOLLAR_ENDONLY |
                             PCRE2_NEVER_BACKSLASH_C | PCRE2_NO_AUTO_CAPTURE;
    pcre2_code *code = NULL;
    PCRE2_SIZE at = 0;
    int problem = 0;
    int error = SP_EFORMAT;

    if (source.len > PATTERN_MAX_BYTES) {
        (void)sp_buf_addf(why, "is longer than %d bytes", PATTERN_MAX_BYTES);
        goto out;
    }
    error = pattern_ecma_translate(source, &text, why);
    if (error != 0) {
        goto out;
    }
    code = pcre2_compile((PCRE2_SPTR)(text.len > 0 ? text.data : ""), text.len,
                         options, &problem, &at, NULL);
    if (code == NULL) {
        (void)sp_buf_addf(why, "is refused by PCRE2 (error %d)", problem);
        error = SP_EFORMAT;
        goto out;
    }
    /* Without JIT (no executable memory) the interpreter does the same work
     * within the same limits, only slower: no error. */
    (void)pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
    *ret_pattern = sp_alloc(sizeof(**ret_pattern));
    (*ret_pattern)->code = code;

out:
    sp_buf_free(&text);
    return error;
}

void
pattern_free(struct pattern **pattern)
{
    if (*pattern != NULL) {
        pcre2_code_free((*pattern)->code);
        sp_free(*pattern);
        *pattern = NULL;
    }
}

struct pattern_matcher *
pattern_matcher_new(uint32_t match_limit)
{
    struct pattern_matcher *matcher = sp_alloc(sizeof(*matcher));

    matcher->context = pcre2_match_context_create(NULL);
    matcher->data = pcre2_match_data_create(1, NULL);
    if (matcher->context == NULL || matcher->data == NULL) {
        pattern_matcher_free(&matcher);
        return NULL;
    }
    matcher->match_limit = match_limit;
    matcher->stack = pcre2_jit_stack_create(STACK_FIRST, STACK_MAX, NULL);
    pcre2_jit_stack_assign(matcher->context, NULL, matcher->stack);
    (void)pcre2_set_depth_limit(matcher->context, DEPTH_LIMIT);
    (void)pcre2_set_heap_limit(matcher->context, HEAP_LIMIT_KIB);
    return matcher;
}

void
pattern_matcher_free(struct pattern_matcher **matcher)
{
    if (*matcher != NULL) {
        pcre2_match_context_free((*matcher)->context);
        pcre2_jit_stack_free((*matcher)->stack);
        pcre2_match_data_free((*matcher)->data);
        sp_free(*matcher);
        *matcher = NULL;
    }
}

/* One try. The result is PCRE2's. */
static int
try_match(const struct pattern *pattern, struct pattern_matcher *matcher,
          struct sp_view subject, uint32_t limit)
{
    (void)pcre2_set_match_limit(matcher->context, limit);
    return pcre2_match(
        pattern->code, (PCRE2_SPTR)(subject.len > 0 ? subject.ptr : ""),
        subject.len, 0, PCRE2_NO_UTF_CHECK, matcher->data, matcher->context);
}

int
pattern_find(const struct pattern *pattern, struct pattern_matcher *matcher,
             struct sp_view subject, uint64_t *steps, bool *ret_found)
{
    uint64_t cost = 1 + subject.len / BYTES_PER_STEP;
    uint32_t limit = FIRST_EFFORT;
    int result = PCRE2_ERROR_MATCHLIMIT;

    while (result == PCRE2_ERROR_MATCHLIMIT) {
        if (*steps < cost || limit > matcher->match_limit) {
            return SP_ELIMIT;
        }
        *steps -= cost;
        result = try_match(pattern, matcher, subject, limit);
        cost *= GROWTH;
        limit *= GROWTH;
    }
    if (result < 0 && result != PCRE2_ERROR_NOMATCH) {
        return SP_ELIMIT;
    }
    *ret_found = result >= 0;
    return 0;
}
