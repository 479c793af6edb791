/* From the request line to the pipeline: rules, limits, and who answers. */
#include "services/edge/intake.h"

#include <inttypes.h>
#include <stdio.h>

#include <gnutls/gnutls.h>

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "proto/paths.h"
#include "services/edge/connection.h"
#include "services/edge/edge.h"
#include "services/edge/edge_config.h"
#include "services/edge/hosts.h"
#include "services/edge/http_rules.h"
#include "services/edge/mhd/layout.h"
#include "services/edge/mhd/records.h"
#include "services/edge/mhd/repairs.h"
#include "services/edge/mhd/reply.h"
#include "services/edge/mhd/room.h"
#include "services/edge/pipeline.h"
#include "services/edge/request.h"
#include "services/edge/target.h"

/* A refused body up to this length is read to its end, so that the client
 * gets to read the refusal; beyond it the connection just ends. */
#define PASS_OVER_MAX (1024 * 1024)
#define BUSY_RETRY_S 1

static struct connection *
connection_of(struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

    return info->socket_context;
}

void *
intake_begin(void *cls, const char *uri, struct MHD_Connection *mhd)
{
    struct connection *c = connection_of(mhd);
    struct request *r = request_new(cls, c);

    c->request = r;
    r->edge->inbox.current = &c->records;
    if (c->served) {
        connection_enter(c, CONNECTION_HEADERS);
    }
    c->served = true;
    r->arrived_us = sp_clock_us();
    r->target_at = uri;
    /* The library is about to decode it in place. */
    (void)sp_buf_add_str(&r->target, uri != NULL ? uri : "");
    return r;
}

/* ----------------------------------------------------------------- headers */

/* The lines on their way through layout and rules. */
struct walk {
    struct layout layout;
    struct http_headers headers;
    enum http_fault fault;
};

static enum MHD_Result
on_line(void *cls, enum MHD_ValueKind kind, const char *name, size_t name_len,
        const char *value, size_t value_len)
{
    struct walk *w = cls;
    struct sp_view n = sp_view_make(name, name_len);
    struct sp_view v = sp_view_make(value, value_len);

    (void)kind;
    if (!LAYOUT_LIBRARY_IS_STRICT) {
        layout_header(&w->layout, n, v);
    }
    w->fault = w->layout.broken ? HTTP_BAD_LAYOUT
                                : http_headers_add(&w->headers, n, v);
    return w->fault == HTTP_OK ? MHD_YES : MHD_NO;
}

static size_t
block_len(struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);

    return info == NULL ? 0 : info->header_size;
}

static enum http_fault
walk_headers(struct request *r, struct MHD_Connection *mhd, const char *method,
             const char *version, struct walk *w)
{
    http_headers_begin(&w->headers, &r->headers, &r->credentials);
    w->layout = layout_begin(sp_view_of(method),
                             sp_view_make(r->target_at, r->target.len),
                             sp_view_of(version), block_len(mhd));
    if (w->layout.broken) {
        return HTTP_BAD_LAYOUT;
    }
    (void)MHD_get_connection_values_n(mhd, MHD_HEADER_KIND, on_line, w);
    if (w->fault == HTTP_OK && !LAYOUT_LIBRARY_IS_STRICT &&
        !layout_whole(&w->layout)) {
        return HTTP_BAD_LAYOUT;
    }
    return w->fault;
}

static enum http_fault
check_target(struct request *r)
{
    int error = target_read(sp_buf_view(&r->target), &r->path, &r->query);

    if (error != 0) {
        sp_buf_reset(&r->path);
        return error == SP_ELIMIT ? HTTP_LONG_TARGET : HTTP_BAD_TARGET;
    }
    r->rule = sp_path_find(sp_buf_view(&r->path));
    return HTTP_OK;
}

static enum http_fault
check_route(const struct request *r, const struct http_headers *h)
{
    const struct edge *edge = r->edge;

    if (!hosts_knows(edge->hosts, h->host)) {
        return HTTP_HOST;
    }
    if (h->origin.ptr != NULL && !hosts_knows_origin(edge->hosts, h->origin)) {
        return HTTP_ORIGIN;
    }
    if (r->rule == NULL) {
        return HTTP_NOT_FOUND;
    }
    if (!sp_path_takes(r->rule, r->method)) {
        return HTTP_METHOD;
    }
    if (h->length > request_body_room(r)) {
        return HTTP_BUSY;
    }
    return HTTP_OK;
}

static void
keep_trace(struct request *r, struct sp_view trace)
{
    r->trace_len = trace.len < sizeof(r->trace) ? trace.len : 0;
    if (r->trace_len > 0) {
        memcpy(r->trace, trace.ptr, r->trace_len);
    }
}

