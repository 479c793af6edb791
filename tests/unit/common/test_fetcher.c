/* The fetcher against a server on the loopback. */
#include "common/fetch/fetcher.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "common/base/secret.h"
#include "common/process/jail.h"
#include "tests/support/fetch_fixture.h"

#define PLAIN                                                                  \
    "HTTP/1.1 200 OK\r\nContent-Type:  text/plain \r\nX-Empty:\r\n"            \
    "Content-Length: 5\r\n\r\nhello"

static struct sp_view
body_of(const struct fetch_record *r)
{
    return sp_buf_view(&r->body);
}

Test(fetcher, gives_status_headers_and_body)
{
    const struct http_answer answer = { .text = PLAIN };
    struct fetch_record r = { 0 };
    struct sp_view headers = { 0 };

    fetch_once(&answer, fetch_request, &r);
    headers = sp_buf_view(&r.headers);
    cr_assert_eq(r.error, 0);
    cr_expect_eq(r.dones, 1);
    cr_expect_eq(r.heads, 1);
    cr_expect_eq(r.status, 200);
    cr_expect(sp_view_is(body_of(&r), "hello"));
    cr_expect(
        sp_view_is(sp_headers_get(headers, "content-type"), "text/plain"));
    cr_expect_eq(sp_headers_get(headers, "x-empty").len, 0);
    cr_expect_not_null(sp_headers_get(headers, "x-empty").ptr);
    fetch_record_end(&r);
}

Test(fetcher, skips_interim_answers_and_trailers)
{
    const struct http_answer answer = {
        .text = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
                "HTTP/1.1 404 Not Found\r\nX-A: 1\r\n"
                "Transfer-Encoding: chunked\r\n\r\n"
                "3\r\nabc\r\n2\r\nde\r\n0\r\nX-Late: 1\r\n\r\n"
    };
    struct fetch_record r = { 0 };
    struct sp_view headers = { 0 };

    fetch_once(&answer, fetch_request, &r);
    headers = sp_buf_view(&r.headers);
    cr_assert_eq(r.error, 0);
    cr_expect_eq(r.heads, 1);
    cr_expect_eq(r.status, 404);
    cr_expect(sp_view_is(body_of(&r), "abcde"));
    cr_expect_null(sp_headers_get(headers, "link").ptr);
    cr_expect_null(sp_headers_get(headers, "x-late").ptr);
    cr_expect(sp_view_is(sp_headers_get(headers, "x-a"), "1"));
    fetch_record_end(&r);
}

/* The server's copy of a request that `asked` makes. */
static struct http_script *
request_of(struct sp_fetch_request *asked, const char *path)
{
    static const struct http_answer answer = { .text = PLAIN };
    struct fetch_world w;
    struct http_script *server = http_script_start(&answer, 1);
    struct fetch_record r = { 0 };
    char url[128] = "";

    asked->url = fetch_url(url, server, path);
    fetch_world_begin(&w);
    cr_assert_eq(fetch_start(&w, asked, &r), 0);
    sp_loop_run(w.loop);
    cr_assert_eq(r.error, 0);
    fetch_world_end(&w);
    fetch_record_end(&r);
    http_script_stop(server);
    return server;
}

Test(fetcher, sends_method_headers_bearer_and_body)
{
    struct sp_secret *key = sp_secret_new(SP_VIEW_LITERAL("sk-test"));
    struct sp_fetch_request asked = fetch_request(NULL);
    struct http_script *server = NULL;

    asked.method = "POST";
    asked.headers = SP_VIEW_LITERAL("content-type: application/json\n"
                                    "x-empty: \n");
    asked.bearer = key;
    asked.body = SP_VIEW_LITERAL("{\"a\":1}");
    server = request_of(&asked, "/v1/x?q=1#part");
    cr_expect_eq(strncmp(server->request, "POST /v1/x?q=1 HTTP/1.1\r\n", 25), 0,
                 "%s", server->request);
    cr_expect_not_null(
        strstr(server->request, "\r\nauthorization: Bearer sk-test\r\n"));
    cr_expect_not_null(
        strstr(server->request, "\r\ncontent-type: application/json\r\n"));
    cr_expect_not_null(strstr(server->request, "\r\nx-empty:\r\n"));
    cr_expect_not_null(strstr(server->request, "\r\nContent-Length: 7\r\n"));
    cr_expect_not_null(strstr(server->request, "\r\n\r\n{\"a\":1}"));
    cr_expect_null(strstr(server->request, "Expect"));
    http_script_free(&server);
    sp_secret_free(&key);
}

