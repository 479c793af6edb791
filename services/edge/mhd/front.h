/* libmicrohttpd in our loop: one thread, its epoll descriptor as a watch, its
 * work done once per turn. */
#ifndef SP_SERVICES_EDGE_MHD_FRONT_H
#define SP_SERVICES_EDGE_MHD_FRONT_H

struct edge;
struct front;

/* Takes the bound socket `fd`; nothing listens yet. */
struct front *
front_new(struct edge *edge, int fd);

/* Starts to listen and to serve. Refuses to start where the library does. */
void
front_start(struct front *f);

/* Stops accepting; open connections go on. */
void
front_quiesce(struct front *f);

/* Ends all connections. No request may be left in the pipeline. */
void
front_free(struct front **f);

#endif
