/* Addresses to listen on are addresses: no names, no shorthand. */
#include <arpa/inet.h>
#include <criterion/criterion.h>

#include "common/base/error.h"
#include "common/text/address.h"

Test(address, reads_both_families)
{
    union sp_address a;
    socklen_t len = 0;
    char text[INET6_ADDRSTRLEN];

    cr_assert_eq(sp_address_parse("192.0.2.1", 8443, &a, &len), 0);
    cr_expect_eq(a.any.sa_family, AF_INET);
    cr_expect_eq(len, sizeof(struct sockaddr_in));
    cr_expect_eq(ntohs(a.in4.sin_port), 8443);
    cr_expect_str_eq(inet_ntop(AF_INET, &a.in4.sin_addr, text, sizeof(text)),
                     "192.0.2.1");
    cr_assert_eq(sp_address_parse("2001:db8::1", 65535, &a, &len), 0);
    cr_expect_eq(a.any.sa_family, AF_INET6);
    cr_expect_eq(len, sizeof(struct sockaddr_in6));
    cr_expect_eq(ntohs(a.in6.sin6_port), 65535);
    cr_expect_str_eq(inet_ntop(AF_INET6, &a.in6.sin6_addr, text, sizeof(text)),
                     "2001:db8::1");
    cr_expect_eq(a.in6.sin6_scope_id, 0);
}

Test(address, refuses_all_else)
{
    static const char *const rows[] = {
        "",           "localhost",    "192.0.2",       "192.0.2.256",
        "192.0.2.1.", "192.0.2.1:80", " 192.0.2.1",    "192.0.2.1 ",
        "0x7f.0.0.1", "127.1",        "2130706433",    "[::1]",
        "::1%lo",     ":::",          "2001:db8::1::", "*",
    };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        union sp_address a = { .in6 = { 0 } };
        socklen_t len = 7;

        cr_expect_eq(sp_address_parse(rows[i], 80, &a, &len), SP_EFORMAT, "%s",
                     rows[i]);
        cr_expect_eq(len, 7, "written only on success: %s", rows[i]);
        cr_expect_eq(a.any.sa_family, 0, "%s", rows[i]);
    }
}