Test(fetcher, invents_no_headers)
{
    struct sp_fetch_request asked = fetch_request(NULL);
    struct http_script *server = NULL;

    asked.method = "POST";
    server = request_of(&asked, "/");
    cr_expect_null(strcasestr(server->request, "content-type"));
    cr_expect_null(strcasestr(server->request, "authorization"));
    cr_expect_null(strcasestr(server->request, "cookie"));
    cr_expect_null(strcasestr(server->request, "accept-encoding"));
    http_script_free(&server);
}

Test(fetcher, resolves_names_by_its_helper)
{
    const struct http_answer answer = { .text = PLAIN };
    struct fetch_world w;
    struct http_script *server = http_script_start(&answer, 1);
    struct fetch_record r = { 0 };
    char url[128] = "";
    struct sp_fetch_request asked = fetch_request(url);

    (void)snprintf(url, sizeof(url), "http://localhost:%u/", server->port);
    fetch_world_begin(&w);
    cr_assert_eq(fetch_start(&w, &asked, &r), 0);
    cr_expect_eq(r.error, FETCH_NOTHING, "nothing before start returns");
    sp_loop_run(w.loop);
    cr_expect_eq(r.error, 0);
    cr_expect(sp_view_is(body_of(&r), "hello"));
    fetch_world_end(&w);
    fetch_record_end(&r);
    http_script_stop(server);
    http_script_free(&server);
}

Test(fetcher, refuses_bad_requests)
{
    static const struct {
        const char *method;
        const char *url;
        const char *headers;
        const char *body;
        int want;
    } rows[] = {
        { "GET", "", "", "", SP_EFORMAT },
        { "GET", "localhost", "", "", SP_EFORMAT },
        { "GET", "//localhost/", "", "", SP_EFORMAT },
        { "GET", "file:///etc/passwd", "", "", SP_EFORMAT },
        { "GET", "ftp://127.0.0.1/", "", "", SP_EFORMAT },
        { "GET", "gopher://127.0.0.1/", "", "", SP_EFORMAT },
        { "GET", "http://", "", "", SP_EFORMAT },
        { "GET", "http://user@127.0.0.1/", "", "", SP_EFORMAT },
        { "GET", "http://u:p@127.0.0.1/", "", "", SP_EFORMAT },
        { "GET", "http://127.0.0.1:0/", "", "", SP_EFORMAT },
        { "GET", "http://127.0.0.1:65536/", "", "", SP_EFORMAT },
        { "GET", "http://a b/", "", "", SP_EFORMAT },
        { "GET", "http://a%00b/", "", "", SP_EFORMAT },
        { "GET", "http://a..b/", "", "", SP_EFORMAT },
        { "GET", "http://localhost./", "", "", SP_EFORMAT },
        { "GET",
          "http://b\xc3\xbc"
          "cher.example/",
          "", "", SP_EFORMAT },
        { "GET", "http://[fe80::1%25eth0]/", "", "", SP_EFORMAT },
        { "TRACE", "http://127.0.0.1/", "", "", SP_EFORMAT },
        { "get", "http://127.0.0.1/", "", "", SP_EFORMAT },
        { "GET", "http://127.0.0.1/", "", "body", SP_EFORMAT },
        { "GET", "http://127.0.0.1/", "no colon\n", "", SP_EFORMAT },
        { "GET", "http://127.0.0.1/", "a: 1\r\n", "", SP_EFORMAT },
        { "GET", "http://127.0.0.1/", "host: x\n", "", SP_EFORMAT },
        { "POST", "http://127.0.0.1/", "content-length: 9\n", "", SP_EFORMAT },
        { "POST", "http://127.0.0.1/", "transfer-encoding: chunked\n", "",
          SP_EFORMAT },
        { "GET", "http://127.0.0.1/", "proxy-authorization: x\n", "",
          SP_EFORMAT },
        { "GET", "http://10.0.0.1/", "", "", SP_EDENIED },
        { "GET", "http://1.1.1.1/", "", "", SP_EDENIED },
    };
    struct fetch_world w;

    fetch_world_begin(&w);
    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct fetch_record r = { 0 };
        struct sp_fetch_request asked = fetch_request(rows[i].url);

        asked.method = rows[i].method;
        asked.headers = sp_view_of(rows[i].headers);
        asked.body = sp_view_of(rows[i].body);
        cr_expect_eq(fetch_start(&w, &asked, &r), rows[i].want, "%s %s",
                     rows[i].method, rows[i].url);
        fetch_record_end(&r);
    }
    fetch_world_end(&w);
}

struct pauser {
    struct fetch_record r;
    struct sp_timer look;
    size_t seen;
    unsigned same;
};

/* Resumes once nothing more has come for three looks. */
static void
look_again(void *arg)
{
    struct pauser *p = arg;

    p->same = p->seen == p->r.body.len ? p->same + 1 : 0;
    p->seen = p->r.body.len;
    if (p->seen > 0 && p->same == 3) {
        p->r.pause_at_data = false;
        sp_fetch_pause(p->r.fetch, false);
        return;
    }
    sp_loop_start(p->r.world->loop, &p->look, 10);
}

