/* What the HTTP library does on a connection by itself, and what of it is put
 * right: the answers that it makes without asking us get our form and the
 * security headers, and a failed handshake gets its alert. */
#ifndef SP_SERVICES_EDGE_MHD_TRANSPORT_H
#define SP_SERVICES_EDGE_MHD_TRANSPORT_H

#include <stdarg.h>

struct edge;

/* Takes its place before the library's reads, so that the edge knows which
 * connection the library works on (edge->current); ends the process where it
 * cannot. Once, before the first connection. */
void
transport_begin(struct edge *edge);

/* A message of the library's log: the only sign of what it does by itself. */
void
transport_hear(struct edge *edge, const char *format, va_list args);

#endif
