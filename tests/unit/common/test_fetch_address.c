/* Addresses: which are public, which are loopback, how they are read. */
#include "common/fetch/fetch_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <criterion/criterion.h>

#include "common/base/compiler.h"
#include "common/base/error.h"

static const struct {
    const char *text;
    bool public;
    bool loopback;
} rows[] = {
    { "1.1.1.1", true, false },
    { "9.255.255.255", true, false },
    { "11.0.0.0", true, false },
    { "100.63.255.255", true, false },
    { "100.128.0.0", true, false },
    { "126.255.255.255", true, false },
    { "128.0.0.0", true, false },
    { "169.253.255.255", true, false },
    { "172.15.255.255", true, false },
    { "172.32.0.0", true, false },
    { "192.167.255.255", true, false },
    { "192.169.0.0", true, false },
    { "198.17.255.255", true, false },
    { "198.20.0.0", true, false },
    { "223.255.255.255", true, false },
    { "0.0.0.0", false, false },
    { "0.1.2.3", false, false },
    { "10.0.0.1", false, false },
    { "10.255.255.255", false, false },
    { "100.64.0.1", false, false },
    { "100.127.255.255", false, false },
    { "127.0.0.1", false, true },
    { "127.255.255.255", false, true },
    { "169.254.169.254", false, false },
    { "172.16.0.1", false, false },
    { "172.31.255.255", false, false },
    { "192.0.0.1", false, false },
    { "192.0.2.1", false, false },
    { "192.88.99.1", false, false },
    { "192.168.1.1", false, false },
    { "198.18.0.1", false, false },
    { "198.19.255.255", false, false },
    { "198.51.100.1", false, false },
    { "203.0.113.1", false, false },
    { "224.0.0.1", false, false },
    { "239.255.255.255", false, false },
    { "240.0.0.1", false, false },
    { "255.255.255.255", false, false },
    { "2606:4700:4700::1111", true, false },
    { "2a00:1450::1", true, false },
    { "[2606:4700:4700::1111]", true, false },
    { "::", false, false },
    { "::1", false, true },
    { "[::1]", false, true },
    { "::2", false, false },
    { "::ffff:127.0.0.1", false, true },
    { "::ffff:127.9.9.9", false, true },
    { "::ffff:10.0.0.1", false, false },
    { "::ffff:169.254.169.254", false, false },
    { "::ffff:1.1.1.1", true, false },
    { "::127.0.0.1", false, false },
    { "::1.1.1.1", false, false },
    { "64:ff9b::1.1.1.1", true, false },
    { "64:ff9b::10.0.0.1", false, false },
    { "64:ff9b::127.0.0.1", false, false },
    { "64:ff9b:1::1.1.1.1", false, false },
    { "100::1", false, false },
    { "2001::1", false, false },
    { "2001:1ff::1", false, false },
    { "2001:200::1", true, false },
    { "2001:db8::1", false, false },
    { "2002:7f00:1::1", false, false },
    { "2002:101:101::1", false, false },
    { "3fff::1", false, false },
    { "3fff:1000::1", true, false },
    { "4000::1", false, false },
    { "5f00::1", false, false },
    { "fc00::1", false, false },
    { "fdff::1", false, false },
    { "fe80::1", false, false },
    { "fec0::1", false, false },
    { "ff02::1", false, false },
};

Test(fetch_address, knows_what_is_public_and_what_is_loopback)
{
    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct sp_fetch_address address = { 0 };

        cr_expect_eq(sp_fetch_address_parse(rows[i].text, &address), 0, "%s",
                     rows[i].text);
        cr_expect_eq(sp_fetch_address_public(&address), rows[i].public, "%s",
                     rows[i].text);
        cr_expect_eq(sp_fetch_address_loopback(&address), rows[i].loopback,
                     "%s", rows[i].text);
    }
}

Test(fetch_address, takes_no_other_spelling)
{
    static const char *const texts[] = {
        "",
        "1",
        "127.1",
        "0x7f.0.0.1",
        "127.0.0",
        "127.0.0.1 ",
        "127.0.0.1.",
        "1.2.3.256",
        "localhost",
        "[]",
        "[127.0.0.1]",
        "[::1",
        "::1]",
        "fe80::1%1",
        "::ffff:1.2.3",
        "1::2::3",
        "[::1]x",
        "12345::",
        "1:2:3:4:5:6:7:8:9",
    };

    for (size_t i = 0; i < SP_COUNT(texts); i++) {
        struct sp_fetch_address address = { 0 };

        cr_expect_eq(sp_fetch_address_parse(texts[i], &address), SP_EFORMAT,
                     "%s", texts[i]);
    }
}

Test(fetch_address, writes_what_it_reads)
{
    static const struct {
        const char *in;
        const char *out;
    } pairs[] = {
        { "8.8.4.4", "8.8.4.4" },
        { "2606:4700::0:1", "[2606:4700::1]" },
        { "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]",
          "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]" },
    };

    for (size_t i = 0; i < SP_COUNT(pairs); i++) {
        struct sp_fetch_address address = { 0 };
        char text[SP_FETCH_ADDRESS_TEXT];

        cr_assert_eq(sp_fetch_address_parse(pairs[i].in, &address), 0);
        sp_fetch_address_write(&address, text);
        cr_expect_str_eq(text, pairs[i].out);
    }
}

Test(fetch_address, reads_socket_addresses_of_the_internet_only)
{
    struct sockaddr_in v4 = { .sin_family = AF_INET,
                              .sin_addr.s_addr = htonl(0x0a000001) };
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6,
                               .sin6_addr = IN6ADDR_LOOPBACK_INIT };
    struct sockaddr_un local = { .sun_family = AF_UNIX };
    struct sp_fetch_address address = { 0 };
    char text[SP_FETCH_ADDRESS_TEXT];

    cr_assert_eq(sp_fetch_address_of((struct sockaddr *)&v4, &address), 0);
    sp_fetch_address_write(&address, text);
    cr_expect_str_eq(text, "10.0.0.1");
    cr_assert_eq(sp_fetch_address_of((struct sockaddr *)&v6, &address), 0);
    sp_fetch_address_write(&address, text);
    cr_expect_str_eq(text, "[::1]");
    cr_expect_eq(sp_fetch_address_of((struct sockaddr *)&local, &address),
                 SP_EFORMAT);
}