Test(fetcher, stops_reading_while_paused)
{
    const struct http_answer answer = {
        .text = "HTTP/1.0 200 OK\r\n\r\n0123456789abcdef0123456789abcdef",
        .repeat = 0,
    };
    static char block[65537];
    struct http_answer big = { .text = block, .repeat = 63 };
    struct fetch_world w;
    struct http_script *server = NULL;
    struct pauser p = { .r = { .pause_at_data = true } };
    char url[128] = "";
    struct sp_fetch_request asked = fetch_request(url);

    memset(block, 'x', sizeof(block) - 1);
    memcpy(block, answer.text, strlen(answer.text));
    server = http_script_start(&big, 1);
    (void)fetch_url(url, server, "/");
    asked.max_body = sizeof(block) * 64;
    asked.idle_timeout_ms = 20; /* must stand still meanwhile */
    fetch_world_begin(&w);
    cr_assert_eq(fetch_start(&w, &asked, &p.r), 0);
    p.look = (struct sp_timer){ .expired = look_again, .arg = &p };
    sp_loop_start(w.loop, &p.look, 10);
    asked.idle_timeout_ms = 0;
    sp_loop_run(w.loop);
    cr_expect_eq(p.same, 3);
    cr_expect_leq(p.seen, 65536, "paused after %zu bytes", p.seen);
    cr_expect_eq(p.r.error, 0);
    cr_expect_eq(p.r.body.len,
                 64u * 65536u - strlen("HTTP/1.0 200 OK\r\n\r\n"));
    fetch_world_end(&w);
    fetch_record_end(&p.r);
    http_script_stop(server);
    http_script_free(&server);
}

static void
resume(void *arg)
{
    struct pauser *p = arg;

    p->r.pause_at_data = false;
    sp_fetch_pause(p->r.fetch, false);
}

/* libcurl keeps what it had read when it was paused. What becomes of that on
 * resuming, only its answer to the resuming tells: nothing else may come. */
Test(fetcher, ends_at_what_is_too_much_on_resuming)
{
    const struct http_answer answer = {
        .text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                "5\r\nhello\r\n5\r\nagain\r\n",
        .hold = true,
    };
    struct fetch_world w;
    struct http_script *server = http_script_start(&answer, 1);
    struct pauser p = { .r = { .pause_at_data = true } };
    char url[128] = "";
    struct sp_fetch_request asked = fetch_request(fetch_url(url, server, "/"));

    asked.max_body = 9;
    asked.total_timeout_ms = 2 * FETCH_PATIENCE_MS;
    fetch_world_begin(&w);
    cr_assert_eq(fetch_start(&w, &asked, &p.r), 0);
    p.look = (struct sp_timer){ .expired = resume, .arg = &p };
    sp_loop_start(w.loop, &p.look, 100);
    sp_loop_run(w.loop);
    cr_expect_eq(p.r.error, SP_ELIMIT);
    /* How libcurl cuts what it kept is its own affair (versions 7 and 8
     * differ): what has come is right, and no more than asked for. */
    cr_expect_leq(p.r.body.len, asked.max_body);
    cr_expect_eq(memcmp("helloagain", p.r.body.data, p.r.body.len), 0);
    fetch_world_end(&w);
    fetch_record_end(&p.r);
    http_script_stop(server);
    http_script_free(&server);
}

static void
cancel_case(bool at_head)
{
    const struct http_answer answer = { .text = PLAIN, .hold = true };
    struct fetch_record r = { .cancel_at_head = at_head,
                              .cancel_at_data = !at_head };

    fetch_once(&answer, fetch_request, &r);
    cr_expect_eq(r.dones, 0);
    cr_expect_null(r.fetch);
    cr_expect_eq(r.body.len, at_head ? 0 : 5);
    fetch_record_end(&r);
}

Test(fetcher, ends_in_silence_when_cancelled_from_its_own_calls)
{
    cancel_case(true);
    cancel_case(false);
}

Test(fetcher, frees_what_still_runs)
{
    const struct http_answer answer = { .text = "", .hold = true };
    struct fetch_world w;
    struct http_script *server = http_script_start(&answer, 1);
    struct fetch_record r[3] = { { 0 } };
    char url[128] = "";
    struct sp_fetch_request asked = fetch_request(fetch_url(url, server, "/"));

    fetch_world_begin(&w);
    for (size_t i = 0; i < SP_COUNT(r); i++) {
        cr_assert_eq(fetch_start(&w, &asked, &r[i]), 0);
    }
    sp_fetch_cancel(&r[1].fetch);
    sp_fetch_cancel(&r[1].fetch);
    fetch_world_end(&w);
    for (size_t i = 0; i < SP_COUNT(r); i++) {
        cr_expect_eq(r[i].dones, 0);
        fetch_record_end(&r[i]);
    }
    http_script_stop(server);
    http_script_free(&server);
}

