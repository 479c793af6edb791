/* The upstream's failures in our words. */
#include "services/llm/upstream.h"

#include <stdio.h>

#include "common/base/error.h"
#include "common/text/decimal.h"
#include "common/text/headers.h"
#include "common/text/http_date.h"
#include "services/llm/chat.h"

#define MAX_RETRY_AFTER_S 3600

/* Error codes that clients act upon, whatever the status. */
static const struct {
    const char *code;
    struct sp_refusal failure;
} by_code[] = {
    { "context_length_exceeded",
      { .status = 400,
        .code = "context_length_exceeded",
        .text = "The conversation is longer than the model's context; shorten "
                "it." } },
    { "model_not_found",
      { .status = 404,
        .code = "model_not_found",
        .text = "The upstream has no such model." } },
    { "insufficient_quota",
      { .status = 503,
        .code = "upstream_quota",
        .text = "The gate's quota at the upstream is used up; report it to the "
                "operator." } },
    { "content_policy_violation",
      { .status = 400,
        .code = "content_policy_violation",
        .text = "The upstream's content policy refused the request." } },
};

static const struct {
    unsigned status;
    struct sp_refusal failure;
} by_status[] = {
    { 400,
      { .status = 400,
        .code = "upstream_refused",
        .text = "The upstream refused the request; check its parameters "
                "against the model's abilities." } },
    { 401,
      { .status = 502,
        .code = "upstream_auth",
        .text = "The upstream refused the gate's key; report it to the "
                "operator." } },
    { 402,
      { .status = 503,
        .code = "upstream_quota",
        .text = "The gate's quota at the upstream is used up; report it to the "
                "operator." } },
    { 403,
      { .status = 502,
        .code = "upstream_auth",
        .text = "The upstream refused the gate's key; report it to the "
                "operator." } },
    { 404,
      { .status = 404,
        .code = "model_not_found",
        .text = "The upstream has no such model." } },
    { 408,
      { .status = 504,
        .code = "upstream_timeout",
        .text = "The upstream took too long; try again." } },
    { 413,
      { .status = 413,
        .code = "upstream_too_large",
        .text = "The upstream finds the request too long." } },
    { 422,
      { .status = 400,
        .code = "upstream_refused",
        .text = "The upstream refused the request; check its parameters "
                "against the model's abilities." } },
    { 429,
      { .status = 429,
        .code = "upstream_rate_limited",
        .text = "The upstream limits the gate's rate; try again later." } },
    { 503,
      { .status = 503,
        .code = "upstream_busy",
        .text = "The upstream is busy; try again later." } },
    { 504,
      { .status = 504,
        .code = "upstream_timeout",
        .text = "The upstream took too long; try again." } },
    { 529,
      { .status = 503,
        .code = "upstream_busy",
        .text = "The upstream is busy; try again later." } },
};

/* What the type of an error says where no status does. */
static const struct {
    const char *type;
    unsigned status;
} by_type[] = {
    { "invalid_request_error", 400 }, { "BadRequestError", 400 },
    { "authentication_error", 401 },  { "permission_error", 403 },
    { "not_found_error", 404 },       { "NotFoundError", 404 },
    { "rate_limit_error", 429 },      { "rate_limit_exceeded", 429 },
    { "overloaded_error", 529 },      { "timeout_error", 504 },
};

static const struct {
    int error;
    struct sp_refusal failure;
} by_error[] = {
    { SP_EEXPIRED,
      { .status = 504,
        .code = "upstream_timeout",
        .text = "The upstream took too long; try again." } },
    { SP_ELIMIT,
      { .status = 502,
        .code = "upstream_too_long",
        .text = "The upstream's answer is longer than the gate allows; ask for "
                "less." } },
    { SP_EDENIED,
      { .status = 502,
        .code = "upstream_address",
        .text = "The upstream's address is not allowed; report it to the "
                "operator." } },
    { SP_EFORMAT,
      { .status = 502,
        .code = "upstream_malformed",
        .text = "The upstream's answer is malformed; try again." } },
};

