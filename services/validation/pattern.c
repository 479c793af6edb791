/* The regular expressions of JSON Schema on PCRE2. */
#include "services/validation/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "common/alloc.h"
#include "common/error.h"
#include "services/validation/pattern_ecma.h"

#define HEAP_LIMIT_KIB 1024
#define DEPTH_LIMIT 1000 /* of the interpreter, where there is no JIT */

struct pattern {
    pcre2_code *code;
};

struct pattern_matcher {
    pcre2_match_context *context;
    pcre2_match_data *data;
};

int
pattern_translate(struct sp_view source, struct sp_buf *out, struct sp_buf *why)
{
    if (source.len > PATTERN_MAX_BYTES) {
        (void)sp_buf_addf(why, "is longer than %d bytes", PATTERN_MAX_BYTES);
        return SP_EFORMAT;
    }
    return pattern_ecma_translate(source, out, why);
}

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
    int error = pattern_translate(source, &text, why);

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
    (void)pcre2_set_match_limit(matcher->context, match_limit);
    (void)pcre2_set_depth_limit(matcher->context, DEPTH_LIMIT);
    (void)pcre2_set_heap_limit(matcher->context, HEAP_LIMIT_KIB);
    return matcher;
}

void
pattern_matcher_free(struct pattern_matcher **matcher)
{
    if (*matcher != NULL) {
        pcre2_match_context_free((*matcher)->context);
        pcre2_match_data_free((*matcher)->data);
        sp_free(*matcher);
        *matcher = NULL;
    }
}

int
pattern_find(const struct pattern *pattern, struct pattern_matcher *matcher,
             struct sp_view subject, bool *ret_found)
{
    int result = pcre2_match(
        pattern->code, (PCRE2_SPTR)(subject.len > 0 ? subject.ptr : ""),
        subject.len, 0, PCRE2_NO_UTF_CHECK, matcher->data, matcher->context);

    if (result < 0 && result != PCRE2_ERROR_NOMATCH) {
        return SP_ELIMIT;
    }
    *ret_found = result >= 0;
    return 0;
}