struct chain {
    struct fetch_record first;
    struct fetch_record second;
    struct sp_fetch_request asked;
};

static void
start_second(void *arg, int error)
{
    struct chain *c = arg;

    c->first.error = error;
    cr_assert_eq(fetch_start(c->first.world, &c->asked, &c->second), 0);
}

Test(fetcher, starts_the_next_from_the_end_of_one)
{
    const struct http_answer answer = { .text = PLAIN };
    struct fetch_world w;
    struct http_script *server = http_script_start(&answer, 1);
    struct chain c = { .first = { .world = &w, .error = FETCH_NOTHING } };
    char url[128] = "";
    const struct sp_fetch_events events = { fetch_on_head, fetch_on_data,
                                            start_second, &c };

    c.first.headers = sp_buf_new(65536);
    c.first.body = sp_buf_new(65536);
    c.asked = fetch_request(fetch_url(url, server, "/"));
    fetch_world_begin(&w);
    cr_assert_eq(sp_fetcher_start(w.fetcher, &c.asked, &events, &c.first.fetch),
                 0);
    sp_loop_run(w.loop);
    cr_expect_eq(c.first.error, 0);
    cr_expect_eq(c.second.error, 0);
    cr_expect(sp_view_is(body_of(&c.second), "hello"));
    fetch_world_end(&w);
    fetch_record_end(&c.first);
    fetch_record_end(&c.second);
    http_script_stop(server);
    http_script_free(&server);
}

Test(fetcher, tells_a_closed_port_and_a_broken_answer_apart)
{
    static const struct {
        const char *text;
        int want;
    } rows[] = {
        { "", SP_ESYSTEM },
        { "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", SP_EFORMAT },
        { "HTTP/1.1 200 OK\r\nA: 1\r\n folded\r\nContent-Length: 0\r\n\r\n",
          SP_EFORMAT },
        { "HTTP/1.1 200 OK\r\nno colon\r\n\r\n", SP_EFORMAT },
        { "HTTP/1.1 200 OK\r\nbad name: 1\r\n\r\n", SP_EFORMAT },
        { "HTTP/1.1 200 OK\r\nHTTP/1.1 200 OK\r\n\r\n", SP_EFORMAT },
        { "not HTTP at all\r\n\r\n", SP_EFORMAT },
    };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct http_answer answer = { .text = rows[i].text };
        struct fetch_record r = { 0 };

        fetch_once(&answer, fetch_request, &r);
        cr_expect_eq(r.error, rows[i].want, "%zu: %s", i, sp_strerror(r.error));
        fetch_record_end(&r);
    }
}

/* The child's exit status: what it got from inside a closed jail. */
static int
fetch_in_jail(const char *host, uint16_t port)
{
    static const struct sp_jail_path paths[] = { SP_FETCHER_JAIL_PATHS };
    const struct sp_jail jail = { .paths = paths,
                                  .path_count = SP_COUNT(paths),
                                  .inet = true,
                                  .connect_ports = &port,
                                  .connect_port_count = 1 };
    struct fetch_world w;
    struct fetch_record r = { 0 };
    const char *why = NULL;
    char url[128] = "";
    struct sp_fetch_request asked = fetch_request(url);

    (void)snprintf(url, sizeof(url), "http://%s:%u/", host, port);
    fetch_world_begin(&w);
    if (sp_jail_close(&jail, &why) != 0 || fetch_start(&w, &asked, &r) != 0) {
        return 2;
    }
    sp_loop_run(w.loop);
    fetch_world_end(&w);
    return r.error == 0 && sp_view_is(body_of(&r), "hello") ? 0 : 1;
}

Test(fetcher, works_inside_the_jail)
{
    static const char *const hosts[] = { "127.0.0.1", "localhost" };
    const struct http_answer answer = { .text = PLAIN };
    struct http_script *server = http_script_start(&answer, 1);

    for (size_t i = 0; i < SP_COUNT(hosts); i++) {
        int status = -1;
        pid_t child = fork();

        if (child == 0) {
            _exit(fetch_in_jail(hosts[i], server->port));
        }
        cr_assert_eq(waitpid(child, &status, 0), child);
        cr_expect_eq(status, 0, "%s: %x", hosts[i], (unsigned)status);
    }
    cr_expect_eq(server->connections, SP_COUNT(hosts));
    http_script_stop(server);
    http_script_free(&server);
}