static const struct sp_refusal malformed = {
    .status = 502,
    .code = "upstream_malformed",
    .text = "The upstream's answer is malformed; try again.",
};
static const struct sp_refusal cut = {
    .status = 502,
    .code = "upstream_cut",
    .text = "The upstream's answer ended early; try again.",
};
static const struct sp_refusal unreachable = {
    .status = 502,
    .code = "upstream_unreachable",
    .text =
        "The upstream cannot be reached; try again later, or report it to the "
        "operator.",
};
static const struct sp_refusal failed = {
    .status = 502,
    .code = "upstream_error",
    .text = "The upstream failed; try again.",
};

/* The status that the body names: as a number, in digits, or by its type. */
static unsigned
status_within(const struct sp_json *json, const struct sp_json_token *code,
              const struct sp_json_token *type)
{
    int64_t number = 0;

    if (sp_json_int(json, code, &number) == 0) {
        return number >= 400 && number <= 599 ? (unsigned)number : 0;
    }
    for (size_t i = 0; i < SP_COUNT(by_status); i++) {
        char digits[16];

        (void)snprintf(digits, sizeof(digits), "%u", by_status[i].status);
        if (sp_json_equals(json, code, digits)) {
            return by_status[i].status;
        }
    }
    for (size_t i = 0; i < SP_COUNT(by_type); i++) {
        if (sp_json_equals(json, type, by_type[i].type)) {
            return by_type[i].status;
        }
    }
    return 0;
}

const struct sp_refusal *
upstream_refused(unsigned status, struct sp_json *json, struct sp_view body)
{
    const struct sp_json_token *error = NULL;
    const struct sp_json_token *code = NULL;
    const struct sp_json_token *type = NULL;

    if (sp_json_parse(json, body) == 0) {
        error = sp_json_get(json, sp_json_root(json), "error");
        /* Some servers have the members of an error at the top. */
        error = sp_json_is(error, SP_JSON_OBJECT) ? error : sp_json_root(json);
        code = sp_json_get(json, error, "code");
        type = sp_json_get(json, error, "type");
    }
    for (size_t i = 0; i < SP_COUNT(by_code); i++) {
        if (sp_json_equals(json, code, by_code[i].code) ||
            sp_json_equals(json, type, by_code[i].code)) {
            return &by_code[i].failure;
        }
    }
    if (status < 300) {
        status = status_within(json, code, type);
    }
    for (size_t i = 0; i < SP_COUNT(by_status); i++) {
        if (by_status[i].status == status) {
            return &by_status[i].failure;
        }
    }
    return &failed;
}

const struct sp_refusal *
upstream_unreached(int error)
{
    for (size_t i = 0; i < SP_COUNT(by_error); i++) {
        if (by_error[i].error == error) {
            return &by_error[i].failure;
        }
    }
    return &unreachable;
}

const struct sp_refusal *
upstream_malformed(void)
{
    return &malformed;
}

const struct sp_refusal *
upstream_cut(void)
{
    return &cut;
}

/* From now to a date. The upstream's clock and ours may differ; where both
 * times are its own, that does not matter. */
static uint64_t
seconds_until(struct sp_view date, struct sp_view headers, int64_t now_s)
{
    int64_t then_s = 0;
    int64_t date_s = 0;

    if (sp_http_date_read(date, &then_s) != 0) {
        return 0;
    }
    if (sp_http_date_read(sp_headers_get(headers, "date"), &date_s) == 0) {
        now_s = date_s;
    }
    return then_s > now_s ? (uint64_t)(then_s - now_s) : 0;
}

uint64_t
upstream_retry_after(struct sp_view headers, int64_t now_s)
{
    struct sp_view value = sp_headers_get(headers, "retry-after");
    uint64_t seconds = 0;
    int error = sp_number_read(value, MAX_RETRY_AFTER_S, &seconds);

    if (error == SP_EFORMAT) {
        seconds = seconds_until(value, headers, now_s);
    }
    return error == SP_ELIMIT || seconds > MAX_RETRY_AFTER_S ? MAX_RETRY_AFTER_S
                                                             : seconds;
}

int
upstream_write_event(const struct sp_refusal *failure, struct sp_buf *out)
{
    struct sp_buf headers = sp_buf_new(1024);
    struct sp_buf body = sp_buf_new(1024);
    int error = sp_refusal_write(failure, SP_REFUSAL_OPENAI, &headers, &body);

    if (error == 0) {
        error = chat_add_event(out, sp_buf_view(&body));
    }
    sp_buf_free(&headers);
    sp_buf_free(&body);
    return error;
}
