/* How the handlers answer. */
#include "services/auth/auth.h"

#include <stdio.h>

#include "common/base/error.h"
#include "common/base/log.h"
#include "common/text/headers.h"
#include "proto/paths.h"

/* The longest line is what must become shorter. */
static void
report_too_long(struct auth *auth, struct auth_return to,
                struct sp_view headers)
{
    char detail[128];
    const struct sp_occurrence what = {
        .kind = "header_too_long",
        .request_id = to.request_id,
        .status = 502,
        .detail = detail,
    };
    struct sp_view name = { 0 };
    struct sp_view value = { 0 };
    struct sp_view longest = SP_VIEW_LITERAL("none");
    size_t bytes = 0;

    while (sp_headers_next(&headers, &name, &value) > 0) {
        if (value.len > bytes) {
            longest = name;
            bytes = value.len;
        }
    }
    (void)snprintf(detail, sizeof(detail), "header=%.*s bytes=%zu",
                   (int)(longest.len < 64 ? longest.len : 64), longest.ptr,
                   bytes);
    sp_runtime_event(auth->runtime, &what);
}

static void
answer_too_long(struct auth *auth, struct auth_return to,
                struct sp_view headers)
{
    static const struct sp_refusal refusal = {
        .status = 502,
        .code = "header_too_long",
        .text = "a header of the answer is too long to be sent",
    };

    report_too_long(auth, to, headers);
    auth_refuse(auth, to, sp_view_make("", 0), &refusal, sp_view_make("", 0));
}

void
auth_answer(struct auth *auth, struct auth_return to, unsigned status,
            struct sp_view headers, struct sp_view body)
{
    const struct sp_place edge = { .kind = SP_PLACE_NAMED, .key = to.reply_to };
    const struct sp_answer answer = {
        .request_id = to.request_id,
        .reply_to = to.reply_to,
        .attempt = to.attempt,
        .last = true,
        .status = status,
        .headers = headers,
        .body = body,
    };
    int error = 0;

    if (headers.len > SP_MAX_HEADERS) {
        answer_too_long(auth, to, headers);
        return;
    }
    error = sp_runtime_send(auth->runtime, SP_SERVICE_EDGE, SP_MSG_ANSWER,
                            &answer, edge);
    if (error != 0) {
        sp_runtime_trouble(auth->runtime, "answer_undelivered",
                           "status=%u reason=\"%s\"", status,
                           sp_strerror(error));
    }
}

void
auth_refuse(struct auth *auth, struct auth_return to, struct sp_view path,
            const struct sp_refusal *refusal, struct sp_view challenge)
{
    int error = 0;

    sp_buf_reset(&auth->headers);
    sp_buf_reset(&auth->body);
    error = sp_refusal_write(refusal, sp_path_form(path), &auth->headers,
                             &auth->body);
    if (error == 0 && challenge.len > 0) {
        error = sp_headers_add(&auth->headers,
                               SP_VIEW_LITERAL("www-authenticate"), challenge);
    }
    if (error != 0) {
        sp_fatal("refusal_too_long", "status=%u", refusal->status);
    }
    auth_answer(auth, to, refusal->status, sp_buf_view(&auth->headers),
                sp_buf_view(&auth->body));
}
