/* Host and Origin: what is not on the list is somebody else's. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "common/base/compiler.h"
#include "common/base/error.h"
#include "services/edge/hosts.h"

static void
allow(struct hosts *hosts, const char *authority)
{
    cr_assert_eq(hosts_allow(hosts, sp_view_of(authority)), 0, "%s", authority);
}

static void
allow_origin(struct hosts *hosts, const char *origin)
{
    cr_assert_eq(hosts_allow_origin(hosts, sp_view_of(origin)), 0, "%s",
                 origin);
}

static struct hosts *
some_hosts(void)
{
    struct hosts *hosts = hosts_new();

    allow(hosts, "gate.example.com");
    allow(hosts, "other.example.com:8443");
    allow(hosts, "tls.example.com:443");
    allow(hosts, "[2001:db8::1]:8443");
    cr_assert_eq(hosts_allow_local(hosts, 8443), 0);
    allow_origin(hosts, "https://chat.example.com");
    allow_origin(hosts, "http://dev.example.com:3000");
    allow_origin(hosts, "https://port.example.com:443");
    return hosts;
}

Test(edge_hosts, knows_what_is_allowed)
{
    static const struct {
        const char *host;
        bool known;
    } rows[] = {
        { "gate.example.com", true },
        { "GATE.Example.COM", true },
        { "gate.example.com:443", true },
        { "gate.example.com:8443", false },
        { "gate.example.com:", false },
        { "gate.example.com:0443", false },
        { "gate.example.com.", false },
        { "other.example.com:8443", true },
        { "other.example.com", false },
        { "other.example.com:443", false },
        { "tls.example.com", true },
        { "tls.example.com:443", true },
        { "[2001:db8::1]:8443", true },
        { "[2001:DB8::1]:8443", true },
        { "[2001:db8::1]", false },
        { "127.0.0.1:8443", true },
        { "localhost:8443", true },
        { "[::1]:8443", true },
        { "localhost", false },
        { "127.0.0.1:8444", false },
        { "127.0.0.2:8443", false },
        { "", false },
        { ":443", false },
        { "evil.example", false },
        { "xgate.example.com", false },
        { "gate.example.comx", false },
        { "gate.example.co", false },
        { "evil.example@gate.example.com", false },
        { "gate.example.com, evil.example", false },
        { "gate.example.com/", false },
        { "https://gate.example.com", false },
        { " gate.example.com", false },
    };
    struct hosts *hosts = some_hosts();

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        cr_expect_eq(hosts_knows(hosts, sp_view_of(rows[i].host)),
                     rows[i].known, "%s", rows[i].host);
    }
    cr_expect_not(hosts_knows(hosts, sp_view_make("gate.example.com\0", 17)));
    cr_expect_not(hosts_knows(hosts, sp_view_make(NULL, 0)));
    hosts_free(&hosts);
}

Test(edge_hosts, knows_origins)
{
    static const struct {
        const char *origin;
        bool known;
    } rows[] = {
        { "https://gate.example.com", true },
        { "HTTPS://Gate.example.com", true },
        { "https://gate.example.com:443", true },
        { "http://gate.example.com", false },
        { "https://localhost:8443", true },
        { "http://localhost:8443", false },
        { "https://chat.example.com", true },
        { "https://Chat.Example.com", true },
        { "https://chat.example.com:8443", false },
        { "http://chat.example.com", false },
        { "http://dev.example.com:3000", true },
        { "https://dev.example.com:3000", false },
        { "http://dev.example.com", false },
        { "null", false },
        { "", false },
        { "https://", false },
        { "https://evil.example", false },
        { "https://chat.example.com.evil.example", false },
        { "https://chat.example.com https://evil.example", false },
        { "chat.example.com", false },
        { "gate.example.com", false },
        { "https://gate.example.com/", false },
        { "file://", false },
    };
    struct hosts *hosts = some_hosts();

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        cr_expect_eq(hosts_knows_origin(hosts, sp_view_of(rows[i].origin)),
                     rows[i].known, "%s", rows[i].origin);
    }
    cr_expect_not(hosts_knows_origin(hosts, sp_view_make(NULL, 0)));
    hosts_free(&hosts);
}

/* Browsers leave the port out (RFC 6454 section 6.2), operators do not. */
Test(edge_hosts, an_origin_may_be_allowed_with_its_default_port)
{
    struct hosts *hosts = some_hosts();

    cr_expect(
        hosts_knows_origin(hosts, sp_view_of("https://port.example.com")));
    cr_expect(
        hosts_knows_origin(hosts, sp_view_of("https://port.example.com:443")));
    cr_expect_not(
        hosts_knows_origin(hosts, sp_view_of("http://port.example.com")));
    hosts_free(&hosts);
}

