/* Requests to models: the members of the request. */
#include "services/validation/llm/llm_shape.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "common/base/error.h"
#include "common/stage/refusal.h"
#include "common/text/headers.h"
#include "services/validation/llm/llm_messages.h"
#include "services/validation/llm/media.h"

#define MAX_MODEL 128 /* the field `name` of CHECKED_CALL */
#define MAX_SCRATCH 65536
/* Texts are about four bytes to the token, with every common tokenizer. */
#define BYTES_PER_TOKEN 4

enum shape {
    SHAPE_BOOL,
    SHAPE_NUMBER,  /* in low..high */
    SHAPE_INTEGER, /* in low..high */
    SHAPE_STRING,  /* low..high bytes */
    SHAPE_ARRAY,   /* low..high elements */
    SHAPE_OBJECT,  /* low..high members */
    SHAPE_STOP,    /* a string or an array of up to 4 */
    SHAPE_CHOICE,  /* a string or an object */
};

/* What is not in this table is refused: a member that we do not know may ask
 * the provider for anything. Bounds of 0..0 come from the configuration. */
static const struct member {
    const char *name;
    enum shape shape;
    int low;
    int high;
} members[] = {
    { "model", SHAPE_STRING, 1, MAX_MODEL },
    { "messages", SHAPE_ARRAY, 0, 0 },
    { "stream", SHAPE_BOOL, 0, 0 },
    { "max_tokens", SHAPE_INTEGER, 0, 0 },
    { "max_completion_tokens", SHAPE_INTEGER, 0, 0 },
    { "n", SHAPE_INTEGER, 0, 0 },
    { "tools", SHAPE_ARRAY, 0, 0 },
    { "tool_choice", SHAPE_CHOICE, 0, 8 },
    { "parallel_tool_calls", SHAPE_BOOL, 0, 0 },
    { "temperature", SHAPE_NUMBER, 0, 2 },
    { "top_p", SHAPE_NUMBER, 0, 1 },
    { "presence_penalty", SHAPE_NUMBER, -2, 2 },
    { "frequency_penalty", SHAPE_NUMBER, -2, 2 },
    { "seed", SHAPE_INTEGER, INT32_MIN, INT32_MAX },
    { "stop", SHAPE_STOP, 1, 4 },
    { "logprobs", SHAPE_BOOL, 0, 0 },
    { "top_logprobs", SHAPE_INTEGER, 0, 20 },
    { "logit_bias", SHAPE_OBJECT, 0, 1024 },
    { "response_format", SHAPE_OBJECT, 1, 8 },
    { "stream_options", SHAPE_OBJECT, 0, 8 },
    { "metadata", SHAPE_OBJECT, 0, 16 },
    { "user", SHAPE_STRING, 0, 256 },
    { "safety_identifier", SHAPE_STRING, 0, 256 },
    { "prompt_cache_key", SHAPE_STRING, 0, 256 },
    { "reasoning_effort", SHAPE_STRING, 1, 16 },
    { "verbosity", SHAPE_STRING, 1, 16 },
    { "service_tier", SHAPE_STRING, 1, 16 },
    { "store", SHAPE_BOOL, 0, 0 },
};

/* Bounds that the operator sets. */
static const struct {
    const char *name;
    size_t offset; /* of the upper bound in struct chat_config */
} configured[] = {
    { "messages", offsetof(struct chat_config, messages) },
    { "max_tokens", offsetof(struct chat_config, output_tokens) },
    { "max_completion_tokens", offsetof(struct chat_config, output_tokens) },
    { "n", offsetof(struct chat_config, choices) },
    { "tools", offsetof(struct chat_config, tools) },
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
    };
}

