/* Checking a JSON value against a compiled schema. */
#include "services/validation/schema/schema_check.h"

#include "common/base/alloc.h"
#include "proto/schema.h"
#include "services/validation/schema/schema_check_parts.h"

static schema_run_rule *const checks[SCHEMA_KIND_COUNT] = {
#define SCHEMA_KIND_CHECK(symbol, check)                                       \
    [SCHEMA_##symbol##_RULE] = schema_##check,
    SCHEMA_KINDS(SCHEMA_KIND_CHECK)
#undef SCHEMA_KIND_CHECK
};

struct schema_checker *
schema_checker_new(const struct schema_effort *effort)
{
    struct schema_checker *c = sp_alloc(sizeof(*c));

    c->rules = checks;
    c->effort = *effort;
    c->names = sp_buf_new(SP_MAX_BODY);
    c->strings = sp_buf_new(SP_MAX_BODY);
    c->scopes = sp_alloc_n(effort->max_depth, sizeof(*c->scopes));
    c->matcher = pattern_matcher_new(effort->match_limit);
    if (c->matcher == NULL) {
        schema_checker_free(&c);
    }
    return c;
}

void
schema_checker_free(struct schema_checker **checker)
{
    struct schema_checker *c = *checker;

    if (c != NULL) {
        pattern_matcher_free(&c->matcher);
        sp_buf_free(&c->strings);
        sp_buf_free(&c->names);
        sp_free(c->hashes);
        sp_free(c->scopes);
        sp_free(c->marks);
        sp_free(c);
        *checker = NULL;
    }
}

int
schema_check(struct schema_checker *checker, const struct schema *schema,
             const struct sp_json *json, const struct sp_json_token *t,
             struct schema_fault *ret_fault)
{
    checker->schema = schema;
    checker->json = json;
    checker->fault = ret_fault;
    checker->steps = checker->effort.max_steps;
    checker->depth = 0;
    checker->quiet = 0;
    checker->limited = false;
    checker->path_len = 0;
    checker->mark_count = 0;
    checker->scope_count = 0;
    return schema_run_node(checker, 0, t);
}
