/* Requests are reused together with their small buffers. */
#include "services/edge/request.h"

#include <microhttpd.h>

#include "common/base/alloc.h"
#include "proto/schema.h"
#include "services/edge/addresses.h"
#include "services/edge/connection.h"
#include "services/edge/edge.h"
#include "services/edge/edge_config.h"
#include "services/edge/target.h"

/* Requests kept for reuse, and the largest buffer that is kept with them. */
#define SPARE_MAX 256
#define KEEP_BYTES 4096
/* attack: one stranger whose bodies never end, so that there is no room for
 * anybody else's. One address gets this part of the room. */
#define ADDRESS_SHARE 4

struct request *
request_new(struct edge *edge, struct connection *connection)
{
    struct request *r = edge->spare;

    if (r != NULL) {
        edge->spare = r->spare;
        edge->spare_count--;
    } else {
        r = sp_alloc(sizeof(*r));
        r->target = sp_buf_new(edge->config->limits.connection_bytes);
        r->path = sp_buf_new(TARGET_MAX_PATH + 1);
        r->headers = sp_buf_new(SP_MAX_HEADERS);
        r->credentials = sp_buf_new(SP_MAX_CREDENTIALS);
        r->body = sp_buf_new(edge->config->limits.body_bytes);
        r->head = sp_buf_new(REQUEST_HEAD_MAX);
    }
    r->edge = edge;
    r->connection = connection;
    edge->serving++;
    return r;
}

static void
keep_small(struct sp_buf *b)
{
    if (b->size > KEEP_BYTES) {
        sp_buf_free(b);
    } else {
        sp_buf_reset(b);
    }
}

static void
free_buffers(struct request *r)
{
    sp_buf_free(&r->target);
    sp_buf_free(&r->path);
    sp_buf_free(&r->headers);
    sp_buf_free(&r->credentials);
    sp_buf_free(&r->body);
    sp_buf_free(&r->head);
}

size_t
request_body_room(const struct request *r)
{
    const struct edge *edge = r->edge;
    const struct edge_limits *limits = &edge->config->limits;
    size_t all = limits->bodies_bytes;
    size_t share = all / ADDRESS_SHARE > limits->body_bytes
                       ? all / ADDRESS_SHARE
                       : limits->body_bytes;
    size_t held = addresses_held(edge->addresses, &r->connection->key);
    size_t left = all > edge->body_bytes ? all - edge->body_bytes : 0;
    size_t left_of_share = share > held ? share - held : 0;

    return left < left_of_share ? left : left_of_share;
}

int
request_add_body(struct request *r, struct sp_view bytes)
{
    int error = sp_buf_add_view(&r->body, bytes);

    if (error == 0) {
        r->edge->body_bytes += bytes.len;
        addresses_hold(r->edge->addresses, &r->connection->key, bytes.len);
    }
    return error;
}

void
request_drop_body(struct request *r)
{
    if (r->body.len > 0) {
        r->edge->body_bytes -= r->body.len;
        addresses_release(r->edge->addresses, &r->connection->key, r->body.len);
    }
    keep_small(&r->body);
}

void
request_drop_way(struct request *r)
{
    request_drop_body(r);
    sp_buf_free(&r->body);
    r->query = (struct sp_view){ 0 };
    sp_buf_free(&r->target);
    sp_buf_free(&r->headers);
    sp_buf_free(&r->credentials);
}

void
request_free(struct request *r)
{
    struct edge *edge = r->edge;
    struct request clean = { 0 };

    request_table_remove(&r->entry);
    sp_loop_stop(edge->loop, &r->timer);
    if (r->response != NULL) {
        MHD_destroy_response(r->response);
    }
    if (r->streaming) {
        stream_end(&r->stream);
    }
    request_drop_body(r);
    if (r->connection != NULL) {
        edge->serving--;
    }
    if (edge->spare_count == SPARE_MAX) {
        free_buffers(r);
        sp_free(r);
        return;
    }
    keep_small(&r->target);
    keep_small(&r->path);
    keep_small(&r->headers);
    keep_small(&r->credentials);
    keep_small(&r->head);
    clean.target = r->target;
    clean.path = r->path;
    clean.headers = r->headers;
    clean.credentials = r->credentials;
    clean.body = r->body;
    clean.head = r->head;
    clean.spare = edge->spare;
    *r = clean;
    edge->spare = r;
    edge->spare_count++;
}

void
request_free_spare(struct edge *edge)
{
    while (edge->spare != NULL) {
        struct request *r = edge->spare;

        edge->spare = r->spare;
        free_buffers(r);
        sp_free(r);
    }
    edge->spare_count = 0;
}

void
request_report(const struct request *r, const char *kind, unsigned status,
               const char *detail)
{
    const struct sp_occurrence what = {
        .kind = kind,
        .request_id = sp_view_make(r->entry.id, REQUEST_ID_LEN),
        .address =
            sp_view_of(r->connection != NULL ? r->connection->address : NULL),
        .object = sp_view_of(r->rule->path),
        .trace = sp_view_make(r->trace, r->trace_len),
        .status = status,
        .detail = detail,
    };

    sp_runtime_event(r->edge->rt, &what);
}
