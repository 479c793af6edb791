/* Requests to models: the members of the request. */
#include "services/validation/llm/llm_shape.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/base/error.h"
#include "common/stage/refusal.h"
#include "common/text/headers.h"
#include "services/validation/llm/llm_messages.h"
#include "services/validation/llm/media.h"
#include "services/validation/llm/pointer.h"

#define MAX_MODEL 128 /* the field `name` of CHECKED_CALL */
#define MAX_SCRATCH 65536
#define MAX_POINTER 256
/* The known ones are three dozen; more is work for nothing. */
#define MAX_MEMBERS 128
#define MAX_MEMBER_NAME 128
/* Texts are about four bytes to the token, with every common tokenizer. */
#define BYTES_PER_TOKEN 4

enum shape {
    SHAPE_BOOL,
    SHAPE_INTEGER, /* in low..high */
    SHAPE_STRING,  /* low..high bytes */
    SHAPE_ARRAY,   /* low..high elements */
    SHAPE_OBJECT,
};

/* What the gate itself must understand. Bounds of 0..0 come from the
 * configuration. */
static const struct member {
    const char *name;
    enum shape shape;
    int low;
    int high;
} members[] = {
    { "model", SHAPE_STRING, 1, MAX_MODEL },
    { "messages", SHAPE_ARRAY, 0, 0 },
    { "stream", SHAPE_BOOL, 0, 0 },
    { "stream_options", SHAPE_OBJECT, 0, 0 },
    { "max_tokens", SHAPE_INTEGER, 0, 0 },
    { "max_completion_tokens", SHAPE_INTEGER, 0, 0 },
    { "n", SHAPE_INTEGER, 0, 0 },
    { "tools", SHAPE_ARRAY, 0, 0 },
    { "functions", SHAPE_ARRAY, 0, 0 },
    { "store", SHAPE_BOOL, 0, 0 },
};

/* Bounds that the operator sets. */
static const struct {
    const char *name;
    int64_t low;
    size_t offset; /* of the upper bound in struct chat_config */
} configured[] = {
    { "messages", 1, offsetof(struct chat_config, messages) },
    { "max_tokens", 1, offsetof(struct chat_config, output_tokens) },
    { "max_completion_tokens", 1, offsetof(struct chat_config, output_tokens) },
    { "n", 1, offsetof(struct chat_config, choices) },
    /* Clients send an empty list where they have no tools. */
    { "tools", 0, offsetof(struct chat_config, tools) },
    { "functions", 0, offsetof(struct chat_config, tools) },
};

#define WHERE "must be left out: the gate says where a request goes, as whom"
#define WHICH "must be left out: only model names the model"
#define LENGTH "must be left out: say it with n and max_completion_tokens"
#define KEPT "must be left out: the gate has nothing kept at the upstream"

/* attack: members by which some server would take a decision from the gate.
 * All others that we do not know are the upstream's business. */
static const struct reserved {
    const char *word; /* lower case */
    bool part;        /* anywhere in a name; else the whole of it */
    const char *want;
} reserved[] = {
    { "url", true, WHERE },
    { "_uri", true, WHERE },
    { "api_", true, WHERE },
    { "apikey", true, WHERE },
    { "endpoint", true, WHERE },
    { "credential", true, WHERE },
    { "header", true, WHERE },
    { "host", true, WHERE },
    { "proxy", true, WHERE },
    { "webhook", true, WHERE },
    { "callback", true, WHERE },
    { "extra_", true, WHERE },
    { "litellm", true, WHERE },
    { "llm_provider", true, WHERE },
    { "user_config", true, WHERE },
    { "aws_", true, WHERE },
    { "vertex_", true, WHERE },
    { "azure_", true, WHERE },
    { "bucket", true, WHERE },
    { "kv_transfer", true, WHERE },
    { "mcp_server", true, WHERE },
    { "model", true, WHICH },
    { "fallback", true, WHICH },
    { "n_predict", false, LENGTH },
    { "num_predict", false, LENGTH },
    { "max_new_tokens", false, LENGTH },
    { "max_output_tokens", false, LENGTH },
    { "best_of", false, LENGTH },
    { "n_cmpl", false, LENGTH },
    { "num_return", true, LENGTH },
    { "retries", true, LENGTH },
    { "options", false, LENGTH },
    { "previous_response_id", false, KEPT },
    { "conversation", false, KEPT },
    { "background", false, KEPT },
};

