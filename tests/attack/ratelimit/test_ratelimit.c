/* Attacks on the limits: many names, many addresses, floods, odd clocks. */
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "services/ratelimit/admission.h"
#include "services/ratelimit/hush.h"
#include "services/ratelimit/refuse.h"

#define NS_PER_S INT64_C(1000000000)
#define START (INT64_C(9000) * NS_PER_S)

static const unsigned char seed[LIMIT_STATES_SEED_BYTES] = { 5 };

static char standard[] = "standard";
static struct tier_config tiers[] = {
    { standard, { 30, 60, 30 }, { 1000, 60, 1000 }, { 10, 60, 10 } },
};
static const struct ratelimit_config config = {
    .entries = 256,
    .default_tier = standard,
    .tiers = tiers,
    .tiers_count = 1,
};

static bool
ask(struct admission *a, const char *address, const char *subject,
    int64_t now_ns, struct verdict *v)
{
    struct caller who = { .address = sp_view_of(address),
                          .client = SP_VIEW_LITERAL("app"),
                          .subject = sp_view_of(subject) };

    admission_ask(a, &who, now_ns, v);
    if (v->admitted) {
        admission_charge(a, v, now_ns);
    }
    return v->admitted;
}

Test(ratelimit_attack, changing_the_address_does_not_help_a_subject)
{
    struct admission *a = admission_new(&config, seed);
    struct verdict v;
    int admitted = 0;

    for (int i = 0; i < 250; i++) {
        char address[32];

        (void)snprintf(address, sizeof(address), "198.51.%d.%d", i / 250, i);
        admitted += ask(a, address, "mallory", START, &v);
    }
    cr_assert_eq(admitted, 10);
    admission_free(&a);
}

Test(ratelimit_attack, walking_through_an_ipv6_network_does_not_help)
{
    struct admission *a = admission_new(&config, seed);
    struct verdict v;
    int admitted = 0;

    for (int i = 0; i < 1000; i++) {
        char address[64];
        char subject[32];

        (void)snprintf(address, sizeof(address), "2001:db8:0:1::%x", i + 1);
        (void)snprintf(subject, sizeof(subject), "s%d", i);
        admitted += ask(a, address, subject, START, &v);
    }
    cr_assert_eq(admitted, 30);
    admission_free(&a);
}

/* The attacker fills the table with other keys to have his own forgotten: his
 * is the busiest, so it is the last to go. */
Test(ratelimit_attack, a_flood_of_keys_does_not_wash_out_a_busy_limit)
{
    struct admission *a = admission_new(&config, seed);
    struct verdict v;

    while (ask(a, "203.0.113.1", "mallory", START, &v)) {
    }
    for (int i = 0; i < 500; i++) {
        char address[32];
        char subject[32];

        (void)snprintf(address, sizeof(address), "198.51.%d.%d", i / 250,
                       i % 250);
        (void)snprintf(subject, sizeof(subject), "s%d", i);
        (void)ask(a, address, subject, START, &v);
    }
    cr_assert_gt(limit_states_evicted(admission_limits(a)), 0);
    cr_assert_leq(limit_states_used(admission_limits(a)), 256);
    cr_assert_not(ask(a, "203.0.113.1", "mallory", START, &v));
    cr_assert_eq(v.limit, LIMIT_SUBJECT);
    admission_free(&a);
}

/* The seed's own fault: whole seconds made the limit untrippable. */
Test(ratelimit_attack, requests_in_the_same_instant_are_all_counted)
{
    struct admission *a = admission_new(&config, seed);
    struct verdict v;
    int admitted = 0;

    for (int i = 0; i < 100000; i++) {
        admitted += ask(a, "203.0.113.1", "mallory", START, &v);
    }
    cr_assert_eq(admitted, 10);
    admission_free(&a);
}

Test(ratelimit_attack, hammering_during_the_wait_does_not_lengthen_it)
{
    struct admission *a = admission_new(&config, seed);
    struct verdict v;
    int64_t promised_s = 0;

    while (ask(a, "203.0.113.1", "mallory", START, &v)) {
    }
    promised_s = refuse_seconds(v.wait_ns);
    for (int i = 0; i < 1000; i++) {
        (void)ask(a, "203.0.113.1", "mallory", START + i * 1000, &v);
    }
    cr_assert(
        ask(a, "203.0.113.1", "mallory", START + promised_s * NS_PER_S, &v));
    admission_free(&a);
}

Test(ratelimit_attack, a_value_of_one_kind_is_no_value_of_another)
{
    struct admission *a = admission_new(&config, seed);
    struct verdict v;

    /* A subject that is called like an address must not spend its limit. */
    while (ask(a, "203.0.113.9", "203.0.113.1", START, &v)) {
    }
    cr_assert(ask(a, "203.0.113.1", "alice", START, &v));
    cr_assert_eq(v.states[LIMIT_ADDRESS].remaining, 30);
    admission_free(&a);
}

static void
count_events(void *arg, const struct sp_occurrence *what)
{
    (void)what;
    (*(size_t *)arg)++;
}

Test(ratelimit_attack, a_flood_of_refusals_does_not_flood_the_audit_trail)
{
    size_t events = 0;
    struct hush *h = hush_new((struct hush_sink){ count_events, &events });

    for (int64_t ms = 0; ms < 10000; ms++) {
        for (uint32_t key = 0; key < 20; key++) {
            struct hush_note note = { .what = { .kind = "limit_reached" } };

            memcpy(note.key.bytes, &key, sizeof(key));
            hush_note(h, &note, 100000 + ms);
        }
        if (ms % 1000 == 0) {
            hush_tick(h, 100000 + ms);
        }
    }
    /* 200,000 refusals of 20 keys in ten seconds. */
    cr_assert_leq(events, 20 * 11);
    cr_assert_geq(events, 20 * 9);
    hush_free(&h);
}
