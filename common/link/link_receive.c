/* Receiving: one PULL socket per sender. */
#include "common/link/link_parts.h"

#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zmq.h>

#include "common/base/error.h"

/* Frames taken from one socket in one turn, so that no sender starves the
 * others. */
#define FRAMES_PER_TURN 64
#define RECEIVE_QUEUE_FRAMES 64
/* tcp: the port on which a receiver takes one sender. */
#define BASE_PORT 5600

static void
on_readable(void *arg, uint32_t events)
{
    struct sp_link_in *in = arg;

    (void)events;
    in->ready = true;
}

void
sp_link_refuse(struct sp_links *links, enum sp_service_id from,
               uint64_t message, int error)
{
    links->refused++;
    links->events.refused(links->events.arg, from, message, error);
}

static void
take_envelope(struct sp_link_in *in, struct sp_view envelope)
{
    struct sp_links *links = in->links;
    struct sp_msg message = { .from = in->from };
    int error = sp_decode(envelope, &message);

    if (error == 0 &&
        !sp_route_exists((uint64_t)message.id, in->from, links->self)) {
        error = SP_EDENIED;
    }
    if (error != 0) {
        sp_link_refuse(links, in->from, (uint64_t)message.id, error);
        return;
    }
    links->events.message(links->events.arg, &message);
}

/* attack: eight megabytes hold two million envelopes of nothing, each of them
 * a refusal, a log line and an event. */
static void
take_frame(struct sp_link_in *in, struct sp_view frame)
{
    struct sp_view envelope = { 0 };

    for (size_t i = 0; frame.len > 0; i++) {
        int error = i == SP_FRAME_ENVELOPES ? SP_ELIMIT
                                            : sp_frame_next(&frame, &envelope);

        if (error != 0) {
            sp_link_refuse(in->links, in->from, 0, error);
            return;
        }
        take_envelope(in, envelope);
    }
}

/* Takes what waits on one socket; true where more is left. */
static bool
drain(struct sp_link_in *in)
{
    for (int i = 0; i < FRAMES_PER_TURN; i++) {
        zmq_msg_t frame;

        (void)zmq_msg_init(&frame);
        if (zmq_msg_recv(&frame, in->pull, ZMQ_DONTWAIT) < 0) {
            (void)zmq_msg_close(&frame);
            in->ready = false;
            return false;
        }
        take_frame(in,
                   sp_view_make(zmq_msg_data(&frame), zmq_msg_size(&frame)));
        (void)zmq_msg_close(&frame);
    }
    return true;
}

bool
sp_link_receive_turn(void *arg)
{
    struct sp_links *links = arg;
    bool more = sp_link_zap_turn(links->zap);

    for (size_t i = 0; i < SP_SERVICE_COUNT; i++) {
        if (links->in[i].pull != NULL && links->in[i].ready) {
            more |= drain(&links->in[i]);
        }
    }
    return more;
}

static int
set_number(void *socket, int option, int64_t value)
{
    int small = (int)value;

    if (option == ZMQ_MAXMSGSIZE) {
        return zmq_setsockopt(socket, option, &value, sizeof(value));
    }
    return zmq_setsockopt(socket, option, &small, sizeof(small));
}

/* Everyone may reach the socket's file; the PLAIN secret decides who comes in.
 * libzmq makes the file inside zmq_bind(), in this thread. */
static int
bind_ipc(struct sp_link_in *in)
{
    char endpoint[160];
    mode_t before = 0;
    int result = 0;

    (void)snprintf(in->path, sizeof(in->path), "run/%s/%s.%s",
                   sp_service_name(in->links->self), sp_service_name(in->from),
                   in->links->replica);
    (void)snprintf(endpoint, sizeof(endpoint), "ipc://%s", in->path);
    (void)unlink(in->path);
    before = umask(0);
    result = zmq_bind(in->pull, endpoint);
    (void)umask(before);
    return result;
}

uint16_t
sp_link_port(enum sp_service_id from, enum sp_service_id to)
{
    return (uint16_t)(BASE_PORT + (int)to * SP_SERVICE_COUNT + (int)from);
}

static int
bind_tcp(struct sp_link_in *in)
{
    char endpoint[64];

    (void)snprintf(endpoint, sizeof(endpoint), "tcp://*:%d",
                   sp_link_port(in->from, in->links->self));
    return zmq_bind(in->pull, endpoint);
}

int
sp_link_open_in(struct sp_links *links, enum sp_service_id from)
{
    struct sp_link_in *in = &links->in[from];
    size_t len = sizeof(in->watch.fd);

    in->links = links;
    in->from = from;
    in->ready = true;
    in->watch = (struct sp_watch){ .ready = on_readable, .arg = in };
    in->pull = zmq_socket(links->context, ZMQ_PULL);
    if (in->pull == NULL ||
        set_number(in->pull, ZMQ_RCVHWM, RECEIVE_QUEUE_FRAMES) != 0 ||
        set_number(in->pull, ZMQ_LINGER, 0) != 0 ||
        set_number(in->pull, ZMQ_MAXMSGSIZE, SP_MAX_ENVELOPE + 4) != 0 ||
        sp_link_keys_server(links->keys, in->pull, from) != 0) {
        return SP_ESYSTEM;
    }
    if ((links->tcp ? bind_tcp(in) : bind_ipc(in)) != 0 ||
        zmq_getsockopt(in->pull, ZMQ_FD, &in->watch.fd, &len) != 0) {
        return SP_ESYSTEM;
    }
    return sp_loop_add(links->loop, &in->watch, EPOLLIN);
}

void
sp_link_close_in(struct sp_link_in *in)
{
    if (in->pull == NULL) {
        return;
    }
    if (in->watch.fd > 0) {
        sp_loop_remove(in->links->loop, &in->watch);
    }
    (void)zmq_close(in->pull);
    in->pull = NULL;
}
