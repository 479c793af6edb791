/* Three limits for each request. */
#include "services/ratelimit/admission.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/log.h"

/* An IPv6 client owns a whole /64: that is what counts. */
#define NETWORK_BYTES 8

struct tier {
    char *name; /* NULL: never used */
    struct gcra_rate rates[LIMIT_KINDS];
    uint32_t requests[LIMIT_KINDS];
    uint32_t window_s[LIMIT_KINDS];
    bool current; /* of the configuration in force */
};

struct admission {
    const struct ratelimit_config *config;
    struct limit_states *limits;
    struct tier tiers[ADMISSION_TIERS];
    uint8_t *places;       /* tiers, by place in config->tiers */
    uint8_t *client_tiers; /* by place in config->clients */
    uint8_t default_tier;
};

const char *
limit_kind_name(enum limit_kind kind)
{
    static const char *const names[LIMIT_KINDS] = {
        [LIMIT_ADDRESS] = "address",
        [LIMIT_CLIENT] = "client",
        [LIMIT_SUBJECT] = "subject",
    };

    return names[kind];
}

static void
set_rate(struct tier *tier, enum limit_kind kind,
         const struct rate_config *rate)
{
    tier->rates[kind] = gcra_rate(rate->requests, rate->window_s, rate->burst);
    tier->requests[kind] = rate->requests;
    tier->window_s[kind] = rate->window_s;
}

/* The configuration has been checked: every name is there. */
static uint8_t
tier_by_name(const struct admission *a, const char *name)
{
    for (size_t i = 0; i < ADMISSION_TIERS; i++) {
        if (a->tiers[i].name != NULL && strcmp(a->tiers[i].name, name) == 0) {
            return (uint8_t)i;
        }
    }
    sp_fatal("tier_unknown", "name=%s", name);
}

/* The place of a tier is part of the keys of its states: a known name has its
 * own, a new one gets a fresh one, or one whose tier has long gone. */
static struct tier *
tier_place(struct admission *a, const char *name)
{
    struct tier *fresh = NULL;
    struct tier *left = NULL;

    for (size_t i = 0; i < ADMISSION_TIERS; i++) {
        struct tier *tier = &a->tiers[i];

        if (tier->name == NULL) {
            fresh = fresh == NULL ? tier : fresh;
        } else if (strcmp(tier->name, name) == 0) {
            return tier;
        } else if (!tier->current) {
            left = left == NULL ? tier : left;
        }
    }
    fresh = fresh == NULL ? left : fresh;
    sp_free(fresh->name);
    fresh->name = sp_dup(name);
    return fresh;
}

static void
set_tier(struct admission *a, uint32_t i)
{
    const struct tier_config *from = &a->config->tiers[i];
    struct tier *tier = tier_place(a, from->name);

    tier->current = true;
    set_rate(tier, LIMIT_ADDRESS, &from->address);
    set_rate(tier, LIMIT_CLIENT, &from->client);
    set_rate(tier, LIMIT_SUBJECT, &from->subject);
    a->places[i] = (uint8_t)(tier - a->tiers);
}

void
admission_configure(struct admission *a, const struct ratelimit_config *config)
{
    a->config = config;
    /* No tier of the new file takes the place of another one of it. */
    for (size_t i = 0; i < ADMISSION_TIERS; i++) {
        struct tier *tier = &a->tiers[i];

        tier->current = false;
        for (uint32_t n = 0; tier->name != NULL && n < config->tiers_count;
             n++) {
            tier->current |= strcmp(tier->name, config->tiers[n].name) == 0;
        }
    }
    sp_free(a->places);
    a->places = sp_alloc_n(config->tiers_count, 1);
    for (uint32_t i = 0; i < config->tiers_count; i++) {
        set_tier(a, i);
    }
    sp_free(a->client_tiers);
    a->client_tiers = sp_alloc_n((size_t)config->clients_count + 1, 1);
    for (uint32_t i = 0; i < config->clients_count; i++) {
        a->client_tiers[i] = tier_by_name(a, config->clients[i].tier);
    }
    a->default_tier = tier_by_name(a, config->default_tier);
}

