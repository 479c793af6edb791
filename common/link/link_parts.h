/* What the files of the links share. Not for anyone else. */
#ifndef SP_COMMON_LINK_LINK_PARTS_H
#define SP_COMMON_LINK_LINK_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/link/link.h"
#include "common/link/link_keys.h"
#include "common/link/link_peer.h"
#include "common/link/link_zap.h"
#include "common/process/resolver.h"
#include "proto/codec.h"

#define SP_LINK_MAX_PEERS SP_RESOLVER_MAX
/* How often the peer lists are read again; sooner while one is empty. */
#define SP_LINK_REFRESH_EMPTY_MS 25
#define SP_LINK_MAX_OWN_ADDRESSES 31

/* Outgoing: the replicas of one receiver. */
struct sp_link_out {
    struct sp_links *links;
    enum sp_service_id to;
    bool used;
    bool asked; /* the resolver has a question about it */
    struct sp_link_peer *peers[SP_LINK_MAX_PEERS];
    size_t count;
    size_t turn; /* of `any` */
    size_t run;  /* envelopes given to this turn's peer */
};

/* Incoming: one PULL per sender. */
struct sp_link_in {
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
    char own_name[4 * SP_LINK_MAX_OWN_ADDRESSES];
    size_t own_name_len;
    struct sp_link_keys *keys;
    struct sp_helper *resolver;
    struct sp_watch resolver_watch;
    struct sp_loop *loop;
    struct sp_link_events events;
    void *context;
    struct sp_link_zap *zap;
    struct sp_buf envelope;
    struct sp_link_out out[SP_SERVICE_COUNT];
    struct sp_link_in in[SP_SERVICE_COUNT];
    struct sp_timer refresh;
    struct sp_timer retry_flush;
    int64_t opened_ms;
    int lock_fd;
    bool left;
    uint64_t refused;
};

/* Counts and reports a message that the links do not take. */
void
sp_link_refuse(struct sp_links *links, enum sp_service_id from,
               uint64_t message, int error);

/* Binds the PULL socket on which `from` is heard. 0 or SP_ESYSTEM. */
SP_MUST_CHECK int
sp_link_open_in(struct sp_links *links, enum sp_service_id from);

/* Harmless where it is closed, or was never open. */
void
sp_link_close_in(struct sp_link_in *in);

/* Turn hook: takes what has come, a bounded number of frames of each sender;
 * true where more is left. */
bool
sp_link_receive_turn(void *links);

/* Timer: reads the peer lists, or asks the resolver for them. */
void
sp_link_on_refresh(void *links);

/* Looks at the peer lists now rather than at the next second. */
void
sp_link_refresh_soon(struct sp_links *links);

/* Watch: an answer of the resolver. */
void
sp_link_on_resolved(void *links, uint32_t events);

/* Replicas of the receiver whose handshake has succeeded. */
size_t
sp_link_peers_up(const struct sp_link_out *out);

/* Turn hook: hands every batch to libzmq. Never leaves work for this turn. */
bool
sp_link_flush_turn(void *links);

/* Timer: tries again the batches that found a full queue. */
void
sp_link_on_retry_flush(void *links);

#endif