struct bounds {
    int64_t low;
    int64_t high;
};

void
llm_shape_init(struct llm_shape *shape, const struct chat_config *limits)
{
    *shape = (struct llm_shape){
        .limits = limits,
        .model = sp_buf_new(MAX_MODEL),
        .scratch = sp_buf_new(MAX_SCRATCH),
        .pointer = sp_buf_new(MAX_POINTER),
    };
}

void
llm_shape_free(struct llm_shape *shape)
{
    sp_json_free(&shape->json);
    sp_buf_free(&shape->model);
    sp_buf_free(&shape->scratch);
    sp_buf_free(&shape->pointer);
}

static int
refuse(struct verdict *verdict, unsigned status, const char *code,
       const char *text)
{
    const struct sp_refusal refusal = { .status = status,
                                        .code = code,
                                        .text = text };

    return verdict_refuse(verdict, SP_REFUSAL_OPENAI, refusal,
                          "request_refused");
}

/* Refuses the value `at`, or its member `child` where that is not NULL. */
static int
refuse_at(struct llm_shape *shape, struct verdict *verdict, const char *code,
          const struct llm_fault *fault)
{
    struct sp_buf *pointer = &shape->pointer;
    struct sp_refusal refusal = { .status = 400, .code = code };
    char most[16] = "";

    sp_buf_reset(pointer);
    pointer_write(&shape->json, fault->at, pointer);
    if (fault->child != NULL) {
        (void)sp_buf_addf(pointer, "/%s", fault->child);
    }
    if (fault->most > 0) {
        (void)snprintf(most, sizeof(most), " %" PRIu32, fault->most);
    }
    (void)snprintf(shape->text, sizeof(shape->text), "%.*s %s%s.",
                   SP_VIEW(sp_buf_view(pointer)), fault->want, most);
    (void)sp_buf_add(pointer, "", 1);
    refusal.text = shape->text;
    refusal.param = pointer->error == 0 ? pointer->data : NULL;
    return verdict_refuse(verdict, SP_REFUSAL_OPENAI, refusal,
                          "request_refused");
}

static struct bounds
bounds_of(const struct llm_shape *shape, const struct member *member)
{
    for (size_t i = 0; i < SP_COUNT(configured); i++) {
        const void *at = (const char *)shape->limits + configured[i].offset;

        if (strcmp(configured[i].name, member->name) == 0) {
            return (struct bounds){ configured[i].low, *(const uint32_t *)at };
        }
    }
    return (struct bounds){ member->low, member->high };
}

static bool
within(uint64_t value, struct bounds b)
{
    return value >= (uint64_t)b.low && value <= (uint64_t)b.high;
}

static bool
fits_integer(const struct llm_shape *shape, const struct sp_json_token *t,
             struct bounds b)
{
    int64_t value = 0;

    return sp_json_int(&shape->json, t, &value) == 0 && value >= b.low &&
           value <= b.high;
}

static bool
fits(const struct llm_shape *shape, const struct member *member,
     const struct sp_json_token *t, struct bounds b)
{
    switch (member->shape) {
    case SHAPE_BOOL:
        return sp_json_is(t, SP_JSON_TRUE) || sp_json_is(t, SP_JSON_FALSE);
    case SHAPE_INTEGER:
        return fits_integer(shape, t, b);
    case SHAPE_STRING:
        return sp_json_is(t, SP_JSON_STRING) &&
               within(t->end - t->start - 2, b);
    case SHAPE_ARRAY:
        return sp_json_is(t, SP_JSON_ARRAY) && within(t->count, b);
    case SHAPE_OBJECT:
        return sp_json_is(t, SP_JSON_OBJECT);
    }
    return false;
}

