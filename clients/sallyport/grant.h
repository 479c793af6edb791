/* A token for a command of ours: the client credentials grant (RFC 6749 section
 * 4.4), with the secret that lies in the state. */
#ifndef SP_CLIENTS_SALLYPORT_GRANT_H
#define SP_CLIENTS_SALLYPORT_GRANT_H

#include <limits.h>
#include <stdbool.h>

#include "clients/sallyport/gate.h"
#include "clients/sallyport/web.h"
#include "common/base/compiler.h"
#include "common/text/buf.h"

#define GRANT_TOKEN_MAX 8192
#define GRANT_OPTIONS "[--client NAME] [--scope \"a b\"] [--compose]"

struct grant_wish {
    const char *client;
    const char *scope; /* NULL: all that the client may have */
    bool compose;      /* the gate of docker-compose.yml */
};

/* What a request needs. */
struct grant_means {
    char *secret;
    char *pin; /* of an operator's own certificate, or NULL */
    char ca[PATH_MAX];
    bool ca_is_ours; /* a copy, to be removed */
};

/* Reads the options (GRANT_OPTIONS) at the beginning of the arguments. How many
 * arguments they are, or -1 where one is not known. */
int
grant_read_wish(int argc, char **argv, struct grant_wish *ret_wish);

/* Reads the secret, and what the gate is known by. Refuses by sp_refuse(). */
void
grant_open(const struct gate *gate, const struct grant_wish *wish,
           struct grant_means *ret_means);

/* Wipes and frees. */
void
grant_close(struct grant_means *means);

/* A GET of `url` from that gate, to be completed; all pointers are borrowed. */
struct web_request
grant_request(const struct gate *gate, const struct grant_wish *wish,
              const struct grant_means *means, const char *url);

/* Appends an access token. 0, or a negative SP_E* after a line on stderr. */
SP_MUST_CHECK int
grant_fetch(const struct gate *gate, const struct grant_wish *wish,
            const struct grant_means *means, struct sp_buf *token);

#endif
