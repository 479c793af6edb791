/* keys/edge/tls.pem and tls.key: whose they are, and whether they will do. An
 * operator's own certificate, from whatever authority, is never touched. The
 * current directory is $SP_STATE. */
#ifndef SP_CLIENTS_SALLYPORT_SERVER_PAIR_H
#define SP_CLIENTS_SALLYPORT_SERVER_PAIR_H

#include <stdint.h>

#include "common/base/compiler.h"
#include "common/text/buf.h"

#define SERVER_CERTIFICATE "keys/edge/tls.pem"
#define SERVER_KEY "keys/edge/tls.key"

/* One of ours is made anew when fewer days are left. */
#define SERVER_RENEW_DAYS 30
/* An operator's own is reported when fewer days are left. */
#define SERVER_OWN_DAYS 14

enum server_pair {
    SERVER_PAIR_GOOD,    /* ours, and nothing to do */
    SERVER_PAIR_OWN,     /* the operator's, with its key */
    SERVER_PAIR_TO_SIGN, /* none yet, or ours and to be made anew */
    SERVER_PAIR_BAD,     /* only the operator can fix it */
};

/* Looks at both. A sentence that says what is wrong, and the fix, is appended
 * to `why` where the pair is bad. */
SP_MUST_CHECK enum server_pair
server_pair_look(const char *host, int64_t now_s, struct sp_buf *why);

/* Where the certificate in `path` is an operator's own: the pin by which a
 * local program knows the gate (see certificate_pin()), owned by the caller.
 * Its authority may be known to the world only, and who calls from its own
 * machine needs neither name nor date. NULL where it is ours, or cannot be
 * read. */
char *
server_pair_pin(const char *path);

#endif
