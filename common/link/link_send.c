/* Sending: which replica gets a message, and in which frame. */
#include "common/link/link_parts.h"

#include <string.h>

#include <sodium.h>

#include "common/base/error.h"

/* A frame that found a full queue is tried again after this. */
#define RETRY_FLUSH_MS 2
/* Envelopes that go to one peer before `any` moves on: small enough that work
 * spreads, large enough that batches form. */
#define ANY_RUN 16

static bool
can_take(const struct sp_link_peer *peer)
{
    return sp_link_peer_up(peer) && sp_link_peer_has_room(peer);
}

/* A replica that leaves finishes what it has and gets nothing new. */
static bool
takes_work(const struct sp_link_peer *peer)
{
    return sp_link_peer_up(peer) && !sp_link_peer_leaves(peer);
}

/* The next in turn that can take it, sooner one that is not stuck. */
static struct sp_link_peer *
pick_any(struct sp_link_out *out)
{
    struct sp_link_peer *found = NULL;
    size_t turn = 0;

    if (out->run >= ANY_RUN) {
        out->turn++;
        out->run = 0;
    }
    for (size_t i = 0; i < out->count; i++) {
        struct sp_link_peer *peer = out->peers[(out->turn + i) % out->count];

        if (!takes_work(peer) || !sp_link_peer_has_room(peer)) {
            continue;
        }
        if (found == NULL || !sp_link_peer_stuck(peer)) {
            found = peer;
            turn = (out->turn + i) % out->count;
        }
        if (!sp_link_peer_stuck(peer)) {
            break;
        }
    }
    if (found != NULL) {
        out->turn = turn;
        out->run++;
    }
    return found;
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

/* A full replica is not passed over: the next in line would get the parts of an
 * answer out of their order, count a principal anew, or run a call again. */
static struct sp_link_peer *
pick_by_key(const struct sp_link_out *out, struct sp_view key)
{
    struct sp_link_peer *best = NULL;
    uint64_t best_weight = 0;

    if (out->count == 1) {
        best = takes_work(out->peers[0]) ? out->peers[0] : NULL;
    }
    for (size_t i = 0; out->count > 1 && i < out->count; i++) {
        uint64_t w = weight(key, sp_link_peer_name(out->peers[i]));

        if (takes_work(out->peers[i]) && (best == NULL || w > best_weight)) {
            best = out->peers[i];
            best_weight = w;
        }
    }
    return best != NULL && can_take(best) ? best : NULL;
}

bool
sp_links_is_replica(const struct sp_links *links, struct sp_view name,
                    struct sp_view peer)
{
    if (!links->tcp) {
        return sp_view_equal(name, peer);
    }
    for (size_t at = 0; at + 4 <= name.len; at += 4) {
        if (sp_view_equal(peer, sp_view_make(name.ptr + at, 4))) {
            return true;
        }
    }
    return false;
}

static struct sp_link_peer *
find_named(const struct sp_link_out *out, struct sp_view name)
{
    for (size_t i = 0; i < out->count; i++) {
        if (sp_links_is_replica(out->links, name,
                                sp_link_peer_name(out->peers[i]))) {
            return out->peers[i];
        }
    }
    sp_link_refresh_soon(out->links);
    return NULL;
}

static struct sp_link_peer *
pick_named(const struct sp_link_out *out, struct sp_view name)
{
    struct sp_link_peer *peer = find_named(out, name);

    return peer != NULL && can_take(peer) ? peer : NULL;
}

static struct sp_link_peer *
pick(struct sp_link_out *out, struct sp_place place)
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

/* Why nobody was picked. */
static int
why_none(const struct sp_link_out *out, struct sp_place place)
{
    const struct sp_link_peer *named = NULL;

    if (place.kind != SP_PLACE_NAMED) {
        return sp_link_peers_up(out) > 0 ? SP_EFULL : SP_ENOPEER;
    }
    named = find_named(out, place.key);
    return named != NULL && sp_link_peer_up(named) ? SP_EFULL : SP_ENOPEER;
}

static size_t
send_to_all(struct sp_link_out *out, struct sp_view envelope)
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
              enum sp_message_id id, const void *message, struct sp_place place)
{
    struct sp_link_out *out = &links->out[to];
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
        return send_to_all(out, sp_buf_view(&links->envelope)) > 0 ? 0
                                                                   : SP_ENOPEER;
    }
    peer = pick(out, place);
    if (peer == NULL) {
        return why_none(out, place);
    }
    sp_link_peer_add(peer, sp_buf_view(&links->envelope));
    return 0;
}

static void
flush_all(struct sp_links *links)
{
    bool stuck = false;

    for (size_t i = 0; i < SP_SERVICE_COUNT; i++) {
        struct sp_link_out *out = &links->out[i];

        for (size_t j = 0; j < out->count; j++) {
            stuck |= sp_link_peer_flush(out->peers[j]) != 0;
        }
        out->run = out->run > 0 ? ANY_RUN : 0;
    }
    if (stuck && links->retry_flush.slot == 0) {
        sp_loop_start(links->loop, &links->retry_flush, RETRY_FLUSH_MS);
    }
}

void
sp_link_on_retry_flush(void *arg)
{
    flush_all(arg);
}

bool
sp_link_flush_turn(void *arg)
{
    flush_all(arg);
    return false;
}
