/* One replica of a receiving service, as its sender sees it: a PUSH socket, the
 * envelopes of this turn, and whether the handshake stands. */
#ifndef SP_COMMON_LINK_LINK_PEER_H
#define SP_COMMON_LINK_LINK_PEER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/view.h"
#include "common/link/link_keys.h"
#include "common/process/loop.h"
#include "common/text/buf.h"

struct sp_link_peer;

/* What a peer reports. */
struct sp_link_peer_events {
    void (*changed)(void *arg, struct sp_link_peer *peer, bool up);
    void *arg;
};

/* Connects to `endpoint`. `name` distinguishes the replicas (a file name's last
 * part, or 4 bytes of address). NULL where a socket cannot be made. */
struct sp_link_peer *
sp_link_peer_new(void *context, struct sp_loop *loop,
                 const struct sp_link_keys *keys, enum sp_service_id to,
                 struct sp_view name, const char *endpoint,
                 struct sp_link_peer_events events);

/* Closes; what was handed to libzmq is still sent for `linger_ms`. */
void
sp_link_peer_free(struct sp_link_peer **peer, int linger_ms);

struct sp_view
sp_link_peer_name(const struct sp_link_peer *peer);

bool
sp_link_peer_up(const struct sp_link_peer *peer);

/* Whether the peer has left the peer list: it gets no new work while its
 * connection stands. */
void
sp_link_peer_leave(struct sp_link_peer *peer, bool leaves);
bool
sp_link_peer_leaves(const struct sp_link_peer *peer);

/* True where another envelope can be queued. */
bool
sp_link_peer_has_room(const struct sp_link_peer *peer);

/* True where the peer's queue was full at the last try: what is queued waits,
 * and another replica would be sooner. */
bool
sp_link_peer_stuck(const struct sp_link_peer *peer);

/* Envelopes gathered and not yet handed to libzmq. */
size_t
sp_link_peer_pending(const struct sp_link_peer *peer);

/* Adds one encoded envelope (with its length in front). */
void
sp_link_peer_add(struct sp_link_peer *peer, struct sp_view envelope);

/* Hands the gathered envelopes to libzmq as one message. 0, or SP_EFULL where
 * its queue is full: they stay. */
int
sp_link_peer_flush(struct sp_link_peer *peer);

#endif
