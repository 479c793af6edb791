/* The skeleton of every process. main() describes the service and hands over;
 * the order is the same for all: options, log, settings, the resolver helper,
 * configuration and keys (before_jail), links prepared, jail closed, sockets,
 * in_jail, loop, drain on SIGTERM, fini in reverse. */
#ifndef SP_COMMON_STAGE_SERVICE_H
#define SP_COMMON_STAGE_SERVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/compiler.h"
#include "common/link/link.h"
#include "common/process/jail_needs.h"
#include "common/process/loop.h"
#include "common/process/settings.h"
#include "common/stage/occurrence.h"
#include "common/text/buf.h"
#include "proto/message.h"

struct sp_runtime;

/* A row of the dispatch table. A message that the schema routes to this
 * service but that has no row is refused at start. */
struct sp_handler {
    enum sp_message_id message;
    void (*handle)(void *self, const struct sp_msg *m);
};

struct sp_service {
    enum sp_service_id id;
    const struct sp_handler *handlers;
    size_t handler_count;
    /* Loads configuration and keys, opens stores and listening sockets, forks
     * helpers; fills `jail`. Refuses by sp_refuse(). */
    void (*before_jail)(struct sp_runtime *rt, void *self,
                        struct sp_jail *jail);
    /* Starts timers and watches. May be NULL. */
    void (*in_jail)(struct sp_runtime *rt, void *self);
    /* A peer came or went. May be NULL. */
    void (*peer)(void *self, enum sp_service_id service, struct sp_view name,
                 bool up);
    /* Appends this process's metrics as Prometheus text. May be NULL. */
    void (*metrics)(void *self, struct sp_buf *out);
    /* Only of the monitor: its own EVENT and STATUS messages, since no link
     * leads from a process to itself. */
    void (*own_message)(void *self, const struct sp_msg *m);
    /* True where this process can do its work now; NULL: always. Shown by
     * `sallyport status` and by the container's health check. */
    bool (*ready)(void *self);
    /* Requests in hand: a draining process waits for 0, at most SP_DRAIN_S,
     * and
     * `sallyport status` shows it. May be NULL. */
    size_t (*in_flight)(void *self);
    /* SIGTERM has come: stop taking new work from outside. May be NULL. */
    void (*drain)(void *self);
    /* The files of SP_CONFIG that this process reads, without ".yaml", NULL
     * after the last: their bytes make the configuration's version. */
    const char *const *config_files;
    /* SIGHUP: reads the configuration again, checks it whole, and puts it in
     * force between two messages. 0, or SP_ECONFIG with a sentence in `why`
     * (file, line, what to change) and nothing changed. */
    int (*reload)(void *self, struct sp_buf *why);
    void (*fini)(void *self);
};

/* Runs the service; the result is main()'s. */
int
sp_service_main(const struct sp_service *service, void *self, int argc,
                char **argv);

/* The loop exists from before_jail on. */
struct sp_loop *
sp_runtime_loop(struct sp_runtime *rt);

const struct sp_settings *
sp_runtime_settings(struct sp_runtime *rt);

/* As sp_links_send(). */
SP_MUST_CHECK int
sp_runtime_send(struct sp_runtime *rt, enum sp_service_id to,
                enum sp_message_id id, const void *message,
                struct sp_place place);

struct sp_view
sp_runtime_own_name(struct sp_runtime *rt);

/* As sp_links_is_replica(). */
bool
sp_runtime_is_replica(struct sp_runtime *rt, struct sp_view name,
                      struct sp_view peer);

/* Numbers the occurrence and sends it to the monitor; never blocks, never
 * fails: while the monitor is away up to 4096 wait, then the loss is counted
 * and reported with the next one that gets through. Of many refusals by one
 * sender only some are reported one by one, see event_cap.h. */
void
sp_runtime_event(struct sp_runtime *rt, const struct sp_occurrence *what);

/* Remembers the latest trouble for `sallyport status`, and logs it. */
void
sp_runtime_trouble(struct sp_runtime *rt, const char *event, const char *format,
                   ...) SP_PRINTF(3, 4);

/* "keys/<service>/<name>" below $SP_STATE, owned by the caller. */
char *
sp_runtime_key_path(struct sp_runtime *rt, const char *name);

/* "store/<service>/<name>" below $SP_STATE, owned by the caller. */
char *
sp_runtime_store_path(struct sp_runtime *rt, const char *name);

#endif
