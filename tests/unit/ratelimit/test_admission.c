/* Three limits for each request, by the tier of its client. */
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "services/ratelimit/admission.h"

#define NS_PER_S INT64_C(1000000000)
#define START (INT64_C(5000) * NS_PER_S)

static const unsigned char seed[LIMIT_STATES_SEED_BYTES] = { 1 };

static char standard[] = "standard";
static char load[] = "load";
static char bench[] = "bench";

static struct tier_config tiers[] = {
    { standard, { 30, 60, 30 }, { 20, 60, 20 }, { 10, 60, 10 } },
    { load, { 1000, 60, 1000 }, { 1000, 60, 1000 }, { 1000, 60, 1000 } },
};
static struct client_config clients[] = { { bench, load } };
static const struct ratelimit_config config = {
    .entries = 1024,
    .default_tier = standard,
    .tiers = tiers,
    .tiers_count = 2,
    .clients = clients,
    .clients_count = 1,
};

static struct caller
caller(const char *address, const char *client, const char *subject)
{
    return (struct caller){ sp_view_of(address), sp_view_of(client),
                            sp_view_of(subject) };
}

/* How many of `tries` requests at one moment are admitted. */
static int
ask_many(struct admission *a, struct caller who, int tries, int64_t now_ns,
         struct verdict *ret_last)
{
    int admitted = 0;

    for (int i = 0; i < tries; i++) {
        admission_ask(a, &who, now_ns, ret_last);
        if (ret_last->admitted) {
            admission_charge(a, ret_last, now_ns);
            admitted++;
        }
    }
    return admitted;
}

Test(admission, the_tightest_limit_decides)
{
    struct admission *a = admission_new(&config, seed);
    struct verdict v;

    cr_assert_eq(ask_many(a, caller("192.0.2.1", "app", "anna"), 50, START, &v),
                 10);
    cr_assert_eq(v.limit, LIMIT_SUBJECT);
    cr_assert_str_eq(v.tier, "standard");
    cr_assert_eq(v.wait_ns, 6 * NS_PER_S);
    /* Another person of the same client has what the client has left. */
    cr_assert_eq(ask_many(a, caller("192.0.2.1", "app", "bert"), 50, START, &v),
                 10);
    cr_assert_eq(ask_many(a, caller("192.0.2.1", "app", "carl"), 50, START, &v),
                 0);
    cr_assert_eq(v.limit, LIMIT_CLIENT);
    /* And another client what the address has left. */
    cr_assert_eq(ask_many(a, caller("192.0.2.1", "web", "dora"), 50, START, &v),
                 10);
    cr_assert_eq(ask_many(a, caller("192.0.2.1", "web", "emil"), 50, START, &v),
                 0);
    cr_assert_eq(v.limit, LIMIT_ADDRESS);
    admission_free(&a);
    cr_assert_null(a);
}

Test(admission, a_refused_request_is_charged_to_nobody)
{
    struct admission *a = admission_new(&config, seed);
    struct verdict v;

    (void)ask_many(a, caller("192.0.2.1", "app", "anna"), 1000, START, &v);
    /* The thousand cost the client and the address ten each, not more. */
    cr_assert_eq(v.states[LIMIT_CLIENT].remaining, 10);
    cr_assert_eq(v.states[LIMIT_ADDRESS].remaining, 20);
    cr_assert_eq(ask_many(a, caller("192.0.2.1", "app", "anna"), 5,
                          START + v.wait_ns, &v),
                 1);
    admission_free(&a);
}

Test(admission, the_client_chooses_the_tier_for_all_three_limits)
{
    struct admission *a = admission_new(&config, seed);
    struct verdict v;

    cr_assert_eq(
        ask_many(a, caller("192.0.2.1", "bench", "bench"), 1500, START, &v),
        1000);
    cr_assert_str_eq(v.tier, "load");
    /* A load test does not use up what others have at the same address. */
    cr_assert_eq(ask_many(a, caller("192.0.2.1", "app", "anna"), 50, START, &v),
                 10);
    admission_free(&a);
}

Test(admission, counts_an_ipv6_network_as_one_address)
{
    static const struct {
        const char *first;
        const char *second;
        bool same;
    } rows[] = {
        { "2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", true },
        { "2001:db8:1:2::1", "2001:db8:1:3::1", false },
        { "::ffff:192.0.2.1", "::ffff:192.0.2.2", false },
        { "192.0.2.1", "192.0.2.2", false },
        { "not:an:address", "not:an:addresses", false },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct admission *a = admission_new(&config, seed);
        struct verdict v;

        (void)ask_many(a, caller(rows[i].first, "app", "anna"), 1, START, &v);
        admission_ask(a,
                      &(struct caller){ .address = sp_view_of(rows[i].second) },
                      START, &v);
        cr_assert_eq(v.states[LIMIT_ADDRESS].remaining, rows[i].same ? 29 : 30,
                     "%s, %s", rows[i].first, rows[i].second);
        admission_free(&a);
    }
}

/* A reload gives nobody a new burst, wherever the tier stands in the file. */
Test(admission, another_configuration_keeps_the_states_of_its_tiers)
{
    static char fresh[] = "fresh";
    struct tier_config moved[] = {
        { fresh, { 5, 60, 5 }, { 5, 60, 5 }, { 5, 60, 5 } },
        tiers[1],
        tiers[0],
    };
    struct ratelimit_config next = config;
    struct admission *a = admission_new(&config, seed);
    const struct caller anna = caller("192.0.2.1", "app", "anna");
    struct verdict v;
    size_t place = admission_tier_index(a, 0);

    next.tiers = moved;
    next.tiers_count = 3;
    cr_assert_eq(ask_many(a, anna, 50, START, &v), 10);
    admission_configure(a, &next);
    cr_assert_eq(ask_many(a, anna, 50, START, &v), 0);
    cr_assert_str_eq(v.tier, "standard");
    cr_assert_eq(v.tier_index, place);
    cr_assert_eq(admission_tier_index(a, 2), place);
    cr_assert_neq(admission_tier_index(a, 0), place);
    /* A wider limit counts from now on: what is used up stays used up, and is
     * earned back at the new rate. */
    cr_assert_eq(ask_many(a, anna, 50, START + NS_PER_S, &v), 0);
    moved[2].subject = (struct rate_config){ 600, 60, 600 };
    admission_configure(a, &next);
    cr_assert_eq(ask_many(a, anna, 50, START + NS_PER_S, &v), 10);
    admission_free(&a);
}

/* More names than places, one after the other: those in force keep theirs. */
Test(admission, places_of_tiers_are_used_again)
{
    struct admission *a = admission_new(&config, seed);
    size_t place = admission_tier_index(a, 0);

    for (int i = 0; i < 2 * ADMISSION_TIERS; i++) {
        char name[16];
        struct tier_config both[] = { tiers[0], tiers[1], tiers[0] };
        struct ratelimit_config next = config;

        (void)snprintf(name, sizeof(name), "t%d", i);
        both[2].name = name;
        next.tiers = both;
        next.tiers_count = 3;
        admission_configure(a, &next);
        cr_assert_eq(admission_tier_index(a, 0), place);
        cr_assert_neq(admission_tier_index(a, 2), place);
        cr_assert_neq(admission_tier_index(a, 2), admission_tier_index(a, 1));
    }
    admission_configure(a, &config);
    admission_free(&a);
}
