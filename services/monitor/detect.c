/* The detection rules. */
#include "services/monitor/detect.h"

#include <stdbool.h>
#include <string.h>

#include <sodium.h>

#include "common/base/alloc.h"
#include "common/base/table.h"
#include "common/text/buf.h"

/* Rule and value pairs that are watched at one time: the one heard of longest
 * ago makes room, so that a flood of values costs neither memory nor time. */
#define WATCHES 4096

#define MAX_VALUE 256

#define RULE_ID_BYTES crypto_generichash_BYTES_MIN

/* Name, numbers and kinds of a rule, with room. */
#define MAX_RULE 4096

/* The key of the table, zero behind the value. */
struct watched {
    unsigned char rule[RULE_ID_BYTES];
    uint8_t service; /* of a process, which its replica names */
    char value[MAX_VALUE];
};

struct watch {
    int64_t times_ms[MONITOR_MAX_COUNT]; /* the latest, as a ring */
    uint32_t next;
    uint32_t count;
    bool alerted;
    int64_t quiet_until_ms;
    uint64_t held_back;
};

struct detect {
    const struct monitor_config *config;
    struct alert_sink sink;
    struct sp_table *watches;
    unsigned char (*rules)[RULE_ID_BYTES]; /* what each of them counts */
};

struct detect *
detect_new(const struct monitor_config *config, struct alert_sink sink)
{
    struct detect *d = sp_alloc(sizeof(*d));
    const struct sp_table_shape shape = {
        .max = WATCHES,
        .key_size = sizeof(struct watched),
        .value_size = sizeof(struct watch),
        .look = 1,
    };

    d->sink = sink;
    d->watches = sp_table_new(&shape);
    detect_configure(d, config);
    return d;
}

void
detect_free(struct detect **d)
{
    if (*d != NULL) {
        sp_table_free(&(*d)->watches);
        sp_free((*d)->rules);
        sp_free(*d);
        *d = NULL;
    }
}

/* Stands for all that a count depends on, so that the count goes on where a
 * rule moves in the file and begins anew where it changes. */
static void
identify(struct detect *d, uint32_t index)
{
    const struct rule *rule = &d->config->rules[index];
    struct sp_buf text = sp_buf_new(MAX_RULE);
    uint32_t same = 0;

    for (uint32_t i = 0; i < index; i++) {
        same += strcmp(d->config->rules[i].name, rule->name) == 0;
    }
    (void)sp_buf_addf(&text, "%s %u %d %u %u", rule->name, same, (int)rule->per,
                      rule->count, rule->within_s);
    for (uint32_t i = 0; i < rule->kinds_count; i++) {
        (void)sp_buf_addf(&text, " %s", rule->kinds[i]);
    }
    (void)crypto_generichash(d->rules[index], RULE_ID_BYTES,
                             (const unsigned char *)text.data, text.len, NULL,
                             0);
    sp_buf_free(&text);
}

void
detect_configure(struct detect *d, const struct monitor_config *config)
{
    d->config = config;
    sp_free(d->rules);
    d->rules = sp_alloc_n((size_t)config->rules_count + 1, RULE_ID_BYTES);
    for (uint32_t i = 0; i < config->rules_count; i++) {
        identify(d, i);
    }
}

static bool
concerns(const struct rule *rule, struct sp_view kind)
{
    for (uint32_t i = 0; i < rule->kinds_count; i++) {
        if (sp_view_is(kind, rule->kinds[i])) {
            return true;
        }
    }
    return false;
}

static struct sp_view
value_of(const struct rule *rule, const struct sp_event *event)
{
    switch (rule->per) {
    case RULE_PER_ADDRESS:
        return event->address;
    case RULE_PER_CLIENT:
        return event->client;
    case RULE_PER_SUBJECT:
        return event->subject;
    case RULE_PER_OBJECT:
        return event->object;
    case RULE_PER_PROCESS:
        return event->replica;
    case RULE_PER_GATE:
        break;
    }
    return (struct sp_view){ 0 };
}

static struct watch *
watch_of(struct detect *d, uint32_t rule, enum sp_service_id service,
         const struct sp_event *event)
{
    const struct rule *r = &d->config->rules[rule];
    struct sp_view value = value_of(r, event);
    struct watched key = { .service = 0 };
    struct watch *w = NULL;

    memcpy(key.rule, d->rules[rule], sizeof(key.rule));
    if (r->per == RULE_PER_PROCESS) {
        key.service = (uint8_t)service;
    }
    if (value.len > 0) {
        memcpy(key.value, value.ptr,
               value.len < MAX_VALUE ? value.len : MAX_VALUE);
    }
    w = sp_table_put(d->watches, &key);
    sp_table_touch(d->watches, w);
    return w;
}

/* Adds the time; true where the last `count` lie within the rule's time. */
static bool
is_met(struct watch *w, const struct rule *rule, int64_t now_ms)
{
    int64_t first_ms = 0;

    w->times_ms[w->next] = now_ms;
    w->next = (w->next + 1) % rule->count;
    if (w->count < rule->count) {
        w->count++;
    }
    if (w->count < rule->count) {
        return false;
    }
    first_ms = w->times_ms[w->next]; /* the ring's oldest */
    return now_ms - first_ms <= (int64_t)rule->within_s * 1000;
}

static void
apply(struct detect *d, uint32_t index, enum sp_service_id service,
      const struct sp_event *event, int64_t now_ms)
{
    const struct rule *rule = &d->config->rules[index];
    struct watch *w = watch_of(d, index, service, event);
    struct alert alert = { .rule = rule, .service = service, .event = event };

    if (!is_met(w, rule, now_ms)) {
        return;
    }
    if (w->alerted && now_ms < w->quiet_until_ms) {
        w->held_back++;
        return;
    }
    alert.held_back = w->held_back;
    w->held_back = 0;
    w->alerted = true;
    w->quiet_until_ms = now_ms + (int64_t)d->config->quiet_s * 1000;
    d->sink.raise(d->sink.arg, &alert);
}

void
detect_event(struct detect *d, enum sp_service_id service,
             const struct sp_event *event, int64_t now_ms)
{
    for (uint32_t i = 0; i < d->config->rules_count; i++) {
        if (concerns(&d->config->rules[i], event->kind)) {
            apply(d, i, service, event, now_ms);
        }
    }
}
