/* Between GnuTLS and the socket: one read for what would be three, one write
 * for the head of an answer and its body. Which connection the HTTP library is
 * working on (edge->current) shows here only in part: see transport.c. */
#ifndef SP_SERVICES_EDGE_MHD_RECORDS_H
#define SP_SERVICES_EDGE_MHD_RECORDS_H

#include <stdbool.h>
#include <stddef.h>

#include <gnutls/gnutls.h>

#include "common/text/buf.h"

struct connection;

/* The largest record (RFC 8446 section 5.2: 2^14 + 256 bytes behind a head of
 * 5), so that one read takes a whole one. */
#define RECORDS_READ_MAX (5 + 16384 + 256)

/* What was read last and not yet asked for; one for the whole edge, because
 * almost always the same connection asks for all of it at once. */
struct records_inbox {
    struct connection *owner;
    size_t at;
    size_t len;
    unsigned char bytes[RECORDS_READ_MAX];
};

/* One connection's share; all zero at its start. */
struct records {
    struct sp_buf early; /* read before another connection took the inbox */
    struct sp_buf held;  /* written by the library, not yet sent */
    bool hold;           /* the next write is held back for the one behind it */
};

/* Reads and writes of this session go through us. */
void
records_open(struct connection *c, gnutls_session_t session);

/* The library is about to write the head of an answer with a body behind it. */
void
records_hold(struct connection *c);

/* Sends what is still held. False where the socket does not take it. */
bool
records_flush(struct connection *c);

/* Forgets what was read and held. */
void
records_close(struct connection *c);

#endif
