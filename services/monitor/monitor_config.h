/* deploy/config/monitor.yaml. */
#ifndef SP_SERVICES_MONITOR_MONITOR_CONFIG_H
#define SP_SERVICES_MONITOR_MONITOR_CONFIG_H

#include <stdint.h>

#include "common/base/compiler.h"
#include "common/text/buf.h"

/* Events that a rule keeps the times of. */
#define MONITOR_MAX_COUNT 32

/* What a rule counts its events by. */
enum rule_per {
    RULE_PER_GATE, /* all together */
    RULE_PER_ADDRESS,
    RULE_PER_CLIENT,
    RULE_PER_SUBJECT,
    RULE_PER_OBJECT,  /* what the event is about */
    RULE_PER_PROCESS, /* service and replica that sent the event */
};

enum severity {
    SEVERITY_LOW,
    SEVERITY_MEDIUM,
    SEVERITY_HIGH,
    SEVERITY_CRITICAL,
};

/* The keys as in the file, which says what each means. */
struct rule {
    char *name;
    char **kinds;
    uint32_t kinds_count;
    enum rule_per per;
    uint32_t count;
    uint32_t within_s;
    enum severity severity;
    char *text;
};

struct audit_config {
    uint32_t sync_ms;
    uint32_t check_bytes;
};

struct monitor_config {
    struct audit_config audit;
    uint32_t quiet_s;
    struct rule *rules;
    uint32_t rules_count;
};

/* "low", "medium", ... */
const char *
severity_name(enum severity severity);

/* Loads and checks `directory`/monitor.yaml. 0, or SP_ECONFIG with a sentence
 * in `why`. Freed by monitor_config_free(). */
SP_MUST_CHECK int
monitor_config_load(const char *directory, struct monitor_config **ret_config,
                    struct sp_buf *why);

void
monitor_config_free(struct monitor_config **config);

#endif