static enum http_fault
check_headers(struct request *r, struct MHD_Connection *mhd, const char *method,
              const char *version, struct walk *w)
{
    bool takes_body = false;
    enum http_fault fault = http_version(sp_view_of(version), &r->minor);

    r->method = sp_method_find(sp_view_of(method));
    takes_body = (r->method & (SP_METHOD_GET | SP_METHOD_HEAD)) == 0;
    if (fault == HTTP_OK) {
        fault = check_target(r);
    }
    if (fault == HTTP_OK) {
        fault = walk_headers(r, mhd, method, version, w);
    }
    if (fault == HTTP_OK) {
        fault = http_headers_end(&w->headers, takes_body, r->minor,
                                 r->edge->config->limits.body_bytes);
    }
    if (fault == HTTP_OK) {
        keep_trace(r, w->headers.trace);
        fault = check_route(r, &w->headers);
    }
    return fault;
}

/* ----------------------------------------------------------------- refusal */

/* The path where it can be reported: ours, or plain ASCII. */
static struct sp_view
tellable_path(const struct request *r)
{
    struct sp_view path = sp_buf_view(&r->path);

    for (size_t i = 0; i < path.len; i++) {
        if ((unsigned char)path.ptr[i] >= 0x80) {
            return sp_view_make("", 0);
        }
    }
    return path;
}

static void
report_refused(const struct request *r, unsigned status, const char *code)
{
    char detail[80];
    const struct sp_occurrence what = {
        .kind = "request_refused",
        .address = sp_view_of(r->connection->address),
        .object = tellable_path(r),
        .status = status,
        .detail = detail,
    };

    (void)snprintf(detail, sizeof(detail), "code=%s", code);
    sp_runtime_event(r->edge->rt, &what);
}

static void
refuse(struct request *r, enum http_fault fault)
{
    const struct http_fault_info *info = http_fault_info(fault);
    char allow[SP_PATH_ALLOW_MAX];
    const struct sp_refusal refusal = {
        .status = info->status,
        .code = info->code,
        .text = info->text,
        .retry_after_s = fault == HTTP_BUSY ? BUSY_RETRY_S : 0,
        .allow = fault == HTTP_METHOD ? sp_path_allow(r->rule, allow) : NULL,
    };

    r->edge->figures.refused++;
    report_refused(r, info->status, info->code);
    reply_refuse(r, &refusal, info->close);
}

static enum MHD_Result
queue(struct request *r)
{
    struct connection *c = r->connection;
    enum MHD_Result result = MHD_NO;

    connection_enter(c, CONNECTION_SENDING);
    if (r->body_follows) {
        records_hold(&c->records);
    }
    r->head_due = true;
    result = MHD_queue_response(c->mhd, r->status, r->response);
    MHD_destroy_response(r->response);
    r->response = NULL;
    return result;
}

/* attack: a head that just fits, so that the answer does not. */
static enum MHD_Result
refuse_by_hand(struct request *r)
{
    const struct http_fault_info *info = http_fault_info(HTTP_MANY_HEADERS);

    r->edge->figures.refused++;
    report_refused(r, info->status, info->code);
    repairs_answer(r->connection, info->status);
    return MHD_NO;
}

/* True where the body behind a refused head may be read and forgotten: its end
 * is not in doubt, and it is worth the reading. */
static bool
passes_over(enum http_fault fault, const struct http_headers *h)
{
    return fault > HTTP_BAD_CODING && fault != HTTP_EXPECTATION &&
           !h->expects && h->length <= PASS_OVER_MAX;
}

/* ---------------------------------------------------------- edge's answers */

static void
answer_health(struct request *r)
{
    reply_whole(r, 200, SP_VIEW_LITERAL("content-type: application/json\n"),
                SP_VIEW_LITERAL("{\"status\":\"ok\"}\n"));
}

static void
answer_ready(struct request *r)
{
    struct edge *edge = r->edge;
    int64_t now_ms = sp_loop_now_ms(edge->loop);
    bool ready = !edge->draining && readiness_ready(&edge->readiness, now_ms);
    struct sp_buf body = sp_buf_new(512);

    readiness_write(&edge->readiness, now_ms, &body);
    reply_whole(r, ready ? 200 : 503,
                ready ? SP_VIEW_LITERAL("content-type: application/json\n")
                      : SP_VIEW_LITERAL("content-type: application/json\n"
                                        "retry-after: 1\n"),
                sp_buf_view(&body));
    sp_buf_free(&body);
}

/* ------------------------------------------------------------------ stages */

static void
note_handshake(struct connection *c)
{
    if (c->greeted) {
        return;
    }
    c->greeted = true;
    c->edge->figures.handshakes++;
    c->edge->figures.resumed +=
        gnutls_session_is_resumed(c->session) != 0 ? 1 : 0;
}

