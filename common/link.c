/* The links of a process: what it receives on, and whom it sends to. */
#include "common/link.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>
#include <zmq.h>

#include "common/alloc.h"
#include "common/error.h"
#include "common/link_keys.h"
#include "common/link_peer.h"
#include "common/link_zap.h"
#include "common/log.h"
#include "common/resolver.h"
#include "proto/codec.h"

#define MAX_PEERS SP_RESOLVER_MAX
/* How often the peer lists are read again; sooner while one is empty. */
#define REFRESH_MS 1000
#define REFRESH_EMPTY_MS 25
/* After this long an empty list is read at the slow pace. */
#define EAGER_MS 10000
/* A frame that found a full queue is tried again after this. */
#define RETRY_FLUSH_MS 2
/* Frames taken from one socket in one turn, so that no sender starves the
 * others. */
#define FRAMES_PER_TURN 64
/* Envelopes that go to one peer before `any` moves on: small enough that work
 * spreads, large enough that batches form. */
#define ANY_RUN 16
#define RECEIVE_QUEUE_FRAMES 64
#define DROPPED_PEER_LINGER_MS 1000
#define EXIT_LINGER_MS 1000
/* tcp: the port on which a receiver takes one sender. */
#define BASE_PORT 5600
#define MAX_OWN_ADDRESSES 31

/* Outgoing: the replicas of one receiver. */
struct outgoing {
    struct sp_links *links;
    enum sp_service_id to;
    bool used;
    struct sp_link_peer *peers[MAX_PEERS];
    size_t count;
    size_t turn; /* of `any` */
    size_t run;  /* envelopes given to this turn's peer */
};

/* Incoming: one PULL per sender. */
struct incoming {
    struct sp_links *links;
    enum sp_service_id from;
    void *pull;
    struct sp_watch watch;
    bool ready;
    char path[128]; /* of the ipc socket */
};

struct sp_links {
    enum sp_service_id self;
    bool tcp;
    char *replica;
    char own_name[4 * MAX_OWN_ADDRESSES];
    size_t own_name_len;
    struct sp_link_keys *keys;
    struct sp_resolver *resolver;
    struct sp_watch resolver_watch;
    struct sp_loop *loop;
    struct sp_link_events events;
    void *context;
    struct sp_link_zap *zap;
    struct sp_decoder *decoder;
    struct sp_buf envelope;
    struct outgoing out[SP_SERVICE_COUNT];
    struct incoming in[SP_SERVICE_COUNT];
    struct sp_timer refresh;
    struct sp_timer retry_flush;
    int64_t opened_ms;
    int lock_fd;
    bool left;
    uint64_t refused;
};

/* ------------------------------------------------------------------ start */

