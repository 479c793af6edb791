/* Connections are counted per client, whatever comes and goes. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <string.h>
#include <sys/un.h>

#include "common/base/compiler.h"
#include "common/base/error.h"
#include "services/edge/addresses.h"

union any_address {
    struct sockaddr any;
    struct sockaddr_in in4;
    struct sockaddr_in6 in6;
    struct sockaddr_un un;
};

static union any_address
address_of(const char *text)
{
    union any_address a = { .in6 = { 0 } };

    if (inet_pton(AF_INET, text, &a.in4.sin_addr) == 1) {
        a.in4.sin_family = AF_INET;
        a.in4.sin_port = htons(4711);
    } else {
        cr_assert_eq(inet_pton(AF_INET6, text, &a.in6.sin6_addr), 1, "%s",
                     text);
        a.in6.sin6_family = AF_INET6;
        a.in6.sin6_port = htons(4711);
    }
    return a;
}

static struct address_key
key_of(const char *text)
{
    union any_address a = address_of(text);

    return address_key(&a.any);
}

static struct address_key
key_number(unsigned n)
{
    struct address_key key = { { 0 } };

    memcpy(key.bytes, &n, sizeof(n));
    key.bytes[15] = 1;
    return key;
}

Test(edge_addresses, a_client_is_an_ipv4_address_or_an_ipv6_network)
{
    static const struct {
        const char *a;
        const char *b;
        bool same;
    } rows[] = {
        { "192.0.2.1", "192.0.2.1", true },
        { "192.0.2.1", "192.0.2.2", false },
        { "192.0.2.1", "::ffff:192.0.2.1", true },
        { "::ffff:192.0.2.1", "::ffff:192.0.2.2", false },
        { "2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true },
        { "2001:db8:1:2::1", "2001:db8:1:3::1", false },
        { "::1", "::ffff:127.0.0.1", false },
        { "::1", "127.0.0.1", false },
    };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct address_key a = key_of(rows[i].a);
        struct address_key b = key_of(rows[i].b);

        cr_expect_eq(memcmp(&a, &b, sizeof(a)) == 0, rows[i].same, "%s %s",
                     rows[i].a, rows[i].b);
    }
}

Test(edge_addresses, tells_an_address_as_text)
{
    static const struct {
        const char *given;
        const char *want;
    } rows[] = {
        { "192.0.2.1", "192.0.2.1" },
        { "::ffff:192.0.2.1", "192.0.2.1" },
        { "2001:db8::1", "2001:db8::1" },
        { "2001:db8:1111:2222:3333:4444:5555:6666",
          "2001:db8:1111:2222:3333:4444:5555:6666" },
    };
    const union any_address local = { .un = { .sun_family = AF_UNIX } };
    const struct address_key nobody = { { 0 } };
    struct address_key key = address_key(&local.any);
    char text[INET6_ADDRSTRLEN];

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        union any_address a = address_of(rows[i].given);

        cr_expect_str_eq(address_text(&a.any, text), rows[i].want);
    }
    cr_expect_str_eq(address_text(&local.any, text), "?");
    cr_expect_arr_eq(&key, &nobody, sizeof(key));
}

Test(edge_addresses, counts_up_and_down)
{
    struct addresses *a = addresses_new(4);
    struct address_key one = key_of("192.0.2.1");
    struct address_key two = key_of("192.0.2.2");

    cr_expect_eq(addresses_count(a, &one), 0);
    cr_expect_eq(addresses_add(a, &one), 0);
    cr_expect_eq(addresses_add(a, &one), 0);
    cr_expect_eq(addresses_add(a, &two), 0);
    cr_expect_eq(addresses_count(a, &one), 2);
    cr_expect_eq(addresses_count(a, &two), 1);
    addresses_remove(a, &one);
    cr_expect_eq(addresses_count(a, &one), 1);
    addresses_remove(a, &one);
    addresses_remove(a, &one);
    cr_expect_eq(addresses_count(a, &one), 0);
    cr_expect_eq(addresses_count(a, &two), 1);
    addresses_free(&a);
    cr_expect_null(a);
    addresses_free(&a);
}

Test(edge_addresses, is_bounded_and_has_room_again)
{
    enum {
        MAX = 200
    };
    struct addresses *a = addresses_new(MAX);
    struct address_key more = key_number(MAX);
    struct address_key first = key_number(0);

    for (unsigned i = 0; i < MAX; i++) {
        struct address_key key = key_number(i);

        cr_assert_eq(addresses_add(a, &key), 0);
    }
    cr_expect_eq(addresses_add(a, &more), SP_EFULL);
    cr_expect_eq(addresses_count(a, &more), 0);
    /* Who is in already may have more. */
    cr_expect_eq(addresses_add(a, &first), 0);
    addresses_remove(a, &first);
    cr_expect_eq(addresses_add(a, &more), SP_EFULL);
    addresses_remove(a, &first);
    cr_expect_eq(addresses_add(a, &more), 0);
    addresses_free(&a);
}

/* Against a plain array, at the fullest. */
Test(edge_addresses, holes_hide_nobody)
{
    enum {
        KEYS = 96,
        ROOM = 32,
        STEPS = 40000
    };
    struct addresses *a = addresses_new(ROOM);
    size_t model[KEYS] = { 0 };
    size_t used = 0;
    unsigned random = 12345;

    for (int step = 0; step < STEPS; step++) {
        unsigned n = 0;
        struct address_key key;

        random = random * 1103515245u + 12345u;
        n = random / 65536u % KEYS;
        key = key_number(n);
        if (random / 8192u % 2u != 0) {
            int want = model[n] == 0 && used == ROOM ? SP_EFULL : 0;

            cr_assert_eq(addresses_add(a, &key), want, "step %d", step);
            used += want == 0 && model[n] == 0 ? 1 : 0;
            model[n] += want == 0 ? 1 : 0;
        } else {
            addresses_remove(a, &key);
            used -= model[n] == 1 ? 1 : 0;
            model[n] -= model[n] > 0 ? 1 : 0;
        }
        for (unsigned i = 0; step % 50 == 0 && i < KEYS; i++) {
            key = key_number(i);
            cr_assert_eq(addresses_count(a, &key), model[i], "step %d key %u",
                         step, i);
        }
    }
    addresses_free(&a);
}