void
llm_shape_free(struct llm_shape *shape)
{
    sp_json_free(&shape->json);
    sp_buf_free(&shape->model);
    sp_buf_free(&shape->scratch);
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

static struct bounds
bounds_of(const struct llm_shape *shape, const struct member *member)
{
    struct bounds bounds = { member->low, member->high };

    for (size_t i = 0; i < SP_COUNT(configured); i++) {
        const void *at = (const char *)shape->limits + configured[i].offset;

        if (strcmp(configured[i].name, member->name) == 0) {
            /* At least one message, one answer, one token, one tool. */
            bounds.low = 1;
            bounds.high = *(const uint32_t *)at;
        }
    }
    /* Clients send an empty list where they have no tools. */
    if (strcmp(member->name, "tools") == 0) {
        bounds.low = 0;
    }
    return bounds;
}

static bool
within(uint64_t value, struct bounds b)
{
    return value >= (uint64_t)b.low && value <= (uint64_t)b.high;
}

static bool
fits_number(const struct llm_shape *shape, const struct sp_json_token *t,
            struct bounds b)
{
    double value = 0;

    return sp_json_double(&shape->json, t, &value) == 0 &&
           value >= (double)b.low && value <= (double)b.high;
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
fits_string(const struct sp_json_token *t, struct bounds b)
{
    return sp_json_is(t, SP_JSON_STRING) && within(t->end - t->start - 2, b);
}

static bool
fits_stop(const struct llm_shape *shape, const struct sp_json_token *t,
          struct bounds b)
{
    const struct sp_json_token *at = sp_json_first(&shape->json, t);

    if (sp_json_is(t, SP_JSON_STRING)) {
        return true;
    }
    for (; at != NULL; at = sp_json_next(&shape->json, t, at)) {
        if (!sp_json_is(at, SP_JSON_STRING)) {
            return false;
        }
    }
    return sp_json_is(t, SP_JSON_ARRAY) && within(t->count, b);
}

static bool
fits(const struct llm_shape *shape, const struct member *member,
     const struct sp_json_token *t, struct bounds b)
{
    switch (member->shape) {
    case SHAPE_BOOL:
        return sp_json_is(t, SP_JSON_TRUE) || sp_json_is(t, SP_JSON_FALSE);
    case SHAPE_NUMBER:
        return fits_number(shape, t, b);
    case SHAPE_INTEGER:
        return fits_integer(shape, t, b);
    case SHAPE_STRING:
        return fits_string(t, b);
    case SHAPE_ARRAY:
        return sp_json_is(t, SP_JSON_ARRAY) && within(t->count, b);
    case SHAPE_OBJECT:
        return sp_json_is(t, SP_JSON_OBJECT) && within(t->count, b);
    case SHAPE_STOP:
        return fits_stop(shape, t, b);
    case SHAPE_CHOICE:
        return sp_json_is(t, SP_JSON_STRING) || sp_json_is(t, SP_JSON_OBJECT);
    }
    return false;
}

static const char *
shape_text(enum shape shape)
{
    static const char *const texts[] = {
        [SHAPE_BOOL] = "true or false",
        [SHAPE_NUMBER] = "a number",
        [SHAPE_INTEGER] = "an integer",
        [SHAPE_STRING] = "a string with a length",
        [SHAPE_ARRAY] = "an array with a length",
        [SHAPE_OBJECT] = "an object with a number of members",
        [SHAPE_STOP] = "a string, or an array of strings with a length",
        [SHAPE_CHOICE] = "a string or an object",
    };

    return texts[shape];
}

static int
refuse_member(struct llm_shape *shape, const struct member *member,
              struct bounds b, struct verdict *verdict)
{
    bool bounded = member->shape != SHAPE_BOOL && member->shape != SHAPE_CHOICE;
    int len = snprintf(shape->text, sizeof(shape->text), "%s must be %s",
                       member->name, shape_text(member->shape));

    if (bounded && len > 0 && (size_t)len < sizeof(shape->text)) {
        (void)snprintf(shape->text + len, sizeof(shape->text) - (size_t)len,
                       " from %" PRId64 " to %" PRId64, b.low, b.high);
    }
    return refuse(verdict, 400, "invalid_value", shape->text);
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
check_members(struct llm_shape *shape, struct verdict *verdict)
{
    const struct sp_json *json = &shape->json;
    const struct sp_json_token *root = sp_json_root(json);
    const struct sp_json_token *key = sp_json_first(json, root);

    for (; key != NULL; key = sp_json_next(json, root, key)) {
        const struct sp_json_token *value = sp_json_value(json, key);
        const struct member *member = find_member(shape, key);
        struct bounds bounds = { 0 };

        if (member == NULL) {
            return refuse(verdict, 400, "unknown_parameter",
                          "The request has a member that this gate does not "
                          "pass on.");
        }
        bounds = bounds_of(shape, member);
        /* null is how many clients say that they have no opinion. */
        if (!sp_json_is(value, SP_JSON_NULL) &&
            !fits(shape, member, value, bounds)) {
            return refuse_member(shape, member, bounds, verdict);
        }
    }
    return 0;
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
        return refuse(verdict, 400, "model_missing",
                      "model must name a model; GET /v1/models lists them.");
    }
    /* It goes to events and limits as it is. */
    for (size_t i = 0; i < model.len; i++) {
        if (model.ptr[i] <= ' ' || model.ptr[i] > '~') {
            return refuse(verdict, 400, "bad_model",
                          "A model's name has only visible ASCII.");
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

/* Bounded: each part is, and the body is no longer than a message. */
static uint64_t
estimate(const struct llm_shape *shape, const struct llm_content *content)
{
    const struct sp_json *json = &shape->json;
    struct sp_view tools =
        sp_json_raw(json, sp_json_get(json, sp_json_root(json), "tools"));
    uint64_t bytes = content->text_bytes + tools.len;
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
    const char *why = NULL;
    int error = read_body(shape, call, verdict);

    if (error == 0) {
        error = check_members(shape, verdict);
    }
    if (error == 0) {
        error = read_model(shape, verdict);
    }
    if (error != 0) {
        return error;
    }
    if (llm_messages_read(&shape->json, shape->limits, &content, &why) != 0) {
        return refuse(verdict, 400, "invalid_messages", why);
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
