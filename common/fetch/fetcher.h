/* The guarded fetcher: the only way out to HTTP servers. libcurl multi in the
 * process's own loop; every destination is resolved, checked against the
 * caller's rule, and pinned for the connection; redirects are never followed;
 * sizes and times are bounded; proxies from the environment are ignored. */
#ifndef SP_COMMON_FETCH_FETCHER_H
#define SP_COMMON_FETCH_FETCHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/compiler.h"
#include "common/base/secret.h"
#include "common/base/view.h"
#include "common/fetch/fetch_address.h"
#include "common/process/loop.h"

struct sp_fetcher;
struct sp_fetch;

struct sp_fetch_request {
    const char *method;
    const char *url; /* http or https; http only to loopback or
                                    * where allow_http */
    bool allow_http;
    enum sp_fetch_reach reach;
    struct sp_view headers;         /* header text, see common/text/headers.h */
    const struct sp_secret *bearer; /* sent as Authorization: Bearer, or NULL */
    struct sp_view body;            /* copied */
    const char *ca_file;            /* NULL: the system's authorities */
    const char *pin_sha256;         /* "sha256//...;sha256//..." or NULL */
    int64_t connect_timeout_ms;
    int64_t total_timeout_ms;
    int64_t idle_timeout_ms; /* no byte for this long: given up; 0: none */
    size_t max_body;
};

/* Called in the loop. `head` once, before the first `data`. `done` exactly once
 * unless cancelled: error 0, or SP_EDENIED (address refused), SP_ELIMIT,
 * SP_EEXPIRED (timeout), SP_ESYSTEM (connection, TLS), SP_EFORMAT (broken
 * answer). The fetch is freed after `done` returns. */
struct sp_fetch_events {
    void (*head)(void *arg, unsigned status, struct sp_view headers);
    void (*data)(void *arg, struct sp_view bytes);
    void (*done)(void *arg, int error);
    void *arg;
};

/* Rows for sp_jail.paths: what TLS to the system's authorities reads. */
#define SP_FETCHER_JAIL_PATHS                                                  \
    { "/etc/ssl", SP_JAIL_READ, true },                                        \
        { "/usr/lib/ssl", SP_JAIL_READ, true },                                \
        { "/usr/share/ca-certificates", SP_JAIL_READ, true },                  \
    {                                                                          \
        "/usr/local/share/ca-certificates", SP_JAIL_READ, true                 \
    }

/* Before the jail closes, and before keys are loaded: forks the resolver
 * helper. The jail must allow `inet` and the ports. */
struct sp_fetcher *
sp_fetcher_new(struct sp_loop *loop);

/* Ends what still runs, without `done`. */
void
sp_fetcher_free(struct sp_fetcher **fetcher);

/* Starts a fetch; nothing is called before this returns. 0 with ret_fetch,
 * SP_EFORMAT for a bad URL, method or header text (host, length and connection
 * headers are the fetcher's own), SP_EDENIED for an address that the URL itself
 * names. A name's addresses are IPv4. */
SP_MUST_CHECK int
sp_fetcher_start(struct sp_fetcher *fetcher,
                 const struct sp_fetch_request *request,
                 const struct sp_fetch_events *events,
                 struct sp_fetch **ret_fetch);

/* Stops reading from the server until resumed: back pressure. Up to 16 KB that
 * were read already may still come, on resuming. The idle time stands still. */
void
sp_fetch_pause(struct sp_fetch *fetch, bool paused);

/* Ends the fetch now; `done` is not called. */
void
sp_fetch_cancel(struct sp_fetch **fetch);

#endif
