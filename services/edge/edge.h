/* The edge as a whole: what its modules share. */
#ifndef SP_SERVICES_EDGE_EDGE_H
#define SP_SERVICES_EDGE_EDGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <gnutls/gnutls.h>

#include "common/base/random.h"
#include "common/process/loop.h"
#include "common/stage/service.h"
#include "services/edge/figures.h"
#include "services/edge/mhd/records.h"
#include "services/edge/owner.h"
#include "services/edge/readiness.h"
#include "services/edge/retry.h"

struct addresses;
struct connection;
struct edge_config;
struct front;
struct hosts;
struct request;
struct request_table;
struct tls;

/* A list of connections, the one that came last first. */
struct connection_list {
    struct connection *first;
    struct connection *last;
};

struct edge {
    struct sp_runtime *rt;
    struct sp_loop *loop;
    struct front *front;         /* the HTTP library's side */
    struct request_table *table; /* requests in the pipeline */
    struct edge_config *config;
    struct hosts *hosts;
    struct tls *tls;
    struct addresses *addresses;
    /* GnuTLS's own, see repairs.c */
    ssize_t (*record_recv)(gnutls_session_t session, void *data, size_t len);
    ssize_t (*record_send)(gnutls_session_t session, const void *data,
                           size_t len);
    struct records_inbox inbox;
    struct connection_list idle; /* between two requests */
    struct request *spare;       /* for reuse, linked by `spare` */
    size_t spare_count;
    size_t body_bytes; /* held for all requests */
    size_t serving;    /* requests with a client, all states */
    struct retry retry;
    struct readiness readiness;
    struct figures figures;
    struct sp_timer probe;
    int64_t capped_ms; /* when a cap was last reported */
    bool due;          /* the HTTP library has work: it runs in this turn */
    bool draining;
    unsigned char owner_key[OWNER_KEY_BYTES];
    struct sp_random random;
};

#endif
