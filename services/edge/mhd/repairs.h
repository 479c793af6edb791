/* What the HTTP library does on a connection by itself, and what of it is put
 * right: the answers that it makes without asking us get our form and the
 * security headers, a failed handshake gets its alert, and the header lines of
 * an answer need no room in its memory, which the request's head shares. */
#ifndef SP_SERVICES_EDGE_MHD_REPAIRS_H
#define SP_SERVICES_EDGE_MHD_REPAIRS_H

#include <stdarg.h>

struct connection;
struct edge;

/* Takes its place before the library's reads and writes, so that the edge knows
 * which connection the library works on (edge->inbox.current), and adds the
 * header lines of answers itself (request.head); ends the process where it
 * cannot. Once, before the first connection. */
void
repairs_begin(struct edge *edge);

/* Answers a request whose head has left the library no room to do it, and ends
 * the connection. Only from intake.c, which then gives it up. */
void
repairs_answer(struct connection *c, unsigned status);

/* A message of the library's log: the only sign of what it does by itself. */
void
repairs_hear(struct edge *edge, const char *format, va_list args);

#endif