static enum MHD_Result
take_headers(struct request *r, const char *method, const char *version)
{
    struct connection *c = r->connection;
    struct walk w = { .fault = HTTP_OK };
    bool has_body = false;

    note_handshake(c);
    r->fault = check_headers(r, c->mhd, method, version, &w);
    if (!room_for_answer(c->mhd, block_len(c->mhd),
                         r->edge->config->limits.connection_bytes)) {
        return refuse_by_hand(r);
    }
    has_body = w.headers.length > 0 || w.headers.chunked;
    if (r->fault != HTTP_OK && (has_body ? !passes_over(r->fault, &w.headers)
                                         : http_fault_info(r->fault)->close)) {
        refuse(r, r->fault);
        return queue(r);
    }
    r->state = REQUEST_BODY;
    connection_enter(c, has_body ? CONNECTION_BODY : CONNECTION_WAITING);
    return MHD_YES;
}

static enum MHD_Result
take_body(struct request *r, const char *bytes, size_t *len)
{
    size_t n = *len;

    *len = 0;
    if (r->fault == HTTP_OK && n > request_body_room(r)) {
        r->fault = HTTP_BUSY;
    }
    if (r->fault == HTTP_OK &&
        request_add_body(r, sp_view_make(bytes, n)) != 0) {
        r->fault = HTTP_BODY_LARGE;
    }
    if (r->fault == HTTP_OK) {
        return MHD_YES;
    }
    request_drop_body(r);
    r->passed_over += n;
    return r->passed_over <= PASS_OVER_MAX ? MHD_YES : MHD_NO;
}

static enum MHD_Result
take_whole(struct request *r)
{
    struct connection *c = r->connection;

    if (r->fault == HTTP_OK &&
        MHD_get_connection_values(c->mhd, MHD_FOOTER_KIND, NULL, NULL) > 0) {
        r->fault = HTTP_TRAILERS;
    }
    if (r->fault != HTTP_OK) {
        refuse(r, r->fault);
        return queue(r);
    }
    if (r->rule->id == SP_PATH_HEALTHZ) {
        answer_health(r);
        return queue(r);
    }
    if (r->rule->id == SP_PATH_READYZ) {
        answer_ready(r);
        return queue(r);
    }
    if (c->gone) {
        return MHD_NO;
    }
    pipeline_send(r);
    if (r->state == REQUEST_ANSWERED) {
        return queue(r);
    }
    connection_enter(c, CONNECTION_WAITING);
    connection_suspend(c);
    return MHD_YES;
}

enum MHD_Result
intake_handle(void *cls, struct MHD_Connection *mhd, const char *url,
              const char *method, const char *version, const char *upload,
              size_t *upload_size, void **context)
{
    struct request *r = *context;

    (void)cls;
    (void)mhd;
    (void)url;
    if (r == NULL) {
        return MHD_NO;
    }
    r->edge->inbox.current = &r->connection->records;
    if (r->state == REQUEST_LINE) {
        return take_headers(r, method, version);
    }
    if (r->state == REQUEST_BODY) {
        return *upload_size > 0 ? take_body(r, upload, upload_size)
                                : take_whole(r);
    }
    if (r->connection->gone) {
        return MHD_NO;
    }
    if (r->state == REQUEST_ANSWERED && r->response != NULL) {
        return queue(r);
    }
    connection_suspend(r->connection);
    return MHD_YES;
}

static void
note_end(struct request *r)
{
    struct edge *edge = r->edge;
    int64_t us = sp_clock_us() - r->arrived_us;
    /* What failed on its way is worth a line; the rest when asked for. */
    enum sp_log_level level =
        r->status >= 500 && r->sent_us != 0 ? SP_LOG_INFO : SP_LOG_DEBUG;
    struct sp_log_text safe;

    if (r->state != REQUEST_ANSWERED) {
        return;
    }
    figures_answer(&edge->figures, r->status, us);
    if (sp_log_wants(level)) {
        sp_log(level, "request",
               "status=%u us=%" PRId64 " attempts=%u address=%s path=%s",
               r->status, us, r->attempt + 1, r->connection->address,
               sp_log_safe(&safe, sp_buf_view(&r->path)));
    }
}

void
intake_completed(void *cls, struct MHD_Connection *mhd, void **context,
                 enum MHD_RequestTerminationCode how)
{
    struct request *r = *context;
    struct connection *c = NULL;

    (void)cls;
    (void)mhd;
    (void)how;
    if (r == NULL) {
        return;
    }
    c = r->connection;
    *context = NULL;
    c->request = NULL;
    r->edge->inbox.current = &c->records;
    note_end(r);
    /* While draining too: an answer that said "Connection: close" the library
     * ends itself, and after any other the client may be asking already. */
    if (!records_flush(&c->records)) {
        connection_shed(c);
    } else if (!c->gone) {
        connection_enter(c, CONNECTION_IDLE);
    }
    pipeline_end(r);
}
