/* Start, drain and end of the process; probes and figures. */
#include "services/edge/life.h"

#include <string.h>

#include <sodium.h>

#include "common/base/log.h"
#include "services/edge/addresses.h"
#include "services/edge/connection.h"
#include "services/edge/edge.h"
#include "services/edge/edge_config.h"
#include "services/edge/hosts.h"
#include "services/edge/listener.h"
#include "services/edge/mhd/front.h"
#include "services/edge/request.h"
#include "services/edge/rules.h"
#include "services/edge/tls.h"

/* Descriptors besides the connections: links, logs, epoll. */
#define OTHER_FILES 1024
#define MAX_WHY 8192
#define ADDRESS_SPACE (4ull * 1024 * 1024 * 1024)

static struct retry_config
retries_of(const struct edge_config *config)
{
    return (struct retry_config){
        .floor_ms = config->retries.after_ms,
        .factor = config->retries.factor,
        .attempts = config->retries.attempts,
        .percent = config->retries.percent,
        .spare = config->retries.spare,
    };
}

static void
begin_logic(struct edge *edge)
{
    const struct edge_config *config = edge->config;
    const struct retry_config retries = retries_of(config);
    unsigned char seed[16];

    edge->addresses = addresses_new(config->limits.connections);
    edge->table = request_table_new(config->limits.requests);
    retry_begin(&edge->retry, &retries, sp_loop_now_ms(edge->loop));
    sp_random_take(&edge->random, seed, sizeof(seed));
    readiness_begin(&edge->readiness, seed);
    sp_random_take(&edge->random, edge->owner_key, sizeof(edge->owner_key));
}

void
life_before_jail(struct sp_runtime *rt, void *self, struct sp_jail *jail)
{
    struct edge *edge = self;
    const struct sp_settings *settings = sp_runtime_settings(rt);
    struct sp_buf why = sp_buf_new(MAX_WHY);

    edge->rt = rt;
    edge->loop = sp_runtime_loop(rt);
    if (rules_load(settings, settings->config, &edge->config, &edge->hosts,
                   &why) != 0) {
        sp_refuse("%.*s", SP_VIEW(sp_buf_view(&why)));
    }
    sp_buf_free(&why);
    edge->tls = tls_load(rt);
    begin_logic(edge);
    jail->accept = true;
    jail->address_space_bytes = ADDRESS_SPACE;
    jail->open_files = (uint64_t)edge->config->limits.connections + OTHER_FILES;
    edge->front = front_new(
        edge, listener_bind(settings->listen_host, settings->listen_port));
}

int
life_reload(struct edge *edge, const char *directory, struct sp_buf *why)
{
    struct edge_config *next = NULL;
    struct hosts *hosts = NULL;
    struct retry_config retries;
    int error = rules_load(sp_runtime_settings(edge->rt), directory, &next,
                           &hosts, why);

    if (error == 0) {
        error =
            rules_follow(&next->limits, &edge->config->limits, directory, why);
    }
    if (error != 0) {
        edge_config_free(&next);
        hosts_free(&hosts);
        return error;
    }
    retries = retries_of(next);
    retry_configure(&edge->retry, &retries);
    edge_config_free(&edge->config);
    hosts_free(&edge->hosts);
    edge->config = next;
    edge->hosts = hosts;
    /* Their bodies have the old maximum. */
    request_free_spare(edge);
    return 0;
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
life_in_jail(struct sp_runtime *rt, void *self)
{
    struct edge *edge = self;

    (void)rt;
    front_start(edge->front);
    edge->probe = (struct sp_timer){ .expired = on_probe, .arg = edge };
    sp_loop_start(edge->loop, &edge->probe, 0);
}

void
life_metrics(void *self, struct sp_buf *out)
{
    struct edge *edge = self;

    edge->figures.waiting = request_table_count(edge->table);
    figures_write(&edge->figures, out);
}

bool
life_ready(void *self)
{
    struct edge *edge = self;

    return readiness_ready(&edge->readiness, sp_loop_now_ms(edge->loop));
}

size_t
life_in_flight(void *self)
{
    const struct edge *edge = self;

    return edge->serving;
}

void
life_drain(void *self)
{
    struct edge *edge = self;

    /* Idle connections stay until the end: a client that asks once more gets
     * its answer with "Connection: close", and goes to another replica. One
     * that was closed now could be asking at this moment. */
    edge->draining = true;
    front_quiesce(edge->front);
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
life_fini(void *self)
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
    sodium_memzero(&edge->random, sizeof(edge->random));
}
