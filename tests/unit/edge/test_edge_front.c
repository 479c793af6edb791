/* Answers on the wire, to a client that is not ours: what the edge adds to the
 * HTTP library's head arrives whole, whatever the request's head took. */
#include <poll.h>

#include <curl/curl.h>

#include "common/text/headers.h"
#include "tests/support/edge_front.h"

#define LOCATION 6144
#define COOKIE 4096
#define COOKIES 3
#define BODY "{\"a\":1}"

/* ---------------------------------------------------------------- answers */

static void
give(struct front_stand *f, const struct sp_answer *answer)
{
    const struct sp_msg m = { .id = SP_MSG_ANSWER,
                              .from = SP_SERVICE_AUTH,
                              .u.answer = *answer };

    wire_on_answer(&f->edge, &m);
}

static void
answer_short(struct front_stand *f, struct sp_view request_id)
{
    const struct sp_answer answer = {
        .request_id = request_id,
        .last = true,
        .status = 200,
        .headers = SP_VIEW_LITERAL("content-type: application/json\n"),
        .body = SP_VIEW_LITERAL(BODY),
    };

    give(f, &answer);
}

static void
write_long(struct sp_buf *headers)
{
    static char value[LOCATION];

    memset(value, 'v', sizeof(value));
    (void)sp_headers_add(headers, SP_VIEW_LITERAL("location"),
                         sp_view_make(value, LOCATION));
    for (int i = 0; i < COOKIES; i++) {
        (void)sp_headers_add(headers, SP_VIEW_LITERAL("set-cookie"),
                             sp_view_make(value, COOKIE));
    }
    cr_assert_eq(headers->error, 0);
}

static void
answer_long(struct front_stand *f, struct sp_view request_id)
{
    struct sp_buf headers = sp_buf_new(SP_MAX_HEADERS);
    struct sp_answer answer = {
        .request_id = request_id,
        .last = true,
        .status = 303,
        .body = SP_VIEW_LITERAL(BODY),
    };

    write_long(&headers);
    answer.headers = sp_buf_view(&headers);
    give(f, &answer);
    sp_buf_free(&headers);
}

static void
answer_long_in_parts(struct front_stand *f, struct sp_view request_id)
{
    struct sp_buf headers = sp_buf_new(SP_MAX_HEADERS);
    struct sp_answer answer = {
        .request_id = request_id,
        .status = 200,
        .body = SP_VIEW_LITERAL("{\"a\""),
    };

    write_long(&headers);
    answer.headers = sp_buf_view(&headers);
    give(f, &answer);
    answer.headers = sp_view_make("", 0);
    answer.seq = 1;
    answer.last = true;
    answer.body = SP_VIEW_LITERAL(":1}");
    give(f, &answer);
    sp_buf_free(&headers);
}

/* ----------------------------------------------------------------- clients */

static CURL *
curl_for(const struct front_stand *f, const char *path)
{
    static char host[64];
    CURL *curl = curl_easy_init();
    char url[128];

    (void)snprintf(url, sizeof(url), "https://" FRONT_HOST ":%u%s", f->port,
                   path);
    (void)snprintf(host, sizeof(host), FRONT_HOST ":%u:127.0.0.1", f->port);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_RESOLVE, curl_slist_append(NULL, host));
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, 20L);
    return curl;
}

static size_t
on_header(char *bytes, size_t size, size_t n, void *arg)
{
    static const char *const counted[] = { "location: ", "set-cookie: " };
    FILE *report = arg;

    for (size_t i = 0; i < SP_COUNT(counted); i++) {
        size_t len = strlen(counted[i]);

        if (n > len && strncmp(bytes, counted[i], len) == 0) {
            (void)fprintf(report, "%s%zu ", counted[i], n - len - 2);
        }
    }
    if (n > 16 && strncmp(bytes, "X-Frame-Options:", 16) == 0) {
        (void)fprintf(report, "secure ");
    }
    return size * n;
}

static size_t
on_body(char *bytes, size_t size, size_t n, void *arg)
{
    (void)fwrite(bytes, size, n, arg);
    return size * n;
}

