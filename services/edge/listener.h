/* The listening socket, made before the jail closes. */
#ifndef SP_SERVICES_EDGE_LISTENER_H
#define SP_SERVICES_EDGE_LISTENER_H

#include <stdint.h>

/* A bound TCP socket for an IPv4 or IPv6 address, not yet listening. Replicas
 * of this gate share the port (SO_REUSEPORT); where another program has it,
 * the process refuses to start. Returns the descriptor. */
int
listener_bind(const char *host, uint16_t port);

#endif
