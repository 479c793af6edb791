/* One client connection: its address, its deadlines, and whether its client is
 * still there. The HTTP library has no deadline for slow headers, and is blind
 * while a connection is suspended; this is what makes up for both. */
#ifndef SP_SERVICES_EDGE_CONNECTION_H
#define SP_SERVICES_EDGE_CONNECTION_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include <gnutls/gnutls.h>

#include "common/process/loop.h"
#include "services/edge/addresses.h"
#include "services/edge/mhd/records.h"

struct edge;
struct request;
struct MHD_Connection;

/* What the connection's timer watches. */
enum connection_phase {
    CONNECTION_HEADERS, /* handshake, request line, headers */
    CONNECTION_BODY,
    CONNECTION_WAITING, /* for the pipeline: the request has a timer */
    CONNECTION_SENDING,
    CONNECTION_IDLE,
};

struct connection {
    struct edge *edge;
    struct MHD_Connection *mhd;
    gnutls_session_t session;
    struct records records;
    struct request *request; /* NULL between two */
    enum connection_phase phase;
    bool suspended;
    bool gone;             /* the client has closed its side */
    bool served;           /* at least one request */
    bool greeted;          /* its handshake has been counted */
    bool counted;          /* in edge->addresses */
    struct sp_watch watch; /* for the client's going */
    struct sp_timer timer;
    uint64_t acked;          /* bytes that the client had at the last look */
    bool owing;              /* it did not have all of them then */
    struct connection *prev; /* in edge->idle */
    struct connection *next;
    struct address_key key;
    char address[INET6_ADDRSTRLEN];
};

/* A connection was accepted. Never NULL. */
struct connection *
connection_new(struct edge *edge, struct MHD_Connection *mhd);

void
connection_free(struct connection *c);

/* Enters a phase and starts its deadline. */
void
connection_enter(struct connection *c, enum connection_phase phase);

/* Takes the connection out of the library's sight until connection_resume().
 * Only from the library's own callbacks. */
void
connection_suspend(struct connection *c);

/* Lets the library call the handler again, in this turn of the loop. Harmless
 * where it is not suspended. */
void
connection_resume(struct connection *c);

/* Ends the connection without a word; the library sees it close. */
void
connection_shed(struct connection *c);

/* Ends the connection that has been idle longest. False where none is. */
bool
connection_shed_idle(struct edge *edge);

#endif
