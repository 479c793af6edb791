/* The ZAP handler (ZeroMQ RFC 27): decides which connections the PULL sockets
 * accept. Runs in the process's own loop, without a thread. */
#ifndef SP_COMMON_LINK_LINK_ZAP_H
#define SP_COMMON_LINK_LINK_ZAP_H

#include "common/base/compiler.h"
#include "common/link/link_keys.h"
#include "common/process/loop.h"

struct sp_link_zap;

/* Binds the handler's socket in `context`; before any PULL socket is bound.
 * `refused` is called for each connection that is turned away, with the
 * domain (the sender that the socket is for). 0 or SP_ESYSTEM. */
SP_MUST_CHECK int
sp_link_zap_open(void *context, struct sp_loop *loop,
                 const struct sp_link_keys *keys,
                 void (*refused)(void *arg, struct sp_view domain), void *arg,
                 struct sp_link_zap **ret_zap);

/* Answers what has come; true where more may wait. */
bool
sp_link_zap_turn(struct sp_link_zap *zap);

void
sp_link_zap_free(struct sp_link_zap **zap);

#endif
