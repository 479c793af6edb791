/* A configuration and what is made from it. */
#include "services/validation/rules.h"

#include "common/base/alloc.h"
#include "common/base/log.h"

static void
rules_end(struct sp_snapshot *snapshot)
{
    struct rules *rules = SP_CONTAINER_OF(snapshot, struct rules, snapshot);

    examiner_free(&rules->examiner);
    schema_checker_free(&rules->checker);
    toolbox_free(&rules->toolbox);
    sp_catalogue_free(&rules->catalogue);
    validation_config_free(&rules->config);
    sp_free(rules);
}

static int
load(struct rules *rules, const char *directory, struct sp_buf *why)
{
    struct schema_size size = { 0 };
    int error = validation_config_load(directory, &rules->config, why);

    if (error == 0) {
        error = sp_catalogue_load(directory, &rules->catalogue, why);
    }
    if (error == 0) {
        size.max_subschemas = rules->config->schemas.subschemas;
        size.max_bytes = rules->config->schemas.bytes;
        error = toolbox_new(rules->catalogue, &size, &rules->toolbox, why);
    }
    return error;
}

static void
make_examiner(struct rules *rules, const char *url)
{
    struct schema_effort effort = { 0 };
    struct examiner_parts parts = { 0 };

    effort.max_depth = rules->config->effort.depth;
    effort.max_steps = rules->config->effort.steps;
    effort.match_limit = rules->config->effort.match_limit;
    rules->checker = schema_checker_new(&effort);
    if (rules->checker == NULL) {
        sp_fatal("schema_checker", "reason=\"no pattern matcher\"");
    }
    parts.config = rules->config;
    parts.toolbox = rules->toolbox;
    parts.checker = rules->checker;
    parts.url = url;
    rules->examiner = examiner_new(&parts);
}

int
rules_new(const char *directory, const char *url, struct rules **ret_rules,
          struct sp_buf *why)
{
    struct rules *rules = sp_alloc(sizeof(*rules));
    int error = 0;

    sp_snapshot_begin(&rules->snapshot, rules_end);
    error = load(rules, directory, why);
    if (error != 0) {
        rules_release(&rules);
        return error;
    }
    make_examiner(rules, url);
    *ret_rules = rules;
    return 0;
}

void
rules_release(struct rules **rules)
{
    if (*rules != NULL) {
        sp_snapshot_release(&(*rules)->snapshot);
        *rules = NULL;
    }
}
