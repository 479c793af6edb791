/* How many connections each client address has, and how many bytes of bodies it
 * makes the edge hold. An IPv6 client owns a whole /64, so that is what counts
 * there. Bounded. */
#ifndef SP_SERVICES_EDGE_ADDRESSES_H
#define SP_SERVICES_EDGE_ADDRESSES_H

#include <netinet/in.h>
#include <stddef.h>

#include "common/base/compiler.h"

/* An IPv4 address mapped into IPv6, or the /64 of an IPv6 address. */
struct address_key {
    unsigned char bytes[16];
};

/* The key of a socket address; all zero for a family that is neither. */
struct address_key
address_key(const struct sockaddr *address);

/* The address as text, IPv4-mapped ones as IPv4; "?" for another family.
 * Returns `text`. */
const char *
address_text(const struct sockaddr *address, char text[INET6_ADDRSTRLEN]);

struct addresses;

/* Room for `max` addresses. */
struct addresses *
addresses_new(size_t max);

void
addresses_free(struct addresses **a);

/* Connections of this address. */
size_t
addresses_count(const struct addresses *a, const struct address_key *key);

/* One connection more. 0, or SP_EFULL. */
SP_MUST_CHECK int
addresses_add(struct addresses *a, const struct address_key *key);

/* One connection less; harmless for an unknown address. */
void
addresses_remove(struct addresses *a, const struct address_key *key);

/* Bytes that are held for an address that has connections; 0 for others. */
size_t
addresses_held(const struct addresses *a, const struct address_key *key);

/* So many bytes more, or less. Before the last connection of an address is
 * removed all must have been released. */
void
addresses_hold(struct addresses *a, const struct address_key *key,
               size_t bytes);

void
addresses_release(struct addresses *a, const struct address_key *key,
                  size_t bytes);

#endif
