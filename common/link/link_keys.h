/* The secrets by which the two ends of a link know each other: a PLAIN
 * password per link for ipc, CURVE keys per service for tcp. */
#ifndef SP_COMMON_LINK_LINK_KEYS_H
#define SP_COMMON_LINK_LINK_KEYS_H

#include <stdbool.h>

#include "common/base/compiler.h"
#include "common/base/secret.h"
#include "proto/message.h"

struct sp_link_keys;

/* Loads all keys that `self` needs for its links, below keys/<self>/ of the
 * working directory. 0, or SP_ECONFIG with a sentence in ret_error. */
SP_MUST_CHECK int
sp_link_keys_load(enum sp_service_id self, bool tcp,
                  struct sp_link_keys **ret_keys, const char **ret_error);

void
sp_link_keys_free(struct sp_link_keys **keys);

/* Prepares a socket that will connect to `to`. 0 or SP_ESYSTEM. */
SP_MUST_CHECK int
sp_link_keys_client(const struct sp_link_keys *keys, void *socket,
                    enum sp_service_id to);

/* Prepares a socket that will accept `from`, and only `from`. 0 or
 * SP_ESYSTEM. */
SP_MUST_CHECK int
sp_link_keys_server(const struct sp_link_keys *keys, void *socket,
                    enum sp_service_id from);

/* What ZAP asks (RFC 27 of ZeroMQ): may a peer with these credentials come in
 * on the socket whose domain is the sender's name? For PLAIN `name` and
 * `proof` are user and password, for CURVE `proof` is the public key, 32
 * bytes. */
bool
sp_link_keys_admit(const struct sp_link_keys *keys, struct sp_view domain,
                   struct sp_view mechanism, struct sp_view name,
                   struct sp_view proof);

#endif
