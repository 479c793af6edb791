/* Start, drain and end of the process; probes and figures. */
#include "services/edge/edge.h"

#include <string.h>

#include <sodium.h>

#include "common/base/alloc.h"
#include "common/base/log.h"
#include "services/edge/addresses.h"
#include "services/edge/connection.h"
#include "services/edge/edge_config.h"
#include "services/edge/hosts.h"
#include "services/edge/listener.h"
#include "services/edge/mhd/front.h"
#include "services/edge/request.h"
#include "services/edge/tls.h"

/* Descriptors besides the connections: links, logs, epoll. */
#define OTHER_FILES 1024
#define ADDRESS_SPACE (4ull * 1024 * 1024 * 1024)

void
edge_random(struct edge *edge, unsigned char *out, size_t len)
{
    if (edge->random_left < len) {
        randombytes_buf(edge->random, sizeof(edge->random));
        edge->random_left = sizeof(edge->random);
    }
    edge->random_left -= len;
    memcpy(out, edge->random + edge->random_left, len);
    sodium_memzero(edge->random + edge->random_left, len);
}

static void
allow(int error, const char *what, const char *value)
{
    if (error != 0) {
        sp_refuse("%s: \"%s\" is no %s", "edge.yaml or SP_URL", value, what);
    }
}

static void
load_hosts(struct edge *edge, const struct sp_settings *settings)
{
    const struct edge_config *config = edge->config;

    edge->hosts = hosts_new();
    allow(hosts_allow(edge->hosts, sp_view_of(settings->authority)),
          "host[:port]", settings->authority);
    allow(hosts_allow_local(edge->hosts, settings->listen_port), "port",
          settings->listen);
    for (uint32_t i = 0; i < config->hosts_count; i++) {
        allow(hosts_allow(edge->hosts, sp_view_of(config->hosts[i])),
              "host[:port]", config->hosts[i]);
    }
    for (uint32_t i = 0; i < config->origins_count; i++) {
        allow(hosts_allow_origin(edge->hosts, sp_view_of(config->origins[i])),
              "origin; write https://host[:port]", config->origins[i]);
    }
}

static void
begin_logic(struct edge *edge)
{
    const struct edge_config *config = edge->config;
    const struct retry_config retries = {
        .floor_ms = config->retries.after_ms,
        .factor = config->retries.factor,
        .attempts = config->retries.attempts,
        .percent = config->retries.percent,
        .spare = config->retries.spare,
    };
    unsigned char seed[16];

    edge->addresses = addresses_new(config->limits.connections);
    edge->table = request_table_new(config->limits.requests);
    retry_begin(&edge->retry, &retries, sp_loop_now_ms(edge->loop));
    edge_random(edge, seed, sizeof(seed));
    readiness_begin(&edge->readiness, seed);
    edge_random(edge, edge->owner_key, sizeof(edge->owner_key));
}

void
edge_before_jail(struct sp_runtime *rt, void *self, struct sp_jail *jail)
{
    struct edge *edge = self;
    const struct sp_settings *settings = sp_runtime_settings(rt);

    edge->rt = rt;
    edge->loop = sp_runtime_loop(rt);
    edge->config = edge_config_load(settings->config);
    edge->tls = tls_load(rt);
    load_hosts(edge, settings);
    begin_logic(edge);
    jail->accept = true;
    jail->address_space_bytes = ADDRESS_SPACE;
    jail->open_files = (uint64_t)edge->config->limits.connections + OTHER_FILES;
    edge->front = front_new(
        edge, listener_bind(settings->listen_host, settings->listen_port));
}

static void
on_probe(void *arg)
{
    struct edge *edge = arg;
    const struct sp_place any = { .kind = SP_PLACE_ANY };
    int64_t now_ms = sp_loop_now_ms(edge->loop);
    unsigned char id[REQUEST_ID_LEN];
    struct sp_probe probe = {
        .request_id = sp_view_make(id, sizeof(id)),
        .reply_to = sp_runtime_own_name(edge->rt),
    };

    readiness_probe(&edge->readiness, now_ms, id);
    /* One that nobody takes is not answered either, which says enough. */
    if (sp_runtime_send(edge->rt, SP_SERVICE_AUTH, SP_MSG_PROBE, &probe, any) ==
        0) {
        edge->figures.probes++;
    }
    sp_loop_start(edge->loop, &edge->probe,
                  readiness_interval_ms(&edge->readiness, now_ms));
}

void
edge_in_jail(struct sp_runtime *rt, void *self)
{
    struct edge *edge = self;

    (void)rt;
    front_start(edge->front);
    edge->probe = (struct sp_timer){ .expired = on_probe, .arg = edge };
    sp_loop_start(edge->loop, &edge->probe, 0);
}

void
edge_metrics(void *self, struct sp_buf *out)
{
    struct edge *edge = self;

    edge->figures.waiting = request_table_count(edge->table);
    figures_write(&edge->figures, out);
}

bool
edge_ready(void *self)
{
    struct edge *edge = self;

    return readiness_ready(&edge->readiness, sp_loop_now_ms(edge->loop));
}

size_t
edge_in_flight(void *self)
{
    const struct edge *edge = self;

    return edge->serving;
}

void
edge_drain(void *self)
{
    struct edge *edge = self;

    edge->draining = true;
    front_quiesce(edge->front);
    while (connection_shed_idle(edge)) {
        /* Clients open a new connection, at another replica. */
    }
}

/* Nothing may wait in the library when it stops. */
static void
abandon_requests(struct edge *edge)
{
    struct request_entry *next = NULL;

    for (struct request_entry *e = request_table_first(edge->table); e != NULL;
         e = next) {
        struct request *r = SP_CONTAINER_OF(e, struct request, entry);

        next = request_table_next(e);
        request_table_remove(e);
        if (r->connection == NULL) {
            request_free(r);
        } else {
            connection_shed(r->connection);
        }
    }
}

void
edge_fini(void *self)
{
    struct edge *edge = self;

    if (edge->table != NULL) {
        abandon_requests(edge);
    }
    front_free(&edge->front);
    request_free_spare(edge);
    request_table_free(&edge->table);
    addresses_free(&edge->addresses);
    hosts_free(&edge->hosts);
    tls_free(&edge->tls);
    edge_config_free(&edge->config);
    sodium_memzero(edge->random, sizeof(edge->random));
}
