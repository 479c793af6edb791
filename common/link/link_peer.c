/* One replica of a receiving service. */
#include "common/link/link_peer.h"

#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#include <zmq.h>

#include "common/base/alloc.h"
#include "common/base/error.h"
#include "proto/codec.h"

/* A frame is full from so many bytes on; a larger envelope fills one. */
#define BATCH_BYTES (64 * 1024)
/* libzmq's own queue, in frames: it bounds what a dying peer takes along. */
#define QUEUE_FRAMES 64
/* What waits here while that queue is full. A receiver that is not run for a
 * few milliseconds fills it with small frames; several hundred clients at once
 * are no reason to refuse any. */
#define BACKLOG_ENVELOPES 1024
#define BACKLOG_BYTES (1024 * 1024)
#define RECONNECT_MS 10
#define RECONNECT_MAX_MS 1000
#define HEARTBEAT_MS 1000
#define HEARTBEAT_TIMEOUT_MS 3000
#define NEWS (ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED)

struct sp_link_peer {
    struct sp_loop *loop;
    void *push;
    void *monitor;
    struct sp_watch watch; /* of the monitor */
    char *name;
    size_t name_len;
    bool up;
    bool leaves;
    bool stuck;   /* the queue was full at the last try */
    size_t count; /* envelopes in batch */
    struct sp_buf batch;
    struct sp_link_peer_events events;
};

static int
set_number(void *socket, int option, int value)
{
    return zmq_setsockopt(socket, option, &value, sizeof(value)) == 0
               ? 0
               : SP_ESYSTEM;
}

static int
set_options(void *push)
{
    return set_number(push, ZMQ_IMMEDIATE, 1) |
           set_number(push, ZMQ_SNDHWM, QUEUE_FRAMES) |
           set_number(push, ZMQ_LINGER, 0) |
           set_number(push, ZMQ_RECONNECT_IVL, RECONNECT_MS) |
           set_number(push, ZMQ_RECONNECT_IVL_MAX, RECONNECT_MAX_MS) |
           set_number(push, ZMQ_HEARTBEAT_IVL, HEARTBEAT_MS) |
           set_number(push, ZMQ_HEARTBEAT_TIMEOUT, HEARTBEAT_TIMEOUT_MS);
}

/* Envelopes that wait for a peer that went are lost with it, like those that
 * libzmq held: the edge sends again. */
static void
drop_batch(struct sp_link_peer *peer)
{
    peer->count = 0;
    peer->stuck = false;
    sp_buf_reset(&peer->batch);
}

static void
on_news(void *arg, uint32_t events)
{
    struct sp_link_peer *peer = arg;
    bool up = peer->up;
    unsigned char event[6];
    char address[256];

    (void)events;
    for (;;) {
        int len = zmq_recv(peer->monitor, event, sizeof(event), ZMQ_DONTWAIT);
        uint16_t kind = 0;

        if (len < 0) {
            break;
        }
        (void)zmq_recv(peer->monitor, address, sizeof(address), ZMQ_DONTWAIT);
        memcpy(&kind, event, sizeof(kind));
        up = (kind & ZMQ_EVENT_HANDSHAKE_SUCCEEDED) != 0;
        if (up != peer->up) {
            peer->up = up;
            if (!up) {
                drop_batch(peer);
            }
            peer->events.changed(peer->events.arg, peer, up);
        }
    }
}

/* The descriptor of a socket wakes nobody until a first look has found the
 * socket empty: the writing side takes a reader that never looked for one that
 * is still busy. */
static int
first_look(void *socket)
{
    int events = 0;
    size_t len = sizeof(events);

    return zmq_getsockopt(socket, ZMQ_EVENTS, &events, &len) == 0 ? 0
                                                                  : SP_ESYSTEM;
}

/* The monitor reports when the handshake succeeded and when the peer went. */
static int
open_monitor(struct sp_link_peer *peer, void *context)
{
    char endpoint[64];
    size_t len = sizeof(peer->watch.fd);

    (void)snprintf(endpoint, sizeof(endpoint), "inproc://peer-%p",
                   (void *)peer);
    if (zmq_socket_monitor(peer->push, endpoint, NEWS) != 0) {
        return SP_ESYSTEM;
    }
    peer->monitor = zmq_socket(context, ZMQ_PAIR);
    if (peer->monitor == NULL ||
        set_number(peer->monitor, ZMQ_LINGER, 0) != 0 ||
        zmq_connect(peer->monitor, endpoint) != 0 ||
        zmq_getsockopt(peer->monitor, ZMQ_FD, &peer->watch.fd, &len) != 0 ||
        first_look(peer->monitor) != 0) {
        return SP_ESYSTEM;
    }
    return sp_loop_add(peer->loop, &peer->watch, EPOLLIN);
}