static int
check_known(struct llm_shape *shape, const struct member *member,
            const struct sp_json_token *value, struct verdict *verdict)
{
    static const struct {
        const char *text;
        bool bounded;
    } wants[] = {
        [SHAPE_BOOL] = { "true or false", false },
        [SHAPE_INTEGER] = { "an integer", true },
        [SHAPE_STRING] = { "a string with a length", true },
        [SHAPE_ARRAY] = { "an array with a length", true },
        [SHAPE_OBJECT] = { "an object", false },
    };
    struct bounds b = bounds_of(shape, member);
    char want[128] = "";
    int len = 0;

    /* null is how many clients say that they have no opinion. */
    if (sp_json_is(value, SP_JSON_NULL) || fits(shape, member, value, b)) {
        return 0;
    }
    len = snprintf(want, sizeof(want), "must be %s", wants[member->shape].text);
    if (wants[member->shape].bounded && len > 0) {
        (void)snprintf(want + len, sizeof(want) - (size_t)len,
                       " from %" PRId64 " to %" PRId64, b.low, b.high);
    }
    return refuse_at(shape, verdict, "invalid_value",
                     &(struct llm_fault){ .at = value, .want = want });
}

static bool
has_word(struct sp_view name, const struct reserved *row)
{
    size_t len = strlen(row->word);

    for (size_t i = 0; row->part && i + len <= name.len; i++) {
        if (strncasecmp(name.ptr + i, row->word, len) == 0) {
            return true;
        }
    }
    return sp_view_is_word(name, row->word);
}

/* Why a member that we do not know may not pass, or NULL. attack: a server
 * that knows members by their names in any case would take "Model" for the
 * model. */
static const char *
find_objection(struct llm_shape *shape, const struct sp_json_token *key)
{
    struct sp_view name = { 0 };

    sp_buf_reset(&shape->scratch);
    if (sp_json_string(&shape->json, key, &shape->scratch, &name) != 0 ||
        name.len > MAX_MEMBER_NAME) {
        return "must have a shorter name";
    }
    for (size_t i = 0; i < SP_COUNT(members); i++) {
        if (sp_json_resembles(&shape->json, key, members[i].name)) {
            return "must have its name in lower case";
        }
    }
    for (size_t i = 0; i < SP_COUNT(reserved); i++) {
        if (has_word(name, &reserved[i])) {
            return reserved[i].want;
        }
    }
    return NULL;
}

static const struct member *
find_member(const struct llm_shape *shape, const struct sp_json_token *key)
{
    for (size_t i = 0; i < SP_COUNT(members); i++) {
        if (sp_json_equals(&shape->json, key, members[i].name)) {
            return &members[i];
        }
    }
    return NULL;
}

static int
check_member(struct llm_shape *shape, const struct sp_json_token *key,
             struct verdict *verdict)
{
    const struct sp_json_token *value = sp_json_value(&shape->json, key);
    const struct member *member = find_member(shape, key);
    struct llm_fault fault = { .at = value };

    if (member != NULL) {
        return check_known(shape, member, value, verdict);
    }
    fault.want = find_objection(shape, key);
    return fault.want == NULL
               ? 0
               : refuse_at(shape, verdict, "unknown_parameter", &fault);
}

static int
check_members(struct llm_shape *shape, struct verdict *verdict)
{
    const struct sp_json *json = &shape->json;
    const struct sp_json_token *root = sp_json_root(json);
    const struct sp_json_token *key = sp_json_first(json, root);
    int error = 0;

    if (root->count > MAX_MEMBERS) {
        return refuse(verdict, 400, "too_many_parameters",
                      "The request has too many members.");
    }
    for (; error == 0 && key != NULL; key = sp_json_next(json, root, key)) {
        error = check_member(shape, key, verdict);
    }
    return error;
}

/* llm reads it, and adds to it. */
static int
check_stream_options(struct llm_shape *shape, struct verdict *verdict)
{
    const struct sp_json *json = &shape->json;
    const struct sp_json_token *usage = sp_json_get(
        json, sp_json_get(json, sp_json_root(json), "stream_options"),
        "include_usage");
    const struct llm_fault fault = { .at = usage,
                                     .want = "must be true or false" };

    return usage == NULL || sp_json_is(usage, SP_JSON_NULL) ||
                   sp_json_is(usage, SP_JSON_TRUE) ||
                   sp_json_is(usage, SP_JSON_FALSE)
               ? 0
               : refuse_at(shape, verdict, "invalid_value", &fault);
}

