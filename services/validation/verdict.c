/* What the examination of a request comes to. */
#include "services/validation/verdict.h"

#include "common/base/error.h"

#define MAX_HEADERS SP_MAX_HEADERS
#define MAX_BODY 8192 /* our own answers are sentences */

struct verdict
verdict_new(void)
{
    struct verdict verdict = { .headers = sp_buf_new(MAX_HEADERS),
                               .body = sp_buf_new(MAX_BODY) };

    verdict_reset(&verdict);
    return verdict;
}

void
verdict_free(struct verdict *verdict)
{
    sp_buf_free(&verdict->headers);
    sp_buf_free(&verdict->body);
}

void
verdict_reset(struct verdict *verdict)
{
    struct sp_buf headers = verdict->headers;
    struct sp_buf body = verdict->body;

    sp_buf_reset(&headers);
    sp_buf_reset(&body);
    /* Whoever forgets to decide has refused. */
    *verdict = (struct verdict){
        .status = 500,
        .kind = "bad_request",
        .code = "undecided",
        .headers = headers,
        .body = body,
    };
}

int
verdict_pass(struct verdict *verdict, enum sp_service_id target,
             struct sp_view name, uint64_t cost)
{
    verdict->forward = true;
    verdict->target = target;
    verdict->name = name;
    verdict->cost = cost;
    verdict->kind = NULL;
    return 0;
}

int
verdict_refuse(struct verdict *verdict, enum sp_refusal_form form,
               struct sp_refusal refusal, const char *kind)
{
    refusal.rpc_id = verdict->rpc_id;
    verdict->forward = false;
    verdict->status = refusal.status;
    verdict->kind = kind;
    verdict->code = refusal.code;
    if (sp_refusal_write(&refusal, form, &verdict->headers, &verdict->body) !=
        0) {
        sp_buf_reset(&verdict->headers);
        sp_buf_reset(&verdict->body);
    }
    return SP_EDENIED;
}

int
verdict_answer(struct verdict *verdict, unsigned status, const char *kind,
               const char *code)
{
    verdict->forward = false;
    verdict->status = status;
    verdict->kind = kind;
    verdict->code = code;
    return SP_EDENIED;
}

int
verdict_accept(struct verdict *verdict)
{
    verdict->forward = false;
    verdict->status = 202;
    verdict->kind = NULL;
    verdict->code = "accepted";
    (void)sp_buf_add_str(&verdict->headers, "cache-control: no-store\n");
    return SP_EDENIED;
}