/* The addresses by which neighbours may know this container, packed. */
static int
read_own_addresses(struct sp_links *links)
{
    struct ifaddrs *list = NULL;

    if (getifaddrs(&list) != 0) {
        return SP_ESYSTEM;
    }
    for (const struct ifaddrs *at = list; at != NULL; at = at->ifa_next) {
        struct sockaddr_in address;

        if (at->ifa_addr == NULL || at->ifa_addr->sa_family != AF_INET ||
            links->own_name_len + 4 > sizeof(links->own_name)) {
            continue;
        }
        memcpy(&address, at->ifa_addr, sizeof(address));
        if (ntohl(address.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET) {
            continue;
        }
        memcpy(links->own_name + links->own_name_len, &address.sin_addr, 4);
        links->own_name_len += 4;
    }
    freeifaddrs(list);
    return links->own_name_len > 0 ? 0 : SP_ESYSTEM;
}

static int
make_directory(const char *path)
{
    return mkdir(path, 0700) == 0 || errno == EEXIST ? 0 : SP_ESYSTEM;
}

static int
prepare_ipc(struct sp_links *links, const char **ret_error)
{
    char path[64];

    (void)snprintf(path, sizeof(path), "run/%s", sp_service_name(links->self));
    if (make_directory("run") != 0 || make_directory(path) != 0) {
        *ret_error = "cannot make the run directory below SP_STATE; check its "
                     "owner and free space";
        return SP_ECONFIG;
    }
    if (strlen(links->replica) > 16) {
        *ret_error = "SP_REPLICA is longer than 16 characters";
        return SP_ECONFIG;
    }
    memcpy(links->own_name, links->replica, strlen(links->replica));
    links->own_name_len = strlen(links->replica);
    return 0;
}

static int
prepare_tcp(struct sp_links *links, const char **ret_error)
{
    if (read_own_addresses(links) != 0) {
        *ret_error = "no IPv4 address besides loopback; tcp links need one";
        return SP_ECONFIG;
    }
    if (sp_resolver_start(&links->resolver) != 0) {
        *ret_error = "cannot start the resolver helper";
        return SP_ECONFIG;
    }
    return 0;
}

int
sp_links_prepare(enum sp_service_id self, const struct sp_settings *settings,
                 struct sp_links **ret_links, const char **ret_error)
{
    struct sp_links *links = sp_alloc(sizeof(*links));
    int error = 0;

    links->self = self;
    links->tcp = settings->links_tcp;
    links->replica = sp_dup(settings->replica);
    links->lock_fd = -1;
    links->envelope = sp_buf_new(SP_MAX_ENVELOPE + 4);
    links->decoder = sp_decoder_new();
    error = sp_link_keys_load(self, links->tcp, &links->keys, ret_error);
    if (error == 0) {
        error = links->tcp ? prepare_tcp(links, ret_error)
                           : prepare_ipc(links, ret_error);
    }
    if (error != 0) {
        sp_links_free(&links);
        return error;
    }
    *ret_links = links;
    return 0;
}

/* -------------------------------------------------------------- receiving */

static void
on_readable(void *arg, uint32_t events)
{
    struct incoming *in = arg;

    (void)events;
    in->ready = true;
}

static void
refuse_message(struct sp_links *links, enum sp_service_id from,
               uint64_t message, int error)
{
    links->refused++;
    links->events.refused(links->events.arg, from, message, error);
}

static void
take_envelope(struct incoming *in, struct sp_view envelope)
{
    struct sp_links *links = in->links;
    struct sp_msg message = { .from = in->from };
    int error = sp_decode(links->decoder, envelope, &message);

    if (error == 0 &&
        !sp_route_exists((uint64_t)message.id, in->from, links->self)) {
        error = SP_EDENIED;
    }
    if (error != 0) {
        refuse_message(links, in->from, (uint64_t)message.id, error);
        return;
    }
    links->events.message(links->events.arg, &message);
}

static void
take_frame(struct incoming *in, struct sp_view frame)
{
    struct sp_view envelope = { 0 };

    while (frame.len > 0) {
        int error = sp_frame_next(&frame, &envelope);

        if (error != 0) {
            refuse_message(in->links, in->from, 0, error);
            return;
        }
        take_envelope(in, envelope);
    }
}

/* Takes what waits on one socket; true where more is left. */
static bool
drain(struct incoming *in)
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

static bool
receive_turn(void *arg)
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
bind_ipc(struct incoming *in)
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
bind_tcp(struct incoming *in)
{
    char endpoint[64];

    (void)snprintf(endpoint, sizeof(endpoint), "tcp://0.0.0.0:%d",
                   sp_link_port(in->from, in->links->self));
    return zmq_bind(in->pull, endpoint);
}

static int
open_incoming(struct sp_links *links, enum sp_service_id from)
{
    struct incoming *in = &links->in[from];
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

/* -------------------------------------------------------------- discovery */

static void
on_peer_changed(void *arg, struct sp_link_peer *peer, bool up)
{
    struct outgoing *out = arg;
    struct sp_links *links = out->links;

    (void)peer;
    sp_log(SP_LOG_DEBUG, up ? "peer_up" : "peer_down", "peer=%s",
           sp_service_name(out->to));
    links->events.peer(links->events.arg, out->to, up);
}

static void
add_peer(struct outgoing *out, struct sp_view name, const char *endpoint)
{
    struct sp_link_peer_events events = { on_peer_changed, out };
    struct sp_link_peer *peer = NULL;

    if (out->count == MAX_PEERS) {
        return;
    }
    peer = sp_link_peer_new(out->links->context, out->links->loop,
                            out->links->keys, out->to, name, endpoint, events);
    if (peer == NULL) {
        sp_log(SP_LOG_ERROR, "peer_socket", "errno=%d", zmq_errno());
        return;
    }
    out->peers[out->count++] = peer;
}

static bool
has_peer(const struct outgoing *out, struct sp_view name)
{
    for (size_t i = 0; i < out->count; i++) {
        if (sp_view_equal(sp_link_peer_name(out->peers[i]), name)) {
            return true;
        }
    }
    return false;
}

/* One name of a fresh peer list. */
struct listed {
    char name[32];
    size_t len;
};

static void
drop_unlisted(struct outgoing *out, const struct listed *list, size_t count)
{
    for (size_t i = out->count; i > 0; i--) {
        struct sp_view name = sp_link_peer_name(out->peers[i - 1]);
        bool found = false;

        for (size_t j = 0; j < count && !found; j++) {
            found = sp_view_equal(name,
                                  sp_view_make(list[j].name, list[j].len));
        }
        if (!found) {
            (void)sp_link_peer_flush(out->peers[i - 1]);
            sp_link_peer_free(&out->peers[i - 1], DROPPED_PEER_LINGER_MS);
            out->peers[i - 1] = out->peers[--out->count];
        }
    }
}

/* Replicas natively: files run/<to>/<self>.<replica>. */
static size_t
list_directory(const struct outgoing *out, struct listed list[MAX_PEERS])
{
    char path[64];
    char prefix[32];
    size_t count = 0;
    DIR *directory = NULL;

    (void)snprintf(path, sizeof(path), "run/%s", sp_service_name(out->to));
    (void)snprintf(prefix, sizeof(prefix), "%s.",
                   sp_service_name(out->links->self));
    directory = opendir(path);
    if (directory == NULL) {
        return 0;
    }
    for (const struct dirent *entry = readdir(directory);
         entry != NULL && count < MAX_PEERS; entry = readdir(directory)) {
        struct sp_view name = sp_view_of(entry->d_name);

        if (sp_view_starts(name, prefix) &&
            name.len - strlen(prefix) < sizeof(list[0].name)) {
            name = sp_view_skip(name, strlen(prefix));
            memcpy(list[count].name, name.ptr, name.len);
            list[count++].len = name.len;
        }
    }
    (void)closedir(directory);
    return count;
}

static void
refresh_from_directory(struct outgoing *out)
{
    struct listed list[MAX_PEERS];
    size_t count = list_directory(out, list);

    drop_unlisted(out, list, count);
    for (size_t i = 0; i < count; i++) {
        struct sp_view name = sp_view_make(list[i].name, list[i].len);
        char endpoint[160];

        (void)snprintf(endpoint, sizeof(endpoint), "ipc://run/%s/%s.%.*s",
                       sp_service_name(out->to),
                       sp_service_name(out->links->self), SP_VIEW(name));
        if (!has_peer(out, name)) {
            add_peer(out, name, endpoint);
        }
    }
}

static void
refresh_from_answer(struct outgoing *out, const struct sp_resolved *answer)
{
    struct listed list[MAX_PEERS];
    char text[INET_ADDRSTRLEN];

    for (size_t i = 0; i < answer->count; i++) {
        memcpy(list[i].name, answer->address[i], 4);
        list[i].len = 4;
    }
    drop_unlisted(out, list, answer->count);
    for (size_t i = 0; i < answer->count; i++) {
        struct sp_view name = sp_view_make(list[i].name, list[i].len);
        char endpoint[64];

        (void)inet_ntop(AF_INET, answer->address[i], text, sizeof(text));
        (void)snprintf(endpoint, sizeof(endpoint), "tcp://%s:%d", text,
                       sp_link_port(out->links->self, out->to));
        if (!has_peer(out, name)) {
            add_peer(out, name, endpoint);
        }
    }
}

static void
on_resolved(void *arg, uint32_t events)
{
    struct sp_links *links = arg;
    struct sp_resolved answer;
    int error = 0;

    (void)events;
    while ((error = sp_resolver_take(links->resolver, &answer)) == 0) {
        if (answer.tag < SP_SERVICE_COUNT && links->out[answer.tag].used) {
            refresh_from_answer(&links->out[answer.tag], &answer);
        }
    }
    if (error == SP_ESYSTEM) {
        sp_fatal("resolver_gone", "errno=%d", errno);
    }
}

static size_t
peers_up(const struct outgoing *out)
{
    size_t up = 0;

    for (size_t i = 0; i < out->count; i++) {
        up += sp_link_peer_up(out->peers[i]) ? 1 : 0;
    }
    return up;
}

static void
on_refresh(void *arg)
{
    struct sp_links *links = arg;
    bool empty = false;
    bool eager =
        sp_loop_now_ms(links->loop) - links->opened_ms < EAGER_MS;

    for (size_t i = 0; i < SP_SERVICE_COUNT; i++) {
        struct outgoing *out = &links->out[i];

        if (!out->used) {
            continue;
        }
        if (links->tcp) {
            sp_resolver_ask(links->resolver, (uint32_t)i,
                            sp_service_name(out->to));
        } else {
            refresh_from_directory(out);
        }
        empty |= out->count == 0;
    }
    sp_loop_start(links->loop, &links->refresh,
                  empty && eager ? REFRESH_EMPTY_MS : REFRESH_MS);
}

/* Looks at the peer lists now rather than at the next second. */
static void
refresh_soon(struct sp_links *links)
{
    sp_loop_start(links->loop, &links->refresh, REFRESH_EMPTY_MS);
}

/* ---------------------------------------------------------------- sending */

static bool
can_take(const struct sp_link_peer *peer)
{
    return sp_link_peer_up(peer) && sp_link_peer_has_room(peer);
}

static struct sp_link_peer *
pick_any(struct outgoing *out)
{
    if (out->run >= ANY_RUN) {
        out->turn++;
        out->run = 0;
    }
    for (size_t i = 0; i < out->count; i++) {
        struct sp_link_peer *peer =
            out->peers[(out->turn + i) % out->count];

        if (can_take(peer)) {
            out->turn = (out->turn + i) % out->count;
            out->run++;
            return peer;
        }
    }
    return NULL;
}

/* Rendezvous hashing (highest random weight): each replica's weight for the
 * key; the heaviest wins, so that a change of replicas moves only the keys of
 * the replica that came or went. */
static uint64_t
weight(struct sp_view key, struct sp_view name)
{
    unsigned char input[64] = { 0 };
    unsigned char seed[crypto_shorthash_KEYBYTES] = "sallyport links";
    uint64_t result = 0;
    size_t len = key.len < 32 ? key.len : 32;
    size_t name_len = name.len < 32 ? name.len : 32;

    memcpy(input, key.ptr, len);
    memcpy(input + len, name.ptr, name_len);
    (void)crypto_shorthash((unsigned char *)&result, input, len + name_len,
                           seed);
    return result;
}

static struct sp_link_peer *
pick_by_key(const struct outgoing *out, struct sp_view key)
{
    struct sp_link_peer *best = NULL;
    uint64_t best_weight = 0;

    if (out->count == 1) {
        return can_take(out->peers[0]) ? out->peers[0] : NULL;
    }
    for (size_t i = 0; i < out->count; i++) {
        uint64_t w = weight(key, sp_link_peer_name(out->peers[i]));

        if (can_take(out->peers[i]) && (best == NULL || w > best_weight)) {
            best = out->peers[i];
            best_weight = w;
        }
    }
    return best;
}

/* ipc: the name itself; tcp: the peer whose address is among the packed ones,
 * because each network knows the same replica by another address. */
static bool
is_named(const struct sp_links *links, const struct sp_link_peer *peer,
         struct sp_view name)
{
    struct sp_view own = sp_link_peer_name(peer);

    if (!links->tcp) {
        return sp_view_equal(own, name);
    }
    for (size_t at = 0; at + 4 <= name.len; at += 4) {
        if (sp_view_equal(own, sp_view_make(name.ptr + at, 4))) {
            return true;
        }
    }
    return false;
}

static struct sp_link_peer *
pick_named(const struct outgoing *out, struct sp_view name)
{
    for (size_t i = 0; i < out->count; i++) {
        if (is_named(out->links, out->peers[i], name)) {
            return can_take(out->peers[i]) ? out->peers[i] : NULL;
        }
    }
    refresh_soon(out->links);
    return NULL;
}

static struct sp_link_peer *
pick(struct outgoing *out, struct sp_place place)
{
    switch (place.kind) {
    case SP_PLACE_ANY:
        return pick_any(out);
    case SP_PLACE_KEY:
        return pick_by_key(out, place.key);
    case SP_PLACE_NAMED:
        return pick_named(out, place.key);
    case SP_PLACE_ALL:
        break;
    }
    return NULL;
}

static size_t
send_to_all(struct outgoing *out, struct sp_view envelope)
{
    size_t sent = 0;

    for (size_t i = 0; i < out->count; i++) {
        if (can_take(out->peers[i])) {
            sp_link_peer_add(out->peers[i], envelope);
            sent++;
        }
    }
    return sent;
}

int
sp_links_send(struct sp_links *links, enum sp_service_id to,
              enum sp_message_id id, const void *message,
              struct sp_place place)
{
    struct outgoing *out = &links->out[to];
    struct sp_link_peer *peer = NULL;
    int error = 0;

    if (!sp_route_exists((uint64_t)id, links->self, to)) {
        sp_fatal("send_without_route", "message=%d to=%s", (int)id,
                 sp_service_name(to));
    }
    sp_buf_reset(&links->envelope);
    error = sp_encode(&links->envelope, id, message);
    if (error != 0) {
        return error;
    }
    if (place.kind == SP_PLACE_ALL) {
        return send_to_all(out, sp_buf_view(&links->envelope)) > 0
                   ? 0
                   : SP_ENOPEER;
    }
    peer = pick(out, place);
    if (peer == NULL) {
        return peers_up(out) > 0 ? SP_EFULL : SP_ENOPEER;
    }
    sp_link_peer_add(peer, sp_buf_view(&links->envelope));
    return 0;
}

static void
flush_all(struct sp_links *links)
{
    bool stuck = false;

    for (size_t i = 0; i < SP_SERVICE_COUNT; i++) {
        struct outgoing *out = &links->out[i];

        for (size_t j = 0; j < out->count; j++) {
            stuck |= sp_link_peer_flush(out->peers[j]) != 0;
        }
        out->run = out->run > 0 ? ANY_RUN : 0;
    }
    if (stuck && links->retry_flush.slot == 0) {
        sp_loop_start(links->loop, &links->retry_flush, RETRY_FLUSH_MS);
    }
}

static void
on_retry_flush(void *arg)
{
    flush_all(arg);
}

static bool
flush_turn(void *arg)
{
    flush_all(arg);
    return false;
}

/* ------------------------------------------------------------------- life */

static int
lock_replica(struct sp_links *links)
{
    char path[128];

    (void)snprintf(path, sizeof(path), "run/%s/%s.lock",
                   sp_service_name(links->self), links->replica);
    links->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (links->lock_fd < 0) {
        return SP_ESYSTEM;
    }
    return flock(links->lock_fd, LOCK_EX | LOCK_NB) == 0 ? 0 : SP_EDUPLICATE;
}

static void
on_zap_refused(void *arg, struct sp_view domain)
{
    struct sp_links *links = arg;
    enum sp_service_id from = SP_SERVICE_EDGE;

    if (sp_service_find(domain, &from) == 0) {
        refuse_message(links, from, 0, SP_EAUTH);
    }
}

static int
open_sockets(struct sp_links *links)
{
    int error = sp_link_zap_open(links->context, links->loop, links->keys,
                                 on_zap_refused, links, &links->zap);

    for (int i = 0; error == 0 && i < SP_SERVICE_COUNT; i++) {
        enum sp_service_id other = (enum sp_service_id)i;

        if (sp_link_exists(other, links->self)) {
            error = open_incoming(links, other);
        }
        links->out[i].links = links;
        links->out[i].to = other;
        links->out[i].used = sp_link_exists(links->self, other);
    }
    return error;
}

int
sp_links_open(struct sp_links *links, struct sp_loop *loop,
              struct sp_link_events events)
{
    int error = 0;

    links->loop = loop;
    links->events = events;
    links->opened_ms = sp_loop_now_ms(loop);
    links->refresh.expired = on_refresh;
    links->refresh.arg = links;
    links->retry_flush.expired = on_retry_flush;
    links->retry_flush.arg = links;
    links->context = zmq_ctx_new();
    if (links->context == NULL) {
        return SP_ESYSTEM;
    }
    error = links->tcp ? 0 : lock_replica(links);
    if (error == 0) {
        error = open_sockets(links);
    }
    if (error == 0 && links->tcp) {
        links->resolver_watch =
            (struct sp_watch){ .ready = on_resolved,
                               .arg = links,
                               .fd = sp_resolver_fd(links->resolver) };
        error = sp_loop_add(loop, &links->resolver_watch, EPOLLIN);
    }
    if (error == 0) {
        sp_loop_start(loop, &links->refresh, 0);
    }
    return error;
}

void
sp_links_hook(struct sp_links *links, enum sp_links_hook which)
{
    struct sp_turn turn = { .arg = links };

    turn.turn = which == SP_LINKS_RECEIVE ? receive_turn : flush_turn;
    sp_loop_each_turn(links->loop, turn);
}

struct sp_view
sp_links_own_name(const struct sp_links *links)
{
    return sp_view_make(links->own_name, links->own_name_len);
}

size_t
sp_links_peers(const struct sp_links *links, enum sp_service_id service)
{
    return peers_up(&links->out[service]);
}

size_t
sp_links_pending(const struct sp_links *links)
{
    size_t pending = 0;

    for (size_t i = 0; i < SP_SERVICE_COUNT; i++) {
        for (size_t j = 0; j < links->out[i].count; j++) {
            pending += sp_link_peer_pending(links->out[i].peers[j]);
        }
    }
    return pending;
}

uint64_t
sp_links_refused(const struct sp_links *links)
{
    return links->refused;
}

void
sp_links_leave(struct sp_links *links)
{
    links->left = true;
    for (size_t i = 0; i < SP_SERVICE_COUNT; i++) {
        if (links->in[i].path[0] != '\0') {
            (void)unlink(links->in[i].path);
        }
    }
}

static void
close_incoming(struct sp_links *links)
{
    for (size_t i = 0; i < SP_SERVICE_COUNT; i++) {
        struct incoming *in = &links->in[i];

        if (in->pull == NULL) {
            continue;
        }
        if (in->watch.fd > 0) {
            sp_loop_remove(links->loop, &in->watch);
        }
        (void)zmq_close(in->pull);
    }
}

void
sp_links_free(struct sp_links **links_p)
{
    struct sp_links *links = *links_p;

    if (links == NULL) {
        return;
    }
    for (size_t i = 0; i < SP_SERVICE_COUNT; i++) {
        for (size_t j = 0; j < links->out[i].count; j++) {
            sp_link_peer_free(&links->out[i].peers[j], EXIT_LINGER_MS);
        }
    }
    close_incoming(links);
    sp_link_zap_free(&links->zap);
    if (links->context != NULL) {
        (void)zmq_ctx_term(links->context);
    }
    sp_resolver_free(&links->resolver);
    sp_link_keys_free(&links->keys);
    sp_decoder_free(&links->decoder);
    sp_buf_free(&links->envelope);
    if (links->lock_fd >= 0) {
        (void)close(links->lock_fd);
    }
    sp_free(links->replica);
    sp_free(links);
    *links_p = NULL;
}
