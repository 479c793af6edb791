/* Between GnuTLS and the socket: one read for what would be three, one write
 * for the head of an answer and its body. Which connection the HTTP library is
 * working on shows here only in part: see repairs.c. */
#ifndef SP_SERVICES_EDGE_MHD_RECORDS_H
#define SP_SERVICES_EDGE_MHD_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <gnutls/gnutls.h>

#include "common/text/buf.h"

/* The largest record (RFC 8446 section 5.2: 2^14 + 256 bytes behind a head of
 * 5), so that one read takes a whole one. */
#define RECORDS_READ_MAX (5 + 16384 + 256)

/* What was read last and not yet asked for; one for the whole edge, because
 * almost always the same connection asks for all of it at once. */
struct records_inbox {
    struct records *current; /* the library works on it; NULL: unknown */
    struct records *owner;
    uint64_t runs; /* of the library */
    size_t at;
    size_t len;
    unsigned char bytes[RECORDS_READ_MAX];
};

/* One connection's share. */
struct records {
    struct records_inbox *inbox;
    int fd;
    struct sp_buf early; /* read before another connection took the inbox */
    struct sp_buf held;  /* written by the library, not yet sent */
    uint64_t resumed_in; /* the library's run for which it was resumed */
    bool hold;           /* the next write is held back for the one behind it */
};

/* Reads and writes of this session, on the socket `fd`, go through us. `inbox`
 * outlives `r`. */
void
records_open(struct records *r, struct records_inbox *inbox, int fd,
             gnutls_session_t session);

/* The library takes the connection up again in its next run. What it wants to
 * read in that run it is asked to wait for: it is about to watch the socket
 * anew, and hears of what is there. */
void
records_resume(struct records *r);

/* A run of the library has ended. */
void
records_ran(struct records_inbox *inbox);

/* The library is about to write the head of an answer with a body behind it. */
void
records_hold(struct records *r);

/* Sends what is still held. False where the socket does not take it. */
bool
records_flush(struct records *r);

/* Forgets what was read and held; harmless where it was never opened. */
void
records_close(struct records *r);

#endif
