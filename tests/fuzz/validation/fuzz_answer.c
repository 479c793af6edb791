/* Answers of executors, as a captured one could write them: headers, a NUL, a
 * body, for each thing that can have been asked. What passes to a client that
 * waits for JSON is JSON, and nothing passes where nobody waits. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "services/validation/screen/answer.h"

#define ID SP_VIEW_LITERAL("0123456789abcdef")

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerInitialize(int *argc, char ***argv);

/* What the checks lean on, made once. */
static struct {
    struct validation_config *config;
    struct sp_catalogue *catalogue;
    struct toolbox *toolbox;
    struct schema_checker *checker;
} shop;

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
    const struct schema_effort effort = { .max_depth = 64,
                                          .max_steps = 20000,
                                          .match_limit = 20000 };
    struct schema_size room = { 0 };
    struct sp_buf why = sp_buf_new(1024);

    (void)argc;
    (void)argv;
    if (validation_config_load("deploy/config", &shop.config, &why) != 0 ||
        sp_catalogue_load("deploy/config", &shop.catalogue, &why) != 0) {
        abort();
    }
    room.max_subschemas = shop.config->schemas.subschemas;
    room.max_bytes = shop.config->schemas.bytes;
    if (toolbox_new(shop.catalogue, &room, &shop.toolbox, &why) != 0) {
        abort();
    }
    shop.checker = schema_checker_new(&effort);
    sp_buf_free(&why);
    return 0;
}

static void
await(struct pending *pending, struct expectation what,
      enum sp_service_id target)
{
    struct pending_entry *entry = pending_put(pending, ID, 0);

    entry->target = target;
    entry->expect = what;
    entry->rpc_id = sp_dup("7");
    entry->scopes = sp_dup("customer:read");
    entry->ends_ms = 1000;
}

static void
give(const struct sp_result *part, struct expectation what,
     enum sp_service_id from)
{
    struct answer_check check = {
        .limits = &shop.config->results,
        .toolbox = shop.toolbox,
        .checker = shop.checker,
        .pending = pending_new(4),
    };
    struct answer_verdict verdict = { 0 };

    answer_init(&check);
    await(check.pending, what, from);
    answer_part(&check, from, part, 0, &verdict);
    if (verdict.fate == ANSWER_PASS && what.kind == EXPECT_RPC && part->last &&
        part->body.len > 0) {
        struct sp_json json = { 0 };

        if (sp_json_parse(&json, part->body) != 0) {
            abort();
        }
        sp_json_free(&json);
    }
    /* The other executor was not asked. */
    answer_part(&check,
                from == SP_SERVICE_LLM ? SP_SERVICE_TOOLS : SP_SERVICE_LLM,
                part, 0, &verdict);
    if (verdict.fate == ANSWER_PASS) {
        abort();
    }
    answer_free(&check);
    pending_free(&check.pending);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = size == 0 ? NULL : memchr(data, 0, size);
    size_t len = end == NULL ? 0 : (size_t)(end - data);
    const struct sp_result part = {
        .request_id = ID,
        .last = true,
        .status = 200,
        .headers = end == NULL
                       ? SP_VIEW_LITERAL("content-type: application/json\n")
                       : sp_view_make(data, len),
        .body = end == NULL ? sp_view_make(data, size)
                            : sp_view_make(end + 1, size - len - 1),
    };

    const struct expectation call = {
        .kind = EXPECT_RPC,
        .tool =
            toolbox_find(shop.toolbox, SP_VIEW_LITERAL("get_customer_info")),
        .structured = true,
    };
    const struct expectation list = { .kind = EXPECT_RPC, .tool_list = true };
    const struct expectation nothing = { .kind = EXPECT_NOTHING };
    const struct expectation model = { .kind = EXPECT_MODEL };

    give(&part, call, SP_SERVICE_TOOLS);
    give(&part, list, SP_SERVICE_TOOLS);
    give(&part, nothing, SP_SERVICE_TOOLS);
    give(&part, model, SP_SERVICE_LLM);
    return 0;
}
