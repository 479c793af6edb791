/* What a hostile server, a hostile name, and a hostile environment can do to
 * the fetcher: nothing. */
#include "common/fetch/fetcher.h"

#include <stdlib.h>

#include "tests/support/fetch_fixture.h"

#define MAX_BODY 4096

/* attack: the upstream sends us on, to a service that only we can reach. */
Test(fetcher_attack, follows_no_redirect)
{
    static const unsigned statuses[] = { 301, 302, 303, 307, 308 };
    const struct http_answer secret = { .text = "HTTP/1.0 200 OK\r\n\r\nkeys" };
    struct http_script *inside = http_script_start(&secret, 1);

    for (size_t i = 0; i < SP_COUNT(statuses); i++) {
        char text[256];
        const struct http_answer answer = { .text = text };
        struct fetch_record r = { 0 };

        (void)snprintf(text, sizeof(text),
                       "HTTP/1.1 %u Moved\r\nLocation: http://127.0.0.1:%u/\r\n"
                       "Content-Length: 0\r\n\r\n",
                       statuses[i], inside->port);
        fetch_once(&answer, fetch_request, &r);
        cr_expect_eq(r.error, 0);
        cr_expect_eq(r.status, statuses[i]);
        cr_expect_eq(r.body.len, 0);
        fetch_record_end(&r);
    }
    cr_expect_eq(inside->connections, 0);
    http_script_stop(inside);
    http_script_free(&inside);
}

static struct sp_fetch_request
small_request(const char *url)
{
    struct sp_fetch_request request = fetch_request(url);

    request.max_body = MAX_BODY;
    return request;
}

/* attack: an answer without end. */
Test(fetcher_attack, cuts_an_oversize_answer)
{
    static const struct http_answer answers[] = {
        { .text = "HTTP/1.1 200 OK\r\nContent-Length: 4097\r\n\r\n",
          .hold = true },
        { .text = "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\nx",
          .hold = true },
        { .text = "HTTP/1.0 200 OK\r\n\r\nabcdefghijklmnopqrstuvwxyz",
          .repeat = 100000,
          .hold = true },
    };

    for (size_t i = 0; i < SP_COUNT(answers); i++) {
        struct fetch_record r = { 0 };

        fetch_once(&answers[i], small_request, &r);
        cr_expect_eq(r.error, SP_ELIMIT, "%zu: %s", i, sp_strerror(r.error));
        cr_expect_leq(r.body.len, MAX_BODY);
        fetch_record_end(&r);
    }
}

Test(fetcher_attack, cuts_a_head_of_many_lines)
{
    static char head[32768] = "HTTP/1.1 200 OK\r\n";
    struct http_answer answer = { .text = head, .hold = true };
    struct fetch_record r = { 0 };
    size_t len = strlen(head);

    while (len + 16 < sizeof(head)) {
        len += (size_t)snprintf(head + len, sizeof(head) - len,
                                "x-a: 0123456\r\n");
    }
    fetch_once(&answer, small_request, &r);
    cr_expect_eq(r.error, SP_ELIMIT);
    cr_expect_eq(r.heads, 0);
    fetch_record_end(&r);
}

/* attack: header lines without end before or behind the answer, which libcurl
 * keeps. */
Test(fetcher_attack, cuts_header_lines_without_end)
{
    static const struct http_answer answers[] = {
        { .text = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
          .repeat = 1000000 },
        { .head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                  "0\r\n",
          .text = "X-Late: 0123456789012345678901234567890123456789\r\n",
          .repeat = 100000000 },
    };

    for (size_t i = 0; i < SP_COUNT(answers); i++) {
        struct fetch_record r = { 0 };

        fetch_once(&answers[i], fetch_request, &r);
        cr_expect_eq(r.error, SP_ELIMIT, "%zu: %s", i, sp_strerror(r.error));
        cr_expect_eq(r.body.len, 0);
        fetch_record_end(&r);
    }
}

/* attack: a small answer that libcurl would unpack into a large one. */
Test(fetcher_attack, unpacks_nothing)
{
    static const char *const codings[] = {
        "gzip", "deflate", "br", "gzip, chunked", "chunked, gzip", "x", "",
    };

    for (size_t i = 0; i < SP_COUNT(codings); i++) {
        char text[256];
        const struct http_answer answer = { .text = text, .hold = true };
        struct fetch_record r = { 0 };

        (void)snprintf(text, sizeof(text),
                       "HTTP/1.1 200 OK\r\nTransfer-Encoding: %s\r\n\r\n",
                       codings[i]);
        fetch_once(&answer, fetch_request, &r);
        cr_expect_eq(r.error, SP_EFORMAT, "%s: %s", codings[i],
                     sp_strerror(r.error));
        cr_expect_eq(r.heads, 0, "%s", codings[i]);
        fetch_record_end(&r);
    }
}

static struct sp_fetch_request
hasty_request(const char *url)
{
    struct sp_fetch_request request = fetch_request(url);

    request.total_timeout_ms = 100;
    return request;
}

static struct sp_fetch_request
idle_request(const char *url)
{
    struct sp_fetch_request request = fetch_request(url);

    request.idle_timeout_ms = 100;
    return request;
}

