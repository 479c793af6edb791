/* The detection rules: so many events of some kinds about the same address,
 * client, subject or process within some time raise an alert. Bounded. */
#ifndef SP_SERVICES_MONITOR_DETECT_H
#define SP_SERVICES_MONITOR_DETECT_H

#include <stddef.h>
#include <stdint.h>

#include "proto/message.h"
#include "services/monitor/monitor_config.h"

/* What a rule has found. */
struct alert {
    const struct rule *rule;
    enum sp_service_id service;   /* that sent the last event */
    const struct sp_event *event; /* the last one */
    uint64_t held_back; /* times that the rule was met since the last alert */
};

struct alert_sink {
    void (*raise)(void *arg, const struct alert *alert);
    void *arg;
};

struct detect;

/* `config` must outlive it. */
struct detect *
detect_new(const struct monitor_config *config, struct alert_sink sink);

void
detect_free(struct detect **d);

/* Another configuration, which must outlive it. A rule that stays as it was
 * keeps what it has counted. */
void
detect_configure(struct detect *d, const struct monitor_config *config);

/* Holds one event against all rules. */
void
detect_event(struct detect *d, enum sp_service_id service,
             const struct sp_event *event, int64_t now_ms);

#endif
