/* What the HTTP library does on a connection by itself, and what of it is put
 * right: the answers that it makes without asking us get our form and the
 * security headers, and a failed handshake gets its alert. */
#ifndef SP_SERVICES_EDGE_TRANSPORT_H
#define SP_SERVICES_EDGE_TRANSPORT_H

#include <stdarg.h>

struct edge;

/* A message of the library's log: the only sign of what it does by itself. */
void
transport_hear(struct edge *edge, const char *format, va_list args);

#endif