struct sp_link_peer *
sp_link_peer_new(void *context, struct sp_loop *loop,
                 const struct sp_link_keys *keys, enum sp_service_id to,
                 struct sp_view name, const char *endpoint,
                 struct sp_link_peer_events events)
{
    struct sp_link_peer *peer = sp_alloc(sizeof(*peer));

    peer->loop = loop;
    peer->name = sp_dup_view(name);
    peer->name_len = name.len;
    peer->events = events;
    peer->batch = sp_buf_new(SP_MAX_ENVELOPE + BACKLOG_BYTES);
    peer->watch = (struct sp_watch){ .ready = on_news, .arg = peer, .fd = -1 };
    peer->push = zmq_socket(context, ZMQ_PUSH);
    if (peer->push == NULL || set_options(peer->push) != 0 ||
        sp_link_keys_client(keys, peer->push, to) != 0 ||
        open_monitor(peer, context) != 0 ||
        zmq_connect(peer->push, endpoint) != 0) {
        sp_link_peer_free(&peer, 0);
    }
    return peer;
}

void
sp_link_peer_free(struct sp_link_peer **peer_p, int linger_ms)
{
    struct sp_link_peer *peer = *peer_p;

    if (peer == NULL) {
        return;
    }
    if (peer->watch.fd >= 0) {
        sp_loop_remove(peer->loop, &peer->watch);
    }
    if (peer->monitor != NULL) {
        (void)zmq_socket_monitor(peer->push, NULL, 0);
        (void)zmq_close(peer->monitor);
    }
    if (peer->push != NULL) {
        (void)set_number(peer->push, ZMQ_LINGER, linger_ms);
        (void)zmq_close(peer->push);
    }
    sp_buf_free(&peer->batch);
    sp_free(peer->name);
    sp_free(peer);
    *peer_p = NULL;
}

struct sp_view
sp_link_peer_name(const struct sp_link_peer *peer)
{
    return sp_view_make(peer->name, peer->name_len);
}

bool
sp_link_peer_up(const struct sp_link_peer *peer)
{
    return peer->up;
}

void
sp_link_peer_leave(struct sp_link_peer *peer, bool leaves)
{
    peer->leaves = leaves;
}

bool
sp_link_peer_leaves(const struct sp_link_peer *peer)
{
    return peer->leaves;
}

bool
sp_link_peer_has_room(const struct sp_link_peer *peer)
{
    return peer->count < BACKLOG_ENVELOPES && peer->batch.len < BACKLOG_BYTES;
}

bool
sp_link_peer_stuck(const struct sp_link_peer *peer)
{
    return peer->stuck;
}

size_t
sp_link_peer_pending(const struct sp_link_peer *peer)
{
    return peer->count;
}

void
sp_link_peer_add(struct sp_link_peer *peer, struct sp_view envelope)
{
    if (sp_buf_add_view(&peer->batch, envelope) == 0) {
        peer->count++;
    }
    if (!peer->stuck &&
        (peer->count >= SP_FRAME_ENVELOPES || peer->batch.len >= BATCH_BYTES)) {
        (void)sp_link_peer_flush(peer);
    }
}

/* The first frame of `rest`: its length, and how many envelopes it holds. */
static size_t
cut_frame(struct sp_view rest, size_t *ret_count)
{
    const char *start = rest.ptr;
    struct sp_view envelope = { 0 };
    size_t len = 0;

    *ret_count = 0;
    while (*ret_count < SP_FRAME_ENVELOPES && len < BATCH_BYTES &&
           sp_frame_next(&rest, &envelope) == 0) {
        len = (size_t)(rest.ptr - start);
        (*ret_count)++;
    }
    return len;
}

int
sp_link_peer_flush(struct sp_link_peer *peer)
{
    struct sp_view rest = sp_buf_view(&peer->batch);

    peer->stuck = false;
    while (peer->count > 0) {
        size_t count = 0;
        size_t len = cut_frame(rest, &count);

        if (zmq_send(peer->push, rest.ptr, len, ZMQ_DONTWAIT) < 0) {
            sp_buf_consume(&peer->batch, peer->batch.len - rest.len);
            peer->stuck = true;
            return SP_EFULL;
        }
        peer->count -= count;
        rest = sp_view_skip(rest, len);
    }
    sp_buf_reset(&peer->batch);
    if (peer->batch.size > 2 * BATCH_BYTES) {
        sp_buf_free(&peer->batch); /* one huge envelope must not stay */
    }
    return 0;
}