/* Three times over one connection. */
static void
ask_thrice(const struct front_stand *f, FILE *report)
{
    CURL *curl = curl_for(f, "/.well-known/x");
    struct curl_slist *host = curl_slist_append(NULL, "Host: " FRONT_HOST);

    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, host);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, report);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, report);
    for (int i = 0; i < 3; i++) {
        CURLcode result = curl_easy_perform(curl);
        long status = 0;
        long connects = 0;

        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
        curl_easy_getinfo(curl, CURLINFO_NUM_CONNECTS, &connects);
        (void)fprintf(report, " %d %ld %ld\n", (int)result, status, connects);
    }
    curl_slist_free_all(host);
    curl_easy_cleanup(curl);
}

#define LONG_HEAD                                                              \
    "secure location: 6144 set-cookie: 4096 set-cookie: 4096 "                 \
    "set-cookie: 4096 " BODY " 0 "

Test(edge_front, long_headers_reach_the_client)
{
    static const struct {
        front_answer *answer;
        const char *want;
    } rows[] = {
        { answer_long,
          LONG_HEAD "303 1\n" LONG_HEAD "303 0\n" LONG_HEAD "303 0\n" },
        { answer_long_in_parts,
          LONG_HEAD "200 1\n" LONG_HEAD "200 0\n" LONG_HEAD "200 0\n" },
        { answer_short, "secure " BODY " 0 200 1\nsecure " BODY
                        " 0 200 0\nsecure " BODY " 0 200 0\n" },
    };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        static struct front_stand f;

        front_open(&f, rows[i].answer);
        front_serve(&f, ask_thrice);
        cr_expect_str_eq(f.report, rows[i].want);
        front_close(&f);
    }
}

/* --------------------------------------------------------- the first bytes */

static CURL *
raw_connection(const struct front_stand *f)
{
    CURL *curl = curl_for(f, "/");

    curl_easy_setopt(curl, CURLOPT_CONNECT_ONLY, 1L);
    return curl_easy_perform(curl) == CURLE_OK ? curl : NULL;
}

/* Moves bytes over the connection: all of `out`, then into `in` until it is
 * full or the other side ends. Returns the bytes that came. */
static size_t
exchange(CURL *curl, const char *out, size_t out_len, char *in, size_t in_len)
{
    size_t sent = 0;
    size_t got = 0;
    curl_socket_t fd = 0;

    curl_easy_getinfo(curl, CURLINFO_ACTIVESOCKET, &fd);
    while (got < in_len) {
        struct pollfd wait = { .fd = fd, .events = POLLIN };
        size_t n = 0;
        CURLcode result = CURLE_OK;

        if (sent < out_len &&
            curl_easy_send(curl, out + sent, out_len - sent, &n) == CURLE_OK) {
            sent += n;
            continue;
        }
        wait.events |= sent < out_len ? POLLOUT : 0;
        result = curl_easy_recv(curl, in + got, in_len - got, &n);
        if (result == CURLE_OK && n > 0) {
            got += n;
        } else if (result != CURLE_AGAIN || poll(&wait, 1, 20000) <= 0) {
            break;
        }
    }
    return got;
}

/* One request of `text`; reports the first line of the answer. */
static void
report_first_line(const struct front_stand *f, FILE *report,
                  const struct sp_buf *text)
{
    char line[16] = { 0 };
    CURL *curl = raw_connection(f);

    if (curl != NULL) {
        (void)exchange(curl, text->data, text->len, line, 12);
        curl_easy_cleanup(curl);
    }
    (void)fprintf(report, "%s\n", line[0] == '\0' ? "nothing" : line);
}

#define SWEEP_FROM 5000
#define SWEEP_TO 9000
#define SWEEP_STEP 100
#define SWEEPS ((SWEEP_TO - SWEEP_FROM) / SWEEP_STEP + 1)

static void
sweep(const struct front_stand *f, FILE *report)
{
    for (size_t len = SWEEP_FROM; len <= SWEEP_TO; len += SWEEP_STEP) {
        struct sp_buf text = sp_buf_new(2 * SWEEP_TO);

        (void)sp_buf_add_str(&text, "POST /mcp HTTP/1.1\r\nHost: " FRONT_HOST
                                    "\r\nContent-Length: 2\r\nX-Long: ");
        for (size_t i = 0; i < len; i++) {
            (void)sp_buf_add_str(&text, "a");
        }
        (void)sp_buf_add_str(&text, "\r\n\r\n{}");
        report_first_line(f, report, &text);
        sp_buf_free(&text);
    }
}