Test(edge_hosts, an_allowed_origin_is_no_host)
{
    struct hosts *hosts = some_hosts();

    cr_expect_not(hosts_knows(hosts, sp_view_of("chat.example.com")));
    cr_expect_not(hosts_knows(hosts, sp_view_of("https://chat.example.com")));
    hosts_free(&hosts);
}

Test(edge_hosts, nothing_is_known_at_first)
{
    struct hosts *hosts = hosts_new();

    cr_expect_not(hosts_knows(hosts, sp_view_of("localhost")));
    cr_expect_not(hosts_knows_origin(hosts, sp_view_of("https://localhost")));
    cr_expect_not(hosts_knows_origin(hosts, sp_view_of("null")));
    hosts_free(&hosts);
    cr_expect_null(hosts);
    hosts_free(&hosts);
}

Test(edge_hosts, refuses_what_is_no_host)
{
    static const char *const hosts_rows[] = {
        "",
        "a b",
        "https://a",
        "a/",
        "a@b",
        "a,b",
        "a\x80"
        "b",
        "a\x01",
        "a_b c",
        "a\"b",
        "*",
    };
    static const char *const origin_rows[] = {
        "",          "null",        "a",           "a://",
        "://a",      "https:/a",    "https://a/",  "https://a b",
        "ht tp://a", "https://a/b", "https://a@b", "https://*",
        "1http://a", "https://a,b",
    };
    struct hosts *hosts = hosts_new();

    for (size_t i = 0; i < SP_COUNT(hosts_rows); i++) {
        cr_expect_eq(hosts_allow(hosts, sp_view_of(hosts_rows[i])), SP_EFORMAT,
                     "%s", hosts_rows[i]);
    }
    for (size_t i = 0; i < SP_COUNT(origin_rows); i++) {
        cr_expect_eq(hosts_allow_origin(hosts, sp_view_of(origin_rows[i])),
                     SP_EFORMAT, "%s", origin_rows[i]);
    }
    cr_expect_eq(hosts_allow_origin(hosts, sp_view_make(NULL, 0)), SP_EFORMAT);
    hosts_free(&hosts);
}

Test(edge_hosts, refuses_a_name_longer_than_any)
{
    char name[300];
    struct hosts *hosts = hosts_new();

    memset(name, 'a', sizeof(name));
    cr_expect_eq(hosts_allow(hosts, sp_view_make(name, 280)), 0);
    cr_expect_eq(hosts_allow(hosts, sp_view_make(name, 281)), SP_EFORMAT);
    cr_expect(hosts_knows(hosts, sp_view_make(name, 280)));
    cr_expect_not(hosts_knows(hosts, sp_view_make(name, 281)));
    hosts_free(&hosts);
}

Test(edge_hosts, is_bounded)
{
    struct hosts *hosts = hosts_new();
    char name[32];

    for (int i = 0; i < 64; i++) {
        (void)snprintf(name, sizeof(name), "h%d.example", i);
        cr_assert_eq(hosts_allow(hosts, sp_view_of(name)), 0);
    }
    cr_expect_eq(hosts_allow(hosts, sp_view_of("one.more")), SP_ELIMIT);
    cr_expect_eq(hosts_allow_local(hosts, 1), SP_ELIMIT);
    /* What is there already takes no place. */
    cr_expect_eq(hosts_allow(hosts, sp_view_of("H7.Example:443")), 0);
    cr_expect(hosts_knows(hosts, sp_view_of("h63.example")));
    cr_expect_not(hosts_knows(hosts, sp_view_of("one.more")));
    hosts_free(&hosts);
}
