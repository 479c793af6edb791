/* Who is there: a directory on one machine, the DNS between containers. */
#include "common/link/link_parts.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <zmq.h>

#include "common/base/error.h"
#include "common/base/log.h"

#define REFRESH_MS 1000
/* After this long an empty list is read at the slow pace. */
#define EAGER_MS 10000
#define DROPPED_PEER_LINGER_MS 1000

static void
on_peer_changed(void *arg, struct sp_link_peer *peer, bool up)
{
    struct sp_link_out *out = arg;
    struct sp_links *links = out->links;

    sp_log(SP_LOG_DEBUG, up ? "peer_up" : "peer_down", "peer=%s",
           sp_service_name(out->to));
    links->events.peer(links->events.arg, out->to, sp_link_peer_name(peer), up);
}

static void
add_peer(struct sp_link_out *out, struct sp_view name, const char *endpoint)
{
    struct sp_link_peer_events events = { on_peer_changed, out };
    struct sp_link_peer *peer = NULL;

    if (out->count == SP_LINK_MAX_PEERS) {
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
has_peer(const struct sp_link_out *out, struct sp_view name)
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

/* A peer that is listed no longer but still connected leaves: it goes when its
 * connection does. */
static void
drop_unlisted(struct sp_link_out *out, const struct listed *list, size_t count)
{
    for (size_t i = out->count; i > 0; i--) {
        struct sp_view name = sp_link_peer_name(out->peers[i - 1]);
        bool found = false;

        for (size_t j = 0; j < count && !found; j++) {
            found =
                sp_view_equal(name, sp_view_make(list[j].name, list[j].len));
        }
        sp_link_peer_leave(out->peers[i - 1], !found);
        if (!found && !sp_link_peer_up(out->peers[i - 1])) {
            (void)sp_link_peer_flush(out->peers[i - 1]);
            sp_link_peer_free(&out->peers[i - 1], DROPPED_PEER_LINGER_MS);
            out->peers[i - 1] = out->peers[--out->count];
        }
    }
}

/* Replicas natively: files run/<to>/<self>.<replica>. */
static size_t
list_directory(const struct sp_link_out *out,
               struct listed list[SP_LINK_MAX_PEERS])
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
         entry != NULL && count < SP_LINK_MAX_PEERS;
         entry = readdir(directory)) {
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
refresh_from_directory(struct sp_link_out *out)
{
    struct listed list[SP_LINK_MAX_PEERS];
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
refresh_from_answer(struct sp_link_out *out, const struct sp_resolved *answer)
{
    struct listed list[SP_LINK_MAX_PEERS];
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

void
sp_link_on_resolved(void *arg, uint32_t events)
{
    struct sp_links *links = arg;
    struct sp_resolved answer;
    int error = 0;

    (void)events;
    while ((error = sp_resolver_take(links->resolver, &answer)) == 0) {
        struct sp_link_out *out = NULL;

        if (answer.tag >= SP_SERVICE_COUNT || !links->out[answer.tag].used) {
            continue;
        }
        out = &links->out[answer.tag];
        out->asked = false;
        /* A resolver that is out of order says nothing about the peers: they
         * stay, and their own connections show whether they live. */
        if (answer.failed == 0) {
            refresh_from_answer(out, &answer);
        }
    }
    if (error == SP_ESYSTEM) {
        sp_fatal("resolver_gone", "errno=%d", errno);
    }
}

size_t
sp_link_peers_up(const struct sp_link_out *out)
{
    size_t up = 0;

    for (size_t i = 0; i < out->count; i++) {
        up += sp_link_peer_up(out->peers[i]) &&
                      !sp_link_peer_leaves(out->peers[i])
                  ? 1
                  : 0;
    }
    return up;
}

void
sp_link_on_refresh(void *arg)
{
    struct sp_links *links = arg;
    bool empty = false;
    bool eager = sp_loop_now_ms(links->loop) - links->opened_ms < EAGER_MS;

    for (size_t i = 0; i < SP_SERVICE_COUNT; i++) {
        struct sp_link_out *out = &links->out[i];

        if (!out->used) {
            continue;
        }
        if (links->tcp) {
            /* One question at a time: the resolver takes seconds over a name
             * that it cannot find, and the others would wait behind. */
            out->asked =
                out->asked || sp_resolver_ask(links->resolver, (uint32_t)i,
                                              sp_service_name(out->to)) == 0;
        } else {
            refresh_from_directory(out);
        }
        empty |= out->count == 0;
    }
    sp_loop_start(links->loop, &links->refresh,
                  empty && eager ? SP_LINK_REFRESH_EMPTY_MS : REFRESH_MS);
}

void
sp_link_refresh_soon(struct sp_links *links)
{
    sp_loop_start(links->loop, &links->refresh, SP_LINK_REFRESH_EMPTY_MS);
}
