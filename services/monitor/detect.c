/* The detection rules. */
#include "services/monitor/detect.h"

#include <stdbool.h>
#include <string.h>

#include <sodium.h>

#include "common/base/alloc.h"

/* Rule and key pairs that are watched at one time: sets of a few places, so
 * that a flood of keys costs neither memory nor time. */
#define SETS 512
#define WAYS 8

/* "process" is service, '/' and replica. */
#define KEY_MAX (256 + 2)

struct watch {
    unsigned char key[crypto_shorthash_siphashx24_BYTES];
    bool taken;
    int64_t times_ms[MONITOR_MAX_COUNT]; /* the latest, as a ring */
    uint32_t next;
    uint32_t count;
    bool alerted;
    int64_t quiet_until_ms;
    uint64_t held_back;
    int64_t heard_ms;
};

struct detect {
    const struct monitor_config *config;
    struct alert_sink sink;
    unsigned char seed[DETECT_SEED_BYTES];
    struct watch watches[SETS * WAYS];
};

struct detect *
detect_new(const struct monitor_config *config,
           const unsigned char seed[DETECT_SEED_BYTES], struct alert_sink sink)
{
    struct detect *d = sp_alloc(sizeof(*d));

    d->config = config;
    d->sink = sink;
    memcpy(d->seed, seed, sizeof(d->seed));
    return d;
}

void
detect_free(struct detect **d)
{
    sp_free(*d);
    *d = NULL;
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
         const struct sp_event *event, int64_t now_ms)
{
    const struct rule *r = &d->config->rules[rule];
    unsigned char text[KEY_MAX] = { (unsigned char)rule, 0 };
    unsigned char key[crypto_shorthash_siphashx24_BYTES];
    struct sp_view value = value_of(r, event);
    size_t len = value.len < KEY_MAX - 2 ? value.len : KEY_MAX - 2;
    struct watch *set = NULL;
    struct watch *oldest = NULL;
    uint64_t hash = 0;

    text[1] = r->per == RULE_PER_PROCESS ? (unsigned char)service : 0;
    if (len > 0) {
        memcpy(text + 2, value.ptr, len);
    }
    (void)crypto_shorthash_siphashx24(key, text, 2 + len, d->seed);
    memcpy(&hash, key, sizeof(hash));
    set = d->watches + (size_t)(hash % SETS) * WAYS;
    oldest = set;
    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].taken && memcmp(set[i].key, key, sizeof(key)) == 0) {
            set[i].heard_ms = now_ms;
            return &set[i];
        }
        if (oldest->taken &&
            (!set[i].taken || set[i].heard_ms < oldest->heard_ms)) {
            oldest = &set[i];
        }
    }
    *oldest = (struct watch){ .taken = true, .heard_ms = now_ms };
    memcpy(oldest->key, key, sizeof(key));
    return oldest;
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
    struct watch *w = watch_of(d, index, service, event, now_ms);
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