static size_t
count(const char *text, const char *what)
{
    size_t n = 0;

    for (const char *at = strstr(text, what); at != NULL;
         at = strstr(at + 1, what)) {
        n++;
    }
    return n;
}

/* A request has gone to the pipeline only where its answer arrives. */
static void
expect_all_answered(const struct front_stand *f, size_t asked, size_t at_least)
{
    size_t served = count(f->report, "HTTP/1.1 200\n");

    cr_expect_eq(served + count(f->report, "HTTP/1.1 431\n"), asked, "%s",
                 f->report);
    cr_expect_eq(served, f->rt.taken, "%zu of %zu", served, f->rt.taken);
    cr_expect_geq(served, at_least);
    cr_expect_lt(served, asked);
}

Test(edge_front, every_length_of_a_head_gets_an_answer)
{
    static struct front_stand f;

    front_open(&f, answer_short);
    front_serve(&f, sweep);
    expect_all_answered(&f, SWEEPS, (6500 - SWEEP_FROM) / SWEEP_STEP);
    front_close(&f);
}

/* Many short lines, and the next request behind them in the same record. */
static void
sweep_lines(const struct front_stand *f, FILE *report)
{
    for (int lines = 1; lines <= 62; lines++) {
        struct sp_buf text = sp_buf_new(2 * SWEEP_TO);

        (void)sp_buf_add_str(&text, "GET /v1/models?a=1&b=2 HTTP/1.1\r\n"
                                    "Host: " FRONT_HOST "\r\n");
        for (int i = 0; i < lines; i++) {
            (void)sp_buf_addf(&text, "X-%d: a\r\n", i);
        }
        (void)sp_buf_add_str(&text, "\r\nGET /v1/models HTTP/1.1\r\nX-L: ");
        for (int i = 0; i < 6000; i++) {
            (void)sp_buf_add_str(&text, "a");
        }
        report_first_line(f, report, &text);
        sp_buf_free(&text);
    }
}

Test(edge_front, what_comes_ahead_takes_no_answer_away)
{
    static struct front_stand f;

    front_open(&f, answer_short);
    front_serve(&f, sweep_lines);
    expect_all_answered(&f, 62, 40);
    front_close(&f);
}

/* ------------------------------------------------------------ a slow reader */

#define MANY 50
#define BEHIND "\r\n\r\n" BODY

static int
shrink_buffer(void *arg, curl_socket_t fd, curlsocktype what)
{
    int small = 1024;

    (void)arg;
    (void)what;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    return CURL_SOCKOPT_OK;
}

/* Heads that the sockets do not hold, so that they leave in pieces. */
static void
ask_many(const struct front_stand *f, FILE *report)
{
    static const char one[] =
        "GET /.well-known/x HTTP/1.1\r\nHost: " FRONT_HOST "\r\n\r\n";
    size_t room = (size_t)MANY * 20000;
    char *in = sp_alloc(room + 1);
    struct sp_buf out = sp_buf_new(MANY * sizeof(one));
    CURL *curl = curl_for(f, "/");
    size_t got = 0;

    curl_easy_setopt(curl, CURLOPT_CONNECT_ONLY, 1L);
    curl_easy_setopt(curl, CURLOPT_SOCKOPTFUNCTION, shrink_buffer);
    for (int i = 0; i < MANY - 1; i++) {
        (void)sp_buf_add_str(&out, one);
    }
    (void)sp_buf_add_str(&out,
                         "GET /.well-known/x HTTP/1.1\r\n"
                         "Connection: close\r\nHost: " FRONT_HOST "\r\n\r\n");
    if (curl_easy_perform(curl) == CURLE_OK) {
        got = exchange(curl, out.data, out.len, in, room);
    }
    in[got] = '\0';
    (void)fprintf(report, "heads %zu locations %zu bodies %zu\n",
                  count(in, "HTTP/1.1 303 "), count(in, "\r\nlocation: vvvv"),
                  count(in, BEHIND));
    curl_easy_cleanup(curl);
    sp_buf_free(&out);
    sp_free(in);
}

Test(edge_front, a_slow_reader_gets_every_head_whole)
{
    static struct front_stand f;

    front_open(&f, answer_long);
    front_serve(&f, ask_many);
    cr_expect_str_eq(f.report, "heads 50 locations 50 bodies 50\n");
    front_close(&f);
}