size_t
admission_tier_index(const struct admission *a, uint32_t place)
{
    return a->places[place];
}

struct admission *
admission_new(const struct ratelimit_config *config,
              const unsigned char seed[LIMIT_STATES_SEED_BYTES])
{
    struct admission *a = sp_alloc(sizeof(*a));

    a->limits = limit_states_new(config->entries, seed);
    admission_configure(a, config);
    return a;
}

void
admission_free(struct admission **a)
{
    if (*a != NULL) {
        limit_states_free(&(*a)->limits);
        for (size_t i = 0; i < ADMISSION_TIERS; i++) {
            sp_free((*a)->tiers[i].name);
        }
        sp_free((*a)->places);
        sp_free((*a)->client_tiers);
        sp_free(*a);
        *a = NULL;
    }
}

static uint8_t
tier_of(const struct admission *a, struct sp_view client)
{
    for (uint32_t i = 0; i < a->config->clients_count; i++) {
        if (sp_view_is(client, a->config->clients[i].client)) {
            return a->client_tiers[i];
        }
    }
    return a->default_tier;
}

/* What is counted of an address: all of IPv4, the network of IPv6. Anything
 * else counts as it is written. */
static struct sp_view
network_of(struct sp_view address, struct in6_addr *room)
{
    char text[INET6_ADDRSTRLEN] = { 0 };

    if (address.len == 0 || address.len >= sizeof(text) ||
        memchr(address.ptr, ':', address.len) == NULL) {
        return address;
    }
    memcpy(text, address.ptr, address.len);
    if (inet_pton(AF_INET6, text, room) != 1) {
        return address;
    }
    return IN6_IS_ADDR_V4MAPPED(room) ? sp_view_make(room, sizeof(*room))
                                      : sp_view_make(room, NETWORK_BYTES);
}

static void
ask_one(const struct admission *a, uint8_t tier_index, enum limit_kind kind,
        struct sp_view value, int64_t now_ns, struct limit_state *state)
{
    const struct tier *tier = &a->tiers[tier_index];

    state->key = limit_states_key(a->limits, (uint8_t)kind, tier_index, value);
    state->rate = tier->rates[kind];
    state->requests = tier->requests[kind];
    state->window_s = tier->window_s[kind];
    state->tat_ns = limit_states_get(a->limits, &state->key);
    state->wait_ns = gcra_wait(&state->rate, state->tat_ns, now_ns);
    state->remaining = gcra_remaining(&state->rate, state->tat_ns, now_ns);
}

void
admission_ask(const struct admission *a, const struct caller *caller,
              int64_t now_ns, struct verdict *ret_verdict)
{
    struct in6_addr network;
    const struct sp_view values[LIMIT_KINDS] = {
        [LIMIT_ADDRESS] = network_of(caller->address, &network),
        [LIMIT_CLIENT] = caller->client,
        [LIMIT_SUBJECT] = caller->subject,
    };
    uint8_t tier = tier_of(a, caller->client);

    *ret_verdict =
        (struct verdict){ .tier = a->tiers[tier].name, .tier_index = tier };
    for (int i = 0; i < LIMIT_KINDS; i++) {
        struct limit_state *state = &ret_verdict->states[i];

        ask_one(a, tier, (enum limit_kind)i, values[i], now_ns, state);
        if (state->wait_ns > ret_verdict->wait_ns) {
            ret_verdict->wait_ns = state->wait_ns;
            ret_verdict->limit = (enum limit_kind)i;
        }
    }
    ret_verdict->admitted = ret_verdict->wait_ns == 0;
}

void
admission_charge(struct admission *a, const struct verdict *verdict,
                 int64_t now_ns)
{
    for (int i = 0; i < LIMIT_KINDS; i++) {
        const struct limit_state *state = &verdict->states[i];

        limit_states_put(a->limits, &state->key,
                         gcra_charge(&state->rate, state->tat_ns, now_ns),
                         now_ns);
    }
}

const struct limit_states *
admission_limits(const struct admission *a)
{
    return a->limits;
}
