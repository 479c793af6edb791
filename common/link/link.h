/* The links between processes: ZeroMQ PUSH to PULL, one PULL per sender, so
 * that the receiver knows the sender from the socket. ipc with a PLAIN secret
 * per link on one machine, tcp with CURVE between containers. */
#ifndef SP_COMMON_LINK_LINK_H
#define SP_COMMON_LINK_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/compiler.h"
#include "common/process/loop.h"
#include "common/process/settings.h"
#include "proto/message.h"

struct sp_links;

/* What the links report to their owner. */
struct sp_link_events {
    /* A well-formed message that the schema allows on this link. */
    void (*message)(void *arg, const struct sp_msg *m);
    /* Something that is not: counted, and worth an event. */
    void (*refused)(void *arg, enum sp_service_id from, uint64_t message,
                    int error);
    /* A peer answered the handshake, or is gone. `name` is this side's name
     * for it, see sp_links_is_replica(). */
    void (*peer)(void *arg, enum sp_service_id service, struct sp_view name,
                 bool up);
    void *arg;
};

/* Which replica of the receiver gets a message. */
enum sp_place_kind {
    SP_PLACE_ANY,   /* the next one that can take it */
    SP_PLACE_KEY,   /* rendezvous by key: the same while replicas stay */
    SP_PLACE_NAMED, /* the one that a field names, such as reply_to */
    SP_PLACE_ALL,   /* every one */
};

struct sp_place {
    enum sp_place_kind kind;
    struct sp_view key;
};

/* Starts the resolver helper where links are tcp: first of all, because the
 * helper is a copy of this process and talks to the network; it must hold no
 * key and no socket. NULL where it cannot be started. */
struct sp_links *
sp_links_new(enum sp_service_id self, const struct sp_settings *settings);

/* Reads the link secrets from keys/<service>/. Before the jail closes, and
 * before the first socket. 0, or SP_ECONFIG with a sentence in ret_error. The
 * process's working directory is $SP_STATE from here on. */
SP_MUST_CHECK int
sp_links_prepare(struct sp_links *links, const char **ret_error);

/* Opens the sockets: binds one PULL per sender, begins to look for peers.
 * Inside the jail. 0, SP_EDUPLICATE where another process holds this replica's
 * name, or SP_ESYSTEM. */
SP_MUST_CHECK int
sp_links_open(struct sp_links *links, struct sp_loop *loop,
              struct sp_link_events events);

/* The links work in two turn hooks of the loop: receiving first, sending last,
 * with the service's own hooks in between. */
enum sp_links_hook {
    SP_LINKS_RECEIVE,
    SP_LINKS_FLUSH,
};

/* Registers one of the hooks; after sp_links_open(). */
void
sp_links_hook(struct sp_links *links, enum sp_links_hook which);

/* Queues a message; it leaves at the end of this turn of the loop. 0,
 * SP_ENOPEER (no replica is connected, or not the named one), SP_EFULL (its
 * queue is full, or those of all), SP_ELIMIT (the message breaks its own
 * limits). A replica that leaves is reached by its name alone. */
SP_MUST_CHECK int
sp_links_send(struct sp_links *links, enum sp_service_id to,
              enum sp_message_id id, const void *message,
              struct sp_place place);

/* The name by which other processes reach this replica, for fields such as
 * reply_to, executor and screen_by. */
struct sp_view
sp_links_own_name(const struct sp_links *links);

/* True where `name`, a replica's own name, means the peer that some process
 * reported as `peer`. Between containers each network knows a replica by
 * another address, and its own name holds all of them. */
bool
sp_links_is_replica(const struct sp_links *links, struct sp_view name,
                    struct sp_view peer);

/* tcp: the port on which `to` takes messages from `from`. */
uint16_t
sp_link_port(enum sp_service_id from, enum sp_service_id to);

/* Connected replicas of a service. */
size_t
sp_links_peers(const struct sp_links *links, enum sp_service_id service);

/* Envelopes that wait for a queue. */
size_t
sp_links_pending(const struct sp_links *links);

/* Envelopes refused so far. */
uint64_t
sp_links_refused(const struct sp_links *links);

/* Removes this replica's sockets from the peer list, so that new work goes
 * elsewhere. What is queued is still received, and what names this replica. */
void
sp_links_leave(struct sp_links *links);

/* tcp: closes the sockets that bring new work alone. The DNS names a container
 * until it ends, so that only a closed socket sends its senders elsewhere; what
 * it still holds is lost, and the edge sends that again. Later than
 * sp_links_leave(), when ipc senders have stopped by themselves. */
void
sp_links_close_work(struct sp_links *links);

void
sp_links_free(struct sp_links **links);

#endif