static int
read_body(struct llm_shape *shape, const struct sp_call *call,
          struct verdict *verdict)
{
    if (!media_is(sp_headers_get(call->headers, "content-type"),
                  "application/json")) {
        return refuse(verdict, 415, "bad_media_type",
                      "Send Content-Type: application/json.");
    }
    if (sp_json_parse(&shape->json, call->body) != 0 ||
        !sp_json_is(sp_json_root(&shape->json), SP_JSON_OBJECT)) {
        return refuse(verdict, 400, "not_json",
                      "The body must be a strict JSON object (RFC 8259): "
                      "UTF-8, no key twice, not too deep.");
    }
    return 0;
}

static int
read_model(struct llm_shape *shape, struct verdict *verdict)
{
    const struct sp_json *json = &shape->json;
    struct sp_view model = { 0 };

    sp_buf_reset(&shape->scratch);
    sp_buf_reset(&shape->model);
    if (sp_json_string(json, sp_json_get(json, sp_json_root(json), "model"),
                       &shape->scratch, &model) != 0 ||
        sp_buf_add_view(&shape->model, model) != 0 || model.len == 0) {
        return refuse_at(
            shape, verdict, "model_missing",
            &(struct llm_fault){ .at = sp_json_root(json),
                                 .child = "model",
                                 .want = "must name a model; GET /v1/models "
                                         "lists them" });
    }
    /* It goes to events and limits as it is. */
    for (size_t i = 0; i < model.len; i++) {
        if (model.ptr[i] <= ' ' || model.ptr[i] > '~') {
            return refuse_at(
                shape, verdict, "bad_model",
                &(struct llm_fault){ .at = sp_json_root(json),
                                     .child = "model",
                                     .want = "must have only visible ASCII" });
        }
    }
    return 0;
}

static uint64_t
integer_or(const struct llm_shape *shape, const char *name, uint64_t otherwise)
{
    const struct sp_json *json = &shape->json;
    int64_t value = 0;

    if (sp_json_int(json, sp_json_get(json, sp_json_root(json), name),
                    &value) != 0 ||
        value < 0) {
        return otherwise;
    }
    return (uint64_t)value;
}

static uint64_t
member_bytes(const struct llm_shape *shape, const char *name)
{
    const struct sp_json *json = &shape->json;

    return sp_json_raw(json, sp_json_get(json, sp_json_root(json), name)).len;
}

/* Bounded: each part is, and the body is no longer than a message. */
static uint64_t
estimate(const struct llm_shape *shape, const struct llm_content *content)
{
    uint64_t bytes = content->text_bytes + member_bytes(shape, "tools") +
                     member_bytes(shape, "functions");
    uint64_t out =
        integer_or(shape, "max_tokens", shape->limits->assumed_output_tokens);

    out = integer_or(shape, "max_completion_tokens", out);
    return (bytes + BYTES_PER_TOKEN - 1) / BYTES_PER_TOKEN +
           content->images * shape->limits->image_tokens +
           out * integer_or(shape, "n", 1);
}

int
llm_shape_chat(struct llm_shape *shape, const struct sp_call *call,
               struct verdict *verdict)
{
    struct llm_content content = { 0 };
    struct llm_fault fault = { 0 };
    int error = read_body(shape, call, verdict);

    if (error == 0) {
        error = check_members(shape, verdict);
    }
    if (error == 0) {
        error = check_stream_options(shape, verdict);
    }
    if (error == 0) {
        error = read_model(shape, verdict);
    }
    if (error != 0) {
        return error;
    }
    if (llm_messages_read(&shape->json, shape->limits, &content, &fault) != 0) {
        return refuse_at(shape, verdict, "invalid_messages", &fault);
    }
    verdict->expect.kind = EXPECT_MODEL;
    verdict->object = sp_buf_view(&shape->model);
    return verdict_pass(verdict, SP_SERVICE_LLM, sp_buf_view(&shape->model),
                        estimate(shape, &content));
}

int
llm_shape_models(struct llm_shape *shape, const struct sp_call *call,
                 struct verdict *verdict)
{
    (void)shape;
    if (call->body.len > 0) {
        return refuse(verdict, 400, "body_unwanted",
                      "A GET request has no body.");
    }
    verdict->expect.kind = EXPECT_MODEL;
    return verdict_pass(verdict, SP_SERVICE_LLM, SP_VIEW_LITERAL("models"), 0);
}