/* attack: an upstream that holds our memory by saying nothing. */
Test(fetcher_attack, gives_up_a_slow_server)
{
    static const struct http_answer answers[] = {
        { .text = "", .hold = true },
        { .text = "HTTP/1.1 200 OK\r\nContent-Len", .hold = true },
        { .text = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
          .hold = true },
    };

    for (size_t i = 0; i < SP_COUNT(answers); i++) {
        struct fetch_record r = { 0 };

        fetch_once(&answers[i], hasty_request, &r);
        cr_expect_eq(r.error, SP_EEXPIRED, "total, %zu", i);
        fetch_record_end(&r);
        r = (struct fetch_record){ 0 };
        fetch_once(&answers[i], idle_request, &r);
        cr_expect_eq(r.error, SP_EEXPIRED, "idle, %zu", i);
        fetch_record_end(&r);
    }
}

/* attack: a client names an address of our own network, in any spelling. */
Test(fetcher_attack, reaches_no_private_address_for_a_client)
{
    static const char *const hosts[] = {
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0x7f.0.0.1",
        "0177.0.0.1",
        "017700000001",
        "0",
        "0.0.0.0",
        "10.0.0.1",
        "192.168.0.1",
        "172.16.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[64:ff9b::127.0.0.1]",
        "[fe80::1]",
        "[fc00::1]",
        "[2002:7f00:1::]",
        "255.255.255.255",
        "224.0.0.1",
    };
    const struct http_answer answer = { .text = "HTTP/1.0 200 OK\r\n\r\nx" };
    struct http_script *inside = http_script_start(&answer, 1);
    struct fetch_world w;

    fetch_world_begin(&w);
    for (size_t i = 0; i < SP_COUNT(hosts); i++) {
        struct fetch_record r = { 0 };
        char url[128];
        struct sp_fetch_request asked = fetch_request(url);

        (void)snprintf(url, sizeof(url), "http://%s:%u/", hosts[i],
                       inside->port);
        asked.reach = SP_FETCH_PUBLIC;
        asked.allow_http = true;
        cr_expect_eq(fetch_start(&w, &asked, &r), SP_EDENIED, "%s", hosts[i]);
        fetch_record_end(&r);
    }
    fetch_world_end(&w);
    cr_expect_eq(inside->connections, 0);
    http_script_stop(inside);
    http_script_free(&inside);
}

/* attack: a public name whose DNS answer is a private address. */
Test(fetcher_attack, refuses_a_name_that_resolves_to_a_private_address)
{
    const struct http_answer answer = { .text = "HTTP/1.0 200 OK\r\n\r\nx" };
    struct http_script *inside = http_script_start(&answer, 1);
    struct fetch_world w;
    struct fetch_record r = { 0 };
    char url[128] = "";
    struct sp_fetch_request asked = fetch_request(url);

    (void)snprintf(url, sizeof(url), "http://localhost:%u/", inside->port);
    asked.reach = SP_FETCH_PUBLIC;
    asked.allow_http = true;
    fetch_world_begin(&w);
    cr_assert_eq(fetch_start(&w, &asked, &r), 0);
    sp_loop_run(w.loop);
    cr_expect_eq(r.error, SP_EDENIED);
    cr_expect_eq(r.heads, 0);
    fetch_world_end(&w);
    fetch_record_end(&r);
    cr_expect_eq(inside->connections, 0);
    http_script_stop(inside);
    http_script_free(&inside);
}

/* attack: a variable of the environment puts a stranger in between. */
Test(fetcher_attack, ignores_the_environments_proxies)
{
    const struct http_answer stranger = { .text = "HTTP/1.0 200 OK\r\n\r\nme" };
    const struct http_answer answer = { .text = "HTTP/1.0 200 OK\r\n\r\nok" };
    struct http_script *proxy = http_script_start(&stranger, 1);
    struct fetch_record r = { 0 };
    char url[128] = "";

    (void)fetch_url(url, proxy, "/");
    (void)setenv("http_proxy", url, 1);
    (void)setenv("ALL_PROXY", url, 1);
    (void)setenv("all_proxy", url, 1);
    fetch_once(&answer, fetch_request, &r);
    cr_expect_eq(r.error, 0);
    cr_expect(sp_view_is(sp_buf_view(&r.body), "ok"));
    cr_expect_eq(proxy->connections, 0);
    fetch_record_end(&r);
    http_script_stop(proxy);
    http_script_free(&proxy);
}

/* attack: plain text where TLS was asked for. */
Test(fetcher_attack, takes_no_plain_answer_for_https)
{
    const struct http_answer answer = { .text = "HTTP/1.0 200 OK\r\n\r\nx" };
    struct http_script *server = http_script_start(&answer, 1);
    struct fetch_world w;
    struct fetch_record r = { 0 };
    char url[128] = "";
    struct sp_fetch_request asked = fetch_request(url);

    (void)snprintf(url, sizeof(url), "https://127.0.0.1:%u/", server->port);
    asked.total_timeout_ms = 500; /* the script waits for a whole request */
    fetch_world_begin(&w);
    cr_assert_eq(fetch_start(&w, &asked, &r), 0);
    sp_loop_run(w.loop);
    cr_expect_neq(r.error, 0);
    cr_expect_eq(r.heads, 0);
    fetch_world_end(&w);
    fetch_record_end(&r);
    http_script_stop(server);
    http_script_free(&server);
}
