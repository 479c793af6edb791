/* The links of a process: their life from keys to the last frame. */
#include "common/link/link.h"

#include <arpa/inet.h>
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

#include <zmq.h>

#include "common/base/alloc.h"
#include "common/base/error.h"
#include "common/link/link_parts.h"

#define EXIT_LINGER_MS 1000

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
    return 0;
}

struct sp_links *
sp_links_new(enum sp_service_id self, const struct sp_settings *settings)
{
    struct sp_links *links = sp_alloc(sizeof(*links));

    links->self = self;
    links->tcp = settings->links_tcp;
    links->replica = sp_dup(settings->replica);
    links->lock_fd = -1;
    links->envelope = sp_buf_new(SP_MAX_ENVELOPE + 4);
    if (links->tcp && sp_resolver_start(&links->resolver) != 0) {
        sp_links_free(&links);
    }
    return links;
}

int
sp_links_prepare(struct sp_links *links, const char **ret_error)
{
    int error =
        sp_link_keys_load(links->self, links->tcp, &links->keys, ret_error);

    if (error != 0) {
        return error;
    }
    return links->tcp ? prepare_tcp(links, ret_error)
                      : prepare_ipc(links, ret_error);
}

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
        sp_link_refuse(links, from, 0, SP_EAUTH);
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
            error = sp_link_open_in(links, other);
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
    links->refresh.expired = sp_link_on_refresh;
    links->refresh.arg = links;
    links->retry_flush.expired = sp_link_on_retry_flush;
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
            (struct sp_watch){ .ready = sp_link_on_resolved,
                               .arg = links,
                               .fd = sp_helper_fd(links->resolver) };
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

    turn.turn =
        which == SP_LINKS_RECEIVE ? sp_link_receive_turn : sp_link_flush_turn;
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
    return sp_link_peers_up(&links->out[service]);
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

/* The executors hear CANCEL and CREDIT from the sender of their work: they
 * cannot close its socket while they hold a call. */
static bool
brings_work_alone(enum sp_service_id from, enum sp_service_id self)
{
    return sp_route_exists(SP_MSG_HTTP_REQUEST, from, self) ||
           sp_route_exists(SP_MSG_CALL, from, self) ||
           sp_route_exists(SP_MSG_CHECKED_CALL, from, self);
}

void
sp_links_close_work(struct sp_links *links)
{
    for (int i = 0; links->tcp && i < SP_SERVICE_COUNT; i++) {
        if (brings_work_alone((enum sp_service_id)i, links->self)) {
            sp_link_close_in(&links->in[i]);
        }
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
    for (size_t i = 0; i < SP_SERVICE_COUNT; i++) {
        sp_link_close_in(&links->in[i]);
    }
    sp_link_zap_free(&links->zap);
    if (links->context != NULL) {
        (void)zmq_ctx_term(links->context);
    }
    sp_helper_free(&links->resolver);
    sp_link_keys_free(&links->keys);
    sp_buf_free(&links->envelope);
    if (links->lock_fd >= 0) {
        (void)close(links->lock_fd);
    }
    sp_free(links->replica);
    sp_free(links);
    *links_p = NULL;
}
