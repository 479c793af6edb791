/* The ZAP handler. */
#include "common/link/link_zap.h"

#include <string.h>
#include <sys/epoll.h>

#include <zmq.h>

#include "common/base/alloc.h"
#include "common/base/error.h"

#define ZAP_ENDPOINT "inproc://zeromq.zap.01"
/* version, request id, domain, address, identity, mechanism, credentials */
#define ZAP_FRAMES 8
#define ZAP_FRAME_MAX 255

struct sp_link_zap {
    struct sp_loop *loop;
    const struct sp_link_keys *keys;
    void *socket;
    struct sp_watch watch;
    void (*refused)(void *arg, struct sp_view domain);
    void *arg;
};

struct frame {
    char bytes[ZAP_FRAME_MAX];
    size_t len;
};

static void
on_ready(void *arg, uint32_t events)
{
    /* The turn hook reads; the event only ends the wait. */
    (void)arg;
    (void)events;
}

int
sp_link_zap_open(void *context, struct sp_loop *loop,
                 const struct sp_link_keys *keys,
                 void (*refused)(void *arg, struct sp_view domain), void *arg,
                 struct sp_link_zap **ret_zap)
{
    struct sp_link_zap *zap = sp_alloc(sizeof(*zap));
    size_t len = sizeof(zap->watch.fd);

    zap->loop = loop;
    zap->keys = keys;
    zap->refused = refused;
    zap->arg = arg;
    zap->watch.ready = on_ready;
    zap->watch.arg = zap;
    zap->socket = zmq_socket(context, ZMQ_REP);
    if (zap->socket == NULL || zmq_bind(zap->socket, ZAP_ENDPOINT) != 0 ||
        zmq_getsockopt(zap->socket, ZMQ_FD, &zap->watch.fd, &len) != 0 ||
        sp_loop_add(loop, &zap->watch, EPOLLIN) != 0) {
        sp_link_zap_free(&zap);
        return SP_ESYSTEM;
    }
    *ret_zap = zap;
    return 0;
}

/* Reads one request; returns the number of frames, or -1 where none waits. */
static int
read_request(void *socket, struct frame frames[ZAP_FRAMES])
{
    int more = 1;
    size_t size = sizeof(more);
    int count = 0;

    while (more != 0) {
        struct frame spare;
        struct frame *at = count < ZAP_FRAMES ? &frames[count] : &spare;
        int len = zmq_recv(socket, at->bytes, sizeof(at->bytes), ZMQ_DONTWAIT);

        if (len < 0) {
            return -1;
        }
        at->len =
            (size_t)len < sizeof(at->bytes) ? (size_t)len : sizeof(at->bytes);
        count++;
        if (zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &size) != 0) {
            return -1;
        }
    }
    return count;
}

static struct sp_view
view_of(const struct frame *frame)
{
    return sp_view_make(frame->bytes, frame->len);
}

static void
answer(struct sp_link_zap *zap, const struct frame *request_id, bool admitted)
{
    static const char *const texts[2][2] = { { "400", "refused" },
                                             { "200", "OK" } };
    const char *const *text = texts[admitted ? 1 : 0];

    /* An inproc REP answers its own libzmq: it cannot be full. */
    (void)zmq_send(zap->socket, "1.0", 3, ZMQ_SNDMORE);
    (void)zmq_send(zap->socket, request_id->bytes, request_id->len,
                   ZMQ_SNDMORE);
    (void)zmq_send(zap->socket, text[0], 3, ZMQ_SNDMORE);
    (void)zmq_send(zap->socket, text[1], strlen(text[1]), ZMQ_SNDMORE);
    (void)zmq_send(zap->socket, "", 0, ZMQ_SNDMORE);
    (void)zmq_send(zap->socket, "", 0, 0);
}

bool
sp_link_zap_turn(struct sp_link_zap *zap)
{
    struct frame frames[ZAP_FRAMES];
    int count = 0;

    while ((count = read_request(zap->socket, frames)) >= 0) {
        bool admitted = false;

        if (count == 8) { /* PLAIN: user name and password */
            admitted = sp_link_keys_admit(
                zap->keys, view_of(&frames[2]), view_of(&frames[5]),
                view_of(&frames[6]), view_of(&frames[7]));
        } else if (count == 7) { /* CURVE: the public key */
            admitted = sp_link_keys_admit(zap->keys, view_of(&frames[2]),
                                          view_of(&frames[5]), sp_view_of(""),
                                          view_of(&frames[6]));
        }
        if (!admitted) {
            zap->refused(zap->arg,
                         count > 2 ? view_of(&frames[2]) : sp_view_of(""));
        }
        answer(zap, count > 1 ? &frames[1] : &frames[0], admitted);
    }
    explicit_bzero(frames, sizeof(frames));
    return false;
}

void
sp_link_zap_free(struct sp_link_zap **zap)
{
    if (*zap == NULL) {
        return;
    }
    if ((*zap)->socket != NULL) {
        if ((*zap)->watch.fd != 0) {
            sp_loop_remove((*zap)->loop, &(*zap)->watch);
        }
        (void)zmq_close((*zap)->socket);
    }
    sp_free(*zap);
    *zap = NULL;
}
