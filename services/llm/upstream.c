/* The upstream's failures in our words. */
#include "services/llm/upstream.h"

#include "common/base/error.h"
#include "common/stage/refusal.h"
#include "services/llm/chat.h"

#define MAX_RETRY_AFTER_S 3600

/* Error codes that clients act upon, whatever the status. */
static const struct {
    const char *code;
    struct upstream_failure failure;
} by_code[] = {
    { "context_length_exceeded",
      { 400, "context_length_exceeded",
        "The conversation is longer than the model's context; shorten it." } },
    { "model_not_found",
      { 404, "model_not_found", "The upstream has no such model." } },
    { "insufficient_quota",
      { 503, "upstream_quota",
        "The gate's quota at the upstream is used up; tell the operator." } },
    { "content_policy_violation",
      { 400, "content_policy_violation",
        "The upstream's content policy refused the request." } },
};

static const struct {
    unsigned status;
    struct upstream_failure failure;
} by_status[] = {
    { 400,
      { 400, "upstream_refused",
        "The upstream refused the request; check its parameters against the "
        "model's abilities." } },
    { 401,
      { 502, "upstream_auth",
        "The upstream refused the gate's key; tell the operator." } },
    { 402,
      { 503, "upstream_quota",
        "The gate's quota at the upstream is used up; tell the operator." } },
    { 403,
      { 502, "upstream_auth",
        "The upstream refused the gate's key; tell the operator." } },
    { 404, { 404, "model_not_found", "The upstream has no such model." } },
    { 408,
      { 504, "upstream_timeout", "The upstream took too long; try again." } },
    { 413,
      { 413, "upstream_too_large",
        "The upstream finds the request too long." } },
    { 422,
      { 400, "upstream_refused",
        "The upstream refused the request; check its parameters against the "
        "model's abilities." } },
    { 429,
      { 429, "upstream_rate_limited",
        "The upstream limits the gate's rate; try again later." } },
    { 503, { 503, "upstream_busy", "The upstream is busy; try again later." } },
    { 504,
      { 504, "upstream_timeout", "The upstream took too long; try again." } },
    { 529, { 503, "upstream_busy", "The upstream is busy; try again later." } },
};

static const struct {
    int error;
    struct upstream_failure failure;
} by_error[] = {
    { SP_EEXPIRED,
      { 504, "upstream_timeout", "The upstream took too long; try again." } },
    { SP_ELIMIT,
      { 502, "upstream_too_long",
        "The upstream's answer is longer than the gate allows; ask for "
        "less." } },
    { SP_EDENIED,
      { 502, "upstream_address",
        "The upstream's address is not allowed; tell the operator." } },
    { SP_EFORMAT,
      { 502, "upstream_malformed",
        "The upstream's answer is malformed; try again." } },
};

static const struct upstream_failure malformed = {
    502, "upstream_malformed", "The upstream's answer is malformed; try again."
};
static const struct upstream_failure cut = {
    502, "upstream_cut", "The upstream's answer ended early; try again."
};
static const struct upstream_failure unreachable = {
    502, "upstream_unreachable",
    "The upstream cannot be reached; try again later, or tell the operator."
};
static const struct upstream_failure failed = {
    502, "upstream_error", "The upstream failed; try again."
};

const struct upstream_failure *
upstream_refused(unsigned status, struct sp_json *json, struct sp_view body)
{
    const struct sp_json_token *code = NULL;

    if (sp_json_parse(json, body) == 0) {
        code = sp_json_get(json, sp_json_get(json, sp_json_root(json), "error"),
                           "code");
    }
    for (size_t i = 0; i < SP_COUNT(by_code); i++) {
        if (sp_json_equals(json, code, by_code[i].code)) {
            return &by_code[i].failure;
        }
    }
    for (size_t i = 0; i < SP_COUNT(by_status); i++) {
        if (by_status[i].status == status) {
            return &by_status[i].failure;
        }
    }
    return &failed;
}

const struct upstream_failure *
upstream_unreached(int error)
{
    for (size_t i = 0; i < SP_COUNT(by_error); i++) {
        if (by_error[i].error == error) {
            return &by_error[i].failure;
        }
    }
    return &unreachable;
}

const struct upstream_failure *
upstream_malformed(void)
{
    return &malformed;
}

const struct upstream_failure *
upstream_cut(void)
{
    return &cut;
}

uint64_t
upstream_retry_after(struct sp_view value)
{
    uint64_t seconds = 0;

    for (size_t i = 0; i < value.len; i++) {
        if (value.ptr[i] < '0' || value.ptr[i] > '9' ||
            seconds > MAX_RETRY_AFTER_S) {
            return 0;
        }
        seconds = seconds * 10 + (uint64_t)(value.ptr[i] - '0');
    }
    return seconds <= MAX_RETRY_AFTER_S ? seconds : 0;
}

int
upstream_write_event(const struct upstream_failure *failure, struct sp_buf *out)
{
    const struct sp_refusal refusal = { .status = failure->status,
                                        .code = failure->code,
                                        .text = failure->text };
    struct sp_buf headers = sp_buf_new(1024);
    struct sp_buf body = sp_buf_new(1024);
    int error = sp_refusal_write(&refusal, SP_REFUSAL_OPENAI, &headers, &body);

    if (error == 0) {
        error = chat_add_event(out, sp_buf_view(&body));
    }
    sp_buf_free(&headers);
    sp_buf_free(&body);
    return error;
}
