/* The messages of the auth process. */
#include "services/auth/wire.h"

#include "proto/paths.h"
#include "services/auth/access.h"
#include "services/auth/auth.h"
#include "services/auth/oauth/token_endpoint.h"

/* ---------------------------------------------------------------- requests */

static void
refuse_method(struct auth *auth, const struct sp_http_request *request,
              const struct sp_path *row)
{
    const struct auth_return to = { request->request_id, request->reply_to,
                                    request->attempt };
    char allow[SP_PATH_ALLOW_MAX];
    const struct sp_refusal refusal = {
        .status = 405,
        .code = "method_not_allowed",
        .text = "this method is not offered here",
        .allow = sp_path_allow(row, allow),
    };

    auth_refuse(auth, to, request->path, &refusal, sp_view_make("", 0));
}

static void
serve_document(struct auth *auth, const struct sp_http_request *request)
{
    const struct auth_return to = { request->request_id, request->reply_to,
                                    request->attempt };
    static const struct sp_refusal unknown = {
        .status = 404,
        .code = "not_found",
        .text = "no such document",
    };
    struct sp_view text = metadata_find(auth->policy->metadata, request->path);

    if (text.ptr == NULL) {
        auth_refuse(auth, to, request->path, &unknown, sp_view_make("", 0));
    } else {
        auth_answer(auth, to, 200,
                    SP_VIEW_LITERAL("content-type: application/json\n"
                                    "cache-control: public, max-age=300\n"),
                    text);
    }
}

static void
serve_token(struct auth *auth, const struct sp_http_request *request)
{
    token_endpoint_handle(auth->endpoint, request);
}

/* What is served without a token. All other paths need one. */
static void (*const open_paths[SP_PATH_COUNT])(
    struct auth *auth, const struct sp_http_request *request) = {
    [SP_PATH_TOKEN] = serve_token,
    [SP_PATH_JWKS] = serve_document,
    [SP_PATH_DOCUMENTS] = serve_document,
};

void
wire_on_http_request(void *self, const struct sp_msg *m)
{
    struct auth *auth = self;
    const struct sp_http_request *request = &m->u.http_request;
    const struct sp_path *row = sp_path_find(request->path);

    if (request->deadline_ms == 0) {
        return; /* the edge has answered 504 */
    }
    if (row == NULL || open_paths[row->id] == NULL) {
        access_handle(auth, request);
    } else if (!sp_path_takes(row, sp_method_find(request->method))) {
        refuse_method(auth, request, row);
    } else {
        open_paths[row->id](auth, request);
    }
}

/* Nobody waits for these: one that finds no validation is dropped, and the
 * request's deadline ends what it meant to end. */
static void
pass_on(struct auth *auth, enum sp_message_id id, const void *message,
        struct sp_place place)
{
    if (sp_runtime_send(auth->runtime, SP_SERVICE_VALIDATION, id, message,
                        place) != 0) {
        auth->counts.undelivered++;
    }
}

/* To the validation replica that keeps the request; where it is gone, any one
 * has the way to the executor, if one is named. */
static void
pass_on_by_name(struct auth *auth, enum sp_message_id id, const void *message,
                struct sp_view screen, struct sp_view executor)
{
    const struct sp_place named = { .kind = SP_PLACE_NAMED, .key = screen };
    const struct sp_place any = { .kind = SP_PLACE_ANY };

    if (sp_runtime_send(auth->runtime, SP_SERVICE_VALIDATION, id, message,
                        named) == 0) {
        return;
    }
    if (executor.len > 0) {
        pass_on(auth, id, message, any);
    } else {
        auth->counts.undelivered++;
    }
}

void
wire_on_cancel(void *self, const struct sp_msg *m)
{
    pass_on_by_name(self, SP_MSG_CANCEL, &m->u.cancel, m->u.cancel.screen_by,
                    m->u.cancel.executor);
}

void
wire_on_credit(void *self, const struct sp_msg *m)
{
    pass_on_by_name(self, SP_MSG_CREDIT, &m->u.credit, m->u.credit.screen_by,
                    m->u.credit.executor);
}

void
wire_on_probe(void *self, const struct sp_msg *m)
{
    const struct sp_place any = { .kind = SP_PLACE_ANY };

    pass_on(self, SP_MSG_PROBE, &m->u.probe, any);
}

void
wire_peer(void *self, enum sp_service_id service, struct sp_view name, bool up)
{
    struct auth *auth = self;
    const struct sp_place all = { .kind = SP_PLACE_ALL };
    const struct sp_peer_lost lost = { .service = service, .name = name };

    if (!up && service == SP_SERVICE_VALIDATION &&
        sp_runtime_send(auth->runtime, SP_SERVICE_EDGE, SP_MSG_PEER_LOST, &lost,
                        all) != 0) {
        auth->counts.undelivered++;
    }
}
